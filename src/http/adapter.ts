import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { HalyardError, payloadOf, statusOf } from '../errors.js';
import type { MaybePromise } from '../pipeline/maybe-promise.js';
import type { HttpEndpoint } from './endpoint.js';
import type { Exchange } from './exchange.js';
import { addEndpoints, addHealth, addNotFound, addUpgradeHints, openExchange } from './routes.js';
import { createFastify, sendError, type ServerOptions } from './server.js';
import { UnusedSockets } from './unused-sockets.js';

export interface HttpAdapterOptions extends ServerOptions {
  /** The user's own part: plugins, hooks, routes. */
  readonly configure?: ((fastify: FastifyInstance) => MaybePromise<void>) | undefined;
  /** `/readyz` is 503, and responses end their connections. */
  isDraining(): boolean;
  /** Other nodes can be reached. Without it `/readyz` is 503. */
  isLinked(): boolean;
}

/** Fastify's own type, for those who are not to know Fastify. */
export type { FastifyInstance } from 'fastify';

/** Hands a request back to the server that it came from. */
export type Next = (error?: unknown) => void;

/** How long what has been cut off may take to end. */
const graceMs = 1000;

/** Serves HTTP endpoints with Fastify: on a server of its own, or mounted on another one. */
export class HttpAdapter {
  /** For plugins and routes of the user's, which come before ours. */
  readonly fastify: FastifyInstance;
  readonly #options: HttpAdapterOptions;
  /** Requests that have not ended yet. */
  readonly #running = new Set<Exchange>();
  #endpoints: readonly HttpEndpoint[] = [];
  #webSocketOnlyPaths: readonly string[] = [];
  /** Paths of our own that a server around us is not to lose. */
  #health: readonly string[] = [];
  #starting: Promise<void> | undefined = undefined;
  #ready = false;
  #closing: Promise<void> | undefined = undefined;
  #whenIdle: (() => void) | undefined = undefined;
  #unused: UnusedSockets | undefined = undefined;

  constructor(options: HttpAdapterOptions) {
    this.#options = options;
    this.fastify = createFastify(options);
    const { exposeErrors, logger, trust } = options;
    const host = { logger, trust, ended: (exchange: Exchange): void => this.#ended(exchange) };
    // The first hook of all: observers are told of a request before a plugin refuses it.
    this.fastify.addHook('onRequest', (request, reply, done) => {
      if (this.#closing) return sendError(reply, new HalyardError('DRAINING'), exposeErrors);
      const exchange = openExchange(request, reply, host);
      if (exchange) this.#running.add(exchange);
      done();
    });
    this.fastify.addHook('onSend', (_request, reply, _payload, done) => {
      if (options.isDraining() || this.#closing) reply.header('connection', 'close');
      done();
    });
  }

  /** The server that `listen` opens. */
  get server(): Server {
    return this.fastify.server;
  }

  /** What `ready` will add. */
  routes(endpoints: readonly HttpEndpoint[], webSocketOnlyPaths: readonly string[]): void {
    this.#endpoints = endpoints;
    this.#webSocketOnlyPaths = webSocketOnlyPaths;
  }

  /** Lets the user configure Fastify, loads their plugins, and adds our routes behind them. */
  ready(): Promise<void> {
    return (this.#starting ??= this.#start());
  }

  /** Opens the server. Without a host on all addresses of the machine, IPv6 and IPv4. */
  async listen(options: {
    port: number;
    host?: string | undefined;
  }): Promise<{ url: string; host: string; port: number }> {
    await this.ready();
    this.#unused = new UnusedSockets(this.server, this.#options.https !== undefined);
    await this.#bind(options.port, options.host);
    const { address, family, port } = this.server.address() as AddressInfo;
    const host = options.host ?? address;
    const name = isUnspecified(address) ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
    return { url: `${this.#options.https ? 'https' : 'http'}://${name}:${port}`, host, port };
  }

  /**
   * Serves a request that came to another server. What is no route of ours goes to `next` untouched, or is 404 without
   * it. `/healthz` and `/readyz` are the other server's own.
   */
  handler(raw: IncomingMessage, response: ServerResponse, next?: Next): void {
    if (this.#ready) return this.#serve(raw, response, next);
    this.ready().then(
      () => this.#serve(raw, response, next),
      (error: unknown) => (next ? next(error) : this.#refuse(response, error)),
    );
  }

  /**
   * Takes no more connections, ends event streams and waits for running requests; what is not done in time is cut off.
   */
  close(timeoutMs: number): Promise<void> {
    return (this.#closing ??= this.#close(timeoutMs));
  }

  async #start(): Promise<void> {
    const { exposeErrors } = this.#options;
    await this.#options.configure?.(this.fastify);
    // Fastify loads plugins in order: the user's own have been registered before.
    this.fastify.register(async (scope) => {
      addEndpoints(scope, this.#endpoints);
      addUpgradeHints(scope, this.#webSocketOnlyPaths, exposeErrors);
      this.#health = addHealth(scope, () => this.#whyUnready());
    });
    // Not encapsulated: what is found nowhere is nobody's.
    this.fastify.register(
      Object.assign(async (root: FastifyInstance) => addNotFound(root, exposeErrors), {
        [Symbol.for('skip-override')]: true,
      }),
    );
    await this.fastify.ready();
    this.#ready = true;
  }

  #whyUnready(): string | undefined {
    if (this.#options.isDraining()) return 'draining';
    return this.#options.isLinked() ? undefined : 'broker down';
  }

  async #bind(port: number, host: string | undefined): Promise<void> {
    try {
      await this.fastify.listen({ port, host: host ?? '::' });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A machine without IPv6.
      if (host !== undefined || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw error;
      await this.fastify.listen({ port, host: '0.0.0.0' });
    }
  }

  #serve(raw: IncomingMessage, response: ServerResponse, next: Next | undefined): void {
    if (next && !this.#isOurs(raw)) next();
    else this.fastify.routing(raw, response);
  }

  #isOurs({ method = 'GET', url = '/' }: IncomingMessage): boolean {
    const [path = ''] = url.split('?', 1);
    // For a path that it cannot decode Fastify finds its own answer.
    if (this.#health.includes(path) || !isDecodable(path)) return false;
    return this.fastify.findRoute({ method, url }) !== null;
  }

  #refuse(response: ServerResponse, error: unknown): void {
    this.#options.logger.error({ err: error }, 'the app could not be made ready');
    response.writeHead(statusOf(error), { 'content-type': 'application/json; charset=utf-8' });
    response.end(JSON.stringify(payloadOf(error, this.#options.exposeErrors)));
  }

  #ended(exchange: Exchange): void {
    this.#running.delete(exchange);
    if (!this.#closing) return;
    // A connection that was kept alive for a next request would keep the server open.
    setImmediate(() => this.server.closeIdleConnections());
    if (this.#running.size === 0) this.#whenIdle?.();
  }

  async #close(timeoutMs: number): Promise<void> {
    for (const exchange of this.#running) exchange.drain();
    this.#unused?.destroy();
    const idle = new Promise<void>((resolve) => (this.#whenIdle = resolve));
    if (this.#running.size === 0) this.#whenIdle?.();
    const closed = Promise.all([idle, this.#closeFastify()]);
    const timers: NodeJS.Timeout[] = [];
    const late = new Promise<void>((resolve) => {
      timers.push(
        setTimeout(() => {
          for (const exchange of this.#running) exchange.cut();
          this.server.closeAllConnections();
          // A plugin's `onClose`, or a socket that it has taken over, may hang for ever.
          timers.push(setTimeout(resolve, graceMs));
        }, timeoutMs),
      );
    });
    await Promise.race([closed, late]);
    for (const timer of timers) clearTimeout(timer);
  }

  /** Runs the `onClose` of plugins, too. */
  async #closeFastify(): Promise<void> {
    try {
      await this.fastify.close();
    } catch (error) {
      this.#options.logger.error({ err: error }, 'Fastify could not be closed in order');
    }
  }
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

function isUnspecified(address: string): boolean {
  return address === '::' || address === '0.0.0.0';
}
