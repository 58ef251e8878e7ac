import type { Broker, Unsubscribe } from '../broker/broker.js';
import type { Entry } from './entry.js';
import { Membership, type MembershipListener, type NodeSettings } from './membership.js';
import type { Peer } from './peer.js';
import type { Replica, Replication, ReplicationMetrics } from './replica.js';
import type { Changes } from './roster.js';
import { digestOf, partsOf, type Body } from './wire.js';

export interface ReplicatorSettings extends NodeSettings {
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
/** Channels in one question. */
const maxAsked = 256;

/**
 * Keeps presence the same on all nodes, above any broker. Each node is the only writer of its entries; it numbers what it
 * says, so that who misses something notices, and asks. After any fault has ended all nodes show the union of what the
 * live ones track within lease + heartbeat.
 */
export class Replicator implements Replication, MembershipListener {
  readonly #members: Membership;
  readonly #interests = new Map<string, Interest>();
  /** One counter numbers all that this instance says. */
  #counter = 0;
  #gaps = 0;
  #audits = 0;
  #repairs = 0;
  /** Who is to be asked at the end of the tick. */
  readonly #asking = new Set<Peer>();
  /** By channel: whose answers its first watcher waits for. */
  readonly #waiting = new Map<string, { readonly peers: Set<Peer>; readonly done: () => void }>();
  readonly #retry: NodeJS.Timeout;

  constructor(
    broker: Broker,
    replica: Replica,
    private readonly settings: ReplicatorSettings,
  ) {
    this.#members = new Membership(broker, replica, settings, this);
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
    for (const peer of this.#members.peers.values()) peer.forget(channel);
    this.#answered(channel);
    interest?.unsubscribe?.().catch(() => undefined);
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
    if (!interest.active || !this.#members.hasHeard) return;
    let left = gone.map(({ ref }) => ref);
    for (const part of partsOf(own)) {
      const s = ++this.#counter;
      this.#members.say({ t: 'delta', c: channel, p: interest.last, s, e: part, l: left }, subjectOf(channel));
      interest.last = s;
      left = [];
    }
  }

  metrics(): ReplicationMetrics {
    const { peers, isUp, lost } = this.#members;
    const { size: nodes } = peers;
    return { nodes, stale: !isUp, gaps: this.#gaps, lost, audits: this.#audits, repairs: this.#repairs };
  }

  async close(): Promise<void> {
    clearInterval(this.#retry);
    for (const { done } of this.#waiting.values()) done();
    const interests = [...this.#interests.values()];
    this.#interests.clear();
    await this.#members.close();
    await Promise.all(interests.map(async ({ unsubscribe }) => unsubscribe?.().catch(() => undefined)));
  }

  // --- what other instances are heard to say -------------------------------------------------------------------------

  unsure(peer: Peer): void {
    this.#ask(peer, this.#interests.keys());
  }

  dropped(peer: Peer): void {
    this.#asking.delete(peer);
    for (const channel of this.#waiting.keys()) this.#answered(channel, peer);
  }

  heard(peer: Peer, body: Body): void {
    switch (body.t) {
      case 'delta':
        if (!this.#interests.has(body.c) || peer.applyDelta(body)) return;
        if (!peer.asked.has(body.c)) this.#gaps++;
        return this.#ask(peer, [body.c], body.s);
      case 'state': {
        if (!this.#interests.has(body.c)) return;
        const { complete, changed } = peer.applyState(body);
        if (complete && changed && body.a) this.#repairs++;
        if (complete) this.#answered(body.c, peer);
        return;
      }
      case 'ask':
        for (const channel of body.c) this.#tellState(peer, channel);
        return;
      case 'sync':
        if (!body.x.includes(this.#members.incarnation) && this.#publishedIn(body.c).size > 0) {
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
    await this.#members.listening;
    interest.unsubscribe = await this.#members.subscribe(subjectOf(channel), isWanted);
    if (!interest.unsubscribe) return;
    interest.active = true;
    const peers = [...this.#members.peers.values()];
    this.#sync(channel, peers);
    // Said on the subject, not only told: who needs the channel and is not known here hears it too.
    if (this.#members.hasHeard && interest.published.size > 0) this.#sayState(channel, interest);
    for (const peer of peers) this.#ask(peer, [channel]);
    await this.#members.started;
    if (isWanted()) await this.#answers(channel);
  }

  /** Resolves when all who are being asked for a channel have answered. */
  async #answers(channel: string): Promise<void> {
    const peers = new Set([...this.#members.peers.values()].filter(({ asked }) => asked.has(channel)));
    if (peers.size === 0) return;
    await new Promise<void>((done) => this.#waiting.set(channel, { peers, done }));
    this.#waiting.delete(channel);
  }

  /** One of those who are waited for has answered, or will not. */
  #answered(channel: string, peer?: Peer): void {
    const waiting = this.#waiting.get(channel);
    if (peer) waiting?.peers.delete(peer);
    else waiting?.peers.clear();
    if (waiting?.peers.size === 0) waiting.done();
  }

  #sync(channel: string, asked: readonly Peer[]): void {
    this.#members.say({ t: 'sync', c: channel, x: asked.map(({ incarnation }) => incarnation) }, subjectOf(channel));
  }

  #sayState(channel: string, interest: Interest): void {
    interest.last = ++this.#counter;
    for (const body of this.#stateOf(channel)) this.#members.say(body, subjectOf(channel));
  }

  #tellState(peer: Peer, channel: string, audit = false): void {
    for (const body of this.#stateOf(channel, audit)) this.#members.tell(peer, body);
  }

  /** All that this node has in a channel, also nothing, at what it has said last. */
  *#stateOf(channel: string, a = false): Generator<Body> {
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
  #ask(peer: Peer, channels: Iterable<string>, reaching?: number): void {
    const before = peer.asked.size;
    for (const channel of channels) peer.ask(channel, reaching);
    if (peer.asked.size === before && reaching !== undefined) return;
    if (peer.asked.size === 0) return;
    if (this.#asking.size === 0) queueMicrotask(() => this.#sendAsks());
    this.#asking.add(peer);
  }

  #sendAsks(): void {
    for (const peer of this.#asking) {
      const channels = [...peer.asked.keys()];
      for (let at = 0; at < channels.length; at += maxAsked) {
        this.#members.tell(peer, { t: 'ask', c: channels.slice(at, at + maxAsked) });
      }
    }
    this.#asking.clear();
  }

  #maintain(): void {
    const peers = [...this.#members.peers.values()];
    for (const peer of peers) if (peer.asked.size > 0) this.#asking.add(peer);
    this.#sendAsks();
    for (const [channel, interest] of this.#interests) {
      if (!interest.young || !interest.active) continue;
      // In a cluster of engine servers a subscription may have reached the others late.
      interest.young = false;
      this.#sync(channel, []);
    }
    if (peers.length > 0 && this.settings.audit !== false) this.#audit(peers);
  }

  /** Compares one channel with each node that has entries there, and one more. Nothing must depend on it. */
  #audit(peers: readonly Peer[]): void {
    const channels = [...this.#interests.keys()];
    const channel = channels[Math.floor(Math.random() * channels.length)];
    if (channel === undefined) return;
    const oneMore = peers[Math.floor(Math.random() * peers.length)];
    for (const peer of peers) {
      if ((peer !== oneMore && !peer.holds(channel)) || peer.asked.has(channel)) continue;
      this.#audits++;
      this.#members.tell(peer, {
        t: 'audit',
        c: channel,
        s: peer.last(channel),
        h: digestOf(peer.entries(channel)),
      });
    }
  }
}

const nobody: ReadonlyMap<string, Entry> = new Map();
