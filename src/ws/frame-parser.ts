import { isUtf8 } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { MessageReceiver } from '../connection/transport.js';
import { HalyardError, type WireCode } from '../errors.js';
import { finBinary, finText } from './frame.js';
import { unmask } from './mask.js';

/** Who is told of all that is no message. */
export interface ControlReceiver {
  /** The payload is only lent: it must be copied to be kept. */
  pinged(payload: Buffer): void;
  ponged(): void;
  /** The peer's close frame; nothing is read behind it. 1005: it has no code. */
  closing(code: number, reason: string): void;
  /** The peer broke the framing; nothing more is read. */
  broke(error: HalyardError): void;
}

const parserOf: unique symbol = Symbol('halyard.parser');

type Parsed = Duplex & { [parserOf]?: FrameParser };

/** The listener of all sockets: no closure per connection. */
function onData(this: Parsed, chunk: Buffer): void {
  this[parserOf]!.read(chunk);
}

const continuation = 0;
const binary = 2;
const close = 8;
const ping = 9;
const pong = 10;

const maskBit = 0x80;
const keyBytes = 4;
/** Of a frame with a mask and a length below 126. */
const minFrameBytes = 2 + keyBytes;
const maxControlBytes = 125;
/** The first buffer for a frame that comes in pieces; it grows with what has come, not with what a header promises. */
const minPieceBytes = 1024;
const none: Buffer = Buffer.alloc(0);

/**
 * One connection's parser. A frame that is whole within a chunk, as most are, is read where it lies; what comes in pieces
 * is put together in a buffer of at most twice its length, however small the pieces are.
 *
 * Every call of a receiver is the last thing done with a frame, so that it may pause the parser or stop it.
 */
export class FrameParser {
  /** What is read waits; `read` keeps the chunk. */
  #paused = false;
  /** A close frame or a mistake was read: what follows it is thrown away. */
  #stopped = false;
  /** What was not read of a chunk, for a pause. */
  #kept: Buffer | undefined = undefined;

  /** The front of a frame whose end has not come. */
  #piece = none;
  #pieceBytes = 0;
  /** How much of the frame must be there for the next step. */
  #neededBytes = 0;

  /** The fragments of a message whose end has not come, unmasked; `#opcode` is that of the first, 0: there are none. */
  #message = none;
  #messageBytes = 0;
  #fragments = 0;
  #opcode = 0;
  /** The longest message that needs no other check; below 0: none, as one in fragments has begun. */
  #shortBytes: number;

  constructor(
    /** Of one message, all its fragments together. */
    private readonly maxPayloadBytes: number,
    /** Of one message. */
    private readonly maxFragments: number,
    private readonly messages: MessageReceiver,
    private readonly controls: ControlReceiver,
  ) {
    this.#shortBytes = this.#maxShortBytes;
  }

  /** Reads what comes out of a socket. */
  listen(socket: Duplex): void {
    (socket as Parsed)[parserOf] = this;
    socket.on('data', onData);
  }

  /**
   * Reads a chunk, which is the parser's from now on: masks are taken off in it, messages are parts of it. Short messages
   * in one frame, which most are, go no further than this.
   */
  read(chunk: Buffer): void {
    const end = chunk.length;
    let at = this.#pieceBytes === 0 ? 0 : this.#complete(chunk);
    while (at < end && !this.#stopped) {
      if (this.#paused) {
        this.#kept = chunk.subarray(at);
        return;
      }
      const first = chunk[at]!;
      const length = end - at < minFrameBytes ? -1 : chunk[at + 1]! - maskBit;
      const start = at + minFrameBytes;
      const next = start + length;
      const isWhole = (first === finText || first === finBinary) && length >= 0 && next <= end;
      if (!isWhole || length > this.#shortBytes) {
        const after = this.#readFrame(chunk, at, end);
        if (after < 0) return this.#keepPiece(chunk, at, end);
        at = after;
        continue;
      }
      const key0 = chunk[at + 2]!;
      const key1 = chunk[at + 3]!;
      const key2 = chunk[at + 4]!;
      const key3 = chunk[at + 5]!;
      let seen = 0;
      let i = start;
      for (const four = next - 3; i < four; i += 4) {
        seen |= chunk[i]! ^= key0;
        seen |= chunk[i + 1]! ^= key1;
        seen |= chunk[i + 2]! ^= key2;
        seen |= chunk[i + 3]! ^= key3;
      }
      if (i < next) seen |= chunk[i++]! ^= key0;
      if (i < next) seen |= chunk[i++]! ^= key1;
      if (i < next) seen |= chunk[i]! ^= key2;
      at = next;
      const isAscii = seen < 0x80;
      if (isAscii) this.messages.receive(chunk.subarray(start, next), first === finBinary);
      else this.#deliver(chunk.subarray(start, next), first & 0x0f);
    }
  }

  /** Stops in front of the next frame. */
  pause(): void {
    this.#paused = true;
  }

  /** Reads what was kept, which may pause it again. */
  resume(): void {
    this.#paused = false;
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept !== undefined) this.read(kept);
  }

  /** Nothing is read any more. */
  stop(): void {
    this.#stopped = true;
    this.#kept = undefined;
    this.#piece = this.#message = none;
    this.#pieceBytes = 0;
  }

  /**
   * Reads the frame at `at`, as far as `end`.
   *
   * @returns where the next one begins; -1: it is not all there, `#neededBytes` is how much of it must be
   */
  #readFrame(bytes: Buffer, at: number, end: number): number {
    if (at + 2 > end) return this.#need(2);
    const first = bytes[at]!;
    const second = bytes[at + 1]!;
    const opcode = first & 0x0f;
    const isFinal = first >= 0x80;
    const mistake = this.#mistakeOf(first, second);
    if (mistake !== undefined) return this.#fail('FRAME_INVALID', mistake, end);

    let length = second & 0x7f;
    let keyAt = at + 2;
    if (length > maxControlBytes) {
      const isLong = length === 127;
      keyAt += isLong ? 8 : 2;
      if (keyAt > end) return this.#need(keyAt - at);
      length = isLong ? bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6) : bytes.readUInt16BE(at + 2);
      if (length < (isLong ? 65_536 : 126)) {
        return this.#fail('FRAME_INVALID', 'a length must take as few bytes as possible', end);
      }
    }
    if (opcode < close && length > this.maxPayloadBytes - this.#messageBytes) {
      return this.#fail('MESSAGE_SIZE', undefined, end);
    }
    const start = keyAt + keyBytes;
    const next = start + length;
    if (next > end) return this.#need(next - at);

    unmask(bytes, keyAt, start, next);
    if (opcode >= close) this.#control(opcode, bytes.subarray(start, next));
    else if (isFinal && opcode !== continuation) this.#deliver(bytes.subarray(start, next), opcode);
    else this.#addFragment(bytes, start, next, opcode, isFinal);
    return next;
  }

  /** What the first two bytes of a frame have wrong. */
  #mistakeOf(first: number, second: number): string | undefined {
    const opcode = first & 0x0f;
    if ((first & 0x70) !== 0) return 'a reserved bit is set';
    if (second < maskBit) return 'a client must mask its frames';
    if (opcode === continuation) return this.#opcode === 0 ? 'there is nothing to continue' : undefined;
    if (opcode <= binary) return this.#opcode === 0 ? undefined : 'a message begins within another';
    if (opcode < close || opcode > pong) return `the opcode ${opcode} is reserved`;
    if (first < 0x80) return 'a control frame may not be fragmented';
    const length = second & 0x7f;
    if (length > maxControlBytes) return 'a control frame has at most 125 bytes';
    return opcode === close && length === 1 ? 'a close frame has no payload, or a code' : undefined;
  }

  get #maxShortBytes(): number {
    return Math.min(maxControlBytes, this.maxPayloadBytes);
  }

  #deliver(payload: Buffer, opcode: number): void {
    if (opcode === binary) this.messages.receive(payload, true);
    else if (isUtf8(payload)) this.messages.receive(payload, false);
    else this.#fail('DATA_INVALID', 'a text is not valid UTF-8');
  }

  #addFragment(bytes: Buffer, start: number, end: number, opcode: number, isFinal: boolean): void {
    if (++this.#fragments > this.maxFragments) return void this.#fail('FRAGMENT_LIMIT');
    if (opcode !== continuation) this.#opcode = opcode;
    this.#shortBytes = -1;
    const length = this.#messageBytes + end - start;
    this.#message = grown(this.#message, this.#messageBytes, length, this.maxPayloadBytes);
    bytes.copy(this.#message, this.#messageBytes, start, end);
    this.#messageBytes = length;
    if (!isFinal) return;
    const payload = this.#message.subarray(0, length);
    const whole = this.#opcode;
    this.#message = none;
    this.#messageBytes = this.#fragments = this.#opcode = 0;
    this.#shortBytes = this.#maxShortBytes;
    this.#deliver(payload, whole);
  }

  #control(opcode: number, payload: Buffer): void {
    if (opcode === ping) return this.controls.pinged(payload);
    if (opcode === pong) return this.controls.ponged();
    if (payload.length === 0) return this.#close(1005, '');
    const code = payload.readUInt16BE(0);
    const reason = payload.subarray(2);
    if (!mayBeReceived(code)) this.#fail('FRAME_INVALID', `the close code ${code} may not be sent`);
    else if (!isUtf8(reason)) this.#fail('DATA_INVALID', 'a close reason is not valid UTF-8');
    else this.#close(code, reason.toString());
  }

  #close(code: number, reason: string): void {
    this.stop();
    this.controls.closing(code, reason);
  }

  #need(bytes: number): -1 {
    this.#neededBytes = bytes;
    return -1;
  }

  #keepPiece(bytes: Buffer, from: number, to: number): void {
    this.#piece = grown(none, 0, to - from, this.#neededBytes);
    this.#pieceBytes = bytes.copy(this.#piece, 0, from, to);
  }

  /** Puts the frame together that earlier chunks began. @returns how much of the chunk belonged to it */
  #complete(chunk: Buffer): number {
    let at = 0;
    for (;;) {
      const take = Math.min(this.#neededBytes - this.#pieceBytes, chunk.length - at);
      const length = this.#pieceBytes + take;
      this.#piece = grown(this.#piece, this.#pieceBytes, length, this.#neededBytes);
      chunk.copy(this.#piece, this.#pieceBytes, at, at + take);
      this.#pieceBytes = length;
      at += take;
      if (length < this.#neededBytes) return at;
      if (this.#readFrame(this.#piece, 0, length) >= 0) break;
    }
    this.#piece = none;
    this.#pieceBytes = 0;
    return at;
  }

  /** @returns `end`: nothing behind it is read */
  #fail(code: WireCode, message?: string, end = 0): number {
    this.stop();
    this.controls.broke(new HalyardError(code, message === undefined ? {} : { message }));
    return end;
  }
}

/** Room for `length` bytes of which `used` are there: twice as much as is needed now, and not more than it can come to. */
function grown(buffer: Buffer, used: number, length: number, most: number): Buffer {
  if (length <= buffer.length) return buffer;
  const larger = Buffer.allocUnsafeSlow(Math.max(length, Math.min(most, Math.max(minPieceBytes, length * 2))));
  buffer.copy(larger, 0, 0, used);
  return larger;
}

/** Close codes that an endpoint may send (RFC 6455 §7.4). 1012 to 1014 are registered with IANA. */
function mayBeReceived(code: number): boolean {
  return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) || (code >= 3000 && code <= 4999);
}
