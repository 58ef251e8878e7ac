import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders, type Server } from 'node:http';
import { request as httpsRequest, Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { createApp, type App, type AppOptions, type Token } from '../index.js';
import { defaultWaitMs, type WaitOptions } from './wait.js';
import { TestClient, type ConnectOptions } from './client.js';
import { closeLater, forget } from './closing.js';
import { withOverrides, type Override } from './override.js';
import { RawClient } from './raw-client.js';
import { readResponse, type TestResponse } from './response.js';

/** All that `createApp` takes, and what a test replaces of it. `logger` and `signals` are off unless given. */
export interface TestAppOptions extends AppOptions {
  /** Replaces providers, guards and other components, of whatever class asks for them. */
  override?: readonly Override[];
  /** How long each wait of a client may take, in milliseconds. @default 3000 */
  waitMs?: number;
}

/** An HTTP request. */
export interface RequestOptions extends WaitOptions {
  /** @default 'GET', with a body 'POST' */
  method?: string;
  headers?: OutgoingHttpHeaders;
  /** Strings go as text, bytes as they are, anything else as JSON; `content-type` is set unless given. */
  body?: object | string | number | boolean | null;
}

/** What a test leaves running is not waited for as in production. */
const shutdown = { timeout: '1s' };
/** Below the time that runners give a hook. */
const maxCloseMs = 4000;
const host = '127.0.0.1';

/**
 * Starts an app on a free port of 127.0.0.1. It is closed after the test, with all of its clients, or earlier by `close()`
 * or `await using`.
 *
 * @throws {BootError} as `createApp`
 */
export async function testApp({ override = [], waitMs = defaultWaitMs, ...options }: TestAppOptions): Promise<TestApp> {
  const app = await createApp({ logger: false, signals: false, shutdown, ...withOverrides(options, override) });
  try {
    const { url } = options.server ? await listenOn(options.server, app) : await app.listen({ port: 0, host });
    return new TestApp(app, url, waitMs, options.server);
  } catch (error) {
    await app.close();
    throw error;
  }
}

/** With `server` the app leaves it to its owner to listen, and to close it: here to the test app. */
async function listenOn(server: Server, app: App): Promise<{ url: string }> {
  await app.ready();
  if (!server.listening) await once(server.listen(0, host), 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `${server instanceof TlsServer ? 'https' : 'http'}://${host}:${port}` };
}

/** A running app, and the ways to talk to it. */
export class TestApp {
  readonly #clients = new Set<TestClient | RawClient>();
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(
    readonly app: App,
    /** `http://127.0.0.1:<port>`, or https. */
    readonly url: string,
    private readonly waitMs: number,
    private readonly server: Server | undefined,
  ) {
    closeLater(this);
  }

  /** What the app's container has for a token. */
  get<T>(token: Token<T>): T {
    return this.app.get(token);
  }

  /** A client whose connection is not decided yet: `opened()` or `refused()` says how it went. */
  client(path: string, options: ConnectOptions = {}): TestClient {
    return this.#opened(new TestClient(this.url.replace(/^http/, 'ws') + path, options, this.waitMs));
  }

  /** A client whose connection is open. Throws a `RefusedError` with `status`, `headers` and `body` where it is refused. */
  connect(path: string, options?: ConnectOptions): Promise<TestClient> {
    return this.client(path, options).opened();
  }

  /** The answer to an upgrade that the app must refuse before the 101. Throws where it is accepted. */
  refused(path: string, options?: ConnectOptions): Promise<TestResponse> {
    return this.client(path, options).refused();
  }

  /** A TCP socket to the app, for what no proper client sends. */
  async raw(): Promise<RawClient> {
    return this.#opened(await RawClient.connect(this.url, this.waitMs));
  }

  /** Sends an HTTP request on a connection of its own and reads the response to its end. Redirects are not followed. */
  async request(path: string, { timeout = this.waitMs, ...options }: RequestOptions = {}): Promise<TestResponse> {
    const { body } = options;
    const isData = typeof body === 'string' || body instanceof Uint8Array;
    const type =
      typeof body === 'string' ? 'text/plain;charset=UTF-8' : isData ? 'application/octet-stream' : 'application/json';
    const method = options.method ?? (body === undefined ? 'GET' : 'POST');
    const data = body === undefined || isData ? body : JSON.stringify(body);
    // Node sends no length of its own accord where a method seldom has a body.
    const length =
      options.headers?.['transfer-encoding'] === undefined && data !== undefined ? Buffer.byteLength(data) : undefined;
    const headers = {
      ...(data === undefined ? {} : { 'content-type': type }),
      ...(length === undefined ? {} : { 'content-length': length }),
      ...options.headers,
    };
    const send = this.url.startsWith('https:') ? httpsRequest : httpRequest;
    const request = send(this.url, { path, method, headers, agent: false, rejectUnauthorized: false });
    request.on('error', () => undefined);
    let expired = false;
    const timer = setTimeout(() => {
      expired = true;
      request.destroy();
    }, timeout);
    try {
      request.end(data);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      return await readResponse(response);
    } catch (error) {
      const reason = expired ? `was not answered within ${timeout} ms` : `failed: ${(error as Error).message}`;
      throw new Error(`${method} ${path} ${reason}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Terminates the clients, without waiting for what they are at, and closes the app.
   *
   * @throws {Error} where the app does not close, or has kept a connection
   */
  close(): Promise<void> {
    this.#closing ??= this.#close(false);
    return this.#closing;
  }

  /** @internal The test is over. */
  abandon(): Promise<void> {
    this.#closing ??= this.#close(true);
    return this.#closing;
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #opened<C extends TestClient | RawClient>(client: C): C {
    this.#clients.add(client);
    closeLater(client);
    client.onClose(() => {
      this.#clients.delete(client);
      forget(client);
    });
    return client;
  }

  async #close(testIsOver: boolean): Promise<void> {
    forget(this);
    for (const client of this.#clients) client.abandon(testIsOver);
    const closed = this.app.close().then(() => true);
    const inTime = await Promise.race([closed, sleep(maxCloseMs, false, { ref: false })]);
    this.server?.close();
    this.server?.closeAllConnections();
    if (!inTime)
      throw new Error(`the app has not closed within ${maxCloseMs} ms: a handler, hook or provider of it hangs`);
    const { connections, pendingHandshakes } = this.app.metrics();
    if (connections + pendingHandshakes === 0) return;
    throw new Error(`the app is closed, but has kept ${connections} connections and ${pendingHandshakes} handshakes`);
  }
}
