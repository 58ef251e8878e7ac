import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { MessageReceiver, Transport, TransportListener } from '../connection/transport.js';
import { HalyardError, type WireCode } from '../errors.js';
import type { FrameData, SharedFrame } from '../protocol/protocol.js';
import { encodeDeflated } from './deflate.js';
import { encodeFrame } from './frame.js';

const transportOf: unique symbol = Symbol('halyard.transport');

interface Marked {
  [transportOf]?: WsTransport;
}

/** Compressing less costs more than it saves. */
const minDeflatedBytes = 1024;
/** What takes longer to compress than this (a millisecond) is compressed by `ws`, on another thread. */
const maxSyncBytes = 64 * 1024;

/**
 * For connections that negotiated compression. `ws` reads, inflates and keeps the closing handshake. Frames are made here
 * and written with one system call a tick: as `server_no_context_takeover` is always agreed on, each is compressed by
 * itself, and a shared one only once.
 */
export class WsTransport implements Transport {
  #corked = false;
  /** Frames that `ws` is compressing: what follows must not overtake them. */
  #compressing = 0;
  /** @internal For the shared listeners. */
  listener!: TransportListener;
  /** @internal */
  receiver!: MessageReceiver;

  constructor(
    private readonly ws: WebSocket,
    private readonly socket: Duplex,
    private readonly windowBits: number,
  ) {}

  /** Listeners are shared and find their transport by `this`: no closures per connection. */
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
    return this.ws.bufferedAmount;
  }

  get receivedBytes(): number {
    return (this.socket as Partial<Socket>).bytesRead ?? 0;
  }

  send(data: FrameData): boolean {
    if (!this.#isOpen) return false;
    const bytes = byteLength(data);
    if (this.#compressing > 0 || bytes > maxSyncBytes) this.#sendByWs(data);
    else this.#write(bytes < minDeflatedBytes ? encodeFrame(data) : encodeDeflated(data, this.windowBits));
    return true;
  }

  sendShared(frame: SharedFrame): boolean {
    if (!this.#isOpen) return false;
    if (this.#compressing > 0) this.#sendByWs(frame.data);
    else if (byteLength(frame.data) < minDeflatedBytes) this.#write((frame.framed ??= encodeFrame(frame.data)));
    else this.#write(this.#deflated(frame));
    return true;
  }

  ping(): void {
    if (this.#isOpen) this.ws.ping();
  }

  close(code: number, reason: string): void {
    this.ws.close(code, reason);
  }

  terminate(): void {
    this.flush();
    this.ws.terminate();
  }

  pause(): void {
    this.ws.pause();
  }

  resume(): void {
    this.ws.resume();
  }

  /** @internal The tick is over: what it brought is written at once. */
  flush(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.socket.uncork();
  }

  /** After the close frame nothing may follow (RFC 6455 §5.5.1). */
  get #isOpen(): boolean {
    return this.ws.readyState === WebSocket.OPEN;
  }

  #write(frame: Uint8Array): void {
    if (!this.#corked) {
      this.#corked = true;
      this.socket.cork();
      process.nextTick(uncork, this);
    }
    this.socket.write(frame);
  }

  #sendByWs(data: FrameData): void {
    this.#compressing++;
    this.ws.send(data, () => {
      this.#compressing--;
      if (this.ws.bufferedAmount === 0) this.listener.drained();
    });
  }

  #deflated(frame: SharedFrame): Uint8Array {
    const made = (frame.deflated ??= new Map<number, Uint8Array>());
    let deflated = made.get(this.windowBits);
    if (!deflated) made.set(this.windowBits, (deflated = encodeDeflated(frame.data, this.windowBits)));
    return deflated;
  }
}

/** What the mistakes are called here for which `ws` does not close with 1002. */
const wireCodes: Readonly<Record<string, WireCode>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 'MESSAGE_SIZE',
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 'MESSAGE_SIZE',
  WS_ERR_INVALID_UTF8: 'DATA_INVALID',
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 'FRAGMENT_LIMIT',
};

/** An error of `ws` as ours: of the framing, or of zlib, where something cannot be inflated. */
function mistakeOf(error: Error & { code?: string }): HalyardError {
  const code = error.code ?? '';
  return new HalyardError(wireCodes[code] ?? (code.startsWith('Z_') ? 'DATA_INVALID' : 'FRAME_INVALID'), {
    message: error.message,
    cause: error,
  });
}

function byteLength(data: FrameData): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
}

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
  this[transportOf]!.listener.broke(mistakeOf(error));
}

function onClose(this: WebSocket & Marked, code: number, reason: Buffer): void {
  this[transportOf]!.listener.closed(code, reason.toString(), code !== 1006);
}
