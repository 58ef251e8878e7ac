import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ResolvedConnectionOptions } from '../connection/options.js';
import type { MessageReceiver, Transport, TransportListener } from '../connection/transport.js';
import type { HalyardError } from '../errors.js';
import type { FrameData, SharedFrame } from '../protocol/protocol.js';
import { encodeBytes, encodeFrame, finClose, finPing, finPong } from './frame.js';
import { FrameParser, type ControlReceiver } from './frame-parser.js';
import { FrameWriter } from './frame-writer.js';

const transportOf: unique symbol = Symbol('halyard.transport');

/** A socket and the transport on it: listeners are shared and find theirs by `this`, no closures per connection. */
type Carrier = Duplex & { [transportOf]?: SocketTransport };

/** Pongs that a peer asks for and does not read may take so much; then it is cut off. */
const maxPongBytes = 32 * 1024;

const nothing: Buffer = Buffer.alloc(0);

/** RFC 6455 on the socket itself: frames, pings and the closing handshake. */
export class SocketTransport implements Transport, ControlReceiver {
  readonly #writer: FrameWriter;
  #parser!: FrameParser;
  #listener!: TransportListener;
  /** No close frame was sent or received, and the socket is whole: frames may be sent. */
  #isOpen = true;
  #isPaused = false;
  #isClosed = false;
  /** What the peer's close frame said. */
  #code = 1006;
  #reason = '';
  #endTimer: NodeJS.Timeout | undefined = undefined;
  /** Sent since the socket was last known to be empty. */
  #pongBytes = 0;

  constructor(
    private readonly socket: Duplex,
    /** What has been read of the socket already. */
    private head: Buffer,
    private readonly options: ResolvedConnectionOptions,
    private readonly maxFragments: number,
  ) {
    this.#writer = new FrameWriter(socket, this);
  }

  listen(listener: TransportListener, receiver: MessageReceiver): void {
    const socket = this.socket as Carrier;
    this.#listener = listener;
    this.#parser = new FrameParser(this.options.maxPayloadBytes, this.maxFragments, receiver, this);
    socket[transportOf] = this;
    // What the HTTP server has set, where the socket is one.
    (socket as Partial<Socket>).setTimeout?.(0);
    (socket as Partial<Socket>).setNoDelay?.(true);
    if (this.head.length > 0) socket.unshift(this.head);
    this.head = nothing;
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.on('end', onEnd);
    this.#parser.listen(socket);
  }

  get bufferedBytes(): number {
    return this.#writer.bufferedBytes;
  }

  get receivedBytes(): number {
    return (this.socket as Partial<Socket>).bytesRead ?? 0;
  }

  send(data: FrameData): boolean {
    if (!this.#isOpen) return false;
    this.#writer.add(encodeFrame(data));
    return true;
  }

  sendShared(frame: SharedFrame): boolean {
    if (!this.#isOpen) return false;
    this.#writer.add((frame.framed ??= encodeFrame(frame.data)));
    return true;
  }

  ping(): void {
    if (!this.#isOpen) return;
    this.#writer.add(encodeBytes(finPing, nothing));
    // Not behind what this turn still has to do: the time that a pong may take begins now.
    this.#writer.flush();
  }

  close(code: number, reason: string): void {
    if (!this.#isOpen) return;
    const payload = Buffer.allocUnsafe(2 + Buffer.byteLength(reason));
    payload.writeUInt16BE(code, 0);
    payload.write(reason, 2);
    this.#sendClose(payload);
  }

  terminate(): void {
    this.#isOpen = false;
    this.#writer.flush();
    this.socket.destroy();
  }

  pause(): void {
    if (this.#isClosed) return;
    this.#isPaused = true;
    this.#parser.pause();
    this.socket.pause();
  }

  resume(): void {
    if (!this.#isPaused || this.#isClosed) return;
    this.#isPaused = false;
    // Not at once: whoever resumes is in the middle of handling a message.
    process.nextTick(resumed, this);
  }

  // --- what the parser reads -----------------------------------------------------------------------------------------

  closing(code: number, reason: string): void {
    this.#code = code;
    this.#reason = reason;
    // The peer's code comes back to it (RFC 6455 §5.5.1).
    if (code === 1005) this.#sendClose(nothing);
    else this.close(code, reason);
    this.#endSocket();
  }

  broke(error: HalyardError): void {
    this.close(error.closeCode, '');
    this.#endSocket();
    this.#listener.broke(error);
  }

  pinged(payload: Buffer): void {
    if (!this.#isOpen) return;
    const pong = encodeBytes(finPong, payload);
    this.#pongBytes += pong.length;
    this.#writer.add(pong);
    if (this.#pongBytes <= maxPongBytes) return;
    this.#writer.flush();
    if (this.bufferedBytes > 0) this.terminate();
    else this.#pongBytes = 0;
  }

  ponged(): void {
    this.#listener.pong();
  }

  // --- what the socket reports ---------------------------------------------------------------------------------------

  /** @internal The pause is over: first what was read before it. */
  readOn(): void {
    if (this.#isPaused || this.#isClosed) return;
    this.#parser.resume();
    if (!this.#isPaused) this.socket.resume();
  }

  /** @internal What was buffered has been taken. */
  drained(): void {
    this.#pongBytes = 0;
    this.#listener.drained();
  }

  /** @internal The peer sends nothing more, and did not say goodbye. */
  ended(): void {
    this.#isOpen = false;
    this.#endSocket();
  }

  /** @internal */
  failed(): void {
    this.#isOpen = false;
    this.socket.destroy();
  }

  /** @internal */
  closed(): void {
    this.#isOpen = false;
    this.#isClosed = true;
    clearTimeout(this.#endTimer);
    // What came before the end, and was not read for a pause.
    this.#parser.resume();
    const rest = this.socket.read() as Buffer | null;
    if (rest !== null) this.#parser.read(rest);
    this.#parser.stop();
    this.#listener.closed(this.#code, this.#reason, this.#code !== 1006);
  }

  #sendClose(payload: Buffer): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#writer.add(encodeBytes(finClose, payload));
    this.#writer.flush();
  }

  /** There is no more to say. What the peer still sends is thrown away, so that it can end its side. */
  #endSocket(): void {
    if (this.#isClosed) return;
    this.#isPaused = false;
    this.#writer.flush();
    // To end it twice would cost an error that nobody sees.
    if (!this.socket.writableEnded) this.socket.end();
    this.socket.resume();
    this.#endTimer ??= setTimeout(destroy, this.options.closeTimeoutMs, this.socket);
  }
}

function onEnd(this: Carrier): void {
  this[transportOf]!.ended();
}

function onError(this: Carrier): void {
  this[transportOf]!.failed();
}

function onClose(this: Carrier): void {
  this[transportOf]!.closed();
}

function resumed(transport: SocketTransport): void {
  transport.readOn();
}

function destroy(socket: Duplex): void {
  socket.destroy();
}
