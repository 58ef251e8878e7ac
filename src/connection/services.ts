import type { Logger } from 'pino';
import type { Channels } from '../channels/channels.js';
import type { Presence } from '../presence/presence.js';
import type { Connections } from './connections.js';
import type { Metrics } from './metrics.js';
import type { RateLimiter } from './rate-limiter.js';

/** What all connections of an app share. */
export interface Services {
  readonly logger: Logger;
  readonly connections: Connections;
  readonly channels: Channels;
  readonly presence: Presence;
  readonly metrics: Metrics;
  /** The app's own; `undefined`: off. */
  readonly rateLimiter: RateLimiter | undefined;
  /** Queued bytes above which publications meet the slow-consumer policy. */
  readonly outboundBytes: number;
  /** How long a socket may be paused before its connection is closed 1013. */
  readonly maxPauseMs: number;
  /** Clients are told the texts of internal errors. */
  readonly exposeErrors: boolean;
}
