import { CarrierTrial } from './carrier-trial.js';
import { missingEngine, type EngineName } from './engines/engine.js';
import { channelsMemory, idleMemory } from './measures.js';
import type { ServerName } from './load/dialect.js';
import type { Plan } from './load/load.js';
import type { Contestant, Scenario } from './scenario.js';
import { ServerTrial, type ServerTrialOptions } from './server-trial.js';
import { perMessage } from './work.js';

const all: readonly ServerName[] = ['halyard', 'nest', 'socket.io', 'crossws'];
/** Where one write for each operation is most of the work: and what Node's sockets themselves cost. */
const allAndLimit: readonly ServerName[] = [...all, 'node:net'];

/** 70 % of the publications a second of the engine's own client: at full load CPU time is the inverse of that. */
const enginesBar = 1 / 0.7;

/** Until then V8 has not compiled all of an echo: a short run would measure the compiler. */
const echoWarmUp = 60_000;

/** Every scenario, with the bars that Halyard is held to: server CPU per operation, bare `ws` being 1.00. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'echo-16',
    what: 'JSON echo, 64 connections, 16 messages in flight on each',
    servers: all,
    ...againstWs({ kind: 'echo', endpoint: 'echo', connections: 64, inFlight: 16 }),
    operations: 3000,
    warmUp: echoWarmUp,
    bar: 0.5,
    goal: 0.35,
  },
  {
    name: 'echo-1',
    what: 'JSON echo, 64 connections, 1 message in flight on each',
    servers: allAndLimit,
    ...againstWs({ kind: 'echo', endpoint: 'echo', connections: 64, inFlight: 1 }),
    operations: 3000,
    warmUp: echoWarmUp,
    bar: 1,
    goal: 0.75,
  },
  {
    name: 'validated-echo-16',
    what: 'echo-16 with a DTO of 4 fields that class-validator checks; on bare ws nothing is checked',
    servers: ['halyard', 'nest'],
    ...againstWs({ kind: 'echo', endpoint: 'validated', connections: 64, inFlight: 16 }),
    operations: 3000,
    warmUp: echoWarmUp,
    bar: 0.6,
    goal: 0.4,
  },
  {
    name: 'guarded-echo-16',
    what: 'echo-16 with 2 guards, 3 interceptors and a pipe for each message; on bare ws none of them',
    servers: ['halyard', 'nest'],
    ...againstWs({ kind: 'echo', endpoint: 'guarded', connections: 64, inFlight: 16 }),
    operations: 3000,
    warmUp: echoWarmUp,
    bar: 0.55,
    goal: 0.4,
  },
  {
    name: 'fanout-1',
    what: 'one publication at a time to 1000 subscribers',
    servers: allAndLimit,
    ...againstWs({ kind: 'fanout', subscribers: 1000, burst: 1 }),
    operations: 5000,
    warmUp: 300_000,
    bar: 0.75,
    goal: 0.65,
  },
  {
    name: 'fanout-16',
    what: '16 publications in a burst to 1000 subscribers',
    servers: all,
    ...againstWs({ kind: 'fanout', subscribers: 1000, burst: 16 }),
    operations: 5000,
    bar: 0.12,
    goal: 0.07,
  },
  {
    name: 'fanout-deflate',
    what: 'one publication of 2 KB at a time to 1000 subscribers, compressed',
    servers: ['halyard'],
    ...againstWs({ kind: 'fanout', subscribers: 1000, burst: 1, compressed: true }),
    operations: 3000,
    bar: 0.2,
    goal: 0.12,
  },
  {
    name: 'connect',
    what: 'connect, one echo, close',
    servers: all,
    ...againstWs({ kind: 'connect', concurrent: 32 }),
    operations: 150,
    warmUp: 4000,
    bar: 1.15,
    goal: 0.8,
  },
  {
    name: 'idle-memory',
    what: 'resident memory of a connection that says nothing',
    servers: all,
    ...againstWs({ kind: 'idle', before: 500 }, { measure: idleMemory }),
    figure: 'rssBytes',
    freshProcesses: true,
    operations: 2500,
    quick: { operations: 800, rounds: 1 },
    bar: 1.35,
    goal: 1,
  },
  {
    name: 'latency-512',
    what: 'JSON echo, 512 connections, 1 message in flight on each: the 99th percentile of the time to the answer',
    servers: all,
    ...againstWs({ kind: 'echo', endpoint: 'echo', connections: 512, inFlight: 1, timed: true }),
    figure: 'p99Us',
    operations: 10_000,
    bar: 1.3,
  },
  {
    name: 'presence-storm',
    what: '1000 joins into one channel at once, until everybody knows everybody',
    servers: ['halyard'],
    ...againstWs({ kind: 'presence', clients: 1000, overMs: 0 }),
    operations: 1000,
    quick: false,
  },
  {
    name: 'presence-10k',
    what: '10 000 joins into one channel within a second, until everybody knows how many there are',
    servers: ['halyard'],
    ...alone({ kind: 'presence', clients: 10_000, overMs: 1000, counted: true }),
    freshProcesses: true,
    operations: 10_000,
    rounds: 3,
    quick: false,
  },
  {
    name: 'channels-memory',
    what: '100 connections join 1000 channels each, all different, and leave them: heap for each channel',
    servers: ['halyard'],
    ...alone(
      { kind: 'echo', endpoint: 'channels', connections: 100, inFlight: 1 },
      { perMessage, measure: channelsMemory(100 * perMessage) },
    ),
    figure: 'heapBytesLeft',
    operations: 0,
    quick: false,
  },
  {
    name: 'publish-empty',
    what: 'publications to a channel that nobody is in',
    servers: ['halyard'],
    ...alone({ kind: 'echo', endpoint: 'publish-empty', connections: 1, inFlight: 1 }, { perMessage }),
    operations: 10,
  },
  {
    name: 'fanout-redis',
    what: 'publications of 200 bytes to Redis and back, 256 under way, against ioredis',
    servers: ['halyard'],
    ...throughEngine('redis', 'ioredis'),
    operations: 3000,
    bar: enginesBar,
    quick: false,
  },
  {
    name: 'fanout-nats',
    what: "publications of 200 bytes to NATS and back, 256 under way, against NATS' own client",
    servers: ['halyard'],
    ...throughEngine('nats', 'nats'),
    operations: 3000,
    bar: enginesBar,
    quick: false,
  },
  {
    name: 'fanout-ipc',
    what: 'publications of 200 bytes to the primary of a cluster and back, 256 under way, against process.send',
    servers: ['halyard'],
    baseline: 'node:cluster',
    trial: (name) => new CarrierTrial(name, undefined),
    operations: 3000,
    bar: enginesBar,
    quick: false,
  },
];

/** Servers with clients at work as planned, each between two runs of bare `ws`. */
function againstWs(plan: Plan, options?: ServerTrialOptions): Pick<Scenario, 'baseline' | 'trial'> {
  return { baseline: 'ws', ...alone(plan, options) };
}

/** What bare `ws` has no counterpart of. */
function alone(plan: Plan, options: ServerTrialOptions = {}): Pick<Scenario, 'trial'> {
  return { trial: (name) => new ServerTrial(name as ServerName, plan, options) };
}

/** What an engine carries for a client of its own. */
function throughEngine(engine: EngineName, baseline: Contestant): Pick<Scenario, 'baseline' | 'trial' | 'missing'> {
  return { baseline, trial: (name) => new CarrierTrial(name, engine), missing: () => missingEngine(engine) };
}
