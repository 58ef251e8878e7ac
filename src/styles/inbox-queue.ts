import { readPayload, type Publication } from '../channels/publication.js';
import type { SlowConsumer } from '../connection/options.js';
import { nextTurn } from '../connection/outbound.js';
import type { Reader, ReaderHost } from '../connection/reader.js';
import { HalyardError } from '../errors.js';
import type { Message } from '../pipeline/message.js';
import type { DeviceChange } from '../presence/watcher.js';
import type { SharedFrame } from '../protocol/protocol.js';
import type { InboxEvent, InboxTimeout } from './inbox-event.js';

/** What an event that waits occupies beside its bytes. */
const eventCostBytes = 256;
/** After so many a reader gives the event loop a turn: one that answers its own publications would keep out all others. */
const readsPerTurn = 64;

export interface InboxLimits {
  /** Unread messages above which the socket is paused. */
  readonly maxMessages: number;
  /** Bytes of unread events above which they meet the policy. */
  readonly maxEventBytes: number;
  readonly policy: SlowConsumer;
}

/** Something that came. What it holds is read when it is taken: much is dropped before. */
interface Unread {
  /** In the order of coming. */
  readonly number: number;
  read(): InboxEvent;
}

interface UnreadEvent extends Unread {
  readonly bytes: number;
  readonly channel: string;
  /** Where events are conflated, a later one of the same channel and topic takes its place. */
  readonly topic: string;
}

/** Somebody who waits for what comes next. */
interface Taker {
  readonly messagesOnly: boolean;
  /** `null`: nothing comes any more. */
  resolve(next: Unread | InboxTimeout | null): void;
}

/** What has come to an inbox and was not read yet: messages, for which the socket is paused, and events, which are dropped. */
export class InboxQueue implements Reader {
  readonly #messages: Unread[] = [];
  #events: UnreadEvent[] = [];
  #eventBytes = 0;
  /** Dropped events, by channel, that the reader has not been told of yet. */
  readonly #dropped = new Map<string, number>();
  readonly #takers: Taker[] = [];
  #arrived = 0;
  #reads = 0;
  #ended = false;
  #forgotten = false;

  constructor(
    /** Of the connection: its own changes of presence are no news. */
    private readonly connectionId: string,
    private readonly limits: InboxLimits,
    private readonly host: ReaderHost,
  ) {}

  /** Nothing more comes. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The next message, or the next of all, as soon as there is one. `null`: nothing comes any more. */
  async next(messagesOnly: boolean, timeoutMs?: number): Promise<InboxEvent | InboxTimeout | null> {
    if (this.#forgotten) throw new HalyardError('CONNECTION_CLOSED');
    const next = this.#shift(messagesOnly) ?? (await this.#arrival(messagesOnly, timeoutMs));
    if (++this.#reads % readsPerTurn === 0) await nextTurn();
    return next !== null && 'read' in next ? next.read() : next;
  }

  // --- what comes ------------------------------------------------------------------------------------------------

  take(message: Message): boolean {
    if (this.#ended) return false;
    const unread: Unread = { number: ++this.#arrived, read: () => ({ type: 'message', message }) };
    const taker = this.#takers.shift();
    if (taker) {
      taker.resolve(unread);
      return true;
    }
    this.#messages.push(unread);
    if (this.#messages.length > this.limits.maxMessages) this.host.pause();
    return true;
  }

  publish(_frame: SharedFrame, publication: Publication): void {
    const { channel, event, timestamp, senderId, payload } = publication;
    this.#add(channel, `event ${event ?? ''}`, payload.length, () => {
      return { type: 'channel', channel, event, data: readPayload(publication), timestamp, senderId };
    });
  }

  readChanges(channel: string, changes: readonly DeviceChange[]): void {
    for (const { type: eventType, entry } of changes) {
      const { key, connectionId, json } = entry;
      if (connectionId === this.connectionId) continue;
      this.#add(channel, `device ${connectionId}`, json.length, () => {
        return { type: 'presence', eventType, channel, key, userInfo: entry.meta(), connectionId };
      });
    }
  }

  readCount(channel: string, count: number): void {
    this.#add(channel, 'count', 0, () => ({ type: 'presence_count', channel, count }));
  }

  readGap(channel: string): void {
    this.#add(channel, 'gap', 0, () => ({ type: 'gap', channel }));
  }

  // --- the end ---------------------------------------------------------------------------------------------------

  end(): void {
    this.#ended = true;
    for (const taker of this.#takers.splice(0)) taker.resolve(null);
  }

  discard(): number {
    const count = this.#messages.length + this.#events.length;
    this.#messages.length = 0;
    this.#events = [];
    this.#eventBytes = 0;
    this.#dropped.clear();
    return count;
  }

  forget(): void {
    this.end();
    this.#forgotten = true;
  }

  // ---------------------------------------------------------------------------------------------------------------

  #add(channel: string, topic: string, dataBytes: number, read: () => InboxEvent): void {
    if (this.#ended) return;
    const event: UnreadEvent = { number: ++this.#arrived, channel, topic, bytes: dataBytes + eventCostBytes, read };
    const taker = this.#takers.findIndex(({ messagesOnly }) => !messagesOnly);
    if (taker >= 0) return this.#takers.splice(taker, 1)[0]!.resolve(event);
    // One event is always accepted into an empty queue, however large it is.
    if (!this.#fits(event) && this.#events.length > 0) {
      if (this.limits.policy === 'disconnect') {
        this.host.droppedPublication(channel, 1);
        return this.host.overflowed();
      }
      this.#makeRoom(event);
    }
    this.#events.push(event);
    this.#eventBytes += event.bytes;
  }

  #fits({ bytes }: UnreadEvent): boolean {
    return this.#eventBytes + bytes <= this.limits.maxEventBytes;
  }

  /** Drops older events until the new one fits: for `conflate` first those that it replaces. */
  #makeRoom(event: UnreadEvent): void {
    if (this.limits.policy === 'conflate') {
      const replaced = ({ channel, topic }: UnreadEvent): boolean => channel === event.channel && topic === event.topic;
      for (const old of this.#events) if (replaced(old)) this.#drop(old);
      this.#events = this.#events.filter((old) => !replaced(old));
    }
    let dropped = 0;
    while (dropped < this.#events.length && !this.#fits(event)) this.#drop(this.#events[dropped++]!);
    this.#events.splice(0, dropped);
  }

  #drop({ bytes, channel }: UnreadEvent): void {
    this.#eventBytes -= bytes;
    this.#dropped.set(channel, (this.#dropped.get(channel) ?? 0) + 1);
    this.host.droppedPublication(channel, 1);
  }

  /** What came first of what is there. */
  #shift(messagesOnly: boolean): Unread | undefined {
    const [message] = this.#messages;
    const [event] = messagesOnly ? [] : this.#events;
    if (event && (!message || event.number < message.number)) return this.#shiftEvent(event);
    if (!message) return undefined;
    this.#messages.shift();
    if (this.#messages.length <= this.limits.maxMessages / 2) this.host.resume();
    return message;
  }

  /** What was dropped is told before the next event. */
  #shiftEvent(event: UnreadEvent): Unread {
    const [dropped] = this.#dropped;
    if (dropped) {
      const [channel, count] = dropped;
      this.#dropped.delete(channel);
      return { number: event.number, read: () => ({ type: 'dropped', channel, count }) };
    }
    this.#events.shift();
    this.#eventBytes -= event.bytes;
    return event;
  }

  #arrival(messagesOnly: boolean, timeoutMs: number | undefined): Promise<Unread | InboxTimeout | null> {
    // A turn for each: a loop that overlooks that it is over must not keep out all others.
    if (this.#ended) return nextTurn().then(() => null);
    return new Promise((resolve) => {
      const taker: Taker = { messagesOnly, resolve };
      this.#takers.push(taker);
      if (timeoutMs === undefined) return;
      const timer = setTimeout(() => {
        this.#takers.splice(this.#takers.indexOf(taker), 1);
        resolve({ type: 'timeout' });
      }, timeoutMs);
      taker.resolve = (next) => {
        clearTimeout(timer);
        resolve(next);
      };
    });
  }
}
