import type { Publication } from '../channels/publication.js';
import { HalyardError } from '../errors.js';
import type { FrameData, Protocol, SharedFrame } from '../protocol/protocol.js';
import type { SlowConsumer } from './options.js';
import type { PublicationTarget } from './reader.js';
import type { Transport } from './transport.js';

/** Above this many bytes in the transport, frames wait here, where publications can still be dropped. */
const congestedBytes = 64 * 1024;
/** Direct sends that nobody awaits may queue this many times the outbound limit before the connection is closed. */
const directFactor = 16;
/** What a waiting frame occupies beside its bytes, as measured for publications; without it tiny ones had no bound. */
const frameCostBytes = 128;

interface Waiting {
  readonly frame: FrameData | SharedFrame;
  readonly bytes: number;
  /** Publications only: what they are dropped and conflated by. */
  readonly publication: { readonly channel: string; readonly key: string } | undefined;
  /** Changes of presence only: the channel. */
  readonly presence?: string;
}

/** Who is told of what a slow reader causes. */
export interface OutboundListener {
  /** Publications were dropped. */
  droppedPublication(channel: string, count: number): void;
  /** A frame came too late: the connection is closing, or gone. */
  lost(): void;
  /** The reader is hopeless: the connection is to be closed 1013. */
  overflowed(): void;
}

/**
 * The way out of one connection. As long as the reader keeps up, a frame goes straight to the transport; a queue exists
 * only while it does not.
 */
export class Outbound implements PublicationTarget {
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  /** Of the changes of presence that wait, by channel. */
  #presenceBytes: Map<string, number> | undefined = undefined;
  #dropped: Map<string, number> | undefined = undefined;
  #waiters: (() => void)[] = [];
  #closed = false;

  constructor(
    private readonly transport: Transport,
    private readonly protocol: Protocol,
    private readonly policy: SlowConsumer,
    /** Publications above this many queued bytes, `frameCostBytes` a frame included, meet the policy. */
    private readonly limitBytes: number,
    private readonly listener: OutboundListener,
  ) {}

  get bufferedBytes(): number {
    return this.transport.bufferedBytes + this.#queuedBytes;
  }

  /** Sends a reply, an error or a direct value. A promise: the reader is slow, and it resolves when it caught up. */
  send(data: FrameData): Promise<void> | undefined {
    if (this.#closed) return this.#lose();
    if (this.#queue.length === 0 && this.transport.bufferedBytes < congestedBytes) {
      return this.transport.send(data) ? undefined : this.#lose();
    }
    if (this.#isOverflowing) {
      this.listener.overflowed();
      const refused = Promise.reject(new HalyardError('SEND_OVERFLOW'));
      // Not every frame is awaited, and the close says it as well.
      refused.catch(ignore);
      return refused;
    }
    this.#push({ frame: data, bytes: byteLength(data), publication: undefined });
    return this.#untilDrained();
  }

  /** Sends a publication, by the slow-consumer policy. */
  publish(frame: SharedFrame, { channel, event }: Pick<Publication, 'channel' | 'event'>): void {
    if (this.#closed) return;
    if (this.#queue.length === 0 && this.#dropped === undefined && this.transport.bufferedBytes < congestedBytes) {
      if (!this.transport.sendShared(frame)) this.listener.lost();
      return;
    }
    const bytes = sizeOf(frame);
    const publication = { channel, key: JSON.stringify([channel, event]) };
    // One frame is always accepted into an empty queue, however large it is.
    if (this.#queue.length > 0 && !this.#fits(bytes) && !this.#makeRoom(bytes, publication.key)) {
      if (this.policy === 'disconnect') {
        this.listener.droppedPublication(channel, 1);
        this.listener.overflowed();
      } else {
        this.#drop({ frame, bytes, publication });
      }
      return;
    }
    this.#push({ frame, bytes, publication });
  }

  /** Sends a frame that is shared with others, and that nothing may drop: who does not read it is closed in the end. */
  sendShared(frame: SharedFrame): void {
    if (this.#closed) return;
    if (this.#queue.length > 0 || this.transport.bufferedBytes >= congestedBytes) {
      if (this.#isOverflowing) return this.listener.overflowed();
      this.#push({ frame, bytes: sizeOf(frame), publication: undefined });
    } else if (!this.transport.sendShared(frame)) {
      this.listener.lost();
    }
  }

  /**
   * Sends a change of presence. False: more than `limitBytes` of the channel's changes would wait. Those that do are taken
   * back, for a state to be sent in their place when the reader has `caughtUp`.
   */
  sendChange(frame: SharedFrame, channel: string, limitBytes: number): boolean {
    if (this.#closed) return true;
    if (this.#queue.length === 0 && this.transport.bufferedBytes < congestedBytes) {
      if (!this.transport.sendShared(frame)) this.listener.lost();
      return true;
    }
    const bytes = sizeOf(frame);
    const waitingBytes = this.#presenceBytes?.get(channel) ?? 0;
    if (waitingBytes + bytes <= limitBytes) {
      this.#push({ frame, bytes, publication: undefined, presence: channel });
      return true;
    }
    this.#queue = this.#queue.filter(({ presence }) => presence !== channel);
    this.#queuedBytes -= waitingBytes;
    this.#presenceBytes?.delete(channel);
    return false;
  }

  /** Resolves when the reader has taken all that waits, or is gone. */
  caughtUp(): Promise<void> {
    const waits = this.#queue.length > 0 || this.transport.bufferedBytes >= congestedBytes;
    return waits && !this.#closed ? this.#untilDrained() : nextTurn();
  }

  /** The transport has taken all that it had. */
  drained(): void {
    this.#flush();
    if (this.transport.bufferedBytes < congestedBytes && this.#queue.length === 0) this.#release();
  }

  /** Hands everything that waits to the transport, which has it in front of the close frame. */
  flushAll(): void {
    for (const waiting of this.#queue) this.#transmit(waiting.frame);
    this.#empty();
    this.#announceDropped();
  }

  /** Nothing more goes out. @returns how many frames were still waiting */
  close(): number {
    this.#closed = true;
    const left = this.#queue.length;
    this.#empty();
    this.#release();
    return left;
  }

  /** More waits than a reader that is merely slow would leave. */
  get #isOverflowing(): boolean {
    return this.#queuedBytes + this.#queue.length * frameCostBytes > this.limitBytes * directFactor;
  }

  /** Who sends in a loop is held until the connection has ended, and then for a turn: it must not keep out all others. */
  #lose(): Promise<void> {
    this.listener.lost();
    return this.#closed ? nextTurn() : this.#untilDrained();
  }

  #untilDrained(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #release(): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  #push(waiting: Waiting): void {
    this.#queue.push(waiting);
    this.#count(waiting, waiting.bytes);
  }

  #count({ presence }: Waiting, bytes: number): void {
    this.#queuedBytes += bytes;
    if (presence === undefined) return;
    this.#presenceBytes ??= new Map();
    const left = (this.#presenceBytes.get(presence) ?? 0) + bytes;
    if (left > 0) this.#presenceBytes.set(presence, left);
    else this.#presenceBytes.delete(presence);
  }

  #empty(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#presenceBytes = undefined;
  }

  /** Whether a publication of so many bytes may wait as well, where so many frames of the queue go. */
  #fits(bytes: number, going = 0): boolean {
    const frames = this.#queue.length - going + 1;
    return this.bufferedBytes + bytes + frames * frameCostBytes <= this.limitBytes;
  }

  #flush(): void {
    this.#announceDropped();
    let sent = 0;
    while (sent < this.#queue.length && this.transport.bufferedBytes < congestedBytes) {
      const waiting = this.#queue[sent++]!;
      this.#transmit(waiting.frame);
      this.#count(waiting, -waiting.bytes);
    }
    this.#queue.splice(0, sent);
  }

  #transmit(frame: FrameData | SharedFrame): void {
    const isData = typeof frame === 'string' || frame instanceof Uint8Array;
    const sent = isData ? this.transport.send(frame) : this.transport.sendShared(frame);
    if (!sent) this.listener.lost();
  }

  /** Drops older publications until the new one fits: for `conflate` first those that it replaces. */
  #makeRoom(bytes: number, key: string): boolean {
    if (this.policy === 'disconnect') return false;
    if (this.policy === 'conflate') {
      const replaces = ({ publication }: Waiting): boolean => publication?.key === key;
      for (const waiting of this.#queue) if (replaces(waiting)) this.#drop(waiting, true);
      this.#queue = this.#queue.filter((waiting) => !replaces(waiting));
    }
    const kept: Waiting[] = [];
    let at = 0;
    for (; at < this.#queue.length && !this.#fits(bytes, at - kept.length); at++) {
      const waiting = this.#queue[at]!;
      if (waiting.publication) this.#drop(waiting, true);
      else kept.push(waiting);
    }
    if (kept.length === 0) this.#queue.splice(0, at);
    else this.#queue = kept.concat(this.#queue.slice(at));
    return this.#fits(bytes) || this.#queue.length === 0;
  }

  #drop(waiting: Waiting, queued = false): void {
    if (queued) this.#queuedBytes -= waiting.bytes;
    const { channel } = waiting.publication!;
    this.#dropped ??= new Map();
    this.#dropped.set(channel, (this.#dropped.get(channel) ?? 0) + 1);
    this.listener.droppedPublication(channel, 1);
  }

  /** What was dropped is told before the next publication. */
  #announceDropped(): void {
    if (!this.#dropped) return;
    for (const [channel, count] of this.#dropped) this.transport.send(this.protocol.encodeDropped(channel, count));
    this.#dropped = undefined;
  }
}

/** Behind what the event loop has to do anyway. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function ignore(): void {
  // Whoever awaits it is told.
}

function sizeOf(frame: SharedFrame): number {
  return frame.framed?.byteLength ?? byteLength(frame.data);
}

function byteLength(data: FrameData): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
}
