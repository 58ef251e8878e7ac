/** The load generator: a process that plays the clients of all servers, of one at a time. */
import { answer } from '../remote.js';
import { ConnectLoad, type ConnectPlan } from './connect-load.js';
import { dialects, type ServerName } from './dialect.js';
import { EchoLoad, type EchoPlan } from './echo-load.js';
import { FanoutLoad, type FanoutPlan } from './fanout-load.js';
import type { RunResult } from './run.js';

export type Plan = EchoPlan | FanoutPlan | ConnectPlan;

interface Load {
  open(): Promise<void>;
  run(ms: number): Promise<RunResult>;
  close(): Promise<void>;
}

// An alias: an interface would not be assignable to a record of commands.
export type LoadCommands = {
  /** Opens the connections of a plan. */
  open: (server: ServerName, port: number, plan: Plan) => Promise<void>;
  /** For so many milliseconds, and until all is answered. */
  run: (server: ServerName, ms: number) => Promise<RunResult>;
  close: (server: ServerName) => Promise<void>;
};

const loads = new Map<ServerName, Load>();

function load(server: ServerName): Load {
  const found = loads.get(server);
  if (!found) throw new Error(`no connections to ${server}`);
  return found;
}

function create(plan: Plan, port: number, server: ServerName): Load {
  const dialect = dialects[server];
  switch (plan.kind) {
    case 'echo':
      return new EchoLoad(plan, port, dialect);
    case 'fanout':
      return new FanoutLoad(plan, port, dialect);
    case 'connect':
      return new ConnectLoad(plan, port, dialect);
  }
}

answer<LoadCommands>({
  open: (server, port, plan) => {
    const created = create(plan, port, server);
    loads.set(server, created);
    return created.open();
  },
  run: (server, ms) => load(server).run(ms),
  close: async (server) => {
    const closing = load(server);
    loads.delete(server);
    await closing.close();
  },
});
