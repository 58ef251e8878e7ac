import { randomBytes } from 'node:crypto';
import { HalyardError } from '../errors.js';
import type { Broker, BrokerHealth, LinkState, Unsubscribe } from './broker.js';
import { bare, type Engine } from './engine.js';
import { EngineSubscriptions, type Link } from './engine-subscriptions.js';
import { callListener } from './listener.js';
import { OutageQueue } from './outage-queue.js';
import { subjectToken } from './subject-token.js';

/** How often connections are pinged and looked at. */
const tickMs = 1000;
/** After so many ticks in a row in which a connection was silent it is cut: a half-open one is noticed within 4 s. */
const maxSilentTicks = 3;
/** A probe goes out so many ticks after the last one came back, and must come back within so many. */
const ticksBetweenProbes = 20;
const maxProbeTicks = 10;
/** When the engine refuses what there is no link without, it is tried again after this time. */
const retryMs = 1000;

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
  readonly #link: Link = { state: 'down', wasUp: false, isConnected: false, epoch: 0, reason: undefined };
  readonly #subscriptions: EngineSubscriptions;
  readonly #queue = new OutageQueue(() => this.#link.reason);
  readonly #listeners = new Set<(state: LinkState) => void>();
  readonly #probeToken = `probe:${randomBytes(12).toString('base64url')}`;
  readonly #timer: NodeJS.Timeout;
  #closing: Promise<void> | undefined = undefined;
  /** Something has come in since the link was last said to be down. */
  #hasReceived = false;
  #retry: NodeJS.Timeout | undefined = undefined;
  #received: readonly number[] = [];
  #silentTicks = 0;
  #ticksToProbe = ticksBetweenProbes;
  #probe: Probe | undefined = undefined;
  #probes = 0;
  #latencyMs: number | undefined = undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.ordering = engine.ordering;
    this.#subscriptions = new EngineSubscriptions(engine, this.#link, () => this.#returned());
    this.#subscriptions.addEssential(this.#probeToken, (bytes) => this.#probeReturned(bytes));
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
        else this.#subscriptions.refuse(token, reason);
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
    const takeBack = await this.#subscriptions.add(subjectToken(subject), onBytes);
    return () => {
      takeBack();
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
      link: this.#link.state,
      queued: this.#queue.size,
      ...(this.#latencyMs !== undefined && { latencyMs: this.#latencyMs }),
      ...(this.#link.state === 'down' && this.#link.reason && { reason: this.#link.reason.message }),
    };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  #close(): Promise<void> {
    this.#link.state = 'down';
    this.#link.isConnected = false;
    this.#link.epoch++;
    clearInterval(this.#timer);
    clearTimeout(this.#retry);
    const error = new HalyardError('BROKER_CLOSED');
    this.#queue.fail(error);
    this.#subscriptions.close(error);
    this.#probe?.settle(error);
    this.#listeners.clear();
    return this.#engine.close();
  }

  /** Publications go straight to the engine. */
  get #isOpen(): boolean {
    return this.#link.state === 'up' && this.#silentTicks === 0;
  }

  #connected(): void {
    if (this.#closing) return;
    this.#link.isConnected = true;
    this.#received = [];
    this.#silentTicks = 0;
    void this.#restore(++this.#link.epoch);
  }

  #lost(reason: Error): void {
    if (this.#closing) return;
    this.#link.reason = bare(reason);
    if (this.#link.isConnected) {
      this.#link.isConnected = false;
      this.#link.epoch++;
      clearTimeout(this.#retry);
      this.#probe?.settle(this.#link.reason);
    }
    // While it is restored, or one of its connections lives on, publications come in: what was lost behind them is news.
    if (this.#link.state === 'down' && !this.#hasReceived) return;
    this.#link.state = 'down';
    this.#hasReceived = false;
    this.#tell();
  }

  /** Brings a new connection to where the old one was, and proves it. */
  async #restore(epoch: number): Promise<void> {
    try {
      await this.#subscriptions.restore();
      if (epoch !== this.#link.epoch) return;
      await this.#prove();
    } catch (error) {
      if (epoch !== this.#link.epoch) return;
      this.#link.reason = bare(error);
      // The engine refuses, and will do so again: not at once.
      this.#retry = setTimeout(() => this.#cut(bare(error)), retryMs);
      return;
    }
    if (epoch === this.#link.epoch) this.#up();
  }

  #up(): void {
    this.#link.wasUp = true;
    this.#link.reason = undefined;
    this.#link.state = 'up';
    this.#subscriptions.linkUp();
    this.#drain();
    this.#tell();
  }

  #tell(): void {
    const { state } = this.#link;
    for (const listener of this.#listeners) callListener(listener, state);
  }

  #cut(reason: Error): void {
    this.#lost(reason);
    this.#engine.cut();
  }

  #drain(): void {
    this.#queue.drain((token, bytes) => this.#engine.publish(token, bytes));
  }

  /** What was refused arrives again. What was published meanwhile is missing: a gap, as behind a loss of the link. */
  #returned(): void {
    const epoch = this.#link.epoch;
    this.#link.state = 'down';
    this.#tell();
    if (epoch === this.#link.epoch) this.#up();
  }

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
    this.#subscriptions.tick();
    if (!this.#link.isConnected) return;
    const { lines } = this.#engine;
    const isSilent = lines.some(({ received }, at) => received === this.#received[at]);
    this.#received = lines.map(({ received }) => received);
    this.#silentTicks = isSilent ? this.#silentTicks + 1 : 0;
    if (this.#silentTicks >= maxSilentTicks) return this.#cut(new Error('the engine does not answer'));
    for (const line of lines) line.ping();
    if (this.#isOpen) this.#drain();
    if (this.#probe) {
      if (++this.#probe.ticks > maxProbeTicks) this.#cut(new Error('what is published does not come back'));
    } else if (this.#link.state === 'up' && --this.#ticksToProbe <= 0) {
      void this.#prove().catch(() => undefined);
    }
  }
}

const done = Promise.resolve();
