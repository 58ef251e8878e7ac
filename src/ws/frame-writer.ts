import type { Duplex } from 'node:stream';
import { tcpHandleOf, writeDirectly, writeError, type DirectWriteOwner, type TcpHandle } from './direct-write.js';

/** When as much as this has waited to be taken by the operating system, it is told when it has been. */
const noticeBytes = 16 * 1024;
/** Pieces of a batch that together have more than this are not copied into one. */
const maxJoinedBytes = 16 * 1024;

/**
 * The frames that go out of one socket, those of one turn of the event loop with one write, when all sockets that had
 * something to be read have been read: peers that are woken by the first write of many are kept busy by the others. Nobody
 * else writes to the socket: what is written directly does not look for what others have put into the stream meanwhile.
 */
export class FrameWriter implements DirectWriteOwner {
  /** Bytes that have not been given to the socket yet. */
  #heldBytes = 0;
  /** Where the latest piece begins: frames that lie one behind the other in memory, as those of one turn do. */
  #front: Uint8Array | undefined = undefined;
  #pieceBytes = 0;
  /** The pieces in front of it. */
  #pieces: Uint8Array[] | undefined = undefined;
  /**
   * The operating system had taken all when it was last looked, after a write to the stream: that is how the first one goes,
   * behind a 101, and the first one after others had to wait.
   */
  #isClear = false;
  /** Of a direct write that has to wait. It is the last one before a write to the stream, so there is one at most. */
  #directBytes = 0;
  readonly #handle: TcpHandle | undefined;
  #isWaiting = false;
  #taken: (() => void) | undefined = undefined;

  constructor(
    private readonly socket: Duplex,
    /** Told when all of what was buffered has been taken, or almost all, after that was a lot. */
    private readonly owner: { drained(): void },
  ) {
    this.#handle = tcpHandleOf(socket);
  }

  /** Bytes that the operating system has not taken yet. */
  get bufferedBytes(): number {
    return this.#isClear ? this.#heldBytes : this.#heldBytes + this.#waitingBytes();
  }

  add(frame: Uint8Array): void {
    const front = this.#front;
    if (front === undefined) {
      if (!this.#isWaiting) this.#wait();
      this.#begin(frame);
    } else if (frame.buffer === front.buffer && frame.byteOffset === front.byteOffset + this.#pieceBytes) {
      this.#pieceBytes += frame.length;
    } else {
      (this.#pieces ??= []).push(this.#piece(front));
      this.#begin(frame);
    }
    this.#heldBytes += frame.length;
  }

  /** Gives the socket all that is held. */
  flush(): void {
    const front = this.#front;
    if (front === undefined) return;
    const pieces = this.#pieces;
    const last = this.#piece(front);
    const bytes = this.#heldBytes;
    this.#front = this.#pieces = undefined;
    this.#heldBytes = 0;
    if (pieces === undefined) return this.#write(last);
    pieces.push(last);
    if (bytes <= maxJoinedBytes) return this.#write(Buffer.concat(pieces, bytes));
    // One system call for all pieces, which the stream has and the handle has not.
    this.socket.cork();
    for (const piece of pieces) this.#writeToStream(piece);
    this.socket.uncork();
  }

  /** @internal */
  directWriteEnded(status: number): void {
    this.#directBytes = 0;
    if (status !== 0) this.#fail(status);
  }

  /** @internal */
  turnEnded(): void {
    this.#isWaiting = false;
    this.flush();
  }

  #wait(): void {
    this.#isWaiting = true;
    if (waitingCount === 0) setImmediate(endTurn);
    waiting[waitingCount++] = this;
  }

  #begin(frame: Uint8Array): void {
    this.#front = frame;
    this.#pieceBytes = frame.length;
  }

  #piece(front: Uint8Array): Uint8Array {
    if (front.length === this.#pieceBytes) return front;
    return new Uint8Array(front.buffer, front.byteOffset, this.#pieceBytes);
  }

  /** Given to the socket, and not taken. */
  #waitingBytes(): number {
    return this.socket.writableLength + this.#directBytes;
  }

  #write(piece: Uint8Array): void {
    const handle = this.#handle;
    if (handle === undefined || !this.#isClear || piece.length >= noticeBytes) return this.#writeToStream(piece);
    const status = writeDirectly(handle, piece, this);
    if (status === 0) return;
    if (status !== 1) return this.#fail(status);
    this.#isClear = false;
    this.#directBytes = piece.length;
  }

  /** Behind what waits already, if anything does. */
  #writeToStream(piece: Uint8Array): void {
    const { socket } = this;
    const buffered = piece.length + (this.#isClear ? 0 : this.#waitingBytes());
    // Not the socket's `drain`: there is none where the system takes a write at once.
    if (buffered < noticeBytes) socket.write(piece);
    else socket.write(piece, (this.#taken ??= () => this.#notice()));
    this.#isClear = this.#waitingBytes() === 0;
  }

  #fail(status: number | undefined): void {
    if (!this.socket.destroyed) this.socket.destroy(writeError(status));
  }

  /** The write that brought it above the mark was not the last to be buffered, so it may be a little that is left. */
  #notice(): void {
    if (this.bufferedBytes < noticeBytes && !this.socket.destroyed) this.owner.drained();
  }
}

/** Those that wait for the end of the turn; one callback serves them all. The array is kept: most turns need it. */
const waiting: (FrameWriter | undefined)[] = [];
let waitingCount = 0;

function endTurn(): void {
  for (let i = 0; i < waitingCount; i++) {
    waiting[i]!.turnEnded();
    waiting[i] = undefined;
  }
  waitingCount = 0;
}
