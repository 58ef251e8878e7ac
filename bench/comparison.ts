import type { ServerName } from './load/dialect.js';
import { summarize, type Result } from './result.js';
import type { Measured, Sample } from './sample.js';
import type { Scenario } from './scenario.js';
import { ServerTrial, startLoadGenerator, type LoadGenerator } from './server-trial.js';

/** How long and how often is measured. */
export interface Pace {
  /** Rounds in all. In each, every server runs between two runs of bare `ws`. */
  readonly rounds: number;
  /** Rounds with the same processes; then all are started anew, so that no figure rests on one start of one process. */
  readonly roundsPerStart: number;
  readonly runMs: number;
  /** Of the least number of operations of a run. */
  readonly share: number;
  /** A server's first run is this much longer, and not counted. */
  readonly warmUp: number;
}

/** A server that failed or answered wrong; it is left out from then on, and has no row. */
export interface Failure {
  readonly scenario: string;
  readonly server: ServerName;
  readonly error: Error;
}

/** The servers of one scenario, measured in turn: processes that live side by side, one at work at a time. */
export class Comparison {
  readonly failures: Failure[] = [];
  readonly #names: readonly ServerName[];
  readonly #compared: boolean;
  readonly #measured = new Map<ServerName, Measured[]>();
  readonly #trials = new Map<ServerName, ServerTrial>();
  #load!: LoadGenerator;

  constructor(
    private readonly scenario: Scenario,
    private readonly pace: Pace,
  ) {
    this.#compared = scenario.compared ?? true;
    this.#names = this.#compared ? ['ws', ...scenario.servers] : scenario.servers;
  }

  /** Resolves with a row for each server that did not fail. */
  async run(): Promise<Result[]> {
    const rounds = Math.min(this.pace.rounds, this.scenario.rounds ?? Infinity);
    const perStart = this.scenario.freshProcesses ? 1 : this.pace.roundsPerStart;
    for (let round = 0; round < rounds && !this.#failed('ws'); round += perStart) {
      this.#load = startLoadGenerator();
      try {
        if (!this.scenario.freshProcesses) for (const name of this.#names) await this.#start(name);
        for (let left = Math.min(perStart, rounds - round); left > 0; left -= 1) await this.#round();
      } finally {
        await Promise.all([this.#load.stop(), ...[...this.#trials.values()].map((trial) => trial.stop())]);
        this.#trials.clear();
      }
    }
    return this.#names.flatMap((name) => {
      const measured = this.#measured.get(name);
      return measured && !this.#failed(name) ? [summarize(this.scenario, name, measured)] : [];
    });
  }

  #failed(name: ServerName): boolean {
    return this.failures.some(({ server }) => server === name);
  }

  /**
   * ws A ws B ws …: what a run is compared with is what was measured right before and right after it. Memory does not change
   * with what else the machine does, and processes take time to start: ws A B … ws.
   */
  async #round(): Promise<void> {
    const { servers, freshProcesses } = this.scenario;
    const groups = freshProcesses ? [servers] : servers.map((name) => [name]);
    let before = this.#compared ? await this.#sample('ws') : undefined;
    for (const group of groups) {
      const samples: [ServerName, Sample][] = [];
      for (const name of group) {
        const sample = await this.#sample(name);
        if (sample) samples.push([name, sample]);
      }
      const after = this.#compared ? await this.#sample('ws') : undefined;
      if (this.#compared && !(before && after)) return;
      const reference = before && after ? (this.#figure(before) + this.#figure(after)) / 2 : null;
      for (const [name, sample] of samples) this.#keep(name, sample, reference);
      if (before && after) this.#keep('ws', before, this.#figure(after));
      before = after;
    }
  }

  #keep(name: ServerName, sample: Sample, reference: number | null): void {
    const measured = { sample, ratio: reference === null ? null : this.#figure(sample) / reference };
    const kept = this.#measured.get(name);
    if (kept) kept.push(measured);
    else this.#measured.set(name, [measured]);
  }

  #figure(sample: Sample): number {
    return sample[this.scenario.figure ?? 'cpuUsPerOp'] ?? Number.NaN;
  }

  /** One run; undefined where the server failed, now or before. */
  async #sample(name: ServerName): Promise<Sample | undefined> {
    if (this.scenario.freshProcesses) await this.#start(name);
    const sample = await this.#attempt(name, (trial) => this.#measure(trial));
    if (this.scenario.freshProcesses) await this.#stop(name);
    return sample;
  }

  #measure(trial: ServerTrial): Promise<Sample> {
    const { measure } = this.scenario;
    return measure ? measure(trial, this.#length(1)) : trial.run(this.#length(1));
  }

  async #start(name: ServerName): Promise<void> {
    if (this.#failed(name)) return;
    this.#trials.set(name, new ServerTrial(this.scenario, name, this.#load));
    await this.#attempt(name, async (trial) => {
      await trial.open();
      if (this.scenario.freshProcesses) return;
      if (this.scenario.measure) await this.scenario.measure(trial, this.#length(1));
      else await trial.run(this.#length(this.pace.warmUp));
    });
  }

  async #stop(name: ServerName): Promise<void> {
    const trial = this.#trials.get(name);
    this.#trials.delete(name);
    await trial?.stop();
  }

  #length(runs: number): { ms: number; operations: number } {
    return { ms: runs * this.pace.runMs, operations: Math.ceil(runs * this.pace.share * this.scenario.operations) };
  }

  async #attempt<T>(name: ServerName, act: (trial: ServerTrial) => Promise<T>): Promise<T | undefined> {
    const trial = this.#trials.get(name);
    if (!trial) return undefined;
    try {
      return await act(trial);
    } catch (error) {
      this.failures.push({ scenario: this.scenario.name, server: name, error: error as Error });
      await this.#stop(name);
      return undefined;
    }
  }
}
