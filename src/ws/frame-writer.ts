import type { Duplex } from 'node:stream';
import type { Answers } from './frame-parser.js';

/** When as much as this has waited to be taken by the operating system, it is told when it has been. */
const noticeBytes = 16 * 1024;
/** Pieces of a batch that together have more than this are not copied into one. */
const maxJoinedBytes = 16 * 1024;

/**
 * The frames that go out of one socket, those of one tick with one write.
 *
 * While a chunk of the client's is read they wait for its end: what is answered at once is answered with one write. All
 * others wait for the end of the tick; but a first one does not, where those before it came alone: most do.
 */
export class FrameWriter implements Answers {
  isHeld = false;
  /** Bytes that have not been given to the socket yet. */
  #heldBytes = 0;
  #heldFrames = 0;
  /** Where the latest piece begins: frames that lie one behind the other in memory, as those of one tick do. */
  #front: Uint8Array | undefined = undefined;
  #pieceBytes = 0;
  /** The pieces in front of it. */
  #pieces: Uint8Array[] | undefined = undefined;
  /** The operating system had taken all when it was last looked. */
  #isClear = true;
  #isWaiting = false;
  /** The latest tick in which a frame was written at once. */
  #tick = 0;
  /** The latest tick brought more than one frame. */
  #isBusy = false;
  #taken: (() => void) | undefined = undefined;

  constructor(
    private readonly socket: Duplex,
    /** Told when all of what was buffered has been taken, or almost all, after that was a lot. */
    private readonly owner: { drained(): void },
  ) {}

  /** Bytes that the operating system has not taken yet. */
  get bufferedBytes(): number {
    return this.#isClear ? this.#heldBytes : this.#heldBytes + this.socket.writableLength;
  }

  add(frame: Uint8Array): void {
    const front = this.#front;
    if (front === undefined) {
      if (!this.isHeld && !this.#isWaiting) {
        if (!this.#isBusy && this.#tick !== tick) {
          this.#tick = tick;
          awaitTickEnd();
          this.#write(frame);
          return;
        }
        this.#isWaiting = true;
        waiting[waitingCount++] = this;
        awaitTickEnd();
      }
      this.#begin(frame);
    } else if (frame.buffer === front.buffer && frame.byteOffset === front.byteOffset + this.#pieceBytes) {
      this.#pieceBytes += frame.length;
    } else {
      (this.#pieces ??= []).push(this.#piece(front));
      this.#begin(frame);
    }
    this.#heldBytes += frame.length;
    this.#heldFrames++;
  }

  release(): void {
    this.isHeld = false;
    this.flush();
  }

  /** Gives the socket all that is held. */
  flush(): void {
    const front = this.#front;
    if (front === undefined) return;
    const pieces = this.#pieces;
    const last = this.#piece(front);
    const bytes = this.#heldBytes;
    this.#front = this.#pieces = undefined;
    this.#heldBytes = this.#heldFrames = 0;
    if (pieces === undefined) return this.#write(last);
    pieces.push(last);
    if (bytes <= maxJoinedBytes) return this.#write(Buffer.concat(pieces, bytes));
    this.socket.cork();
    for (const piece of pieces) this.#write(piece);
    this.socket.uncork();
  }

  /** @internal */
  tickEnded(): void {
    this.#isWaiting = false;
    this.#isBusy = this.#heldFrames > 1 || this.#tick === tick;
    this.flush();
  }

  #begin(frame: Uint8Array): void {
    this.#front = frame;
    this.#pieceBytes = frame.length;
  }

  #piece(front: Uint8Array): Uint8Array {
    if (front.length === this.#pieceBytes) return front;
    return new Uint8Array(front.buffer, front.byteOffset, this.#pieceBytes);
  }

  #write(piece: Uint8Array): void {
    const { socket } = this;
    const buffered = piece.length + (this.#isClear ? 0 : socket.writableLength);
    // Not the socket's `drain`: there is none where the system takes a write at once.
    if (buffered < noticeBytes) socket.write(piece);
    else socket.write(piece, (this.#taken ??= () => this.#notice()));
    this.#isClear = socket.writableLength === 0;
  }

  /** The write that brought it above the mark was not the last to be buffered, so it may be a little that is left. */
  #notice(): void {
    if (this.bufferedBytes < noticeBytes && !this.socket.destroyed) this.owner.drained();
  }
}

/** Counts ticks in which something is sent. */
let tick = 1;
let isTickEndAwaited = false;
/** Those that wait for the end of the tick; one callback serves them all. The array is kept: most ticks need it. */
const waiting: (FrameWriter | undefined)[] = [];
let waitingCount = 0;

function awaitTickEnd(): void {
  if (isTickEndAwaited) return;
  isTickEndAwaited = true;
  process.nextTick(endTick);
}

function endTick(): void {
  isTickEndAwaited = false;
  for (let i = 0; i < waitingCount; i++) {
    const writer = waiting[i]!;
    waiting[i] = undefined;
    writer.tickEnded();
  }
  waitingCount = 0;
  tick++;
}
