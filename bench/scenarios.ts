import type { ServerName } from './load/dialect.js';
import type { Plan } from './load/load.js';

export interface Scenario {
  readonly name: string;
  readonly what: string;
  /** Those that are compared with bare `ws`. */
  readonly servers: readonly ServerName[];
  readonly plan: Plan;
  /** What Halyard's ratio to bare `ws` is held to, and where it should end. */
  readonly bar?: number;
  readonly goal?: number;
}

const all: readonly ServerName[] = ['halyard', 'nest', 'socket.io', 'crossws'];

/** Every scenario, with the bars that Halyard is held to: server CPU per operation, bare `ws` being 1.00. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'echo-16',
    what: 'JSON echo, 64 connections, 16 messages in flight on each',
    servers: all,
    plan: { kind: 'echo', endpoint: 'echo', connections: 64, inFlight: 16 },
    bar: 0.5,
    goal: 0.35,
  },
  {
    name: 'echo-1',
    what: 'JSON echo, 64 connections, 1 message in flight on each',
    servers: all,
    plan: { kind: 'echo', endpoint: 'echo', connections: 64, inFlight: 1 },
    bar: 1,
    goal: 0.75,
  },
  {
    name: 'fanout-1',
    what: 'one publication at a time to 1000 subscribers',
    servers: all,
    plan: { kind: 'fanout', subscribers: 1000, burst: 1 },
    bar: 0.75,
    goal: 0.65,
  },
  {
    name: 'fanout-16',
    what: '16 publications in a burst to 1000 subscribers',
    servers: all,
    plan: { kind: 'fanout', subscribers: 1000, burst: 16 },
    bar: 0.12,
    goal: 0.07,
  },
  {
    name: 'connect',
    what: 'connect, one echo, close',
    servers: all,
    plan: { kind: 'connect', concurrent: 32 },
    bar: 1.15,
    goal: 0.8,
  },
];
