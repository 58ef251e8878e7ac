import type { Broker } from '../broker/broker.js';
import { HalyardError } from '../errors.js';
import type { Membership } from '../nodes/membership.js';
import type { Questions } from '../nodes/questions.js';
import type { Presence } from '../presence/presence.js';
import { LocalChannel, type LocalChannelHost } from './local-channel.js';
import { channelSubject, checkName, encodePublication, makePublication, type PublishOptions } from './publication.js';
import type { Subscriber } from './subscriber.js';

export interface JoinOptions {
  /** Also sends who is present: one `presence_state`, then the changes. @default false */
  presence?: boolean;
  /**
   * Sends `{"event":"gap","channel"}` after each outage of the broker, before any later publication: some may have been
   * lost. @default false
   */
  gaps?: boolean;
}

export interface ChannelsOptions {
  readonly broker: Broker;
  readonly members: Membership;
  readonly questions: Questions;
  readonly presence: Pick<Presence, 'watch' | 'unwatch'>;
  /** How many channels one connection may join. */
  readonly channelsPerConnection: number;
  /** How long a subscription without subscribers is kept at the broker. @default 1000 */
  readonly lingerMs?: number;
  find(id: string): Subscriber | undefined;
  /** Told of what fails without a connection that could be told: nobody may be awaiting it. */
  failed(error: unknown): void;
}

/** What is to be done for a connection of another node. */
interface Errand {
  readonly id: string;
  readonly channel: string;
  readonly options?: JoinOptions;
}

/**
 * Channels and their subscribers. An index from channel to subscribers: publishing costs O(subscribers of that channel)
 * on each node that has any, the value is serialised once, and all sockets share one frame. A node subscribes at the
 * broker only to channels that it has subscribers for; its own publications come back through the broker like all others,
 * so that all see the order that the broker keeps.
 */
export class Channels {
  readonly #locals = new Map<string, LocalChannel>();
  readonly #host: LocalChannelHost;
  readonly #offLink: () => void;
  #losses = 0;
  #closed = false;

  /** @internal */
  constructor(private readonly options: ChannelsOptions) {
    const { broker, members, questions, lingerMs = 1000 } = options;
    this.#host = {
      broker,
      lingerMs,
      isUp: () => members.isUp,
      losses: () => this.#losses,
      isClosed: () => this.#closed,
      over: (local) => {
        if (this.#locals.get(local.name) === local) this.#locals.delete(local.name);
      },
      failed: (error) => options.failed(error),
    };
    this.#offLink = broker.onLink((state) => {
      if (state === 'down') this.#losses++;
      else for (const local of this.#locals.values()) local.tellLoss();
    });
    questions.on('channels.subscribers', (channel: string) => this.local(channel));
    questions.on('channels.count', (channel: string) => this.#locals.get(channel)?.subscribers.size ?? 0);
    questions.on('channels.join', ({ id, channel, options }: Errand) =>
      this.#forOwn(id, (subscriber) => this.join(subscriber, channel, options)),
    );
    questions.on('channels.leave', ({ id, channel }: Errand) =>
      this.#forOwn(id, (subscriber) => this.leave(subscriber, channel)),
    );
  }

  /**
   * Lets a connection, or the one with this id on whichever node it is, receive the channel's publications. Joining twice
   * is joining once. Resolves when the node that has it has joined it. Rejects with `HALYARD_CHANNEL_NAME`,
   * `HALYARD_CHANNEL_LIMIT`, `HALYARD_CONNECTION_CLOSED` where no node has it, `HALYARD_BROKER_UNAVAILABLE`, or
   * `HALYARD_NODE_TIMEOUT`. Like `leave` and `publish` it may be left unawaited: a failure is logged, and reaches the
   * observers of the connection.
   */
  join(connection: Subscriber | string, channel: string, options: JoinOptions = {}): Promise<void> {
    const subscriber = this.#find(connection);
    if (!subscriber) return this.#observed(this.#joinElsewhere(connection as string, channel, options), undefined);
    const joined = this.#observed(this.#join(subscriber, channel, options), subscriber);
    if (!options.presence) return joined;
    const watching = joined.then(() => {
      // Unless it has left meanwhile.
      return subscriber.joined?.has(channel) ? this.options.presence.watch(subscriber, channel) : undefined;
    });
    // Whichever of the two fails has told of it.
    watching.catch(() => undefined);
    return watching;
  }

  /**
   * Ends it, wherever the connection is: no publications, and unless it is tracked there no presence either. Leaving what
   * was not joined, for a connection that is nowhere too, does nothing.
   */
  leave(connection: Subscriber | string, channel: string): Promise<void> {
    const subscriber = this.#find(connection);
    if (!subscriber) return this.#observed(this.#leaveElsewhere(connection as string, channel), undefined);
    void this.options.presence.unwatch(subscriber, channel);
    if (subscriber.joined?.delete(channel)) this.#locals.get(channel)?.leave(subscriber);
    return resolved;
  }

  /** @internal The connection has ended. */
  leaveAll(subscriber: Subscriber): void {
    if (!subscriber.joined) return;
    for (const channel of subscriber.joined) this.#locals.get(channel)?.leave(subscriber);
    subscriber.joined = undefined;
  }

  /**
   * Sends a value to all subscribers, the publisher too if it is one. It never arrives before the synchronous part of
   * the caller has ended. Rejects with `HALYARD_CHANNEL_NAME`, `HALYARD_EVENT_RESERVED`, `HALYARD_SEND_VALUE`, or a
   * `BrokerUnavailableError`, whose `outcome` says whether it may have gone out.
   *
   * @param publisher who is told of a failure
   */
  publish(channel: string, value: unknown, options: PublishOptions = {}, publisher?: Subscriber): Promise<void> {
    return this.#observed(this.#publish(channel, value, options, publisher), publisher);
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
    this.#closed = true;
    this.#offLink();
    await Promise.all([...this.#locals.values()].map((local) => local.end()));
  }

  async #join(subscriber: Subscriber, channel: string, { gaps = false }: JoinOptions): Promise<void> {
    checkName(channel);
    subscriber.requireOpen();
    const joined = (subscriber.joined ??= new Set());
    if (!joined.has(channel) && joined.size >= this.options.channelsPerConnection) {
      throw new HalyardError('CHANNEL_LIMIT');
    }
    let local = this.#locals.get(channel);
    if (!local) this.#locals.set(channel, (local = new LocalChannel(channel, this.#host)));
    joined.add(channel);
    await local.join(subscriber, gaps);
  }

  async #joinElsewhere(id: string, channel: string, { presence, gaps }: JoinOptions): Promise<void> {
    checkName(channel);
    const errand = { id, channel, options: { presence, gaps } };
    const joined = await this.options.questions.ask<boolean>('channels.join', errand, isDone);
    if (!joined.some(isDone)) throw new HalyardError('CONNECTION_CLOSED');
  }

  async #leaveElsewhere(id: string, channel: string): Promise<void> {
    await this.options.questions.ask<boolean>('channels.leave', { id, channel }, isDone);
  }

  /** @returns whether this node has the connection */
  async #forOwn(id: string, errand: (subscriber: Subscriber) => Promise<void>): Promise<boolean> {
    const subscriber = this.options.find(id);
    if (subscriber) await errand(subscriber);
    return subscriber !== undefined;
  }

  async #publish(
    channel: string,
    value: unknown,
    options: PublishOptions,
    publisher: Subscriber | undefined,
  ): Promise<void> {
    const publication = makePublication(channel, value, options, publisher?.id);
    await this.options.broker.publish(channelSubject(channel), encodePublication(publication));
  }

  #find(connection: Subscriber | string): Subscriber | undefined {
    return typeof connection === 'string' ? this.options.find(connection) : connection;
  }

  /** A promise that may be left alone. */
  #observed(promise: Promise<void>, subscriber: Subscriber | undefined): Promise<void> {
    promise.catch((error: unknown) => (subscriber ?? this.options).failed(error));
    return promise;
  }
}

const nobody: ReadonlySet<Subscriber> = new Set();
const resolved = Promise.resolve();

function isDone(done: boolean): boolean {
  return done;
}
