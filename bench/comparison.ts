import type { RunLength } from './load/run.js';
import { summarize, type Result } from './result.js';
import type { Measured, Sample } from './sample.js';
import type { Contestant, Scenario, Trial } from './scenario.js';

/** How long and how often is measured. */
export interface Pace {
  /** Rounds in all. In each, every server runs between two runs of the baseline. */
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
  readonly server: Contestant;
  readonly error: Error;
}

/** The servers of one scenario, measured in turn: processes that live side by side, one at work at a time. */
export class Comparison {
  readonly failures: Failure[] = [];
  readonly #names: readonly Contestant[];
  readonly #measured = new Map<Contestant, Measured[]>();
  readonly #trials = new Map<Contestant, Trial>();

  constructor(
    private readonly scenario: Scenario,
    private readonly pace: Pace,
  ) {
    this.#names = [...(scenario.baseline ? [scenario.baseline] : []), ...scenario.servers];
  }

  /** Resolves with a row for each server that did not fail. */
  async run(): Promise<Result[]> {
    const rounds = Math.min(this.pace.rounds, this.scenario.rounds ?? Infinity);
    const perStart = this.scenario.freshProcesses ? 1 : this.pace.roundsPerStart;
    for (let round = 0; round < rounds && !this.#failed(this.scenario.baseline); round += perStart) {
      try {
        if (!this.scenario.freshProcesses) await this.#startAll();
        let before = await this.#baseline();
        for (let left = Math.min(perStart, rounds - round); left > 0; left -= 1) before = await this.#round(before);
      } finally {
        await Promise.all(this.#names.map((name) => this.#stop(name)));
      }
    }
    return this.#names.flatMap((name) => {
      const measured = this.#measured.get(name);
      return measured && !this.#failed(name) ? [summarize(this.scenario, name, measured)] : [];
    });
  }

  #failed(name: Contestant | undefined): boolean {
    return this.failures.some(({ server }) => server === name);
  }

  /**
   * ws A ws B ws …: what a run is compared with is what was measured right before and right after it, in a process that was
   * idle before as well: for some tenths of a second one that was not takes a quarter less. Memory does not change with what
   * else the machine does, and processes take time to start: ws A B … ws.
   *
   * @param before the last run of the baseline; resolves with the one that is now the last
   */
  async #round(before: Sample | undefined): Promise<Sample | undefined> {
    const { baseline, servers, freshProcesses } = this.scenario;
    const groups = freshProcesses ? [servers] : servers.map((name) => [name]);
    for (const group of groups) {
      const samples: [Contestant, Sample][] = [];
      for (const name of group) {
        const sample = await this.#sample(name);
        if (sample) samples.push([name, sample]);
      }
      const after = await this.#baseline();
      if (this.#failed(baseline)) return undefined;
      const reference = before && after ? (this.#figure(before) + this.#figure(after)) / 2 : null;
      for (const [name, sample] of samples) this.#keep(name, sample, reference);
      if (baseline && before && after) this.#keep(baseline, before, this.#figure(after));
      before = after;
    }
    return before;
  }

  async #baseline(): Promise<Sample | undefined> {
    const { baseline } = this.scenario;
    return baseline && (await this.#sample(baseline));
  }

  #keep(name: Contestant, sample: Sample, reference: number | null): void {
    const measured = { sample, ratio: reference === null ? null : this.#figure(sample) / reference };
    const kept = this.#measured.get(name);
    if (kept) kept.push(measured);
    else this.#measured.set(name, [measured]);
  }

  #figure(sample: Sample): number {
    return sample[this.scenario.figure ?? 'cpuUsPerOp'] ?? Number.NaN;
  }

  /** One run; undefined where the server failed, now or before. */
  async #sample(name: Contestant): Promise<Sample | undefined> {
    if (this.scenario.freshProcesses) await this.#start(name);
    const sample = await this.#attempt(name, (trial) => trial.measure(this.#length(1)));
    if (this.scenario.freshProcesses) await this.#stop(name);
    return sample;
  }

  /** Side by side, as starting takes a while; but each is alone when it warms up. */
  async #startAll(): Promise<void> {
    await Promise.all(this.#names.map((name) => this.#start(name)));
    for (const name of this.#names) {
      if (!this.#failed(name)) await this.#attempt(name, (trial) => trial.measure(this.#warmUp()));
    }
  }

  async #start(name: Contestant): Promise<void> {
    if (this.#failed(name)) return;
    this.#trials.set(name, this.scenario.trial(name));
    await this.#attempt(name, (trial) => trial.open());
  }

  async #stop(name: Contestant): Promise<void> {
    const trial = this.#trials.get(name);
    this.#trials.delete(name);
    await trial?.stop();
  }

  #warmUp(): RunLength {
    const { ms, operations } = this.#length(this.pace.warmUp);
    return { ms, operations: Math.max(operations, Math.ceil(this.pace.share * (this.scenario.warmUp ?? 0))) };
  }

  #length(runs: number): RunLength {
    return { ms: runs * this.pace.runMs, operations: Math.ceil(runs * this.pace.share * this.scenario.operations) };
  }

  async #attempt<T>(name: Contestant, act: (trial: Trial) => Promise<T>): Promise<T | undefined> {
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
