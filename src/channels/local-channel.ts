import type { Broker, Unsubscribe } from '../broker/broker.js';
import { takeBack } from '../broker/take-back.js';
import { SharedFrame, type Protocol } from '../protocol/protocol.js';
import { channelSubject, decodePublication, type Publication } from './publication.js';
import type { Subscriber } from './subscriber.js';

export interface LocalChannelHost {
  readonly broker: Broker;
  /** How long a subscription without subscribers is kept at the broker: the next one is often about to come. */
  readonly lingerMs: number;
  /** The broker's link is up. */
  isUp(): boolean;
  /** How often the broker may have lost something. */
  losses(): number;
  /** The app is closed. */
  isClosed(): boolean;
  /** It has no subscription any more, or is about to have none: who comes now needs another one. */
  over(channel: LocalChannel): void;
  failed(error: unknown): void;
}

/**
 * One channel in this process: its subscribers, and its subscription at the broker, which lives as long as it has any and a
 * moment longer.
 */
export class LocalChannel {
  readonly subscribers = new Set<Subscriber>();
  /** Those of them who are told of losses. */
  #wary: Set<Subscriber> | undefined = undefined;
  /** Those whose join is not settled, by the promise that settles it. */
  readonly #joining = new Map<Subscriber, Promise<void>>();
  readonly #feed: Promise<Unsubscribe>;
  #isFed = false;
  /** In an outage: settles when the broker says anew that it is subscribed. */
  #confirming: Promise<void> | undefined = undefined;
  #ending: NodeJS.Timeout | undefined = undefined;
  /** The losses that subscribers were told of, or that were before their time. */
  #toldLosses: number;

  constructor(
    readonly name: string,
    private readonly host: LocalChannelHost,
  ) {
    this.#toldLosses = host.losses();
    this.#feed = host.broker.subscribe(channelSubject(name), (bytes) => this.#deliver(bytes));
    this.#feed.then(
      () => (this.#isFed = true),
      () => this.#fail(),
    );
  }

  /** Settles when the broker has said that it is subscribed; one that fails is taken back. */
  async join(subscriber: Subscriber, gaps: boolean): Promise<void> {
    if (gaps) (this.#wary ??= new Set()).add(subscriber);
    if (this.subscribers.has(subscriber)) return this.#joining.get(subscriber);
    clearTimeout(this.#ending);
    this.subscribers.add(subscriber);
    const joining = this.#confirmed();
    this.#joining.set(subscriber, joining);
    try {
      await joining;
    } catch (error) {
      // Unless it has left meanwhile, or joined anew.
      if (this.#joining.get(subscriber) === joining) {
        subscriber.joined?.delete(this.name);
        this.leave(subscriber);
      }
      throw error;
    } finally {
      if (this.#joining.get(subscriber) === joining) this.#joining.delete(subscriber);
    }
  }

  leave(subscriber: Subscriber): void {
    this.#wary?.delete(subscriber);
    this.#joining.delete(subscriber);
    if (!this.subscribers.delete(subscriber) || this.subscribers.size > 0) return;
    this.#ending = setTimeout(() => void this.end(), this.host.lingerMs).unref();
  }

  /**
   * Whoever asked for it, and was in before, is told of a loss: when the link is back, or before the first publication that
   * comes while it is still being restored.
   */
  tellLoss(): void {
    const losses = this.host.losses();
    if (this.#toldLosses === losses) return;
    this.#toldLosses = losses;
    for (const subscriber of this.#wary ?? []) if (!this.#joining.has(subscriber)) subscriber.missed(this.name);
  }

  /** Takes the subscription back. */
  async end(): Promise<void> {
    clearTimeout(this.#ending);
    this.host.over(this);
    let unsubscribe: Unsubscribe;
    try {
      unsubscribe = await this.#feed;
    } catch {
      // There is none.
      return;
    }
    await this.#takeBack(unsubscribe);
  }

  /** There is no subscription: none of those who wait for it has joined. */
  #fail(): void {
    clearTimeout(this.#ending);
    this.host.over(this);
    for (const subscriber of this.subscribers) subscriber.joined?.delete(this.name);
    this.subscribers.clear();
    this.#wary?.clear();
    this.#joining.clear();
  }

  /** Who joins in an outage is told by the broker whether that can be. */
  #confirmed(): Promise<void> {
    if (!this.#isFed) return this.#feed.then(done);
    if (this.host.isUp()) return resolved;
    return (this.#confirming ??= this.#confirm().finally(() => (this.#confirming = undefined)));
  }

  async #confirm(): Promise<void> {
    const unsubscribe = await this.host.broker.subscribe(channelSubject(this.name), done);
    void this.#takeBack(unsubscribe);
  }

  #takeBack(unsubscribe: Unsubscribe): Promise<void> {
    const { host } = this;
    const failed = (error: unknown): void => host.failed(error);
    return takeBack(unsubscribe, () => host.isClosed(), failed, host.lingerMs);
  }

  /** One frame for each protocol that is spoken in the channel. What one subscriber throws does not reach the next. */
  #deliver(bytes: Uint8Array): void {
    if (this.subscribers.size === 0) return;
    this.tellLoss();
    let publication: Publication;
    try {
      publication = decodePublication(bytes);
    } catch (error) {
      this.host.failed(error);
      return;
    }
    const { except } = publication;
    const frames = new Map<Protocol, SharedFrame>();
    let protocol: Protocol | undefined;
    let frame!: SharedFrame;
    for (const subscriber of this.subscribers) {
      if (except !== undefined && subscriber.id === except) continue;
      // Neighbours mostly speak the same.
      if (subscriber.protocol !== protocol) {
        protocol = subscriber.protocol;
        frame = frames.get(protocol) ?? new SharedFrame(protocol.encodePublication(publication));
        frames.set(protocol, frame);
      }
      subscriber.deliver(frame, publication);
    }
  }
}

const resolved = Promise.resolve();

function done(): void {
  // Nothing is left to do.
}
