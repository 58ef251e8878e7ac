import { HalyardError } from '../errors.js';
import { isReservedEvent } from '../protocol/plain.js';
import { SharedFrame, type Protocol, type Publication } from '../protocol/protocol.js';

/** Who can be sent publications: all that a channel knows of a connection. */
export interface Subscriber {
  readonly id: string;
  readonly protocol: Protocol;
  /** The channels it is in; the hub makes and keeps the set. */
  joined: Set<string> | undefined;
  deliver(frame: SharedFrame, channel: string, event: string | undefined): void;
  /** Throws where nothing can be joined any more. */
  requireOpen(): void;
  /** Something that it asked for, and may not be awaiting, has failed. */
  failed(error: unknown): void;
}

export interface PublishOptions {
  /** A subscriber, or its id, that does not get it. */
  except?: { readonly id: string } | string;
  /** Goes out as `{"event","channel","payload"}`; without it the value as it is. */
  event?: string;
}

interface Pending {
  readonly publication: Publication;
  readonly frames: ReadonlyMap<Protocol, SharedFrame>;
  readonly except: string | undefined;
}

const maxNameBytes = 200;
const nobody: ReadonlySet<Subscriber> = new Set();

/**
 * Channels and their subscribers. An index from channel to subscribers: publishing costs O(subscribers of that channel),
 * the value is serialised once, and all sockets share one frame.
 */
export class Channels {
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  #pending: Pending[] = [];

  constructor(
    private readonly options: {
      /** How many channels one connection may join. */
      readonly channelsPerConnection: number;
      find(id: string): Subscriber | undefined;
      /** Told of what fails without a connection that could be told: nobody may be awaiting it. */
      failed(error: unknown): void;
    },
  ) {}

  /**
   * Lets a connection, or the one with this id, receive the channel's publications. Joining twice is joining once.
   * Rejects with `HALYARD_CHANNEL_NAME`, `HALYARD_CHANNEL_LIMIT`, or `HALYARD_CONNECTION_CLOSED`. Like `leave` and
   * `publish` it may be left unawaited: a failure is logged, and reaches the observers of the connection.
   */
  join(connection: Subscriber | string, channel: string): Promise<void> {
    const subscriber = this.#find(connection);
    return this.#observed(this.#join(subscriber, channel), subscriber);
  }

  async #join(subscriber: Subscriber | undefined, channel: string): Promise<void> {
    checkName(channel);
    if (!subscriber) throw new HalyardError('CONNECTION_CLOSED');
    subscriber.requireOpen();
    const joined = (subscriber.joined ??= new Set());
    if (joined.has(channel)) return;
    if (joined.size >= this.options.channelsPerConnection) throw new HalyardError('CHANNEL_LIMIT');
    joined.add(channel);
    const subscribers = this.#subscribers.get(channel);
    if (subscribers) subscribers.add(subscriber);
    else this.#subscribers.set(channel, new Set([subscriber]));
  }

  /** Ends it. Leaving what was not joined does nothing. */
  async leave(connection: Subscriber | string, channel: string): Promise<void> {
    const subscriber = this.#find(connection);
    if (subscriber?.joined?.delete(channel)) this.#remove(subscriber, channel);
  }

  /** @internal The connection has ended. */
  leaveAll(subscriber: Subscriber): void {
    if (!subscriber.joined) return;
    for (const channel of subscriber.joined) this.#remove(subscriber, channel);
    subscriber.joined = undefined;
  }

  /**
   * Sends a value to all subscribers, the publisher too if it is one. It never arrives before the synchronous part of
   * the caller has ended. Rejects with `HALYARD_CHANNEL_NAME`, `HALYARD_EVENT_RESERVED`, or `HALYARD_SEND_VALUE`.
   *
   * @param publisher who is told of a failure
   */
  publish(channel: string, value: unknown, options: PublishOptions = {}, publisher?: Subscriber): Promise<void> {
    return this.#observed(this.#publish(channel, value, options), publisher);
  }

  async #publish(channel: string, value: unknown, { event, except }: PublishOptions): Promise<void> {
    checkName(channel);
    if (event !== undefined && isReservedEvent(event)) {
      throw new HalyardError('EVENT_RESERVED', { message: `the event name ${JSON.stringify(event)} is reserved` });
    }
    const publication = { channel, value, event };
    // Serialised now: what the caller does to the value afterwards must not show.
    const frames = new Map<Protocol, SharedFrame>();
    for (const { protocol } of this.#subscribers.get(channel) ?? nobody) {
      if (!frames.has(protocol)) frames.set(protocol, new SharedFrame(protocol.encodePublication(publication)));
    }
    if (frames.size === 0) return;
    if (this.#pending.push({ publication, frames, except: typeof except === 'object' ? except.id : except }) === 1) {
      queueMicrotask(() => this.#flush());
    }
  }

  /** The ids of a channel's subscribers. */
  async subscribers(channel: string): Promise<string[]> {
    return this.local(channel);
  }

  /** How many subscribers a channel has. */
  async count(channel: string): Promise<number> {
    return this.#subscribers.get(channel)?.size ?? 0;
  }

  /** The ids of a channel's subscribers in this process. */
  local(channel: string): string[] {
    return [...(this.#subscribers.get(channel) ?? nobody)].map((subscriber) => subscriber.id);
  }

  /** How many channels have subscribers in this process. */
  get size(): number {
    return this.#subscribers.size;
  }

  #flush(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const { publication, frames, except } of pending) {
      for (const subscriber of this.#subscribers.get(publication.channel) ?? nobody) {
        const frame = frames.get(subscriber.protocol);
        if (frame && subscriber.id !== except) subscriber.deliver(frame, publication.channel, publication.event);
      }
    }
  }

  #find(connection: Subscriber | string): Subscriber | undefined {
    return typeof connection === 'string' ? this.options.find(connection) : connection;
  }

  /** A promise that may be left alone. */
  #observed(promise: Promise<void>, subscriber: Subscriber | undefined): Promise<void> {
    promise.catch((error: unknown) => (subscriber ?? this.options).failed(error));
    return promise;
  }

  #remove(subscriber: Subscriber, channel: string): void {
    const subscribers = this.#subscribers.get(channel);
    subscribers?.delete(subscriber);
    if (subscribers?.size === 0) this.#subscribers.delete(channel);
  }
}

/** Channel names are data: 1 to 200 bytes, any characters. */
function checkName(channel: string): void {
  if (typeof channel === 'string' && channel.length > 0 && Buffer.byteLength(channel) <= maxNameBytes) return;
  throw new HalyardError('CHANNEL_NAME');
}
