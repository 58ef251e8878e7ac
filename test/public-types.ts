/**
 * The public types, as users write them down. It does not compile where one of them is missing or has changed, so what would
 * break users is noticed here first. Adding to a type of values that users only read is no break: those are checked with
 * `Reads`. Types that users fill are checked to the last property: what is new in them goes in here as well.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node';
import type { Redis } from 'ioredis';
import type * as halyard from 'halyard';
import type * as nats from 'halyard/nats';
import type * as redis from 'halyard/redis';
import type * as testing from 'halyard/testing';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** `A` has all that `B` says. Functions are written as properties: parameters of methods would be compared loosely. */
type Reads<A, B> = [A] extends [B] ? true : false;
/** The names of all options, and nothing but `A`'s own types. */
type Fills<A, B> = Same<Required<A>, B>;
type Check<T extends true> = T;

type Maybe<T> = T | Promise<T>;

export type Values = [
  Check<Same<halyard.Ref, string | number>>,
  Check<Same<halyard.Duration, number | string>>,
  Check<Same<halyard.Size, number | string>>,
  Check<Same<halyard.Mode, 'twoWay' | 'receiveOnly' | 'sendOnly'>>,
  Check<Same<halyard.Order, 'serial' | 'latest' | { readonly concurrent: number }>>,
  Check<Same<halyard.SlowConsumer, 'disconnect' | 'dropOldest' | 'conflate'>>,
  Check<Same<halyard.Scope, 'singleton' | 'connection' | 'transient'>>,
  Check<Same<halyard.MaybePromise<number>, Maybe<number>>>,
  Check<Same<halyard.ConnectionData, Record<string, unknown>>>,
  Check<Same<halyard.Token<Date>, halyard.Class<Date> | string | symbol>>,
  Check<Reads<typeof Date, halyard.Class<Date>>>,
  Check<Reads<'same-host' | '*' | readonly (string | RegExp)[] | (() => boolean), halyard.Origins>>,
  Check<
    Same<
      Parameters<Extract<halyard.Origins, (...args: never[]) => unknown>>,
      [origin: string | undefined, request: { headers: NodeJS.Dict<string | string[]> }]
    >
  >,
  Check<
    Same<
      halyard.TrustProxy,
      boolean | string | readonly string[] | number | ((address: string, hop: number) => boolean)
    >
  >,
  Check<
    Same<
      halyard.Stage,
      | 'upgrade'
      | 'origin'
      | 'limits'
      | 'middleware'
      | 'guard'
      | 'bind'
      | 'connect'
      | 'decode'
      | 'pre'
      | 'body'
      | 'endpoint'
      | 'post'
      | 'send'
      | 'stream'
      | 'publish'
      | 'socket'
      | 'disconnect'
      | 'cleanup'
      | 'catcher'
    >
  >,
  Check<
    Same<
      halyard.DropReason,
      | 'send-only'
      | 'receive-only'
      | 'closing'
      | 'gone'
      | 'late'
      | 'slow'
      | 'gap'
      | 'superseded'
      | 'rate'
      | 'interceptor'
    >
  >,
  Check<Reads<'RATE_LIMITED' | 'INTERNAL' | 'VALIDATION_FAILED' | 'FORBIDDEN', halyard.WireCode>>,
  Check<Reads<'HALYARD_BOOT_BIND' | 'HALYARD_BOOT_SCOPE', halyard.BootCode>>,
  Check<Same<typeof halyard.Json extends symbol ? true : false, true>>,
  Check<Same<typeof halyard.DROP extends symbol ? true : false, true>>,
  Check<Same<typeof halyard.Optional extends symbol ? true : false, true>>,
  Check<
    Same<
      typeof halyard.WebSocketMode,
      { readonly twoWay: 'twoWay'; readonly receiveOnly: 'receiveOnly'; readonly sendOnly: 'sendOnly' }
    >
  >,
];

interface AllConnectionOptions {
  mode: halyard.Mode;
  ping: halyard.Duration | false;
  maxPayload: halyard.Size;
  maxQueue: number;
  slowConsumer: halyard.SlowConsumer;
  compression: boolean;
  protocols: readonly string[];
  origins: halyard.Origins;
  refuse: 'http' | 'close';
  closeTimeout: halyard.Duration;
}

interface AllMessageOptions {
  event: string;
  order: halyard.Order;
  timeout: halyard.Duration | false;
  rateLimit: halyard.RateLimit;
  triggerOnConnect: boolean;
  events: boolean;
}

type ComponentLike = halyard.Class | object;

export type Options = [
  Check<Fills<halyard.ConnectionOptions, AllConnectionOptions>>,
  Check<Fills<halyard.MessageOptions, AllMessageOptions>>,
  Check<Reads<Required<halyard.WebSocketOptions>, AllConnectionOptions & AllMessageOptions>>,
  Check<Reads<AllConnectionOptions & AllMessageOptions, Required<halyard.WebSocketOptions>>>,
  Check<Reads<Required<halyard.ControllerOptions>, AllConnectionOptions & { scope: 'singleton' | 'connection' }>>,
  Check<Reads<AllConnectionOptions & { scope: 'singleton' | 'connection' }, Required<halyard.ControllerOptions>>>,
  Check<
    Same<
      halyard.RateLimit,
      { messages: number; per?: halyard.Duration; burst?: number; by?: 'connection' | 'user' | 'ip' }
    >
  >,
  Check<
    Fills<
      halyard.LimitOptions,
      { connections: number; connectionsPerIp: number; handshakes: number; channelsPerConnection: number }
    >
  >,
  Check<Fills<halyard.ShutdownOptions, { timeout: halyard.Duration; waves: number }>>,
  Check<Fills<halyard.ListenOptions, { port: number; host: string }>>,
  Check<Fills<halyard.PublishOptions, { except: { readonly id: string } | string; event: string }>>,
  Check<
    Same<
      keyof halyard.AppOptions,
      | 'controllers'
      | 'providers'
      | 'container'
      | 'use'
      | 'prefix'
      | 'server'
      | 'https'
      | 'http'
      | 'trustProxy'
      | 'origins'
      | 'limits'
      | 'rateLimit'
      | 'maxPayload'
      | 'maxFragments'
      | 'maxQueue'
      | 'maxPause'
      | 'handshake'
      | 'timeout'
      | 'closeTimeout'
      | 'ping'
      | 'compression'
      | 'outbound'
      | 'maxPresence'
      | 'broker'
      | 'node'
      | 'shutdown'
      | 'signals'
      | 'logger'
      | 'exposeErrors'
      | 'ignoreTrailingSlash'
    >
  >,
  Check<
    Reads<
      {
        controllers: readonly (halyard.Class | string)[];
        providers: readonly halyard.Provider[];
        container: halyard.Container;
        use: readonly ComponentLike[];
        prefix: string;
        server: Server;
        https: { key: string; cert: string };
        http: (fastify: FastifyInstance) => Maybe<void>;
        trustProxy: halyard.TrustProxy;
        origins: halyard.Origins;
        limits: halyard.LimitOptions;
        rateLimit: halyard.RateLimit;
        maxPayload: halyard.Size;
        maxFragments: number;
        maxQueue: number;
        maxPause: halyard.Duration;
        handshake: halyard.Duration;
        timeout: halyard.Duration | false;
        closeTimeout: halyard.Duration;
        ping: halyard.Duration | false;
        compression: boolean;
        outbound: halyard.Size;
        shutdown: halyard.ShutdownOptions;
        signals: boolean;
        logger: { level: string } | Logger | false;
        exposeErrors: boolean;
        ignoreTrailingSlash: boolean;
      },
      halyard.AppOptions
    >
  >,
  Check<
    Reads<
      | halyard.Class
      | { provide: halyard.Token; useClass: halyard.Class; scope: halyard.Scope }
      | { provide: halyard.Token; useValue: unknown }
      | { provide: 'a'; useFactory: (b: Date) => unknown; inject: [halyard.Token]; scope: halyard.Scope }
      | { provide: 'a'; useExisting: halyard.Token },
      halyard.Provider
    >
  >,
  Check<
    Same<
      halyard.Container,
      {
        has(token: halyard.Token): boolean;
        get<T>(token: halyard.Token<T>): Maybe<T>;
        isScoped?(token: halyard.Token): boolean;
        createScope?(): halyard.ContainerScope;
      }
    >
  >,
  Check<
    Same<
      halyard.ContainerScope,
      {
        has(token: halyard.Token): boolean;
        get<T>(token: halyard.Token<T>): Maybe<T>;
        dispose(): void | Promise<void>;
      }
    >
  >,
  Check<
    Reads<
      { path: string; httpOnly: boolean; secure: boolean; sameSite: 'lax'; maxAge: number; expires: Date },
      halyard.CookieOptions
    >
  >,
];

export type Components = [
  Check<
    Same<
      halyard.Observer,
      {
        opened?(context: halyard.Context): void;
        handled?(context: halyard.Context, outcome: halyard.Outcome): void;
        dropped?(context: halyard.Context, dropped: halyard.Dropped): void;
        failed?(error: unknown, context: halyard.Context, stage: halyard.Stage): void;
        closed?(context: halyard.Context, info: halyard.CloseInfo): void;
      }
    >
  >,
  Check<
    Same<
      halyard.Middleware,
      { use(context: halyard.HttpContext | halyard.UpgradeContext): Maybe<void | halyard.Refusal> }
    >
  >,
  Check<Same<halyard.Guard, { canActivate(context: halyard.Context): Maybe<boolean> }>>,
  Check<
    Same<
      halyard.Interceptor,
      {
        pre?(context: halyard.Context): Maybe<void | halyard.Answer>;
        post?(context: halyard.Context, value: unknown): Maybe<unknown>;
        done?(context: halyard.Context, outcome: halyard.Outcome): void;
      }
    >
  >,
  Check<
    Same<
      halyard.Pipe<string, Date>,
      { transform(value: string, parameter: halyard.ParameterInfo, context: halyard.Context): Maybe<Date> }
    >
  >,
  Check<Same<halyard.Pipe, halyard.Pipe<unknown, unknown>>>,
  Check<
    Same<
      halyard.Catcher,
      {
        catch(error: unknown, context: halyard.Context): Maybe<halyard.Answer | halyard.CloseWith | undefined | void>;
      }
    >
  >,
  Check<
    Reads<
      halyard.ParameterInfo,
      {
        readonly source: 'body' | 'param' | 'query' | 'header' | 'cookie' | 'custom';
        readonly name: string | undefined;
        readonly type: unknown;
        readonly index: number;
      }
    >
  >,
  Check<
    Reads<
      halyard.Outcome,
      {
        readonly status: 'ok' | 'error' | 'timeout' | 'superseded' | 'gone';
        readonly error?: unknown;
        readonly durationMs: number;
      }
    >
  >,
  Check<Reads<halyard.Dropped, { reason: halyard.DropReason; count: number; channel?: string }>>,
  Check<Reads<halyard.CloseInfo, { code: number; reason: string; wasClean: boolean }>>,
  Check<Reads<halyard.ConnectionError, { error: unknown }>>,
  Check<
    Reads<
      halyard.ConnectionEvent,
      {
        readonly type: 'connect' | 'message' | 'disconnect';
        readonly connectionId: string;
        readonly message: string | Buffer | undefined;
        readonly channel: string | undefined;
        readonly params: halyard.Request['params'];
        readonly query: halyard.Request['query'];
        readonly headers: halyard.Request['headers'];
        readonly json: () => unknown;
      }
    >
  >,
  Check<
    Reads<
      halyard.Inbox,
      {
        readonly closed: boolean;
        readonly receive: () => Promise<halyard.Message | null>;
        readonly receiveAny: {
          (): Promise<halyard.InboxEvent | null>;
          (options: halyard.ReceiveOptions): Promise<halyard.InboxEvent | halyard.InboxTimeout | null>;
        };
        readonly [Symbol.asyncIterator]: () => AsyncIterator<halyard.InboxEvent>;
      }
    >
  >,
  Check<Fills<halyard.ReceiveOptions, { timeout: halyard.Duration }>>,
  Check<
    Same<
      halyard.InboxEvent,
      | halyard.InboxMessage
      | halyard.InboxPublication
      | halyard.InboxPresence
      | halyard.InboxPresenceCount
      | halyard.InboxDropped
      | halyard.InboxGap
    >
  >,
  Check<Reads<halyard.InboxMessage, { type: 'message'; message: halyard.Message }>>,
  Check<
    Reads<
      halyard.InboxPublication,
      {
        type: 'channel';
        channel: string;
        event: string | undefined;
        data: unknown;
        timestamp: number;
        senderId: string | undefined;
      }
    >
  >,
  Check<
    Reads<
      halyard.InboxPresence,
      {
        type: 'presence';
        eventType: 'join' | 'leave' | 'update';
        channel: string;
        key: string;
        userInfo: halyard.Meta;
        connectionId: string;
      }
    >
  >,
  Check<Reads<halyard.InboxPresenceCount, { type: 'presence_count'; channel: string; count: number }>>,
  Check<Reads<halyard.InboxDropped, { type: 'dropped'; channel: string; count: number }>>,
  Check<Reads<halyard.InboxGap, { type: 'gap'; channel: string }>>,
  Check<Reads<halyard.InboxTimeout, { type: 'timeout' }>>,
  Check<Reads<typeof halyard.actions, (set: halyard.ActionSet) => halyard.Actions>>,
  Check<
    Fills<
      halyard.ActionSet,
      {
        leave: string;
        untrack: string;
        join: string;
        track: { channel: string; userId: string | number; [meta: string]: unknown };
        setPresence: { channel: string; state: string; [meta: string]: unknown };
        send: unknown;
        broadcast: unknown;
        broadcastRoom: unknown;
        broadcastChannel: { channel: string; message: unknown };
        close: string | { code?: number; reason?: string };
      }
    >
  >,
  Check<Reads<halyard.CloseWith, { code: number; reason: string }>>,
  Check<Reads<halyard.Answer, { value: unknown; status: number | undefined }>>,
  Check<Reads<halyard.Refusal, { status: number; message: string | undefined }>>,
  Check<Reads<typeof halyard.answer, (value: unknown, options?: { status?: number }) => halyard.Answer>>,
  Check<
    Reads<
      typeof halyard.refuse,
      (
        status: number,
        message?: string,
        options?: { code?: string; details?: unknown; headers?: Record<string, string> },
      ) => halyard.Refusal
    >
  >,
  Check<Reads<typeof halyard.closeWith, (code: number, reason?: string) => halyard.CloseWith>>,
  Check<Reads<typeof halyard.each, (when: 'message', guard: ComponentLike) => halyard.Each>>,
  Check<
    Reads<
      typeof halyard.connect,
      (
        ...middleware: ((q: IncomingMessage, s: ServerResponse, next: (error?: unknown) => void) => void)[]
      ) => halyard.Middleware
    >
  >,
];

interface Common {
  readonly id: string;
  readonly request: halyard.Request;
  readonly route: halyard.Route;
  readonly data: halyard.ConnectionData;
  readonly metadata: ReadonlyMap<unknown, unknown>;
  readonly state: Record<string, unknown>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export type Contexts = [
  Check<
    Same<
      halyard.Context,
      | halyard.HttpContext
      | halyard.UpgradeContext
      | halyard.ConnectContext
      | halyard.MessageContext
      | halyard.DisconnectContext
    >
  >,
  Check<Reads<halyard.HttpContext, Common & { readonly kind: 'http'; readonly reply: halyard.Reply }>>,
  Check<
    Reads<
      halyard.UpgradeContext,
      Common & { readonly kind: 'upgrade'; readonly reply: halyard.Reply; user: string | undefined }
    >
  >,
  Check<Reads<halyard.ConnectContext, Common & { readonly kind: 'connect'; readonly connection: halyard.Connection }>>,
  Check<
    Reads<
      halyard.MessageContext,
      Common & {
        readonly kind: 'message';
        readonly connection: halyard.Connection;
        readonly event: string | undefined;
        readonly payload: unknown;
        readonly ref: string | number | undefined;
        readonly raw: Buffer;
        readonly isBinary: boolean;
        readonly text: () => string;
      }
    >
  >,
  Check<
    Reads<
      halyard.DisconnectContext,
      Common & {
        readonly kind: 'disconnect';
        readonly connection: halyard.Connection;
        readonly info: halyard.CloseInfo | undefined;
        readonly error: unknown;
      }
    >
  >,
  Check<
    Reads<
      halyard.Request,
      {
        readonly id: string;
        readonly ip: string;
        readonly host: string;
        readonly protocol: 'http' | 'https';
        readonly method: string;
        readonly url: string;
        readonly path: string;
        readonly params: Readonly<Record<string, string | undefined>>;
        readonly query: Readonly<Record<string, string | string[] | undefined>>;
        readonly headers: IncomingMessage['headers'];
        readonly cookies: Readonly<Record<string, string | undefined>>;
        readonly protocolToken: string | undefined;
        readonly raw: IncomingMessage;
      }
    >
  >,
  Check<
    Reads<
      halyard.Reply,
      {
        readonly status: (code: number) => halyard.Reply;
        readonly header: (name: string, value: string) => halyard.Reply;
        readonly cookie: (name: string, value: string, options?: halyard.CookieOptions) => halyard.Reply;
      }
    >
  >,
  Check<
    Reads<
      halyard.Route,
      {
        readonly kind: 'websocket' | 'http' | 'hook';
        readonly path: string;
        readonly method?: string;
        readonly event?: string;
        readonly controller: halyard.Class;
        readonly handler: string;
        readonly metadata: ReadonlyMap<unknown, unknown>;
      }
    >
  >,
];

export type Services = [
  Check<
    Reads<
      halyard.Connection,
      {
        readonly id: string;
        readonly request: halyard.Request;
        readonly data: halyard.ConnectionData;
        readonly subprotocol: string;
        user: string | undefined;
        readonly state: 'connecting' | 'open' | 'closing' | 'closed';
        readonly url: string;
        readonly remoteAddress: string;
        readonly channels: ReadonlySet<string>;
        readonly bufferedBytes: number;
        readonly send: (value: unknown) => Promise<void>;
        readonly join: (channel: string) => Promise<void>;
        readonly leave: (channel: string) => Promise<void>;
        readonly publish: (
          channel: string,
          value: unknown,
          options?: { except?: halyard.Connection | string; event?: string },
        ) => Promise<void>;
        readonly close: (code?: number, reason?: string) => void;
      }
    >
  >,
  Check<
    Reads<
      halyard.Connections,
      Iterable<halyard.Connection> & {
        readonly get: (id: string) => halyard.Connection | undefined;
        readonly ids: { (): string[]; (options: halyard.ClusterOptions): Promise<string[]> };
        readonly count: { (): number; (options: halyard.ClusterOptions): Promise<number> };
        readonly ofUser: (user: string) => Promise<string[]>;
        readonly send: (id: string, value: unknown) => Promise<void>;
        readonly sendToUser: (user: string, value: unknown) => Promise<void>;
        readonly broadcast: (value: unknown, options?: halyard.BroadcastOptions) => Promise<void>;
        readonly close: (id: string, options?: halyard.CloseOptions) => Promise<void>;
        readonly closeUser: (user: string, options?: halyard.CloseOptions) => Promise<void>;
      }
    >
  >,
  Check<Fills<halyard.CloseOptions, { code: number; reason: string }>>,
  Check<Fills<halyard.BroadcastOptions, { except: { readonly id: string } | string }>>,
  Check<Same<halyard.ClusterOptions, { cluster: true }>>,
  Check<Same<halyard.LinkState, 'up' | 'down'>>,
  Check<Same<halyard.Unsubscribe, () => Promise<void>>>,
  Check<
    Reads<
      halyard.BrokerHealth,
      { readonly link: halyard.LinkState; readonly queued: number; readonly latencyMs?: number }
    >
  >,
  Check<
    Reads<
      halyard.Broker,
      {
        readonly ordering: 'total' | 'publisher';
        readonly publish: (subject: string, bytes: Uint8Array) => Promise<void>;
        readonly subscribe: (subject: string, onBytes: (bytes: Uint8Array) => void) => Promise<halyard.Unsubscribe>;
        readonly onLink: (listener: (state: halyard.LinkState) => void) => () => void;
        readonly health: () => halyard.BrokerHealth;
        readonly close: () => Promise<void>;
      }
    >
  >,
  Check<
    Reads<
      halyard.Channels,
      {
        readonly join: (
          connection: halyard.Connection | string,
          channel: string,
          options?: halyard.JoinOptions,
        ) => Promise<void>;
        readonly leave: (connection: halyard.Connection | string, channel: string) => Promise<void>;
        readonly publish: (channel: string, value: unknown, options?: halyard.PublishOptions) => Promise<void>;
        readonly subscribers: (channel: string) => Promise<string[]>;
        readonly count: (channel: string) => Promise<number>;
        readonly local: (channel: string) => string[];
        readonly size: number;
      }
    >
  >,
  Check<Reads<halyard.CloseWebSocket, { readonly close: (code?: number, reason?: string) => void }>>,
  Check<
    Reads<
      halyard.Sender<Date>,
      { readonly ref: string | number | undefined; readonly send: (value: Date) => Promise<void> }
    >
  >,
  Check<
    Reads<
      halyard.Message,
      {
        readonly isBinary: boolean;
        readonly text: () => string;
        readonly json: () => unknown;
        readonly arrayBuffer: () => ArrayBuffer;
        readonly bytes: () => Buffer;
      }
    >
  >,
  Check<Reads<halyard.CleanUp, { readonly add: (task: () => Maybe<void>) => void }>>,
  Check<
    Reads<
      halyard.SseEvent,
      { data: unknown; event: string | undefined; id: string | undefined; retry: number | undefined }
    >
  >,
];

export type TheApp = [
  Check<Reads<typeof halyard.createApp, (options?: halyard.AppOptions) => Promise<halyard.App>>>,
  Check<
    Fills<
      halyard.NodeOptions,
      { name: string; heartbeat: halyard.Duration; lease: halyard.Duration; answer: halyard.Duration }
    >
  >,
  Check<Fills<halyard.JoinOptions, { presence: boolean; gaps: boolean }>>,
  Check<Fills<halyard.TrackOptions, { leaveDelay: halyard.Duration }>>,
  Check<Reads<{ name: string }, halyard.Meta>>,
  Check<
    Reads<
      halyard.Presence,
      {
        track(
          connection: halyard.Connection,
          channel: string,
          key?: string,
          meta?: halyard.Meta,
          options?: halyard.TrackOptions,
        ): Promise<void>;
        update(
          connection: halyard.Connection,
          channel: string,
          patch: halyard.Meta | ((meta: halyard.Meta) => halyard.Meta),
        ): Promise<void>;
        untrack(connection: halyard.Connection, channel?: string): Promise<void>;
        watch(connection: halyard.Connection, channel: string): Promise<void>;
        unwatch(connection: halyard.Connection, channel: string): Promise<void>;
        list(channel: string): Promise<halyard.Present[]>;
        get(channel: string, key: string): Promise<halyard.Present | undefined>;
        count(channel: string): Promise<number>;
        onJoin(channel: string, listener: halyard.PresenceListener): () => void;
        onLeave(channel: string, listener: halyard.PresenceListener): () => void;
        metrics(): halyard.PresenceMetrics;
      }
    >
  >,
  Check<Same<halyard.Present, { readonly key: string; readonly metas: readonly halyard.PresentMeta[] }>>,
  Check<Reads<typeof halyard.memoryBroker, () => halyard.Broker>>,
  Check<Reads<typeof halyard.clusterBroker, (options?: halyard.ClusterBrokerOptions) => halyard.Broker>>,
  Check<Fills<halyard.ClusterBrokerOptions, { prefix: string }>>,
  Check<Reads<typeof redis.redisBroker, (options: redis.RedisBrokerOptions) => halyard.Broker>>,
  Check<Reads<typeof nats.natsBroker, (options: nats.NatsBrokerOptions) => halyard.Broker>>,
  Check<
    Same<
      nats.NatsBrokerOptions,
      { prefix?: string } & (
        | { servers: string | readonly string[]; options?: Omit<NodeConnectionOptions, 'servers' | 'port'> }
        | { connection: NatsConnection }
      )
    >
  >,
  Check<Same<redis.RedisBrokerOptions, { prefix?: string } & ({ url: string } | { client: Redis })>>,
  Check<
    Reads<
      halyard.App,
      AsyncDisposable & {
        readonly http: FastifyInstance;
        readonly get: <T>(token: halyard.Token<T>) => T;
        readonly ready: () => Promise<void>;
        readonly listen: (options?: halyard.ListenOptions) => Promise<halyard.Listening>;
        readonly attach: (server: Server) => () => void;
        readonly handler: (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void) => void;
        readonly routes: () => readonly halyard.RouteDescription[];
        readonly metrics: () => halyard.AppMetrics;
        readonly health: () => halyard.AppHealth;
        readonly close: () => Promise<void>;
      }
    >
  >,
  Check<
    Reads<
      halyard.AppHealth,
      {
        readonly ready: boolean;
        readonly draining: boolean;
        readonly broker: halyard.BrokerHealth;
        readonly node: string;
        readonly nodes: readonly string[];
      }
    >
  >,
  Check<Fills<halyard.PublisherOptions, { broker: halyard.Broker }>>,
  Check<Reads<typeof halyard.createPublisher, (options: halyard.PublisherOptions) => halyard.Publisher>>,
  Check<
    Reads<
      halyard.Publisher,
      {
        readonly publish: (channel: string, value: unknown, options?: halyard.PublishOptions) => Promise<void>;
        readonly send: (id: string, value: unknown) => Promise<void>;
        readonly sendToUser: (user: string, value: unknown) => Promise<void>;
        readonly broadcast: (value: unknown, options?: halyard.BroadcastOptions) => Promise<void>;
        readonly close: (id: string, options?: halyard.CloseOptions) => Promise<void>;
        readonly closeUser: (user: string, options?: halyard.CloseOptions) => Promise<void>;
      }
    >
  >,
  Check<Reads<halyard.Listening, { readonly url: string; readonly host: string; readonly port: number }>>,
  Check<
    Reads<
      halyard.AppMetrics,
      {
        readonly connections: number;
        readonly pendingHandshakes: number;
        readonly handshakes: Readonly<Record<string, number>>;
        readonly messages: Readonly<Record<string, number>>;
        readonly drops: Readonly<Record<string, number>>;
        readonly closes: Readonly<Record<string, number>>;
        readonly queuedBytes: number;
        readonly channels: number;
        readonly linkLosses: number;
      }
    >
  >,
  Check<
    Reads<
      halyard.RouteDescription,
      {
        readonly kind: 'websocket' | 'http' | 'hook';
        readonly method: string;
        readonly path: string;
        readonly event?: string;
        readonly handler: string;
        readonly mode?: halyard.Mode;
        readonly order?: halyard.Order;
        readonly admission: readonly string[];
        readonly handling: readonly string[];
        readonly validation?: string;
      }
    >
  >,
];

type OnBoth = ClassDecorator & MethodDecorator;
type OnPath = (path?: string) => MethodDecorator;
type Binding = (...args: unknown[]) => ParameterDecorator;
/** What stands for a component of one role. */
type Of<T> = readonly (halyard.Class<T> | T)[];

export type Decorators = [
  Check<Reads<typeof halyard.Controller, (path?: string, options?: halyard.ControllerOptions) => ClassDecorator>>,
  Check<Reads<typeof halyard.Controller, (options: halyard.ControllerOptions) => ClassDecorator>>,
  Check<Reads<typeof halyard.Injectable, (options?: { scope?: halyard.Scope }) => ClassDecorator>>,
  Check<Reads<typeof halyard.Catch, (...types: halyard.Class[]) => ClassDecorator>>,
  Check<Reads<typeof halyard.WebSocket, (path?: string, options?: halyard.WebSocketOptions) => MethodDecorator>>,
  Check<Reads<typeof halyard.WebSocket, (options: halyard.WebSocketOptions) => MethodDecorator>>,
  Check<
    Reads<
      Pick<typeof halyard, 'OnConnect' | 'OnDisconnect' | 'OnError'>,
      Record<'OnConnect' | 'OnDisconnect' | 'OnError', OnPath>
    >
  >,
  Check<
    Reads<
      Pick<typeof halyard, 'Get' | 'Post' | 'Put' | 'Patch' | 'Delete' | 'Head' | 'Options' | 'All' | 'Sse'>,
      Record<'Get' | 'Post' | 'Put' | 'Patch' | 'Delete' | 'Head' | 'Options' | 'All' | 'Sse', OnPath>
    >
  >,
  Check<Reads<typeof halyard.HttpCode, (status: number) => MethodDecorator>>,
  Check<Reads<typeof halyard.SetHeader, (header: string, value: string) => MethodDecorator>>,
  Check<Reads<typeof halyard.Redirect, (url: string, status?: number) => MethodDecorator>>,
  Check<
    Reads<
      Pick<typeof halyard, 'Body' | 'Param' | 'Query' | 'Header' | 'Cookie'>,
      Record<'Body' | 'Param' | 'Query' | 'Header' | 'Cookie', Binding>
    >
  >,
  Check<Reads<typeof halyard.Ip, () => ParameterDecorator>>,
  Check<Reads<typeof halyard.Data, (key?: string) => ParameterDecorator>>,
  Check<Reads<typeof halyard.Inject, (token: unknown) => ParameterDecorator>>,
  Check<
    Reads<
      typeof halyard.createParamDecorator<string>,
      (
        factory: (data: string, context: halyard.Context) => unknown,
      ) => (data: string, ...pipes: unknown[]) => ParameterDecorator
    >
  >,
  Check<
    Reads<
      typeof halyard.createParamDecorator<unknown>,
      (
        factory: (data: unknown, context: halyard.Context) => unknown,
      ) => (data?: unknown, ...pipes: unknown[]) => ParameterDecorator
    >
  >,
  Check<Reads<typeof halyard.Use, (...components: ComponentLike[]) => OnBoth>>,
  Check<Reads<typeof halyard.UseObservers, (...observers: Of<halyard.Observer>) => OnBoth>>,
  Check<Reads<typeof halyard.UseMiddleware, (...middleware: Of<halyard.Middleware>) => OnBoth>>,
  Check<Reads<typeof halyard.UseGuards, (...guards: Of<halyard.Guard>) => OnBoth>>,
  Check<Reads<typeof halyard.UseInterceptors, (...interceptors: Of<halyard.Interceptor>) => OnBoth>>,
  Check<Reads<typeof halyard.UsePipes, (...pipes: Of<halyard.Pipe<never, unknown>>) => OnBoth>>,
  Check<Reads<typeof halyard.UseCatchers, (...catchers: Of<halyard.Catcher>) => OnBoth>>,
  Check<Reads<typeof halyard.SetMetadata, (key: unknown, value: unknown) => OnBoth>>,
  Check<Reads<halyard.ParseIntPipe, halyard.Pipe<unknown, number>>>,
  Check<Reads<halyard.ParseFloatPipe, halyard.Pipe<unknown, number>>>,
  Check<Reads<halyard.ParseBoolPipe, halyard.Pipe<unknown, boolean>>>,
  Check<Reads<halyard.ParseUUIDPipe, halyard.Pipe<unknown, string>>>,
  Check<Reads<halyard.ParseEnumPipe<'a' | 'b'>, halyard.Pipe<unknown, 'a' | 'b'>>>,
  Check<Reads<halyard.ParseArrayPipe, halyard.Pipe<unknown, unknown[]>>>,
  Check<Reads<halyard.DefaultValuePipe<number>, halyard.Pipe>>,
];

export type Errors = [
  Check<Same<halyard.ErrorPayload, { code: string; message: string; details?: unknown }>>,
  Check<
    Reads<
      halyard.HttpError,
      Error & {
        readonly status: number;
        readonly code: string;
        readonly details: unknown;
        readonly headers: Readonly<Record<string, string>> | undefined;
      }
    >
  >,
  Check<
    Reads<
      typeof halyard.HttpError,
      new (
        status: number,
        message?: string,
        options?: { code?: string; details?: unknown; headers?: Record<string, string>; cause?: unknown },
      ) => halyard.HttpError
    >
  >,
  Check<
    Reads<
      halyard.HalyardError,
      Error & {
        readonly code: string;
        readonly wireCode: halyard.WireCode;
        readonly status: number;
        readonly closeCode: number;
        readonly temporary: boolean;
        readonly details: unknown;
      }
    >
  >,
  Check<
    Reads<
      typeof halyard.HalyardError,
      new (
        wireCode: halyard.WireCode,
        options?: { message?: string; details?: unknown; cause?: unknown },
      ) => halyard.HalyardError
    >
  >,
  Check<Reads<halyard.InvalidCloseCodeError, halyard.HalyardError>>,
  Check<Reads<halyard.NodeTimeoutError, halyard.HalyardError & { readonly nodes: readonly string[] }>>,
  Check<Reads<halyard.BrokerUnavailableError, halyard.HalyardError & { readonly outcome: 'rejected' | 'unknown' }>>,
  Check<
    Reads<
      typeof halyard.BrokerUnavailableError,
      new (
        outcome: 'rejected' | 'unknown',
        options?: { message?: string; details?: unknown; cause?: unknown },
      ) => halyard.BrokerUnavailableError
    >
  >,
  Check<Reads<halyard.BootError, halyard.HalyardError & { readonly problems: readonly halyard.BootProblem[] }>>,
  Check<
    Reads<
      halyard.BootProblem,
      {
        readonly code: halyard.BootCode;
        readonly where: string;
        readonly parameter?: number | undefined;
        readonly reason: string;
        readonly fix: string;
      }
    >
  >,
];

type Wait = { timeout?: number };

export type Testing = [
  Check<Same<testing.WaitOptions, Wait>>,
  Check<Same<testing.Override, readonly [token: halyard.Token, replacement: unknown]>>,
  Check<
    Reads<halyard.AppOptions & { override?: readonly testing.Override[]; waitMs?: number }, testing.TestAppOptions>
  >,
  Check<Reads<testing.TestAppOptions, halyard.AppOptions & { override?: readonly testing.Override[] }>>,
  Check<
    Fills<
      testing.ConnectOptions,
      {
        headers: Readonly<Record<string, string | readonly string[]>>;
        protocols: string | readonly string[];
        origin: string;
        autoPong: boolean;
        compression: boolean;
      }
    >
  >,
  Check<
    Reads<
      { method: string; headers: Record<string, string>; body: object | string | number | boolean | null } & Wait,
      testing.RequestOptions
    >
  >,
  Check<Reads<typeof testing.testApp, (options: testing.TestAppOptions) => Promise<testing.TestApp>>>,
  Check<
    Reads<
      testing.TestApp,
      AsyncDisposable & {
        readonly app: halyard.App;
        readonly url: string;
        readonly get: <T>(token: halyard.Token<T>) => T;
        readonly client: (path: string, options?: testing.ConnectOptions) => testing.TestClient;
        readonly connect: (path: string, options?: testing.ConnectOptions) => Promise<testing.TestClient>;
        readonly refused: (path: string, options?: testing.ConnectOptions) => Promise<testing.TestResponse>;
        readonly raw: () => Promise<testing.RawClient>;
        readonly request: (path: string, options?: testing.RequestOptions) => Promise<testing.TestResponse>;
        readonly close: () => Promise<void>;
      }
    >
  >,
  Check<
    Reads<
      testing.TestClient,
      {
        readonly headers: IncomingMessage['headers'];
        readonly protocol: string;
        readonly socket: testing.RawWebSocket;
        readonly opened: (options?: Wait) => Promise<testing.TestClient>;
        readonly refused: (options?: Wait) => Promise<testing.TestResponse>;
        readonly next: (options?: Wait) => Promise<string | Buffer>;
        readonly json: <T>(options?: Wait) => Promise<T>;
        readonly closed: (options?: Wait) => Promise<testing.ClosedInfo>;
        readonly ping: (options?: Wait) => Promise<void>;
        readonly idle: (options?: Wait) => Promise<void>;
        readonly send: (value: object | string | number | boolean | null) => void;
        readonly close: (code?: number, reason?: string) => Promise<testing.ClosedInfo>;
        readonly pause: () => void;
        readonly resume: () => void;
        readonly terminate: () => void;
      }
    >
  >,
  Check<
    Reads<
      testing.RawWebSocket,
      NodeJS.EventEmitter & {
        readonly readyState: number;
        readonly bufferedAmount: number;
        readonly extensions: string;
        readonly ping: (data?: string | Uint8Array) => void;
        readonly pong: (data?: string | Uint8Array) => void;
        readonly close: (code?: number, reason?: string) => void;
      }
    >
  >,
  Check<Reads<testing.ClosedInfo, { readonly code: number; readonly reason: string; readonly wasClean: boolean }>>,
  Check<
    Reads<
      testing.TestResponse,
      { readonly status: number; readonly headers: IncomingMessage['headers']; readonly body: unknown }
    >
  >,
  Check<Reads<testing.RefusedError, Error & testing.TestResponse>>,
  Check<
    Reads<
      testing.RawClient,
      {
        readonly write: (bytes: string | Uint8Array) => void;
        readonly handshake: (
          path: string,
          options?: testing.UpgradeRequestOptions & Wait,
        ) => Promise<testing.ResponseHead>;
        readonly head: (options?: Wait) => Promise<testing.ResponseHead>;
        readonly nextFrame: (options?: Wait) => Promise<testing.ServerFrame>;
        readonly read: (until: (received: Buffer) => boolean, options?: Wait) => Promise<Buffer>;
        readonly ended: (options?: Wait) => Promise<{ reset: boolean }>;
        readonly end: () => void;
        readonly reset: () => void;
        readonly destroy: () => void;
      }
    >
  >,
  Check<Reads<testing.ResponseHead, { readonly status: number; readonly headers: Readonly<Record<string, string>> }>>,
  Check<
    Reads<
      testing.ServerFrame,
      { readonly fin: boolean; readonly rsv: number; readonly opcode: number; readonly payload: Buffer }
    >
  >,
  Check<
    Fills<
      testing.UpgradeRequestOptions,
      {
        method: string;
        httpVersion: string;
        headers: Readonly<Record<string, string | readonly string[] | undefined>>;
      }
    >
  >,
  Check<
    Fills<
      testing.FrameOptions,
      { fin: boolean; mask: boolean; rsv: number; length: number | bigint; lengthBits: 7 | 16 | 64 }
    >
  >,
  Check<Same<testing.Opcode, number | 'continuation' | 'text' | 'binary' | 'close' | 'ping' | 'pong'>>,
  Check<
    Reads<
      typeof testing.frame,
      (opcode: testing.Opcode, payload?: string | Uint8Array, options?: testing.FrameOptions) => Buffer
    >
  >,
  Check<Reads<typeof testing.closePayload, (code: number, reason?: string | Uint8Array) => Buffer>>,
  Check<Reads<typeof testing.upgradeRequest, (path: string, options?: testing.UpgradeRequestOptions) => string>>,
  Check<Reads<typeof testing.until<number>, (probe: () => Maybe<number>, options?: Wait) => Promise<number>>>,
  Check<Reads<typeof testing.closeAll, () => Promise<void>>>,
  Check<Reads<typeof testing.brokerContract, (harness: testing.BrokerHarness) => testing.BrokerCase[]>>,
  Check<
    Fills<
      testing.BrokerHarness,
      {
        open(): Maybe<[halyard.Broker, halyard.Broker]>;
        outage: { begin(): Maybe<void>; end(): Maybe<void> };
      }
    >
  >,
  Check<
    Reads<testing.BrokerCase, { readonly name: string; readonly run: () => Promise<void>; readonly timeout: number }>
  >,
];
