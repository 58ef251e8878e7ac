import { randomBytes } from 'node:crypto';
import { BrokerUnavailableError, HalyardError } from '../errors.js';
import type { Broker, BrokerHealth, LinkState, Unsubscribe } from './broker.js';
import { callListener } from './listener.js';
import { bare, unsent, type Engine } from './engine.js';
import { maxWaitMs, OutageQueue } from './outage-queue.js';
import { subjectToken } from './subject-token.js';
import { Subscriptions } from './subscriptions.js';

/** How often connections are pinged and looked at. */
const tickMs = 1000;
/** After so many ticks in a row in which a connection was silent it is cut: a half-open one is noticed within 4 s. */
const maxSilentTicks = 3;
/** A probe goes out so many ticks after the last one came back, and must come back within so many. */
const ticksBetweenProbes = 20;
const maxProbeTicks = 10;
/** How many subjects the engine is told of at once: pings and their answers get through in between. */
const subjectsAtOnce = 1000;
/** Subjects that it refuses are asked for again after so many ticks, so many of them. */
const ticksBetweenRetries = 10;
const retriesAtOnce = 100;
/** How long a subscription waits for the very first link-up: the client may have to resolve names and shake hands. */
const maxFirstWaitMs = 10_000;
const retryMs = 1000;

/** A subscription that is not active yet. */
interface Pending {
  readonly deadlineMs: number;
  active: Promise<void>;
  resolve: () => void;
  reject: (error: Error) => void;
}

interface Probe {
  readonly text: string;
  readonly sentAtMs: number;
  ticks: number;
  readonly settle: (error?: Error) => void;
}

/**
 * What is the same for all engines: the link and its proof, the queue of an outage, and subscriptions that are made again.
 *
 * The link is up when all connections are ready, the engine has confirmed every subscription that it does not refuse, and a
 * probe that was published has come back through a subscription: after a failover two connections can be healthy, on two
 * servers. It is down as soon as one is lost, a connection says nothing in spite of pings, or a probe does not come back.
 * Publications go out only while it is up and the engine talks; otherwise they wait in `OutageQueue`.
 */
export class EngineBroker implements Broker {
  readonly ordering: Broker['ordering'];
  readonly #engine: Engine;
  readonly #subscriptions = new Subscriptions();
  readonly #queue = new OutageQueue(() => this.#reason);
  readonly #listeners = new Set<(state: LinkState) => void>();
  readonly #pending = new Map<string, Pending>();
  /** Subjects of which the engine may know less, or more, than it should; `false` where it cannot know of them at all. */
  readonly #dirty = new Map<string, boolean>();
  /** Subjects that somebody listens to and that the engine refuses: they do not hold up the others. */
  readonly #refused = new Map<string, Error>();
  readonly #probeToken = `probe:${randomBytes(12).toString('base64url')}`;
  readonly #timer: NodeJS.Timeout;
  #link: LinkState = 'down';
  #wasUp = false;
  #closing: Promise<void> | undefined = undefined;
  #isConnected = false;
  /** Something has come in since the link was last said to be down. */
  #hasReceived = false;
  /** Raised at each connection and each loss: what was begun before is void. */
  #epoch = 0;
  #reason: Error | undefined = undefined;
  #syncing: Promise<void> | undefined = undefined;
  #retry: NodeJS.Timeout | undefined = undefined;
  #received: readonly number[] = [];
  #silentTicks = 0;
  #ticksToRetry = 1;
  #ticksToProbe = ticksBetweenProbes;
  #probe: Probe | undefined = undefined;
  #probes = 0;
  #latencyMs: number | undefined = undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.ordering = engine.ordering;
    this.#subscriptions.add(this.#probeToken, (bytes) => this.#probeReturned(bytes));
    this.#timer = setInterval(() => {
      // What has come in is read first: after a pause of the process it is old, and proves that the engine lives.
      setImmediate(() => this.#tick());
    }, tickMs);
    engine.open({
      connected: () => this.#connected(),
      lost: (reason) => this.#lost(reason),
      received: (token, bytes) => {
        this.#hasReceived = true;
        this.#subscriptions.deliver(token, bytes);
      },
      refused: (token, reason) => {
        if (token === this.#probeToken) this.#cut(bare(reason));
        else this.#refuse(token, reason);
      },
    });
  }

  publish(subject: string, bytes: Uint8Array): Promise<void> {
    if (this.#closing) return Promise.reject(new HalyardError('BROKER_CLOSED'));
    const { maxBytes } = this.#engine;
    if (bytes.length > maxBytes) {
      const message = `a publication of ${bytes.length} bytes is larger than the ${maxBytes} that the broker carries`;
      return Promise.reject(new HalyardError('BROKER_SIZE', { message }));
    }
    const token = subjectToken(subject);
    return this.#isOpen ? this.#engine.publish(token, bytes) : this.#queue.add(token, bytes);
  }

  async subscribe(subject: string, onBytes: (bytes: Uint8Array) => void): Promise<Unsubscribe> {
    if (this.#closing) throw new HalyardError('BROKER_CLOSED');
    const token = subjectToken(subject);
    const isNew = !this.#subscriptions.has(token);
    const remove = this.#subscriptions.add(token, onBytes);
    try {
      const isMissing = isNew || this.#refused.has(token);
      if (isMissing) this.#wanted(token);
      if (isMissing || this.#link === 'down' || this.#pending.has(token)) await this.#active(token);
    } catch (error) {
      if (remove()) this.#unwanted(token);
      throw error;
    }
    return () => {
      if (remove()) this.#unwanted(token);
      return done;
    };
  }

  onLink(listener: (state: LinkState) => void): () => void {
    const own = (state: LinkState): void => listener(state);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  health(): BrokerHealth {
    return {
      link: this.#link,
      queued: this.#queue.size,
      ...(this.#latencyMs !== undefined && { latencyMs: this.#latencyMs }),
      ...(this.#link === 'down' && this.#reason && { reason: this.#reason.message }),
    };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  #close(): Promise<void> {
    this.#link = 'down';
    this.#isConnected = false;
    this.#epoch++;
    clearInterval(this.#timer);
    clearTimeout(this.#retry);
    const error = new HalyardError('BROKER_CLOSED');
    this.#queue.fail(error);
    for (const token of this.#pending.keys()) this.#failed(token, error);
    this.#probe?.settle(error);
    this.#listeners.clear();
    this.#subscriptions.clear();
    this.#refused.clear();
    return this.#engine.close();
  }

  /** Publications go straight to the engine. */
  get #isOpen(): boolean {
    return this.#link === 'up' && this.#silentTicks === 0;
  }

  #connected(): void {
    if (this.#closing) return;
    this.#isConnected = true;
    this.#received = [];
    this.#silentTicks = 0;
    void this.#restore(++this.#epoch);
  }

  #lost(reason: Error): void {
    if (this.#closing) return;
    this.#reason = bare(reason);
    if (this.#isConnected) {
      this.#isConnected = false;
      this.#epoch++;
      clearTimeout(this.#retry);
      this.#probe?.settle(this.#reason);
    }
    // While it is restored, or one of its connections lives on, publications come in: what was lost behind them is news.
    if (this.#link === 'down' && !this.#hasReceived) return;
    this.#link = 'down';
    this.#hasReceived = false;
    this.#tell();
  }

  /** Brings a new connection to where the old one was, and proves it. */
  async #restore(epoch: number): Promise<void> {
    try {
      await this.#syncing;
      if (epoch !== this.#epoch) return;
      for (const token of this.#subscriptions.subjects()) this.#dirty.set(token, this.#dirty.get(token) ?? true);
      await this.#sync();
      if (epoch !== this.#epoch) return;
      await this.#prove();
    } catch (error) {
      if (epoch !== this.#epoch) return;
      this.#reason = bare(error);
      // The engine refuses, and will do so again: not at once.
      this.#retry = setTimeout(() => this.#cut(bare(error)), retryMs);
      return;
    }
    if (epoch === this.#epoch) this.#up();
  }

  #up(): void {
    this.#wasUp = true;
    this.#reason = undefined;
    for (const token of this.#pending.keys()) if (!this.#dirty.has(token)) this.#activated(token);
    this.#link = 'up';
    this.#drain();
    if (this.#dirty.size > 0) void this.#sync();
    this.#tell();
  }

  #tell(): void {
    const state = this.#link;
    for (const listener of this.#listeners) callListener(listener, state);
  }

  #cut(reason: Error): void {
    this.#lost(reason);
    this.#engine.cut();
  }

  #drain(): void {
    this.#queue.drain((token, bytes) => this.#engine.publish(token, bytes));
  }

  // Subscriptions

  /** Somebody listens to it now: where it was not told that nobody does any more, the engine may know it. */
  #wanted(token: string): void {
    this.#changed(token, this.#dirty.get(token) ?? this.#refused.has(token));
  }

  /** Nobody listens to it any more. */
  #unwanted(token: string): void {
    this.#refused.delete(token);
    // In an outage they would be more and more.
    if (this.#dirty.get(token) === false) this.#dirty.delete(token);
    else this.#changed(token, true);
  }

  #changed(token: string, mayBeKnown: boolean): void {
    this.#dirty.set(token, mayBeKnown);
    // Without a connection, or while it is restored: it is among those that are restored.
    if (this.#link === 'up') void this.#sync();
  }

  /** Resolves when the subscription is active; rejects when that takes too long. */
  #active(token: string): Promise<void> {
    const existing = this.#pending.get(token);
    if (existing) return existing.active;
    const deadlineMs = performance.now() + (this.#wasUp ? maxWaitMs : maxFirstWaitMs);
    const pending = { deadlineMs } as Pending;
    pending.active = new Promise((resolve, reject) => {
      pending.resolve = resolve;
      pending.reject = reject;
    });
    this.#pending.set(token, pending);
    return pending.active;
  }

  #activated(token: string): void {
    this.#pending.get(token)?.resolve();
    this.#pending.delete(token);
  }

  #failed(token: string, error: Error): void {
    this.#pending.get(token)?.reject(error);
    this.#pending.delete(token);
  }

  /** Who waits for it is told; for others, who listened to it before, it is asked for again. */
  #refuse(token: string, reason: unknown): void {
    if (!this.#subscriptions.has(token)) return;
    // At the end: those that were refused longest ago are the next to be asked for.
    this.#refused.delete(token);
    this.#refused.set(token, bare(reason));
    this.#failed(token, unsent(reason));
  }

  /** Says what is refused although somebody listens, which shows nowhere else, and asks again. */
  #retryRefused(): void {
    const [first] = this.#refused;
    if (!first || this.#link === 'down' || --this.#ticksToRetry > 0) return;
    this.#ticksToRetry = ticksBetweenRetries;
    const [token, { message }] = first;
    const text = `subjects for which nothing arrives, as the engine refuses them: ${this.#refused.size}`;
    process.emitWarning(`${text}. ${token}: ${message}`, { code: 'HALYARD_BROKER_REFUSED' });
    for (const refused of [...this.#refused.keys()].slice(0, retriesAtOnce)) this.#wanted(refused);
  }

  /** One look a second at all that wait, as there may be many; not while the engine lives and is being told of them. */
  #expire(): void {
    if (this.#isConnected && this.#syncing) return;
    const now = performance.now();
    for (const [token, { deadlineMs }] of this.#pending) {
      if (deadlineMs > now) continue;
      const message = 'the subscription could not be made in time';
      this.#failed(token, new BrokerUnavailableError('rejected', { message, cause: this.#reason }));
    }
  }

  /** Tells the engine what has changed, until nothing has. */
  #sync(): Promise<void> {
    return (this.#syncing ??= this.#syncAll(this.#epoch));
  }

  async #syncAll(epoch: number): Promise<void> {
    try {
      // All that changes in this tick goes together.
      await done;
      while (this.#dirty.size > 0 && epoch === this.#epoch) await this.#syncSome(epoch);
    } finally {
      // In the step of that last look: what changes from now on is not joined to what is over.
      this.#syncing = undefined;
    }
  }

  async #syncSome(epoch: number): Promise<void> {
    const wanted: string[] = [];
    const unwanted: string[] = [];
    for (const token of this.#dirty.keys()) {
      this.#dirty.delete(token);
      if (this.#subscriptions.has(token)) wanted.push(token);
      else unwanted.push(token);
      if (wanted.length + unwanted.length === subjectsAtOnce) break;
    }
    const missing = wanted.filter((token) => this.#refused.has(token));
    await Promise.all([
      this.#subscribe(wanted, epoch),
      // What comes through one that stays is for nobody.
      unwanted.length > 0 && this.#engine.unsubscribe(unwanted).catch(() => undefined),
    ]);
    if (epoch !== this.#epoch || this.#link === 'down') return;
    if (missing.some((token) => this.#subscriptions.has(token) && !this.#refused.has(token))) this.#returned();
  }

  /** Makes these active. What the engine refuses is found by halves: it must not take the others along. */
  async #subscribe(tokens: readonly string[], epoch: number): Promise<void> {
    if (tokens.length === 0 || epoch !== this.#epoch) return;
    try {
      await this.#engine.subscribe(tokens);
    } catch (error) {
      if (epoch !== this.#epoch) return;
      if (tokens.length > 1) {
        const middle = Math.ceil(tokens.length / 2);
        await this.#subscribe(tokens.slice(0, middle), epoch);
        return this.#subscribe(tokens.slice(middle), epoch);
      }
      // Without it there is no link.
      if (tokens[0] === this.#probeToken) throw error;
      return this.#refuse(tokens[0]!, error);
    }
    if (epoch !== this.#epoch) return;
    for (const token of tokens) {
      this.#refused.delete(token);
      if (this.#link === 'up') this.#activated(token);
    }
  }

  /** What was refused arrives again. What was published meanwhile is missing: a gap, as behind a loss of the link. */
  #returned(): void {
    const epoch = this.#epoch;
    this.#link = 'down';
    this.#tell();
    if (epoch === this.#epoch) this.#up();
  }

  // The proof that the link is up

  /** Resolves when what is published comes back through a subscription; rejects when it does not. */
  #prove(): Promise<void> {
    this.#probe?.settle(new Error('another probe took its place'));
    return new Promise((resolve, reject) => {
      const text = String(++this.#probes);
      const settle = (error?: Error): void => {
        this.#probe = undefined;
        this.#ticksToProbe = ticksBetweenProbes;
        if (error) reject(error);
        else resolve();
      };
      this.#probe = { text, sentAtMs: performance.now(), ticks: 0, settle };
      // That it was not taken shows in that it does not come back.
      this.#engine.publish(this.#probeToken, Buffer.from(text)).catch(() => undefined);
    });
  }

  #probeReturned(bytes: Uint8Array): void {
    const probe = this.#probe;
    if (!probe || Buffer.from(bytes).toString() !== probe.text) return;
    this.#latencyMs = performance.now() - probe.sentAtMs;
    probe.settle();
  }

  #tick(): void {
    this.#expire();
    this.#retryRefused();
    if (!this.#isConnected) return;
    const { lines } = this.#engine;
    const isSilent = lines.some(({ received }, at) => received === this.#received[at]);
    this.#received = lines.map(({ received }) => received);
    this.#silentTicks = isSilent ? this.#silentTicks + 1 : 0;
    if (this.#silentTicks >= maxSilentTicks) return this.#cut(new Error('the engine does not answer'));
    for (const line of lines) line.ping();
    if (this.#isOpen) this.#drain();
    if (this.#probe) {
      if (++this.#probe.ticks > maxProbeTicks) this.#cut(new Error('what is published does not come back'));
    } else if (this.#link === 'up' && --this.#ticksToProbe <= 0) {
      void this.#prove().catch(() => undefined);
    }
  }
}

const done = Promise.resolve();
