import type { ConnectContext, DisconnectContext, MessageContext, UpgradeContext } from '../pipeline/context.js';
import type { Observers } from '../pipeline/observers.js';
import type { Plan } from '../pipeline/plan.js';
import type { Route } from '../pipeline/route.js';
import type { OpenScope } from '../pipeline/scope.js';
import type { ResolvedConnectionOptions } from './options.js';
import type { RateLimiter } from './rate-limiter.js';
import type { OpenReader } from './reader.js';

/** A message endpoint, compiled. */
export interface Endpoint {
  readonly route: Route;
  readonly plan: Plan<MessageContext>;
  /** Index into the path's lanes. */
  readonly lane: number;
  readonly timeoutMs: number | false;
  /** Besides the app's own. */
  readonly rateLimiter: RateLimiter | undefined;
  /** How many it has been given. */
  messages: number;
}

/** An endpoint that runs as long as the connection does, and reads what comes for it. */
export interface LifelongEndpoint {
  readonly plan: Plan<ConnectContext>;
  readonly timeoutMs: number | false;
  readonly openReader: OpenReader;
}

/** How the messages of a lane follow each other. */
export interface LaneSpec {
  /** How many run at once. */
  readonly limit: number;
  /** One runs, one waits; a newer one replaces the waiting one. */
  readonly latest: boolean;
}

/** A WebSocket path, compiled: all that a connection needs to know. */
export interface WebSocketPath {
  readonly route: Route;
  readonly options: ResolvedConnectionOptions;
  readonly admission: Plan<UpgradeContext>;
  /** `undefined` where nothing is scoped. */
  readonly openScope: OpenScope | undefined;
  /** Endpoints with an event; `undefined` where there are none, and nothing is decoded. */
  readonly events: ReadonlyMap<string, Endpoint> | undefined;
  /** Takes what no event endpoint takes. */
  readonly fallback: Endpoint | undefined;
  /** Answers messages that never reach an endpoint: `context.result` is the error. */
  readonly rejection: Endpoint;
  readonly lanes: readonly LaneSpec[];
  /** `@OnConnect`, then the endpoints with `triggerOnConnect`, or the one of a `sendOnly` path. */
  readonly connect: readonly Plan<ConnectContext>[];
  readonly connectTimeoutMs: number | false;
  /** Starts when the connect stage is over. */
  readonly lifelong: LifelongEndpoint | undefined;
  readonly disconnect: readonly Plan<DisconnectContext>[];
  readonly error: readonly Plan<DisconnectContext>[];
  readonly observers: Observers;
}

/** The one indirection between a connection and its compiled path: a reloader swaps `current` under open connections. */
export interface PathHandle {
  current: WebSocketPath;
}
