import { HalyardError } from '../errors.js';
import type { FrameData, Protocol, SharedFrame } from '../protocol/protocol.js';
import type { SlowConsumer } from './options.js';
import type { Transport } from './transport.js';

/** Above this many bytes in the transport, frames wait here, where publications can still be dropped. */
const congestedBytes = 64 * 1024;
/** Direct sends that nobody awaits may queue this many times the outbound limit before the connection is closed. */
const directFactor = 16;

interface Waiting {
  readonly frame: FrameData | SharedFrame;
  readonly bytes: number;
  /** Publications only: what they are dropped and conflated by. */
  readonly publication: { readonly channel: string; readonly key: string } | undefined;
}

/** Who is told of what a slow reader causes. */
export interface OutboundListener {
  /** Publications were dropped. */
  droppedPublication(channel: string, count: number): void;
  /** The reader is hopeless: the connection is to be closed 1013. */
  overflowed(): void;
}

/**
 * The way out of one connection. As long as the reader keeps up, a frame goes straight to the transport; a queue exists
 * only while it does not.
 */
export class Outbound {
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #dropped: Map<string, number> | undefined = undefined;
  #waiters: (() => void)[] = [];
  #closed = false;

  constructor(
    private readonly transport: Transport,
    private readonly protocol: Protocol,
    private readonly policy: SlowConsumer,
    /** Publications above this many queued bytes meet the policy. */
    private readonly limitBytes: number,
    private readonly listener: OutboundListener,
  ) {}

  get bufferedBytes(): number {
    return this.transport.bufferedBytes + this.#queuedBytes;
  }

  /** Sends a reply, an error or a direct value. A promise: the reader is slow, and it resolves when it caught up. */
  send(data: FrameData): Promise<void> | undefined {
    if (this.#closed) return undefined;
    if (this.#queue.length === 0 && this.transport.bufferedBytes < congestedBytes) {
      this.transport.send(data);
      return undefined;
    }
    if (this.#queuedBytes > this.limitBytes * directFactor) {
      this.listener.overflowed();
      return Promise.reject(new HalyardError('SEND_OVERFLOW'));
    }
    this.#push({ frame: data, bytes: byteLength(data), publication: undefined });
    return this.#untilDrained();
  }

  /** Sends a publication, by the slow-consumer policy. */
  publish(frame: SharedFrame, channel: string, event: string | undefined): void {
    if (this.#closed) return;
    if (this.#queue.length === 0 && this.#dropped === undefined && this.transport.bufferedBytes < congestedBytes) {
      this.transport.sendShared(frame);
      return;
    }
    const bytes = frame.framed?.byteLength ?? byteLength(frame.data);
    const publication = { channel, key: JSON.stringify([channel, event]) };
    const over = this.bufferedBytes + bytes > this.limitBytes;
    // One frame is always accepted into an empty queue, however large it is.
    if (over && this.#queue.length > 0 && !this.#makeRoom(bytes, publication.key)) {
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

  /** The transport has taken all that it had. */
  drained(): void {
    this.#flush();
    if (this.transport.bufferedBytes < congestedBytes && this.#queue.length === 0) this.#release();
  }

  /** Hands everything that waits to the transport, which has it in front of the close frame. */
  flushAll(): void {
    for (const waiting of this.#queue) this.#transmit(waiting.frame);
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#announceDropped();
  }

  /** Nothing more goes out. @returns how many frames were still waiting */
  close(): number {
    this.#closed = true;
    const left = this.#queue.length;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#release();
    return left;
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
    this.#queuedBytes += waiting.bytes;
  }

  #flush(): void {
    this.#announceDropped();
    let sent = 0;
    while (sent < this.#queue.length && this.transport.bufferedBytes < congestedBytes) {
      this.#transmit(this.#queue[sent]!.frame);
      this.#queuedBytes -= this.#queue[sent]!.bytes;
      sent++;
    }
    this.#queue.splice(0, sent);
  }

  #transmit(frame: FrameData | SharedFrame): void {
    if (typeof frame === 'string' || frame instanceof Uint8Array) this.transport.send(frame);
    else this.transport.sendShared(frame);
  }

  /** Drops older publications until the new one fits: for `conflate` first those that it replaces. */
  #makeRoom(bytes: number, key: string): boolean {
    if (this.policy === 'disconnect') return false;
    const kept: Waiting[] = [];
    const fits = (): boolean => this.bufferedBytes + bytes <= this.limitBytes;
    for (const waiting of this.#queue) {
      const replaced = this.policy === 'conflate' && waiting.publication?.key === key;
      if (replaced) this.#drop(waiting, true);
      else kept.push(waiting);
    }
    this.#queue = [];
    for (const waiting of kept) {
      if (!fits() && waiting.publication) this.#drop(waiting, true);
      else this.#queue.push(waiting);
    }
    return fits() || this.#queue.length === 0;
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

function byteLength(data: FrameData): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
}
