import { connect, type Socket } from 'node:net';
import { FrameReader, maskedFrame, opcode, type FrameListener } from './frames.js';

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** What a client tells its load. */
export interface ClientListener {
  /** The 101 came. */
  opened(client: Client): void;
  /** A data frame. Offsets are into `data`, which is only valid during the call. */
  frame(client: Client, head: number, data: Buffer, start: number, end: number): void;
  /** All frames of one read were reported. */
  read(client: Client): void;
  /** The socket is closed. @param closeCode of the server's close frame */
  closed(client: Client, closeCode: number | undefined): void;
  failed(client: Client, error: Error): void;
}

/** By all clients of this process. */
export const received = { bytes: 0 };

/** Read into by all clients: each is done with it before the next one reads. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);

/** A WebSocket client on a raw TCP socket: no buffers, promises or events of its own. Answers pings, replies to a close. */
export class Client implements FrameListener {
  #socket!: Socket;
  readonly #reader = new FrameReader(this);
  #extensions = '';
  #head: string | undefined = '';
  #closeCode: number | undefined = undefined;
  #closing = false;
  /** For its load: which message it sends next, and which answer it expects next. */
  sent = 0;
  expected = 0;
  /** For its load: how many frames the current read has brought. */
  fresh = 0;
  /** For its load: when its message was written. */
  writtenAt = 0;

  constructor(private readonly listener: ClientListener) {}

  /** @param extensions what is offered and must be taken as it is; nothing where empty */
  connect(port: number, path: string, extensions: string): void {
    this.#extensions = extensions;
    const read = (length: number): boolean => {
      received.bytes += length;
      this.#read(shared.subarray(0, length));
      return true;
    };
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer: shared, callback: read } });
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n` +
        (extensions ? `Sec-WebSocket-Extensions: ${extensions}\r\n\r\n` : '\r\n'),
    );
    socket.on('error', (error) => this.listener.failed(this, error));
    socket.on('close', () => this.listener.closed(this, this.#closeCode));
    this.#socket = socket;
  }

  /** @param frames whole, masked */
  write(frames: Buffer): void {
    this.#socket.write(frames);
  }

  /** Starts the close handshake; the server closes the socket. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#socket.write(closeFrame);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** @internal */
  frame(head: number, data: Buffer, start: number, end: number): void {
    const code = head & 0x0f;
    if (code === opcode.ping) {
      this.#socket.write(maskedFrame(opcode.pong, data.subarray(start, end)));
    } else if (code === opcode.close) {
      this.#closeCode = end - start >= 2 ? data.readUInt16BE(start) : 1005;
      this.close();
    } else if (code !== opcode.pong) {
      this.listener.frame(this, head, data, start, end);
    }
  }

  #read(chunk: Buffer): void {
    try {
      const frames = this.#head === undefined ? chunk : this.#readHead(chunk);
      if (!frames) return;
      this.#reader.read(frames);
      this.listener.read(this);
    } catch (error) {
      this.listener.failed(this, error instanceof Error ? error : new Error(String(error)));
      this.#socket.destroy();
    }
  }

  /** What follows the response's head, once that is complete. */
  #readHead(chunk: Buffer): Buffer | undefined {
    const head = this.#head! + chunk.toString('latin1');
    const end = head.indexOf('\r\n\r\n');
    if (end === -1) {
      this.#head = head;
      return undefined;
    }
    const taken = /^sec-websocket-extensions: *(.*?) *$/im.exec(head.slice(0, end))?.[1] ?? '';
    if (!head.startsWith('HTTP/1.1 101') || !head.includes(accept)) throw new Error(`no 101 but ${head.slice(0, 200)}`);
    if (taken !== this.#extensions) throw new Error(`the server took the extensions "${taken}"`);
    const after = chunk.subarray(chunk.length - (head.length - end - 4));
    this.#head = undefined;
    this.listener.opened(this);
    return after;
  }
}

const closeFrame = maskedFrame(opcode.close, Buffer.from([0x03, 0xe8]));
