import type { Unsubscribe } from '../broker/broker.js';
import { takeBack } from '../broker/take-back.js';
import type { Membership, MembershipListener } from '../nodes/membership.js';
import type { Body } from '../nodes/message.js';
import type { Peer } from '../nodes/peer.js';
import type { Entry } from './entry.js';
import { Holder } from './holder.js';
import type { Replica, Replication, ReplicationMetrics } from './replica.js';
import type { Changes } from './roster.js';
import { digestOf, partsOf, type PresenceBody } from './wire.js';

export interface ReplicatorSettings {
  /** How long the first watcher of a channel waits for other nodes. @default 250 */
  readonly syncMs?: number;
  /** After this long what was not answered is asked again, and one channel is audited. @default 1000 */
  readonly retryMs?: number;
  /** @default true */
  readonly audit?: boolean;
}

/** A channel that this node needs. */
interface Interest {
  /** Its subject is subscribed at the engine: before that nothing is said on it. */
  active: boolean;
  /** Entries of this node, as others are told. */
  readonly published: Map<string, Entry>;
  /** The number of the last thing that was said of it. */
  last: number;
  unsubscribe: Unsubscribe | undefined;
  /** Its first sync is yet to be repeated. */
  young: boolean;
}

const subjectOf = (channel: string): string => `halyard:presence:channel:${channel}`;
/** Channels in one question: their names have 200 bytes at most. */
const maxAsked = 64;

/**
 * Keeps presence the same on all nodes, above any broker. Each node is the only writer of its entries; it numbers what it
 * says, so that who misses something notices, and asks. After any fault has ended all nodes show the union of what the
 * live ones track within lease + heartbeat.
 */
export class Replicator implements Replication, MembershipListener {
  /** The other instances that are alive. */
  readonly #holders = new Map<Peer, Holder>();
  readonly #interests = new Map<string, Interest>();
  /** One counter numbers all that this instance says. */
  #counter = 0;
  #gaps = 0;
  #audits = 0;
  #repairs = 0;
  /** Who is to be asked at the end of the tick. */
  readonly #asking = new Set<Holder>();
  /** By channel: whose answers its first watcher waits for. */
  readonly #waiting = new Map<string, { readonly holders: Set<Holder>; readonly done: () => void }>();
  readonly #retry: NodeJS.Timeout;
  #closed = false;

  constructor(
    private readonly members: Membership,
    private readonly replica: Replica,
    private readonly settings: ReplicatorSettings = {},
  ) {
    for (const peer of members.peers.values()) this.#holder(peer);
    members.listen(this);
    void members.start();
    this.#retry = setInterval(() => this.#maintain(), settings.retryMs ?? 1000).unref();
  }

  async enter(channel: string): Promise<void> {
    const interest: Interest = {
      active: false,
      published: new Map(),
      last: 0,
      unsubscribe: undefined,
      young: true,
    };
    this.#interests.set(channel, interest);
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.settings.syncMs ?? 250).unref();
    });
    await Promise.race([this.#activate(channel, interest), tooLong]);
    clearTimeout(timer);
  }

  leave(channel: string): void {
    const interest = this.#interests.get(channel);
    this.#interests.delete(channel);
    for (const holder of this.#holders.values()) holder.forget(channel);
    this.#answered(channel);
    if (interest?.unsubscribe) void takeBack(interest.unsubscribe, () => this.#closed);
  }

  changed(channel: string, { put, removed }: Pick<Changes, 'put' | 'removed'>): void {
    const interest = this.#interests.get(channel);
    if (!interest) return;
    const own = put.filter((entry) => entry.own);
    const gone = removed.filter((entry) => entry.own);
    if (own.length + gone.length === 0) return;
    for (const entry of own) interest.published.set(entry.ref, entry);
    for (const { ref } of gone) interest.published.delete(ref);
    // Who nobody has ever spoken to is spoken to by whoever comes.
    if (!interest.active || !this.members.hasHeard) return;
    // The first that is said of it: whoever missed the end of an earlier interest must not take it for the next change.
    if (interest.last === 0) return this.#sayState(channel, interest);
    let left = gone.map(({ ref }) => ref);
    for (const part of partsOf(own)) {
      const s = ++this.#counter;
      this.#say({ t: 'delta', c: channel, p: interest.last, s, e: part, l: left }, channel);
      interest.last = s;
      left = [];
    }
  }

  metrics(): ReplicationMetrics {
    const { peers, isUp, lost } = this.members;
    return { nodes: peers.size, stale: !isUp, gaps: this.#gaps, lost, audits: this.#audits, repairs: this.#repairs };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#retry);
    for (const { done } of this.#waiting.values()) done();
    const interests = [...this.#interests.values()];
    this.#interests.clear();
    await Promise.all(interests.map(async ({ unsubscribe }) => unsubscribe?.().catch(() => undefined)));
  }

  // --- what other instances are heard to say -------------------------------------------------------------------------

  unsure(peer: Peer): void {
    this.#ask(this.#holder(peer), this.#interests.keys());
  }

  dropped(peer: Peer): void {
    const holder = this.#holder(peer);
    this.#holders.delete(peer);
    this.#asking.delete(holder);
    holder.drop();
    for (const channel of this.#waiting.keys()) this.#answered(channel, holder);
  }

  heard(peer: Peer, said: Body): void {
    const holder = this.#holder(peer);
    const body = said as PresenceBody;
    switch (body.t) {
      case 'delta':
        if (!this.#interests.has(body.c) || holder.applyDelta(body)) return;
        if (!holder.asked.has(body.c)) this.#gaps++;
        return this.#ask(holder, [body.c], body.s);
      case 'state': {
        if (!this.#interests.has(body.c)) return;
        const { complete, changed } = holder.applyState(body);
        if (complete && changed && body.a) this.#repairs++;
        if (complete) this.#answered(body.c, holder);
        return;
      }
      case 'ask':
        for (const channel of body.c) this.#tellState(peer, channel);
        return;
      case 'sync':
        if (!body.x.includes(this.members.incarnation) && this.#publishedIn(body.c).size > 0) {
          this.#tellState(peer, body.c);
        }
        return;
      case 'audit': {
        // Who has not heard all yet may still differ: that is no bug, but it may be a loss that nothing else shows.
        const heardAll = body.s >= (this.#interests.get(body.c)?.last ?? 0);
        if (body.h !== digestOf(this.#publishedIn(body.c).values())) this.#tellState(peer, body.c, heardAll);
        return;
      }
      default:
    }
  }

  // --- what this one says ----------------------------------------------------------------------------------------------

  async #activate(channel: string, interest: Interest): Promise<void> {
    const isWanted = (): boolean => this.#interests.get(channel) === interest;
    await this.members.listening;
    interest.unsubscribe = await this.members.subscribe(subjectOf(channel), isWanted);
    if (!interest.unsubscribe) return;
    interest.active = true;
    const holders = [...this.#holders.values()];
    this.#sync(channel, holders);
    // Said on the subject, not only told: who needs the channel and is not known here hears it too.
    if (this.members.hasHeard && interest.published.size > 0) this.#sayState(channel, interest);
    for (const holder of holders) this.#ask(holder, [channel]);
    await this.members.start();
    if (isWanted()) await this.#answers(channel);
  }

  /** Resolves when all who are being asked for a channel have answered. */
  async #answers(channel: string): Promise<void> {
    const holders = new Set([...this.#holders.values()].filter(({ asked }) => asked.has(channel)));
    if (holders.size === 0) return;
    await new Promise<void>((done) => this.#waiting.set(channel, { holders, done }));
    this.#waiting.delete(channel);
  }

  /** One of those who are waited for has answered, or will not. */
  #answered(channel: string, holder?: Holder): void {
    const waiting = this.#waiting.get(channel);
    if (holder) waiting?.holders.delete(holder);
    else waiting?.holders.clear();
    if (waiting?.holders.size === 0) waiting.done();
  }

  /** What is known of an instance that is alive. */
  #holder(peer: Peer): Holder {
    let holder = this.#holders.get(peer);
    if (!holder) this.#holders.set(peer, (holder = new Holder(peer, this.replica)));
    return holder;
  }

  #say(body: PresenceBody, channel: string): void {
    this.members.say(body, subjectOf(channel));
  }

  #tell(peer: Peer, body: PresenceBody): void {
    this.members.tell(peer, body);
  }

  #sync(channel: string, asked: readonly Holder[]): void {
    this.#say({ t: 'sync', c: channel, x: asked.map(({ peer }) => peer.incarnation) }, channel);
  }

  #sayState(channel: string, interest: Interest): void {
    interest.last = ++this.#counter;
    for (const body of this.#stateOf(channel)) this.#say(body, channel);
  }

  #tellState(peer: Peer, channel: string, audit = false): void {
    for (const body of this.#stateOf(channel, audit)) this.#tell(peer, body);
  }

  /** All that this node has in a channel, also nothing, at what it has said last. */
  *#stateOf(channel: string, a = false): Generator<PresenceBody> {
    const parts = [...partsOf(this.#publishedIn(channel).values())];
    const s = this.#counter;
    for (const [k, e] of parts.entries()) yield { t: 'state', c: channel, s, k, m: k < parts.length - 1, a, e };
  }

  /** What others may know of: nothing before the subject is subscribed, for nobody would be told of its end. */
  #publishedIn(channel: string): ReadonlyMap<string, Entry> {
    const interest = this.#interests.get(channel);
    return interest?.active ? interest.published : nobody;
  }

  /** Questions of one tick go out together; unanswered ones again with each retry, as long as it lives. */
  #ask(holder: Holder, channels: Iterable<string>, reaching?: number): void {
    const before = holder.asked.size;
    for (const channel of channels) holder.ask(channel, reaching);
    if (holder.asked.size === before && reaching !== undefined) return;
    if (holder.asked.size === 0) return;
    if (this.#asking.size === 0) queueMicrotask(() => this.#sendAsks());
    this.#asking.add(holder);
  }

  #sendAsks(): void {
    for (const { peer, asked } of this.#asking) {
      const channels = [...asked.keys()];
      for (let at = 0; at < channels.length; at += maxAsked) {
        this.#tell(peer, { t: 'ask', c: channels.slice(at, at + maxAsked) });
      }
    }
    this.#asking.clear();
  }

  #maintain(): void {
    const holders = [...this.#holders.values()];
    for (const holder of holders) if (holder.asked.size > 0) this.#asking.add(holder);
    this.#sendAsks();
    for (const [channel, interest] of this.#interests) {
      if (!interest.young || !interest.active) continue;
      // In a cluster of engine servers a subscription may have reached the others late.
      interest.young = false;
      this.#sync(channel, []);
    }
    if (holders.length > 0 && this.settings.audit !== false) this.#audit(holders);
  }

  /** Compares one channel with each node that has entries there, and one more. Nothing must depend on it. */
  #audit(holders: readonly Holder[]): void {
    const channels = [...this.#interests.keys()];
    const channel = channels[Math.floor(Math.random() * channels.length)];
    if (channel === undefined) return;
    const oneMore = holders[Math.floor(Math.random() * holders.length)];
    for (const holder of holders) {
      if ((holder !== oneMore && !holder.holds(channel)) || holder.asked.has(channel)) continue;
      this.#audits++;
      this.#tell(holder.peer, {
        t: 'audit',
        c: channel,
        s: holder.last(channel),
        h: digestOf(holder.entries(channel)),
      });
    }
  }
}

const nobody: ReadonlyMap<string, Entry> = new Map();
