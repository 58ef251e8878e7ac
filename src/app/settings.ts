/** The settings of `createApp`, checked, with every default in its place. */
import type { Server, ServerOptions } from 'node:http';
import type { ServerOptions as TlsOptions } from 'node:https';
import type { Logger, LoggerOptions } from 'pino';
import {
  durationFix,
  parseDuration,
  positiveInteger,
  resolve,
  resolveConnectionOptions,
  resolveRateLimit,
  sizeFix,
  parseSize,
  type ConnectionOptions,
  type Duration,
  type Origins,
  type RateLimit,
  type ReportOption,
  type ResolvedConnectionOptions,
  type ResolvedRateLimit,
  type Size,
} from '../connection/options.js';
import type { Broker } from '../broker/broker.js';
import type { Container, Provider } from '../di/provider.js';
import type { FastifyInstance } from '../http/adapter.js';
import type { BootProblem } from '../errors.js';
import type { Class } from '../metadata/metadata.js';
import type { ComponentLike, Each } from '../pipeline/components.js';
import type { MaybePromise } from '../pipeline/maybe-promise.js';
import { ProxyTrust, type TrustProxy } from '../pipeline/trust-proxy.js';

export interface LimitOptions {
  /** Open connections of this process; above it an upgrade is refused 503. @default 10 000 */
  connections?: number;
  /** Open connections of one address; 429. Not counted for loopback. @default 100 */
  connectionsPerIp?: number;
  /** Handshakes of one address that wait for guards; 429. @default 100 */
  handshakes?: number;
  /** Channels that one connection may join. @default 100 */
  channelsPerConnection?: number;
}

export interface NodeOptions {
  /** What other nodes call this one; one that starts under the name of another takes its place. @default a random one */
  name?: string;
  /** How often it tells others that it lives. @default '3s' */
  heartbeat?: Duration;
  /** How long a node may be silent before what it tracked is dropped. @default '10s' */
  lease?: Duration;
  /** How long other nodes may take to answer: `count({ cluster: true })`, `subscribers`, a join by id. @default '5s' */
  answer?: Duration;
}

export interface ShutdownOptions {
  /** How long `close()` may take before what is left is cut off. @default '10s' */
  timeout?: Duration;
  /** In how many groups connections are closed, so that not all come back at once. @default one per 1000 connections */
  waves?: number;
}

/** The settings of an app. Durations are milliseconds or `'25s'`, sizes bytes or `'64kb'`. */
export interface AppOptions {
  /** Controller classes, or globs of modules that export them, relative to the working directory. */
  controllers?: readonly (Class | string)[];
  providers?: readonly Provider[];
  /** Your own container, asked before Halyard's. */
  container?: Container;
  /** Components of the app, of any role. They run before those of controllers. */
  use?: readonly (ComponentLike | Each)[];
  /** Before every path. @default '' */
  prefix?: string;
  /** Puts the app on this server, which stays yours: `listen` is not called. See `app.attach`. */
  server?: Server;
  /** TLS for the app's own server: key, cert, … */
  https?: TlsOptions;
  /** Configures Fastify before Halyard's routes are added: plugins, hooks, routes of your own. */
  http?: (fastify: FastifyInstance) => MaybePromise<void>;
  /**
   * Carries publications between nodes. One that you give is yours to close.
   * @default memoryBroker(); in a worker of `halyard start` a `clusterBroker()`
   */
  broker?: Broker;
  /** Which proxies' forwarded headers are believed: Fastify's values. @default false */
  trustProxy?: TrustProxy;
  /** For every path. @default 'same-host' */
  origins?: Origins;
  limits?: LimitOptions;
  /** For messages of all endpoints together. @default off */
  rateLimit?: RateLimit;
  /** The largest message or HTTP body taken. @default '64kb' */
  maxPayload?: Size;
  /** How many frames a message may be fragmented into. @default 128 */
  maxFragments?: number;
  /** How many messages of a connection may wait before its socket is paused. @default 32 */
  maxQueue?: number;
  /** How long a socket may be paused before its connection is closed 1013. @default '60s' */
  maxPause?: Duration;
  /** How long an upgrade may take, guards included. @default '5s' */
  handshake?: Duration;
  /** How long a message may be handled. @default '30s' */
  timeout?: Duration | false;
  /** @default '5s' */
  closeTimeout?: Duration;
  /** @default '25s' */
  ping?: Duration | false;
  /** permessage-deflate. @default false */
  compression?: boolean;
  /** Queued bytes of one connection above which publications meet its slow-consumer policy. @default '1mb' */
  outbound?: Size;
  /** Keys of one channel above which those who watch its presence are only told how many there are. @default 2000 */
  maxPresence?: number;
  /** This process among others. */
  node?: NodeOptions;
  shutdown?: ShutdownOptions;
  /** Whether `listen` drains the app on SIGTERM and SIGINT; a second signal exits at once. @default true */
  signals?: boolean;
  /** pino's options, an instance of pino, or `false`. */
  logger?: LoggerOptions | Logger | false;
  /** Clients are told the texts of internal errors. For development. @default false */
  exposeErrors?: boolean;
  /** `/a/` is `/a`. @default false */
  ignoreTrailingSlash?: boolean;
}

export interface Settings {
  readonly connection: ResolvedConnectionOptions;
  readonly prefix: string;
  readonly trust: ProxyTrust;
  readonly limits: {
    readonly connections: number;
    readonly connectionsPerIp: number;
    readonly handshakesPerIp: number;
    readonly channelsPerConnection: number;
  };
  readonly rateLimit: ResolvedRateLimit | undefined;
  readonly maxFragments: number;
  readonly maxPauseMs: number;
  readonly handshakeMs: number;
  readonly timeoutMs: number | false;
  readonly outboundBytes: number;
  readonly maxPresence: number;
  readonly node: {
    readonly name: string | undefined;
    readonly heartbeatMs: number;
    readonly leaseMs: number;
    readonly answerMs: number;
  };
  readonly shutdown: { readonly timeoutMs: number; readonly waves: number | undefined };
  readonly exposeErrors: boolean;
  readonly ignoreTrailingSlash: boolean;
  readonly production: boolean;
}

/** What a connection gets where nobody says otherwise. */
const defaults: ResolvedConnectionOptions = {
  mode: 'twoWay',
  pingMs: 25_000,
  maxPayloadBytes: 64 * 1024,
  maxQueue: 32,
  slowConsumer: 'disconnect',
  compression: false,
  protocols: [],
  origins: 'same-host',
  refuse: 'http',
  closeTimeoutMs: 5000,
};

/** What Node's HTTP server is told: heads over 16 KiB are 431. */
export const serverOptions: ServerOptions = { maxHeaderSize: 16 * 1024 };

export function resolveSettings(options: AppOptions, problems: BootProblem[]): Settings {
  const report: ReportOption = (option, reason, fix) =>
    problems.push({ code: 'HALYARD_BOOT_SETTING', where: option, reason, fix });
  const duration = (name: string, value: unknown, fallback: number): number =>
    resolve(name, value, parseDuration, fallback, durationFix, report);
  const integer = <F>(name: string, value: unknown, fallback: F): number | F =>
    resolve(name, value, positiveInteger, fallback, 'an integer from 1', report);
  const { ping, maxPayload, maxQueue, compression, origins, closeTimeout, limits = {}, shutdown = {} } = options;
  const given = { ping, maxPayload, maxQueue, compression, origins, closeTimeout };
  return {
    connection: resolveConnectionOptions(withoutUndefined(given), defaults, report),
    prefix: options.prefix ?? '',
    trust: resolve('trustProxy', options.trustProxy, compileTrust, new ProxyTrust(false), trustFix, report),
    limits: {
      connections: integer('limits.connections', limits.connections, 10_000),
      connectionsPerIp: integer('limits.connectionsPerIp', limits.connectionsPerIp, 100),
      handshakesPerIp: integer('limits.handshakes', limits.handshakes, 100),
      channelsPerConnection: integer('limits.channelsPerConnection', limits.channelsPerConnection, 100),
    },
    rateLimit: options.rateLimit && resolveRateLimit(options.rateLimit, report),
    maxFragments: integer('maxFragments', options.maxFragments, 128),
    maxPauseMs: duration('maxPause', options.maxPause, 60_000),
    handshakeMs: duration('handshake', options.handshake, 5000),
    timeoutMs: options.timeout === false ? false : duration('timeout', options.timeout, 30_000),
    outboundBytes: resolve('outbound', options.outbound, parseSize, 1024 ** 2, sizeFix, report),
    maxPresence: integer('maxPresence', options.maxPresence, 2000),
    node: {
      name: options.node?.name,
      heartbeatMs: duration('node.heartbeat', options.node?.heartbeat, 3000),
      leaseMs: duration('node.lease', options.node?.lease, 10_000),
      answerMs: duration('node.answer', options.node?.answer, 5000),
    },
    shutdown: {
      timeoutMs: duration('shutdown.timeout', shutdown.timeout, 10_000),
      waves: integer('shutdown.waves', shutdown.waves, undefined),
    },
    exposeErrors: options.exposeErrors ?? false,
    ignoreTrailingSlash: options.ignoreTrailingSlash ?? false,
    production: process.env['NODE_ENV'] === 'production',
  };
}

const trustFix = "true, a number of hops, addresses such as 'loopback' or '10.0.0.0/8', or a function";

function compileTrust(setting: unknown): ProxyTrust | undefined {
  try {
    return new ProxyTrust(setting as TrustProxy);
  } catch {
    return undefined;
  }
}

function withoutUndefined(options: {
  [K in keyof ConnectionOptions]: ConnectionOptions[K] | undefined;
}): ConnectionOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
