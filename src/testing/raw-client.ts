import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Changes, type WaitOptions } from './wait.js';

/** The opcodes of RFC 6455 §5.2. */
const opcodes = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;

export type Opcode = keyof typeof opcodes | number;

/** What a frame may have wrong. */
export interface FrameOptions {
  /** @default true */
  fin?: boolean;
  /** A client's frames are masked. @default true */
  mask?: boolean;
  /** The three reserved bits, 0 to 7; 4 says "compressed" where that was negotiated. @default 0 */
  rsv?: number;
  /** The payload length that the header declares. @default the payload's own */
  length?: number | bigint;
  /** How many bits the length takes. @default as few as possible */
  lengthBits?: 7 | 16 | 64;
}

/** The bytes of a client's frame, valid or not. */
export function frame(opcode: Opcode, payload: string | Uint8Array = '', options: FrameOptions = {}): Buffer {
  const body = Buffer.from(payload as string);
  const { fin = true, mask = true, rsv = 0, length = body.length } = options;
  const { lengthBits = length < 126 ? 7 : length < 65_536 ? 16 : 64 } = options;
  const code = typeof opcode === 'number' ? opcode : opcodes[opcode];
  const extended = Buffer.alloc(lengthBits === 7 ? 0 : lengthBits / 8);
  if (lengthBits === 16) extended.writeUInt16BE(Number(length));
  if (lengthBits === 64) extended.writeBigUInt64BE(BigInt(length));
  const short = lengthBits === 7 ? Number(length) : lengthBits === 16 ? 126 : 127;
  const head = Buffer.from([(fin ? 0x80 : 0) | (rsv << 4) | code, (mask ? 0x80 : 0) | short]);
  if (!mask) return Buffer.concat([head, extended, body]);
  const key = Buffer.from([0x12, 0x34, 0x56, 0x78]);
  return Buffer.concat([head, extended, key, body.map((byte, index) => byte ^ key[index % 4]!)]);
}

/** The payload of a close frame, valid or not. */
export function closePayload(code: number, reason: string | Uint8Array = ''): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason as string)]);
}

/** What an upgrade request may have otherwise. */
export interface UpgradeRequestOptions {
  /** @default 'GET' */
  method?: string;
  /** @default '1.1' */
  httpVersion?: string;
  /** Added to the valid ones, by lower-case name: a list is several lines, `undefined` leaves one out. */
  headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** The text of an upgrade request, valid unless `options` spoil it. */
export function upgradeRequest(path: string, options: UpgradeRequestOptions = {}): string {
  const { method = 'GET', httpVersion = '1.1' } = options;
  const headers: Required<UpgradeRequestOptions>['headers'] = {
    host: '127.0.0.1',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...options.headers,
  };
  const lines = Object.entries(headers).flatMap(([name, value = []]) => [value].flat().map((one) => `${name}: ${one}`));
  return [`${method} ${path} HTTP/${httpVersion}`, ...lines, '', ''].join('\r\n');
}

/** The first lines of a response. */
export interface ResponseHead {
  readonly status: number;
  /** By lower-case name; several of one name are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A frame from the server. */
export interface ServerFrame {
  readonly fin: boolean;
  readonly rsv: number;
  readonly opcode: number;
  readonly payload: Buffer;
}

/** A TCP socket to the app, for what no proper client sends. What it received is read in order, each byte once. */
export class RawClient {
  readonly #changes = new Changes();
  #received = Buffer.alloc(0);
  #ended: { reset: boolean } | undefined;

  private constructor(
    /** The socket itself. */
    readonly socket: Socket,
    private readonly waitMs: number,
  ) {
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#changes.notify();
    });
    // A write into a connection that the server has reset fails with EPIPE.
    socket.on('error', () => this.#end(true));
    socket.on('close', () => this.#end(false));
  }

  /** @internal */
  static async connect(url: string, waitMs: number): Promise<RawClient> {
    const { hostname: host, port, protocol } = new URL(url);
    const isTls = protocol === 'https:';
    const socket = isTls
      ? connectTls({ host, port: Number(port), rejectUnauthorized: false })
      : connect({ host, port: Number(port), noDelay: true });
    const client = new RawClient(socket, waitMs);
    await once(socket, isTls ? 'secureConnect' : 'connect');
    return client;
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Writes an upgrade request and reads the head of the response. */
  handshake(path: string, options?: UpgradeRequestOptions & WaitOptions): Promise<ResponseHead> {
    this.write(upgradeRequest(path, options));
    return this.head(options);
  }

  /** Reads the head of a response. Its body is left to `read`. */
  async head(options?: WaitOptions): Promise<ResponseHead> {
    const blank = '\r\n\r\n';
    const text = await this.#take('the head of a response', options, (received) => {
      const end = received.indexOf(blank);
      return end < 0 ? undefined : [received.toString('latin1', 0, end), end + blank.length];
    });
    const [statusLine = '', ...lines] = text.split('\r\n');
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
    }
    return { status: Number(statusLine.split(' ')[1]), headers };
  }

  /** Reads a frame. */
  nextFrame(options?: WaitOptions): Promise<ServerFrame> {
    return this.#take('a frame', options, parseFrame);
  }

  /** Reads all that has come, as soon as `until` is content with it. */
  read(until: (received: Buffer) => boolean, options?: WaitOptions): Promise<Buffer> {
    return this.#take('other bytes', options, (received) =>
      until(received) ? [received, received.length] : undefined,
    );
  }

  /** Resolves when the connection has ended: by a reset, or in an orderly way. */
  async ended({ timeout = this.waitMs }: WaitOptions = {}): Promise<{ reset: boolean }> {
    const ended = await this.#changes.until(() => this.#ended, timeout);
    if (ended) return ended;
    throw new Error(`expected the connection to end, but it is open after ${timeout} ms${this.#unread()}`);
  }

  /** Sends a FIN and goes on reading. */
  end(): void {
    this.socket.end();
  }

  /** Sends a FIN and is gone. */
  destroy(): void {
    this.socket.destroy();
  }

  /** Sends an RST and is gone (over TLS: a FIN). */
  reset(): void {
    // What is shutting down cannot be reset any more: Node.js would keep its handle for ever.
    if ('encrypted' in this.socket || this.socket.writableEnded) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  /** @internal Where the test is over, nobody is told. */
  abandon(testIsOver = true): void {
    if (testIsOver) this.#changes.abandon();
    this.reset();
  }

  /** @internal */
  onClose(listener: () => void): void {
    this.socket.once('close', listener);
  }

  /** Waits until `parse` gives a value and how many bytes it took. */
  async #take<T>(
    expected: string,
    { timeout = this.waitMs }: WaitOptions = {},
    parse: (received: Buffer) => readonly [value: T, bytes: number] | undefined,
  ): Promise<T> {
    const taken = await this.#changes.until(() => {
      const parsed = parse(this.#received);
      if (parsed) this.#received = this.#received.subarray(parsed[1]);
      return parsed ?? this.#ended;
    }, timeout);
    if (taken && 'length' in taken) return taken[0];
    const instead = taken
      ? `the connection ${taken.reset ? 'was reset' : 'ended'}`
      : `it did not come within ${timeout} ms`;
    throw new Error(`expected ${expected}, but ${instead}${this.#unread()}`);
  }

  #end(reset: boolean): void {
    this.#ended ??= { reset };
    this.#changes.notify();
  }

  #unread(): string {
    return this.#received.length === 0 ? '' : `; unread: ${JSON.stringify(this.#received.toString('latin1', 0, 200))}`;
  }
}

/** A server's frame, which is not masked (RFC 6455 §5.1). */
function parseFrame(received: Buffer): readonly [ServerFrame, number] | undefined {
  if (received.length < 2) return undefined;
  const first = received[0]!;
  const short = received[1]!;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (received.length < start) return undefined;
  const length = short < 126 ? short : short === 126 ? received.readUInt16BE(2) : Number(received.readBigUInt64BE(2));
  const end = start + length;
  if (received.length < end) return undefined;
  const payload = Buffer.from(received.subarray(start, end));
  return [{ fin: first > 127, rsv: (first >> 4) & 7, opcode: first & 15, payload }, end];
}
