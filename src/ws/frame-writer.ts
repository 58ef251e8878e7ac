import type { Duplex } from 'node:stream';
import type { Answers } from './frame-parser.js';

/** When as much as this has waited to be taken by the operating system, it is told when it has been. */
const noticeBytes = 16 * 1024;
/** Pieces of a batch that together have more than this are not copied into one. */
const maxJoinedBytes = 16 * 1024;

/**
 * The frames that go out of one socket: those of one tick with one write. While a chunk of the client's is read they wait
 * for its end instead, which saves the turn: what is answered at once is answered with one write.
 */
export class FrameWriter implements Answers {
  /** Bytes that have not been given to the socket yet. */
  heldBytes = 0;
  isHeld = false;
  /** Where the latest piece begins: frames that lie one behind the other in memory, as those of one tick do. */
  #front: Uint8Array | undefined = undefined;
  #pieceBytes = 0;
  /** The pieces in front of it. */
  #pieces: Uint8Array[] | undefined = undefined;
  #isWaiting = false;
  #taken: (() => void) | undefined = undefined;

  constructor(
    private readonly socket: Duplex,
    /** Told when all of what was buffered has been taken, or almost all, after that was a lot. */
    private readonly owner: { drained(): void },
  ) {}

  /** Bytes that the operating system has not taken yet. */
  get bufferedBytes(): number {
    return this.heldBytes + this.socket.writableLength;
  }

  add(frame: Uint8Array): void {
    const front = this.#front;
    if (front === undefined) {
      this.#begin(frame);
      if (!this.isHeld && !this.#isWaiting) this.#wait();
    } else if (frame.buffer === front.buffer && frame.byteOffset === front.byteOffset + this.#pieceBytes) {
      this.#pieceBytes += frame.length;
    } else {
      (this.#pieces ??= []).push(this.#piece(front));
      this.#begin(frame);
    }
    this.heldBytes += frame.length;
  }

  release(): void {
    this.isHeld = false;
    if (this.#front !== undefined) this.flush();
  }

  /** Gives the socket all that is held. */
  flush(): void {
    const front = this.#front;
    if (front === undefined) return;
    const { socket, heldBytes } = this;
    const pieces = this.#pieces;
    const last = this.#piece(front);
    this.#front = this.#pieces = undefined;
    this.heldBytes = 0;
    // Not the socket's `drain`, of which there is none where the system takes a write at once.
    const taken = heldBytes + socket.writableLength < noticeBytes ? undefined : this.#notice();
    if (pieces === undefined) {
      socket.write(last, taken);
      return;
    }
    pieces.push(last);
    if (heldBytes <= maxJoinedBytes) {
      socket.write(Buffer.concat(pieces, heldBytes), taken);
      return;
    }
    socket.cork();
    for (const piece of pieces) socket.write(piece, taken);
    socket.uncork();
  }

  /** @internal The tick is over. */
  tickEnded(): void {
    this.#isWaiting = false;
    this.flush();
  }

  #begin(frame: Uint8Array): void {
    this.#front = frame;
    this.#pieceBytes = frame.length;
  }

  #piece(front: Uint8Array): Uint8Array {
    return front.length === this.#pieceBytes ? front : new Uint8Array(front.buffer, front.byteOffset, this.#pieceBytes);
  }

  /** The write that brought it above the mark was not the last to be buffered, so it may be a little that is left. */
  #notice(): () => void {
    return (this.#taken ??= () => {
      if (this.bufferedBytes < noticeBytes && !this.socket.destroyed) this.owner.drained();
    });
  }

  #wait(): void {
    this.#isWaiting = true;
    if (waiting.push(this) === 1) process.nextTick(flushWaiting);
  }
}

/** Writers that wait for the end of the tick; one callback serves them all. */
const waiting: FrameWriter[] = [];

function flushWaiting(): void {
  const writers = waiting.splice(0);
  for (const writer of writers) writer.tickEnded();
}
