/** The load generator: a process that plays the clients of all servers, of one at a time. */
import { answer } from '../remote.js';
import { ConnectLoad, type ConnectPlan } from './connect-load.js';
import { dialects, type ServerName } from './dialect.js';
import { EchoLoad, type EchoPlan } from './echo-load.js';
import { FanoutLoad, type FanoutPlan } from './fanout-load.js';
import { IdleLoad, type IdlePlan } from './idle-load.js';
import { PresenceLoad, type PresencePlan } from './presence-load.js';
import type { RunLength, RunResult } from './run.js';

export type Plan = EchoPlan | FanoutPlan | ConnectPlan | IdlePlan | PresencePlan;

type MaybePromise<T> = T | Promise<T>;

/** The clients of one server. */
interface Load {
  open(): MaybePromise<void>;
  /** Right before each run; not measured. */
  prepare?(): Promise<void>;
  run(length: RunLength): Promise<RunResult>;
}

// An alias: an interface would not be assignable to a record of commands.
export type LoadCommands = {
  /** Opens the connections of a plan. */
  open: (server: ServerName, port: number, plan: Plan) => MaybePromise<void>;
  prepare: (server: ServerName) => MaybePromise<void>;
  run: (server: ServerName, length: RunLength) => Promise<RunResult>;
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
    case 'idle':
      return new IdleLoad(plan, port, dialect);
    case 'presence':
      return new PresenceLoad(plan, port, dialect);
  }
}

answer<LoadCommands>({
  open: (server, port, plan) => {
    const created = create(plan, port, server);
    loads.set(server, created);
    return created.open();
  },
  prepare: (server) => load(server).prepare?.(),
  run: (server, length) => load(server).run(length),
});
