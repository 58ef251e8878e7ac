import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { MessageReceiver, Transport, TransportListener } from '../connection/transport.js';
import type { FrameData, SharedFrame } from '../protocol/protocol.js';
import { encodeFrame } from './frame.js';

const transportOf: unique symbol = Symbol('halyard.transport');

interface Marked {
  [transportOf]?: WsTransport;
}

/**
 * `ws` reads and keeps the close handshake; frames are made here and written to the socket with one system call a tick.
 * Where compression was negotiated, `ws` sends as well.
 */
export class WsTransport implements Transport {
  #corked = false;
  /** @internal For the shared listeners. */
  listener!: TransportListener;
  /** @internal */
  receiver!: MessageReceiver;

  constructor(
    private readonly ws: WebSocket,
    private readonly socket: Duplex,
    private readonly compressed: boolean,
  ) {}

  /** Starts to report. Listeners are shared and find their transport by `this`: no closures per connection. */
  listen(listener: TransportListener, receiver: MessageReceiver): void {
    const { ws, socket } = this;
    this.listener = listener;
    this.receiver = receiver;
    (ws as Marked)[transportOf] = this;
    (socket as Marked)[transportOf] = this;
    ws.on('message', onMessage);
    ws.on('pong', onPong);
    ws.on('error', onError);
    ws.on('close', onClose);
    socket.on('drain', onDrain);
  }

  get bufferedBytes(): number {
    return this.compressed ? this.ws.bufferedAmount : this.socket.writableLength;
  }

  get receivedBytes(): number {
    return (this.socket as Partial<Socket>).bytesRead ?? 0;
  }

  send(data: FrameData): boolean {
    return this.compressed ? this.#sendCompressed(data) : this.#write(encodeFrame(data));
  }

  sendShared(frame: SharedFrame): boolean {
    if (this.compressed) return this.#sendCompressed(frame.data);
    return this.#write((frame.framed ??= encodeFrame(frame.data)));
  }

  ping(): void {
    if (this.ws.readyState === WebSocket.OPEN) this.ws.ping();
  }

  close(code: number, reason: string): void {
    this.ws.close(code, reason);
  }

  terminate(): void {
    if (this.#corked) this.socket.uncork();
    this.#corked = false;
    this.ws.terminate();
  }

  pause(): void {
    this.ws.pause();
  }

  resume(): void {
    this.ws.resume();
  }

  #write(frame: Uint8Array): boolean {
    // After the close frame nothing may follow (RFC 6455 §5.5.1).
    if (this.ws.readyState !== WebSocket.OPEN) return false;
    if (!this.#corked) {
      this.#corked = true;
      this.socket.cork();
      process.nextTick(uncork, this);
    }
    this.socket.write(frame);
    return true;
  }

  /** @internal The tick is over: what it brought is written at once. */
  flush(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.socket.uncork();
  }

  #sendCompressed(data: FrameData): boolean {
    if (this.ws.readyState !== WebSocket.OPEN) return false;
    this.ws.send(data, () => {
      if (this.ws.bufferedAmount === 0) this.listener.drained();
    });
    return true;
  }

  /** @internal What went wrong ended the framing with this close code, where it was the framing. */
  static closeCodeOf(error: Error & { code?: string }): number | undefined {
    if (!error.code?.startsWith('WS_ERR_')) return undefined;
    return closeCodes[error.code] ?? 1002;
  }
}

/** The codes with which `ws` closes on a mistake of the peer; all others are protocol errors, 1002. */
const closeCodes: Readonly<Record<string, number>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009,
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
};

function uncork(transport: WsTransport): void {
  transport.flush();
}

function onMessage(this: WebSocket & Marked, data: Buffer, isBinary: boolean): void {
  this[transportOf]!.receiver.receive(data, isBinary);
}

function onPong(this: WebSocket & Marked): void {
  this[transportOf]!.listener.pong();
}

function onDrain(this: Duplex & Marked): void {
  this[transportOf]!.listener.drained();
}

function onError(this: WebSocket & Marked, error: Error): void {
  this[transportOf]!.listener.broke(error, WsTransport.closeCodeOf(error));
}

function onClose(this: WebSocket & Marked, code: number, reason: Buffer): void {
  this[transportOf]!.listener.closed(code, reason.toString(), code !== 1006);
}
