import type { ServerName } from './load/dialect.js';
import type { LoadCommands, Plan } from './load/load.js';
import type { RunLength } from './load/run.js';
import { loadCore, serverCore } from './machine.js';
import { Remote } from './remote.js';
import type { Sample } from './sample.js';
import type { Trial } from './scenario.js';
import type { Memory, ServerCommands } from './servers/server.js';
import type { Counters } from './work.js';

const modules: Record<ServerName, string> = {
  ws: 'ws.js',
  halyard: 'halyard.js',
  nest: 'nest.js',
  'socket.io': 'socket-io.mjs',
  crossws: 'crossws.mjs',
  'node:net': 'net.js',
};

export interface ServerTrialOptions {
  /** How many operations one message stands for. @default 1 */
  readonly perMessage?: number;
  /** Where a run alone does not give the figure. */
  readonly measure?: (trial: ServerTrial, length: RunLength) => Promise<Sample>;
}

/** A server's process, and that of its clients. */
export class ServerTrial implements Trial {
  readonly #server: Remote<ServerCommands>;
  readonly #load: Remote<LoadCommands>;

  constructor(
    private readonly name: ServerName,
    private readonly plan: Plan,
    private readonly options: ServerTrialOptions,
  ) {
    const args = plan.kind === 'fanout' && plan.compressed ? ['compressed'] : [];
    const file = new URL(`./servers/${modules[name]}`, import.meta.url);
    this.#server = new Remote(name, file, { core: serverCore, args });
    this.#load = new Remote('load generator', new URL('./load/load.js', import.meta.url), { core: loadCore });
  }

  /** Listens, and lets the clients in. */
  async open(): Promise<void> {
    await this.#load.ask('open', this.name, await this.#server.ask('listen'), this.plan);
  }

  measure(length: RunLength): Promise<Sample> {
    const { measure } = this.options;
    return measure ? measure(this, length) : this.run(length);
  }

  /** One run, and what it took of the server's CPU. */
  async run(length: RunLength): Promise<Sample> {
    await this.#load.ask('prepare');
    const before = await this.#server.ask('usage');
    const run = await this.#load.ask('run', length);
    const after = await this.#server.ask('usage');
    this.#checkCounters(run.operations, before.counters, after.counters);
    const operations = run.operations * (this.options.perMessage ?? 1);
    return {
      cpuUsPerOp: (after.cpuUs - before.cpuUs) / operations,
      loadCpuUsPerOp: run.cpuUs / operations,
      opsPerSecond: (operations / run.elapsedMs) * 1000,
      bytesPerOp: run.bytes / operations,
      ...run.latency,
    };
  }

  /** Of the server, after its garbage collector ran. */
  memory(): Promise<Memory> {
    return this.#server.ask('memory');
  }

  async stop(): Promise<void> {
    await Promise.all([this.#server.stop(), this.#load.stop()]);
  }

  /** The handlers must have been given every message that was answered, and the components must have run for each. */
  #checkCounters(operations: number, before: Counters, after: Counters): void {
    const { name, plan } = this;
    const messages = plan.kind === 'fanout' ? operations / plan.subscribers : plan.kind === 'idle' ? 0 : operations;
    const expected: Partial<Counters> = { handled: messages, lost: 0 };
    if (name === 'halyard') expected.observed = messages;
    if (plan.kind === 'echo' && plan.endpoint === 'guarded' && name !== 'ws') {
      expected.guards = 2 * messages;
      expected.interceptors = 2 * 3 * messages;
      expected.pipes = messages;
    }
    for (const [counter, count] of Object.entries(expected) as [keyof Counters, number][]) {
      const counted = after[counter] - before[counter];
      if (counted !== count) throw new Error(`${counter} ${counted} times for ${count} messages`);
    }
  }
}
