import { randomBytes } from 'node:crypto';
import type { Broker, Unsubscribe } from '../broker/broker.js';
import { takeBack } from '../broker/take-back.js';
import { HalyardError, textOf } from '../errors.js';
import { decode, encode, type Body, type Head, type Sign } from './message.js';
import { Peer } from './peer.js';

export interface NodeSettings {
  /** @default a random one */
  readonly name?: string | undefined;
  /** Between two signs of life, 15 % more or less. @default 3000 */
  readonly heartbeatMs?: number;
  /** Silence after which an instance is dropped. @default 10 000 */
  readonly leaseMs?: number;
  /** Told of what an operator should know. */
  warn(text: string): void;
}

/** Who is told of other instances. */
export interface MembershipListener {
  /** It is new, or may have said what nobody heard, or this node may not have heard it. */
  unsure?(peer: Peer): void;
  dropped?(peer: Peer): void;
  /** Another instance has said something; of kinds that others know, too. */
  heard?(peer: Peer, body: Body): void;
  /** What this instance has said has come back to it: all that was published before has been heard. */
  returned?(body: Body): void;
  /** The own link has gone down, or is up again. */
  linked?(isUp: boolean): void;
}

const everybody = 'halyard:nodes';
const subjectOf = (incarnation: string): string => `halyard:node:${incarnation}`;
/** Instances that said goodbye are remembered for as long as late bytes of theirs could come. */
const forgetAfterMs = 3_600_000;
/** Different ones: whoever runs it needs no more to see what is wrong. */
const maxWarnings = 20;

/**
 * Which instances are alive, this one's own link, and its name among them. One for each app: whoever has to do with other
 * nodes speaks to them through it.
 */
export class Membership {
  readonly incarnation = randomBytes(16).toString('base64url');
  /** Other instances that are alive, by incarnation. */
  readonly peers = new Map<string, Peer>();
  /** Somebody else was ever heard of. */
  hasHeard = false;
  isUp: boolean;
  /** How many have fallen silent and were dropped. */
  lost = 0;
  /** How often the own link has gone down. */
  linkLosses = 0;
  /** Resolves when it can be spoken to. */
  readonly listening: Promise<void>;
  /** Rejects when the broker refuses what it must be able to hear. */
  readonly refusal: Promise<never>;
  #startListening!: () => void;
  #refuse!: (error: unknown) => void;
  #started: Promise<void> | undefined = undefined;
  readonly #listeners: MembershipListener[] = [];
  #name: string;
  #generation = 1;
  #saidHello = false;
  /** Something that was published may not have arrived. */
  #lossy = false;
  #checking = false;
  #closed = false;
  #beat: NodeJS.Timeout | undefined = undefined;
  #probes = 0;
  readonly #probing = new Map<number, () => void>();
  readonly #goodbyes = new Map<string, number>();
  readonly #unsubscribe: Unsubscribe[] = [];
  readonly #warned = new Set<string>();
  #offLink: (() => void) | undefined = undefined;

  constructor(
    private readonly broker: Broker,
    private readonly settings: NodeSettings,
  ) {
    this.#name = settings.name ?? this.incarnation.slice(0, 8);
    this.isUp = broker.health().link === 'up';
    this.listening = new Promise((resolve) => (this.#startListening = resolve));
    this.refusal = new Promise((_resolve, reject) => (this.#refuse = reject));
    // Only who waits for it is told.
    this.refusal.catch(ignore);
  }

  /** What others call this one, at the moment. */
  get name(): string {
    return this.#name;
  }

  /** Joins the other nodes; once is enough. Resolves when those who answered its hello are known. */
  start(): Promise<void> {
    return (this.#started ??= this.#start());
  }

  listen(listener: MembershipListener): void {
    this.#listeners.push(listener);
  }

  /** To all nodes, to one, or to a subject of their own. Nothing is said while the link is down: all are asked after it. */
  say<B extends Body>(body: B, to: string = everybody): void {
    if (!this.isUp || this.#closed) return;
    this.publish(body, to).catch((error: unknown) => {
      if (error instanceof HalyardError && error.code === 'HALYARD_BROKER_SIZE') this.#warnOnce(error.message);
      else this.#lossy = true;
    });
  }

  tell<B extends Body>({ incarnation }: Peer, body: B): void {
    this.say(body, subjectOf(incarnation));
  }

  /** The same for who is to be told whether it has gone out. Rejects as `Broker.publish`. */
  async publish<B extends Body>(body: B, to: string = everybody): Promise<void> {
    await this.broker.publish(to, encode({ n: this.#name, i: this.incarnation, g: this.#generation }, body));
  }

  /** A message of another instance, or one's own. */
  receive(bytes: Uint8Array): void {
    const message = decode(bytes);
    if (!message || this.#closed) return;
    const { i, n, g } = message;
    if (i === this.incarnation) {
      if (isProbe(message)) this.#probing.get(message.k)?.();
      else for (const listener of this.#listeners) listener.returned?.(message);
      return;
    }
    if (this.#goodbyes.has(i)) return;
    this.hasHeard = true;
    let peer = this.peers.get(i);
    if (message.t === 'bye') {
      this.#goodbyes.set(i, performance.now());
      if (peer) this.#drop(peer);
      return;
    }
    if (n === this.#name) this.#rename();
    if (message.t === 'hello') this.#replaceOlder(n, i);
    if (peer && g < peer.generation) return;
    const isSure = peer?.generation === g;
    if (!peer) this.peers.set(i, (peer = new Peer(i, n, g)));
    peer.generation = g;
    peer.name = n;
    peer.heardAtMs = performance.now();
    if (!isSure) for (const listener of this.#listeners) listener.unsure?.(peer);
    // Who has just started knows nobody yet.
    if (message.t === 'hello') this.tell(peer, { t: 'beat' });
    for (const listener of this.#listeners) listener.heard?.(peer, message);
  }

  /** Says goodbye. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const said = this.isUp ? this.publish({ t: 'bye' }, everybody).catch(ignore) : undefined;
    this.#closed = true;
    clearTimeout(this.#beat);
    this.#offLink?.();
    for (const resolve of this.#probing.values()) resolve();
    await said;
    await Promise.all(this.#unsubscribe.map((unsubscribe) => unsubscribe().catch(ignore)));
  }

  /** Subscribes, again and again until it works or is not wanted any more. @param refused told while the link is up */
  async subscribe(
    subject: string,
    isWanted: () => boolean,
    refused?: (error: unknown) => void,
  ): Promise<Unsubscribe | undefined> {
    while (isWanted() && !this.#closed) {
      try {
        const unsubscribe = await this.broker.subscribe(subject, (bytes) => this.receive(bytes));
        if (isWanted() && !this.#closed) return unsubscribe;
        await takeBack(unsubscribe, () => this.#closed);
      } catch (error) {
        if (this.isUp && !this.#closed) {
          refused?.(error);
          this.#warnOnce(`the broker does not let this node hear ${subject}: ${textOf(error)}`);
        }
        // The engine is away: tried again soon, for as long as anybody needs it.
        await new Promise((resolve) => setTimeout(resolve, 500).unref());
      }
    }
    return undefined;
  }

  async #start(): Promise<void> {
    // Nobody was told of changes before.
    this.isUp = this.broker.health().link === 'up';
    this.#offLink = this.broker.onLink((state) => this.#linkChanged(state === 'up'));
    for (const subject of [subjectOf(this.incarnation), everybody]) {
      const unsubscribe = await this.subscribe(subject, () => true, this.#refuse);
      if (unsubscribe) this.#unsubscribe.push(unsubscribe);
    }
    this.#startListening();
    this.#signOfLife();
    // Those who heard the hello have answered by the time that two probes came back, more or less.
    await this.#probe();
    await this.#probe();
  }

  /** A beat now, and the next one later. */
  #signOfLife(): void {
    if (this.#closed) return;
    clearTimeout(this.#beat);
    const { heartbeatMs = 3000 } = this.settings;
    this.#beat = setTimeout(() => this.#signOfLife(), heartbeatMs * (0.85 + 0.3 * Math.random())).unref();
    if (this.#lossy) {
      // Whoever hears of a new generation asks for what it missed.
      this.#lossy = false;
      this.#generation++;
    }
    this.say({ t: this.#saidHello ? 'beat' : 'hello' });
    this.#saidHello ||= this.isUp;
    for (const [incarnation, atMs] of this.#goodbyes) {
      if (performance.now() - atMs > forgetAfterMs) this.#goodbyes.delete(incarnation);
    }
    void this.#checkLeases();
  }

  /** Drops who has been silent for too long; not before one's own link is proven: the silence may be ours. */
  async #checkLeases(): Promise<void> {
    const { leaseMs = 10_000 } = this.settings;
    const isSilent = ({ heardAtMs }: Peer): boolean => performance.now() - heardAtMs > leaseMs;
    if (!this.isUp || this.#checking || ![...this.peers.values()].some(isSilent)) return;
    this.#checking = true;
    const proven = await this.#probe();
    this.#checking = false;
    if (!proven || !this.isUp || this.#closed) return;
    for (const peer of [...this.peers.values()].filter(isSilent)) {
      this.lost++;
      this.#drop(peer);
    }
  }

  /** Whether what is published comes back, after all that was published before. */
  async #probe(): Promise<boolean> {
    if (!this.isUp || this.#closed) return false;
    const k = ++this.#probes;
    const back = new Promise<boolean>((resolve) => {
      const timer = setTimeout(resolve, this.settings.leaseMs ?? 10_000, false).unref();
      this.#probing.set(k, () => {
        clearTimeout(timer);
        resolve(true);
      });
    });
    this.say({ t: 'probe', k }, subjectOf(this.incarnation));
    const proven = await back;
    this.#probing.delete(k);
    return proven;
  }

  #linkChanged(up: boolean): void {
    if (this.#closed || up === this.isUp) return;
    this.isUp = up;
    if (!up) this.linkLosses++;
    for (const listener of this.#listeners) listener.linked?.(up);
    if (up) {
      this.#generation++;
      const now = performance.now();
      for (const peer of this.peers.values()) {
        peer.heardAtMs = now;
        for (const listener of this.#listeners) listener.unsure?.(peer);
      }
      this.#signOfLife();
    }
  }

  #warnOnce(text: string): void {
    if (this.#warned.has(text) || this.#warned.size >= maxWarnings) return;
    this.#warned.add(text);
    this.settings.warn(text);
  }

  #replaceOlder(name: string, incarnation: string): void {
    for (const peer of this.peers.values()) {
      if (peer.name === name && peer.incarnation !== incarnation) this.#drop(peer);
    }
  }

  #rename(): void {
    const former = this.#name;
    this.#name = `${this.settings.name ?? ''}~${randomBytes(6).toString('base64url')}`;
    this.settings.warn(`another node is called ${former}: this one is ${this.#name} from now on`);
    this.#signOfLife();
  }

  #drop(peer: Peer): void {
    this.peers.delete(peer.incarnation);
    for (const listener of this.#listeners) listener.dropped?.(peer);
  }
}

function isProbe(message: Head & Body): message is Head & Extract<Sign, { t: 'probe' }> {
  return message.t === 'probe';
}

function ignore(): void {
  // Who does not hear it finds out by itself.
}
