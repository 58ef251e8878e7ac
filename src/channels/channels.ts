import type { Broker, Unsubscribe } from '../broker/broker.js';
import { HalyardError } from '../errors.js';
import type { Questions } from '../nodes/questions.js';
import { isReservedEvent, serialize } from '../protocol/plain.js';
import { SharedFrame, type Protocol } from '../protocol/protocol.js';
import { decodePublication, encodePublication, formOf, type Publication } from './publication.js';

/** Who can be sent publications: all that a channel knows of a connection. */
export interface Subscriber {
  readonly id: string;
  readonly protocol: Protocol;
  /** The channels it is in; the hub makes and keeps the set. */
  joined: Set<string> | undefined;
  /** @param publication what the frame holds, for who reads it on this node */
  deliver(frame: SharedFrame, publication: Publication): void;
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

/** One channel in this process. */
interface Local {
  readonly subscribers: Set<Subscriber>;
  /** At the broker. Resolves when it is active; a failure takes the channel back. */
  subscription: Promise<Unsubscribe>;
  /** Nobody is left: it is kept for a moment, as the next one is often about to come. */
  ending: NodeJS.Timeout | undefined;
}

export interface ChannelsOptions {
  readonly broker: Broker;
  readonly questions: Questions;
  /** How many channels one connection may join. */
  readonly channelsPerConnection: number;
  find(id: string): Subscriber | undefined;
  /** Told of what fails without a connection that could be told: nobody may be awaiting it. */
  failed(error: unknown): void;
}

/** How long a subscription without subscribers is kept at the broker. */
const lingerMs = 1000;
const maxNameBytes = 200;
const nobody: ReadonlySet<Subscriber> = new Set();

/**
 * Channels and their subscribers. An index from channel to subscribers: publishing costs O(subscribers of that channel)
 * on each node that has any, the value is serialised once, and all sockets share one frame. A node subscribes at the
 * broker only to channels that it has subscribers for; its own publications come back through the broker like all others,
 * so that all see the order that the broker keeps.
 */
export class Channels {
  readonly #locals = new Map<string, Local>();

  constructor(private readonly options: ChannelsOptions) {
    options.questions.on('channels.subscribers', (channel: string) => this.local(channel));
    options.questions.on('channels.count', (channel: string) => this.#locals.get(channel)?.subscribers.size ?? 0);
  }

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
    if (joined.has(channel)) return void (await this.#locals.get(channel)?.subscription);
    if (joined.size >= this.options.channelsPerConnection) throw new HalyardError('CHANNEL_LIMIT');
    joined.add(channel);
    const local = this.#open(channel);
    local.subscribers.add(subscriber);
    try {
      await local.subscription;
    } catch (error) {
      if (subscriber.joined?.delete(channel)) this.#remove(subscriber, channel);
      throw error;
    }
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
    return this.#observed(this.#publish(channel, value, options, publisher), publisher);
  }

  async #publish(
    channel: string,
    value: unknown,
    { event, except }: PublishOptions,
    publisher: Subscriber | undefined,
  ): Promise<void> {
    checkName(channel);
    if (event !== undefined && isReservedEvent(event)) {
      throw new HalyardError('EVENT_RESERVED', { message: `the event name ${JSON.stringify(event)} is reserved` });
    }
    // Serialised now: what the caller does to the value afterwards must not show.
    const payload = serialize(value, event);
    const publication: Publication = {
      channel,
      senderId: publisher?.id,
      timestamp: Date.now(),
      event,
      except: typeof except === 'object' ? except.id : except,
      payload,
      form: formOf(value, event, payload),
    };
    await this.options.broker.publish(subjectOf(channel), encodePublication(publication));
  }

  /**
   * The ids of a channel's subscribers, on all nodes. Rejects with `HALYARD_CHANNEL_NAME`, with `HALYARD_NODE_TIMEOUT` where
   * a node that is alive does not answer within `node.answer`, and with `HALYARD_BROKER_UNAVAILABLE` while the broker is
   * away: never with a part of them.
   */
  async subscribers(channel: string): Promise<string[]> {
    checkName(channel);
    return (await this.options.questions.ask<string[]>('channels.subscribers', channel)).flat();
  }

  /** How many subscribers a channel has, on all nodes. Rejects as `subscribers`. */
  async count(channel: string): Promise<number> {
    checkName(channel);
    const counts = await this.options.questions.ask<number>('channels.count', channel);
    return counts.reduce((total, count) => total + count, 0);
  }

  /** The ids of a channel's subscribers in this process. */
  local(channel: string): string[] {
    return [...(this.#locals.get(channel)?.subscribers ?? nobody)].map((subscriber) => subscriber.id);
  }

  /** How many channels have subscribers in this process. */
  get size(): number {
    let size = 0;
    for (const { subscribers } of this.#locals.values()) if (subscribers.size > 0) size++;
    return size;
  }

  /** @internal Takes all subscriptions back. */
  async close(): Promise<void> {
    const locals = [...this.#locals.values()];
    this.#locals.clear();
    for (const { ending } of locals) clearTimeout(ending);
    await Promise.allSettled(locals.map(async ({ subscription }) => (await subscription)()));
  }

  /** The channel, subscribed at the broker from its first subscriber on. */
  #open(channel: string): Local {
    const existing = this.#locals.get(channel);
    if (existing) {
      clearTimeout(existing.ending);
      existing.ending = undefined;
      return existing;
    }
    const subscribers = new Set<Subscriber>();
    const onBytes = (bytes: Uint8Array): void => this.#deliver(subscribers, bytes);
    const subscription = this.options.broker.subscribe(subjectOf(channel), onBytes);
    const local: Local = { subscribers, subscription, ending: undefined };
    this.#locals.set(channel, local);
    subscription.catch(() => {
      if (this.#locals.get(channel) === local) this.#locals.delete(channel);
    });
    return local;
  }

  /** One frame for each protocol that is spoken in the channel. What one subscriber throws does not reach the next. */
  #deliver(subscribers: ReadonlySet<Subscriber>, bytes: Uint8Array): void {
    if (subscribers.size === 0) return;
    let publication: Publication;
    try {
      publication = decodePublication(bytes);
    } catch (error) {
      this.options.failed(error);
      return;
    }
    const { except } = publication;
    const frames = new Map<Protocol, SharedFrame>();
    for (const subscriber of subscribers) {
      if (subscriber.id === except) continue;
      let frame = frames.get(subscriber.protocol);
      if (!frame) {
        frame = new SharedFrame(subscriber.protocol.encodePublication(publication));
        frames.set(subscriber.protocol, frame);
      }
      subscriber.deliver(frame, publication);
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
    const local = this.#locals.get(channel);
    if (!local?.subscribers.delete(subscriber) || local.subscribers.size > 0) return;
    local.ending = setTimeout(() => {
      this.#locals.delete(channel);
      local.subscription.then((unsubscribe) => unsubscribe()).catch((error: unknown) => this.options.failed(error));
    }, lingerMs).unref();
  }
}

/** What a channel is called at the broker. */
function subjectOf(channel: string): string {
  return `c:${channel}`;
}

/** Channel names are data: 1 to 200 bytes, any characters. */
function checkName(channel: string): void {
  if (typeof channel === 'string' && channel.length > 0 && Buffer.byteLength(channel) <= maxNameBytes) return;
  throw new HalyardError('CHANNEL_NAME');
}
