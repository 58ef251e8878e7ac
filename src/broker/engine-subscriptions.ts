import { BrokerUnavailableError } from '../errors.js';
import type { LinkState } from './broker.js';
import { bare, unsent, type Engine } from './engine.js';
import { maxWaitMs } from './outage-queue.js';
import { Subscriptions } from './subscriptions.js';

/** How many subjects the engine is told of at once: pings and their answers get through in between. */
const subjectsAtOnce = 1000;
/** Subjects that it refuses are asked for again after so many ticks, so many of them. */
const ticksBetweenRetries = 10;
const retriesAtOnce = 100;
/** How long a subscription waits for the very first link-up: the client may have to resolve names and shake hands. */
const maxFirstWaitMs = 10_000;

/** How the link to the engine is. `EngineBroker` keeps it. */
export interface Link {
  state: LinkState;
  /** It has been up before. */
  wasUp: boolean;
  /** All connections of the engine are ready. */
  isConnected: boolean;
  /** Raised at each connection and each loss: what was begun before is void. */
  epoch: number;
  /** Why it is down. */
  reason: Error | undefined;
}

/** A subscription that is not active yet. */
interface Pending {
  readonly deadlineMs: number;
  active: Promise<void>;
  resolve: () => void;
  reject: (error: Error) => void;
}

/** Who listens to what, and that the engine knows it: it is told of all that changes, and of everything after an outage. */
export class EngineSubscriptions {
  readonly #local = new Subscriptions();
  readonly #pending = new Map<string, Pending>();
  /** Subjects of which the engine may know less, or more, than it should; `false` where it cannot know of them at all. */
  readonly #dirty = new Map<string, boolean>();
  /** Subjects that somebody listens to and that the engine refuses: they do not hold up the others. */
  readonly #refused = new Map<string, Error>();
  #essential: string | undefined = undefined;
  #syncing: Promise<void> | undefined = undefined;
  #ticksToRetry = 1;

  /** @param onReturned what was refused arrives again; what was published meanwhile is missing */
  constructor(
    private readonly engine: Engine,
    private readonly link: Readonly<Link>,
    private readonly onReturned: () => void,
  ) {}

  /** One that there is no link without: `restore` rejects where the engine refuses it. */
  addEssential(token: string, onBytes: (bytes: Uint8Array) => void): void {
    this.#essential = token;
    this.#local.add(token, onBytes);
  }

  /** Resolves when it is active at the engine, with what takes it back, once. Rejects when that takes too long. */
  async add(token: string, onBytes: (bytes: Uint8Array) => void): Promise<() => void> {
    const isNew = !this.#local.has(token);
    const remove = this.#local.add(token, onBytes);
    const takeBack = (): void => {
      if (remove()) this.#unwanted(token);
    };
    try {
      const isMissing = isNew || this.#refused.has(token);
      if (isMissing) this.#wanted(token);
      if (isMissing || this.link.state === 'down' || this.#pending.has(token)) await this.#active(token);
    } catch (error) {
      takeBack();
      throw error;
    }
    return takeBack;
  }

  deliver(token: string, bytes: Uint8Array): void {
    this.#local.deliver(token, bytes);
  }

  /** Brings a new connection to where the old one was. What becomes of it is void once the epoch is another. */
  async restore(): Promise<void> {
    const { epoch } = this.link;
    await this.#syncing;
    if (epoch !== this.link.epoch) return;
    for (const token of this.#local.subjects()) this.#dirty.set(token, this.#dirty.get(token) ?? true);
    await this.#sync();
  }

  /** The link is up: all that was restored is active, and what has changed meanwhile follows. */
  linkUp(): void {
    for (const token of this.#pending.keys()) if (!this.#dirty.has(token)) this.#activated(token);
    if (this.#dirty.size > 0) void this.#sync();
  }

  /** The engine refuses it: who waits for it is told; for others, who listened to it before, it is asked for again. */
  refuse(token: string, reason: unknown): void {
    if (!this.#local.has(token)) return;
    // At the end: those that were refused longest ago are the next to be asked for.
    this.#refused.delete(token);
    this.#refused.set(token, bare(reason));
    this.#failed(token, unsent(reason));
  }

  /** To be called about once a second: one look at all that wait, as there may be many. */
  tick(): void {
    this.#expire();
    this.#retryRefused();
  }

  close(error: Error): void {
    for (const token of this.#pending.keys()) this.#failed(token, error);
    this.#local.clear();
    this.#refused.clear();
  }

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
    if (this.link.state === 'up') void this.#sync();
  }

  #active(token: string): Promise<void> {
    const existing = this.#pending.get(token);
    if (existing) return existing.active;
    const deadlineMs = performance.now() + (this.link.wasUp ? maxWaitMs : maxFirstWaitMs);
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

  /** Not while the engine lives and is being told of them. */
  #expire(): void {
    if (this.link.isConnected && this.#syncing) return;
    const now = performance.now();
    for (const [token, { deadlineMs }] of this.#pending) {
      if (deadlineMs > now) continue;
      const message = 'the subscription could not be made in time';
      this.#failed(token, new BrokerUnavailableError('rejected', { message, cause: this.link.reason }));
    }
  }

  /** Says what is refused although somebody listens, which shows nowhere else, and asks again. */
  #retryRefused(): void {
    const [first] = this.#refused;
    if (!first || this.link.state === 'down' || --this.#ticksToRetry > 0) return;
    this.#ticksToRetry = ticksBetweenRetries;
    const [token, { message }] = first;
    const text = `subjects for which nothing arrives, as the engine refuses them: ${this.#refused.size}`;
    process.emitWarning(`${text}. ${token}: ${message}`, { code: 'HALYARD_BROKER_REFUSED' });
    for (const refused of [...this.#refused.keys()].slice(0, retriesAtOnce)) this.#wanted(refused);
  }

  /** Tells the engine what has changed, until nothing has. */
  #sync(): Promise<void> {
    return (this.#syncing ??= this.#syncAll(this.link.epoch));
  }

  async #syncAll(epoch: number): Promise<void> {
    try {
      // All that changes in this tick goes together.
      await Promise.resolve();
      while (this.#dirty.size > 0 && epoch === this.link.epoch) await this.#syncSome(epoch);
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
      if (this.#local.has(token)) wanted.push(token);
      else unwanted.push(token);
      if (wanted.length + unwanted.length === subjectsAtOnce) break;
    }
    const missing = wanted.filter((token) => this.#refused.has(token));
    await Promise.all([
      this.#subscribe(wanted, epoch),
      // What comes through one that stays is for nobody.
      unwanted.length > 0 && this.engine.unsubscribe(unwanted).catch(() => undefined),
    ]);
    if (epoch !== this.link.epoch || this.link.state === 'down') return;
    if (missing.some((token) => this.#local.has(token) && !this.#refused.has(token))) this.onReturned();
  }

  /** Makes these active. What the engine refuses is found by halves: it must not take the others along. */
  async #subscribe(tokens: readonly string[], epoch: number): Promise<void> {
    if (tokens.length === 0 || epoch !== this.link.epoch) return;
    try {
      await this.engine.subscribe(tokens);
    } catch (error) {
      if (epoch !== this.link.epoch) return;
      if (tokens.length > 1) {
        const middle = Math.ceil(tokens.length / 2);
        await this.#subscribe(tokens.slice(0, middle), epoch);
        return this.#subscribe(tokens.slice(middle), epoch);
      }
      if (tokens[0] === this.#essential) throw error;
      return this.refuse(tokens[0]!, error);
    }
    if (epoch !== this.link.epoch) return;
    for (const token of tokens) {
      this.#refused.delete(token);
      if (this.link.state === 'up') this.#activated(token);
    }
  }
}
