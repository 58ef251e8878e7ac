import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Broker, BrokerHealth } from '../broker/broker.js';
import type { Endpoint, PathHandle } from '../connection/path.js';
import type { Services } from '../connection/services.js';
import type { HalyardContainer } from '../di/container.js';
import type { Token } from '../di/provider.js';
import { within } from '../connection/within.js';
import { HalyardError } from '../errors.js';
import type { FastifyInstance, HttpAdapter } from '../http/adapter.js';
import { attachOwned, attachShared } from '../ws/attach.js';
import type { Membership } from '../nodes/membership.js';
import type { Questions } from '../nodes/questions.js';
import type { UpgradeServer } from '../ws/upgrade.js';
import type { RouteDescription } from './describe.js';
import { drain } from './drain.js';
import { listenForSignals } from './signals.js';
import type { Settings } from './settings.js';

export interface ListenOptions {
  /** 0: any free one. @default 3000 */
  port?: number;
  /** @default all addresses of the machine */
  host?: string;
}

export interface Listening {
  /** `http://host:port`, https with TLS. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

/** Counters since the app was created, and what is open now. */
export interface AppMetrics {
  /** Open connections. */
  readonly connections: number;
  /** Upgrades that are being decided. */
  readonly pendingHandshakes: number;
  /** Handshakes by result: `accepted`, `gone`, or the code of the refusal. */
  readonly handshakes: Readonly<Record<string, number>>;
  /** Messages by endpoint: `/path`, `/path event`; those that no endpoint took as `/path !`. */
  readonly messages: Readonly<Record<string, number>>;
  /** What was not handled or not delivered, by reason. */
  readonly drops: Readonly<Record<string, number>>;
  /** Ended connections by close code. */
  readonly closes: Readonly<Record<string, number>>;
  /** Bytes that wait for readers. */
  readonly queuedBytes: number;
  /** Channels with subscribers. */
  readonly channels: number;
  /** How often the link to the broker has gone down: what was published meanwhile may not have come. */
  readonly linkLosses: number;
}

/** How an app is. */
export interface AppHealth {
  /** It takes clients: it is not draining, and the link to the broker is up. What `/readyz` answers. */
  readonly ready: boolean;
  readonly draining: boolean;
  readonly broker: BrokerHealth;
  /** What other nodes call this one. */
  readonly node: string;
  /** The names of the other nodes that are alive; while the link is down, of those that last were. */
  readonly nodes: readonly string[];
}

/** What `createApp` puts together. */
export interface AppParts {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly container: HalyardContainer;
  readonly broker: Broker;
  readonly services: Services;
  readonly members: Membership;
  readonly questions: Questions;
  /** Where the app was given none: it is closed with the app. */
  readonly ownBroker: Broker | undefined;
  readonly http: HttpAdapter;
  readonly upgrades: UpgradeServer;
  readonly paths: readonly PathHandle[];
  readonly routes: readonly RouteDescription[];
  /** Where the app was given a server. */
  readonly server: Server | undefined;
  readonly signals: boolean;
  readonly state: { draining: boolean };
}

/** What providers get to be disposed even where draining has taken all the time. */
const minStepMs = 100;

/** A running, or startable, app. Made by `createApp`. */
export class App {
  readonly #parts: AppParts;
  readonly #detachers = new Set<() => void>();
  #listening: Promise<Listening> | undefined = undefined;
  #closing: Promise<void> | undefined = undefined;

  constructor(parts: AppParts) {
    this.#parts = parts;
    if (parts.server) this.attach(parts.server);
  }

  /** The Fastify instance: register plugins and routes of your own before `ready()` or `listen()`. */
  get http(): FastifyInstance {
    return this.#parts.http.fastify;
  }

  /** A provider, for code outside of endpoints. Throws `HALYARD_PROVIDER_MISSING`. */
  get<T>(token: Token<T>): T {
    return this.#parts.container.get(token);
  }

  /** Adds the HTTP routes behind your plugins. `listen` and `handler` call it. */
  ready(): Promise<void> {
    return this.#parts.http.ready();
  }

  /** Opens the app's own server. Rejects with `HALYARD_APP_STATE` when called twice, after `close`, or with `server` set. */
  async listen(options: ListenOptions = {}): Promise<Listening> {
    const { server } = this.#parts;
    if (this.#closing) throw new HalyardError('APP_STATE', { message: 'the app is closed' });
    if (server) throw new HalyardError('APP_STATE', { message: 'the app was given a server: let that one listen' });
    if (this.#listening) throw new HalyardError('APP_STATE', { message: 'the app listens already' });
    const { port = 3000 } = options;
    if (!Number.isInteger(port) || port < 0 || port > 65535) {
      throw new HalyardError('SETTING', { message: `port: ${port} is not valid: an integer from 0 to 65535` });
    }
    return (this.#listening = this.#listen(options));
  }

  async #listen(options: ListenOptions): Promise<Listening> {
    const { http, upgrades, signals, logger } = this.#parts;
    await http.ready();
    this.#detachers.add(attachOwned(http.server, upgrades));
    const listening = await http.listen({ port: options.port ?? 3000, host: options.host });
    if (signals) this.#detachers.add(listenForSignals(() => this.close(), logger));
    return listening;
  }

  /**
   * Puts the app's WebSockets on a server that is somebody else's: Express, Fastify, Nest, plain. Upgrades on other paths
   * are left to its other listeners.
   *
   * @returns takes them off again; open connections stay until `close`. Throws `HALYARD_APP_STATE` after `close`
   */
  attach(server: Server): () => void {
    if (this.#closing) throw new HalyardError('APP_STATE', { message: 'the app is closed' });
    const detach = attachShared(server, this.#parts.upgrades);
    this.#detachers.add(detach);
    return () => {
      this.#detachers.delete(detach);
      detach();
    };
  }

  /** The app's HTTP endpoints as a request handler for another server; what is none of them goes to `next`. */
  handler = (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void => {
    this.#parts.http.handler(req, res, next);
  };

  /** All endpoints, and the order in which their components run. */
  routes(): readonly RouteDescription[] {
    return this.#parts.routes;
  }

  /** Counters, for a monitoring page. */
  metrics(): AppMetrics {
    const { services, members, upgrades, paths } = this.#parts;
    const { handshakes, drops, closes } = services.metrics;
    let queuedBytes = 0;
    for (const connection of services.connections) queuedBytes += connection.bufferedBytes;
    return {
      connections: services.connections.count(),
      pendingHandshakes: upgrades.pending,
      handshakes: { ...handshakes },
      messages: countMessages(paths),
      drops: { ...drops },
      closes: { ...closes },
      queuedBytes,
      channels: services.channels.size,
      linkLosses: members.linkLosses,
    };
  }

  /** Whether it takes clients, and how it gets on with its broker and the other nodes. */
  health(): AppHealth {
    const { broker, members, state } = this.#parts;
    const { draining } = state;
    const health = broker.health();
    const nodes = [...members.peers.values()].map(({ name }) => name);
    return { ready: !draining && health.link === 'up', draining, broker: health, node: members.name, nodes };
  }

  /**
   * Drains: no new connections, `/readyz` false, open ones are closed 1001 in waves once what they had sent is handled,
   * then providers are disposed. What is not done after `shutdown.timeout` is cut off. A second call waits for the first.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const { http, upgrades, settings, container, services, members, questions, ownBroker, state, logger } = this.#parts;
    state.draining = true;
    // A listen that is still under way is let finish, so that what it opens is closed.
    await this.#listening?.catch(() => undefined);
    const deadline = performance.now() + settings.shutdown.timeoutMs;
    upgrades.abort();
    await Promise.all([
      drain(upgrades.sessions, settings.shutdown),
      http.close(Math.max(0, deadline - performance.now())),
    ]);
    // What fails or hangs in one step does not keep the next one from being taken; each gets what time is left, and a moment.
    const step = (work: Promise<unknown> | undefined, what: string): Promise<void> => {
      const done = Promise.resolve(work).then(
        () => undefined,
        (error: unknown) => logger.error({ err: error }, `could not be closed: ${what}`),
      );
      const leftMs = Math.max(minStepMs, deadline - performance.now());
      return within(leftMs, done, () => logger.error(`not closed within shutdown.timeout: ${what}`));
    };
    questions.close();
    await Promise.all([
      step(services.channels.close(), 'channels'),
      step(services.presence.close(), 'presence'),
      step(services.connections.shut(), 'connections'),
    ]);
    await step(members.close(), 'the link to other nodes');
    await step(ownBroker?.close(), 'the broker');
    for (const detach of this.#detachers) detach();
    this.#detachers.clear();
    await step(container.dispose(), 'providers');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function countMessages(paths: readonly PathHandle[]): Record<string, number> {
  const counts: Record<string, number> = {};
  const add = (key: string, { messages }: Endpoint): void => {
    if (messages > 0) counts[key] = messages;
  };
  for (const { current } of paths) {
    const { path } = current.route;
    for (const [event, endpoint] of current.events ?? []) add(`${path} ${event}`, endpoint);
    if (current.fallback) add(path, current.fallback);
    add(`${path} !`, current.rejection);
  }
  return counts;
}
