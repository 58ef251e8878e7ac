import type { ServerName } from './load/dialect.js';
import type { LoadCommands } from './load/load.js';
import type { RunLength } from './load/run.js';
import { loadCore, serverCore } from './machine.js';
import { Remote } from './remote.js';
import type { Sample } from './sample.js';
import type { Scenario, Trial } from './scenario.js';
import type { Memory, ServerCommands } from './servers/server.js';
import type { Counters } from './work.js';

export type LoadGenerator = Remote<LoadCommands>;

export function startLoadGenerator(): LoadGenerator {
  return new Remote<LoadCommands>('load generator', new URL('./load/load.js', import.meta.url), { core: loadCore });
}

const modules: Record<ServerName, URL> = {
  ws: new URL('./servers/ws.js', import.meta.url),
  halyard: new URL('./servers/halyard.js', import.meta.url),
  nest: new URL('./servers/nest.js', import.meta.url),
  'socket.io': new URL('./servers/socket-io.mjs', import.meta.url),
  crossws: new URL('./servers/crossws.mjs', import.meta.url),
};

/** Starts a server's process, and plays its clients. */
export class ServerTrial implements Trial {
  readonly #server: Remote<ServerCommands>;

  constructor(
    private readonly scenario: Scenario,
    readonly name: ServerName,
    private readonly load: LoadGenerator,
  ) {
    const { plan } = scenario;
    const compressed = plan.kind === 'fanout' && plan.compressed === true;
    const args = compressed ? ['compressed'] : [];
    this.#server = new Remote<ServerCommands>(name, modules[name], { core: serverCore, args });
  }

  /** Listens, and lets the clients in. */
  async open(): Promise<void> {
    await this.load.ask('open', this.name, await this.#server.ask('listen'), this.scenario.plan);
  }

  async run(length: RunLength): Promise<Sample> {
    await this.load.ask('prepare', this.name);
    const before = await this.#server.ask('usage');
    const run = await this.load.ask('run', this.name, length);
    const after = await this.#server.ask('usage');
    checkCounters(this.scenario, this.name, run.operations, before.counters, after.counters);
    const operations = run.operations * (this.scenario.perMessage ?? 1);
    return {
      cpuUsPerOp: (after.cpuUs - before.cpuUs) / operations,
      loadCpuUsPerOp: run.cpuUs / operations,
      opsPerSecond: (operations / run.elapsedMs) * 1000,
      bytesPerOp: run.bytes / operations,
      ...run.latency,
    };
  }

  memory(): Promise<Memory> {
    return this.#server.ask('memory');
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

/** The handlers must have been given every message that was answered, and the components must have run for each. */
function checkCounters(scenario: Scenario, server: ServerName, operations: number, before: Counters, after: Counters) {
  const { plan } = scenario;
  const messages = plan.kind === 'fanout' ? operations / plan.subscribers : plan.kind === 'idle' ? 0 : operations;
  const expected: Partial<Counters> = { handled: messages, lost: 0 };
  if (server === 'halyard') expected.observed = messages;
  if (plan.kind === 'echo' && plan.endpoint === 'guarded' && server !== 'ws') {
    expected.guards = 2 * messages;
    expected.interceptors = 2 * 3 * messages;
    expected.pipes = messages;
  }
  for (const [name, count] of Object.entries(expected) as [keyof Counters, number][]) {
    const counted = after[name] - before[name];
    if (counted !== count) throw new Error(`${name} ${counted} times for ${count} messages`);
  }
}
