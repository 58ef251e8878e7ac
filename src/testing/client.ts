import type { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { Changes, show, type WaitOptions } from './wait.js';
import { readResponse, RefusedError, type TestResponse } from './response.js';

/** How to connect. */
export interface ConnectOptions {
  headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Subprotocols to offer, the preferred one first. */
  protocols?: string | readonly string[];
  /** The `Origin` header, as a browser sends it. */
  origin?: string;
  /** Answers the server's pings. @default true */
  autoPong?: boolean;
  /** Offers permessage-deflate, as browsers do. @default true */
  compression?: boolean;
}

/** How a connection ended, as a browser's `CloseEvent` says it. */
export interface ClosedInfo {
  readonly code: number;
  readonly reason: string;
  /** Both sides sent their close frame. */
  readonly wasClean: boolean;
}

/** The WebSocket of the package `ws`, for what the client has no method for. */
export interface RawWebSocket extends EventEmitter {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly extensions: string;
  send(data: string | Uint8Array, options: { binary?: boolean; compress?: boolean; fin?: boolean }): void;
  ping(data?: string | Uint8Array): void;
  pong(data?: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
}

/**
 * A WebSocket client that waits: each method resolves when the thing has happened, and throws what happened instead.
 *
 * Messages are kept from the first on and given out in their order, also after the connection has closed.
 */
export class TestClient {
  /** `headers` of the 101, where there was one. */
  headers: IncomingHttpHeaders = {};
  readonly #ws: WebSocket;
  readonly #messages: (string | Buffer)[] = [];
  readonly #pongs = new Set<string>();
  readonly #changes = new Changes();
  #socket: Socket | undefined;
  #isOpen = false;
  #refusal: TestResponse | undefined;
  #closed: ClosedInfo | undefined;
  #error: Error | undefined;
  #pings = 0;

  /** @internal */
  constructor(
    private readonly url: string,
    options: ConnectOptions,
    private readonly waitMs: number,
  ) {
    const { protocols = [], compression = true, autoPong = true, origin, headers = {} } = options;
    const ws = new WebSocket(url, typeof protocols === 'string' ? protocols : [...protocols], {
      headers: headers as Record<string, string | string[]>,
      ...(origin === undefined ? {} : { origin }),
      autoPong,
      perMessageDeflate: compression,
      rejectUnauthorized: false,
    });
    this.#ws = ws;
    ws.on('upgrade', ({ headers, socket }) => {
      this.headers = headers;
      this.#socket = socket;
    });
    ws.on('open', () => this.#change(() => (this.#isOpen = true)));
    ws.on('message', (data: Buffer, isBinary) => {
      this.#change(() => this.#messages.push(isBinary ? data : data.toString()));
    });
    ws.on('pong', (data) => this.#change(() => this.#pongs.add(data.toString())));
    ws.on('error', (error) => (this.#error ??= error));
    ws.on('close', (code, reason) => {
      this.#change(() => (this.#closed = { code, reason: reason.toString(), wasClean: code !== 1006 }));
    });
    ws.on('unexpected-response', (_request, response) => void this.#refused(response));
  }

  /** The selected subprotocol; empty where there is none. */
  get protocol(): string {
    return this.#ws.protocol;
  }

  get socket(): RawWebSocket {
    return this.#ws;
  }

  /** Resolves with the client when the connection is open; throws a {@link RefusedError} where the server refuses it. */
  async opened(options?: WaitOptions): Promise<this> {
    await this.#decided(options);
    if (this.#isOpen) return this;
    if (this.#refusal) throw new RefusedError(this.url, this.#refusal);
    throw this.#unanswered();
  }

  /** Resolves with the answer of a server that refuses; throws where it lets the client in. */
  async refused(options?: WaitOptions): Promise<TestResponse> {
    await this.#decided(options);
    if (this.#refusal) return this.#refusal;
    if (this.#isOpen) throw new Error(`expected ${this.url} to be refused, but it was accepted`);
    throw this.#unanswered();
  }

  /** The next message: a string, or for a binary frame a Buffer. */
  async next({ timeout = this.waitMs }: WaitOptions = {}): Promise<string | Buffer> {
    const found = await this.#changes.until(() => this.#messages.shift() ?? this.#closed, timeout);
    if (typeof found === 'string' || Buffer.isBuffer(found)) return found;
    throw this.#failure('a message', timeout);
  }

  /** The next message, which must be JSON text, parsed. */
  async json<T = unknown>(options?: WaitOptions): Promise<T> {
    const message = await this.next(options);
    try {
      if (typeof message === 'string') return JSON.parse(message) as T;
    } catch {
      // The error below shows the text.
    }
    throw new Error(`expected a JSON message, but ${show(message)} came`);
  }

  /** How the connection ended. A paused client does not learn of it. */
  async closed({ timeout = this.waitMs }: WaitOptions = {}): Promise<ClosedInfo> {
    const closed = await this.#changes.until(() => this.#closed, timeout);
    if (closed && this.#isOpen) return closed;
    throw this.#failure('the connection to close', timeout);
  }

  /**
   * Sends a ping and resolves with its pong. The server has then read all that was sent before; it may still be working
   * on it.
   */
  async ping({ timeout = this.waitMs }: WaitOptions = {}): Promise<void> {
    const data = `ping ${++this.#pings}`;
    this.#ws.ping(data);
    const ponged = await this.#changes.until(() => this.#pongs.delete(data) || this.#closed, timeout);
    if (ponged !== true) throw this.#failure('a pong', timeout);
  }

  /**
   * Asserts that nothing unread has come once a ping has gone to the server and back: all that the server wrote before it
   * read the ping would be here. What a handler answers after waiting for something may come later.
   */
  async idle(options?: WaitOptions): Promise<void> {
    if (this.#messages.length === 0) await this.ping(options);
    if (this.#messages.length > 0) throw new Error(`expected no message, but ${this.#unread()} came`);
  }

  /** Strings go as text, bytes as binary, anything else as JSON text. */
  send(value: object | string | number | boolean | null): void {
    if (this.#closed) throw this.#failure('to send', 0);
    const isData = typeof value === 'string' || ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
    this.#ws.send(isData ? value : JSON.stringify(value));
  }

  /** Starts the close handshake and resolves when the server has answered it. */
  close(code = 1000, reason = ''): Promise<ClosedInfo> {
    this.#ws.close(code, reason);
    return this.closed();
  }

  /**
   * Stops reading. The server notices only once the buffers of both kernels are full, which takes some megabytes. A paused
   * client answers no ping and sees no close.
   */
  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    this.#ws.resume();
  }

  /** Goes without a close frame: resets the TCP connection (over TLS it ends it). */
  terminate(): void {
    // A socket that is shutting down cannot be reset any more: Node.js would keep its handle for ever.
    if (this.#socket?.writableEnded === false && this.url.startsWith('ws:')) this.#socket.resetAndDestroy();
    this.#ws.terminate();
  }

  /** @internal Where the test is over, nobody is told. */
  abandon(testIsOver = true): void {
    if (testIsOver) this.#changes.abandon();
    this.terminate();
  }

  /** @internal */
  onClose(listener: () => void): void {
    this.#ws.once('close', listener);
  }

  async #refused(response: IncomingMessage): Promise<void> {
    try {
      const refusal = await readResponse(response);
      this.#change(() => (this.#refusal = refusal));
    } catch (error) {
      this.#error ??= error as Error;
    }
    this.#ws.terminate();
  }

  async #decided({ timeout = this.waitMs }: WaitOptions = {}): Promise<void> {
    const decided = () => this.#isOpen || this.#refusal !== undefined || this.#closed !== undefined || undefined;
    if (await this.#changes.until(decided, timeout)) return;
    throw new Error(`${this.url} was neither accepted nor refused within ${timeout} ms`);
  }

  #unanswered(): Error {
    return new Error(`${this.url} was not answered: ${this.#error?.message ?? 'closed'}`, this.#cause);
  }

  get #cause(): { cause: Error } | undefined {
    return this.#error && { cause: this.#error };
  }

  #change(change: () => void): void {
    change();
    this.#changes.notify();
  }

  /** Says what came instead of what was expected. */
  #failure(expected: string, timeoutMs: number): Error {
    const { code, reason } = this.#closed ?? {};
    const unread = this.#messages.length > 0 ? `; unread: ${this.#unread()}` : '';
    let instead = `nothing came within ${timeoutMs} ms`;
    if (this.#closed) instead = `the connection was closed: ${code} '${reason}'`;
    if (this.#error) instead += ` (${this.#error.message})`;
    if (this.#refusal) instead = new RefusedError(this.url, this.#refusal).message;
    return new Error(`expected ${expected}, but ${instead}${unread}`, this.#cause);
  }

  #unread(): string {
    return this.#messages.map(show).join(', ');
  }
}
