/** The load generator: a process that plays all clients of one server. */
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
  prepare: () => MaybePromise<void>;
  run: (length: RunLength) => Promise<RunResult>;
};

let load: Load | undefined;

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
  open: (server, port, plan) => (load = create(plan, port, server)).open(),
  prepare: () => load!.prepare?.(),
  run: (length) => load!.run(length),
});
