import { loadCore, serverCore } from './machine.js';
import type { ServerName } from './load/dialect.js';
import type { LoadCommands } from './load/load.js';
import { Remote } from './remote.js';
import type { Result } from './result.js';
import type { Scenario } from './scenarios.js';
import type { ServerCommands } from './servers/server.js';
import { median, quantile } from './statistics.js';
import type { Counters } from './work.js';

/** How long and how often is measured. */
export interface Pace {
  /** Rounds in all. In each, every server runs between two runs of bare `ws`. */
  readonly rounds: number;
  /** Rounds with the same processes; then all are started anew, so that no figure rests on one start of one process. */
  readonly roundsPerStart: number;
  readonly warmUpMs: number;
  readonly runMs: number;
}

/** One run of one server. */
interface Sample {
  readonly cpuUsPerOp: number;
  readonly loadCpuUsPerOp: number;
  readonly opsPerSecond: number;
  /** Samples of bare `ws` before and after, in the mean. */
  ratio: number;
}

/** A server that failed or answered wrong; it is left out from then on. */
export interface Failure {
  readonly scenario: string;
  readonly server: ServerName;
  readonly error: Error;
}

const modules: Record<ServerName, URL> = {
  ws: new URL('./servers/ws.js', import.meta.url),
  halyard: new URL('./servers/halyard.js', import.meta.url),
  nest: new URL('./servers/nest.js', import.meta.url),
  'socket.io': new URL('./servers/socket-io.mjs', import.meta.url),
  crossws: new URL('./servers/crossws.mjs', import.meta.url),
};

/** Bare `ws` and others in one scenario: interleaved runs of processes that live side by side, one at work at a time. */
export class Comparison {
  readonly failures: Failure[] = [];
  readonly #samples = new Map<ServerName, Sample[]>();
  #servers = new Map<ServerName, Remote<ServerCommands>>();

  constructor(
    private readonly scenario: Scenario,
    private readonly pace: Pace,
  ) {}

  async run(): Promise<Result[]> {
    for (let round = 0; round < this.pace.rounds; round += this.pace.roundsPerStart) {
      const load = new Remote<LoadCommands>('load generator', new URL('./load/load.js', import.meta.url), {
        core: loadCore,
      });
      try {
        await this.#start(load);
        const rounds = Math.min(this.pace.roundsPerStart, this.pace.rounds - round);
        for (let index = 0; index < rounds; index += 1) await this.#round(load);
      } finally {
        await Promise.all([load, ...this.#servers.values()].map((process) => process.stop()));
        this.#servers = new Map();
      }
      if (this.#failed('ws')) break;
    }
    return this.#names().flatMap((server) => {
      const samples = this.#samples.get(server);
      return samples ? [summarize(this.scenario.name, server, samples)] : [];
    });
  }

  #names(): ServerName[] {
    return ['ws', ...this.scenario.servers];
  }

  #failed(server: ServerName): boolean {
    return this.failures.some((failure) => failure.server === server);
  }

  async #start(load: Remote<LoadCommands>): Promise<void> {
    const names = this.#names().filter((name) => !this.#failed(name));
    for (const name of names) {
      this.#servers.set(
        name,
        new Remote<ServerCommands>(name, modules[name], { core: serverCore, args: [this.scenario.name] }),
      );
    }
    for (const name of names) {
      await this.#attempt(name, async (server) => {
        await load.ask('open', name, await server.ask('listen'), this.scenario.plan);
        await this.#measure(name, load, this.pace.warmUpMs);
      });
    }
  }

  /** ws A ws B ws …: what a run is compared with is what was measured right before and right after it. */
  async #round(load: Remote<LoadCommands>): Promise<void> {
    let before = await this.#sample('ws', load);
    for (const name of this.scenario.servers) {
      if (!this.#servers.has(name)) continue;
      const sample = await this.#sample(name, load);
      const after = await this.#sample('ws', load);
      if (!before || !after) return;
      if (sample) {
        sample.ratio = (2 * sample.cpuUsPerOp) / (before.cpuUsPerOp + after.cpuUsPerOp);
        this.#keep(name, sample);
      }
      // Of bare ws the first of two neighbours is kept, as a ratio to the second: it shows the noise of this machine.
      this.#keep('ws', { ...before, ratio: before.cpuUsPerOp / after.cpuUsPerOp });
      before = after;
    }
  }

  #keep(name: ServerName, sample: Sample): void {
    const kept = this.#samples.get(name);
    if (kept) kept.push(sample);
    else this.#samples.set(name, [sample]);
  }

  async #sample(name: ServerName, load: Remote<LoadCommands>): Promise<Sample | undefined> {
    return this.#attempt(name, () => this.#measure(name, load, this.pace.runMs));
  }

  async #measure(name: ServerName, load: Remote<LoadCommands>, ms: number): Promise<Sample> {
    const server = this.#servers.get(name)!;
    const before = await server.ask('usage');
    const run = await load.ask('run', name, ms);
    const after = await server.ask('usage');
    checkCounters(this.scenario, name, run.operations, before.counters, after.counters);
    return {
      cpuUsPerOp: (after.cpuUs - before.cpuUs) / run.operations,
      loadCpuUsPerOp: run.cpuUs / run.operations,
      opsPerSecond: (run.operations / run.elapsedMs) * 1000,
      ratio: 1,
    };
  }

  async #attempt<T>(name: ServerName, act: (server: Remote<ServerCommands>) => Promise<T>): Promise<T | undefined> {
    const server = this.#servers.get(name);
    if (!server) return undefined;
    try {
      return await act(server);
    } catch (error) {
      this.failures.push({ scenario: this.scenario.name, server: name, error: error as Error });
      this.#servers.delete(name);
      await server.stop();
      return undefined;
    }
  }
}

/** The handlers must have been given every message that was answered, and the components must have run for each. */
function checkCounters(scenario: Scenario, server: ServerName, operations: number, before: Counters, after: Counters) {
  const { plan } = scenario;
  const messages = plan.kind === 'fanout' ? operations / plan.subscribers : operations;
  const expected: Partial<Counters> = { handled: messages, lost: 0 };
  if (server === 'halyard') expected.observed = messages;
  for (const [name, count] of Object.entries(expected) as [keyof Counters, number][]) {
    const counted = after[name] - before[name];
    if (counted !== count) throw new Error(`${name} ${counted} times for ${count} messages`);
  }
}

function summarize(scenario: string, server: ServerName, samples: readonly Sample[]): Result {
  const ratios = samples.map(({ ratio }) => ratio);
  return {
    scenario,
    server,
    cpuUsPerOp: median(samples.map(({ cpuUsPerOp }) => cpuUsPerOp)),
    ratio: server === 'ws' ? 1 : median(ratios),
    ratioQ1: quantile(ratios, 0.25),
    ratioMin: Math.min(...ratios),
    ratioMax: Math.max(...ratios),
    opsPerSecond: median(samples.map(({ opsPerSecond }) => opsPerSecond)),
    rounds: samples.length,
    loadCpuUsPerOp: median(samples.map(({ loadCpuUsPerOp }) => loadCpuUsPerOp)),
  };
}
