/** A broker whose engine, links and messages a test breaks: to show what the layers above make of it. */
import {
  BrokerUnavailableError,
  HalyardError,
  type Broker,
  type BrokerHealth,
  type LinkState,
  type Unsubscribe,
} from 'halyard';

type Listener = (bytes: Uint8Array) => void;

/** Carries between nodes what they publish, in one order, a turn of the event loop later. */
export class FaultyEngine {
  readonly nodes = new Set<FaultyBroker>();
  published = 0;
  /** Of all that was published. */
  largestBytes = 0;

  node(): FaultyBroker {
    const node = new FaultyBroker(this);
    this.nodes.add(node);
    return node;
  }

  carry(subject: string, bytes: Uint8Array): void {
    this.published++;
    this.largestBytes = Math.max(this.largestBytes, bytes.length);
    // All that is under way is in order, as on one socket.
    setImmediate(() => {
      for (const node of this.nodes) node.receive(subject, bytes);
    });
  }
}

export class FaultyBroker implements Broker {
  readonly ordering = 'total';
  /** Publishing is taken and lost, as by a socket that is half open. */
  losesPublications = false;
  /** Nobody can say whether what is published has gone out: it has, but the engine's word of it was lost. */
  isDoubtful = false;
  /** What comes waits, as for a process that is stopped. */
  isStopped = false;
  /** While its link is being restored, publications come in already. */
  isRestoring = false;
  /** Of one publication. */
  maxBytes = Infinity;
  /** Is waited for by what subscribes and unsubscribes, or throws in its place. */
  beforeSubscribe: (subject: string) => Promise<void> = () => Promise.resolve();
  beforeUnsubscribe: (subject: string) => Promise<void> = () => Promise.resolve();
  #held: [string, Uint8Array][] = [];
  #up = true;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #links = new Set<(state: LinkState) => void>();

  constructor(private readonly engine: FaultyEngine) {}

  publish(subject: string, bytes: Uint8Array): Promise<void> {
    if (!this.#up) return Promise.reject(new BrokerUnavailableError('rejected'));
    if (bytes.length > this.maxBytes) return Promise.reject(new HalyardError('BROKER_SIZE'));
    if (!this.losesPublications) this.engine.carry(subject, bytes);
    return this.isDoubtful ? Promise.reject(new BrokerUnavailableError('unknown')) : Promise.resolve();
  }
  async subscribe(subject: string, onBytes: Listener): Promise<Unsubscribe> {
    await this.beforeSubscribe(subject);
    if (!this.#up) throw new BrokerUnavailableError('rejected');
    const listeners = this.#listeners.get(subject) ?? new Set();
    this.#listeners.set(subject, listeners);
    const listener: Listener = (bytes) => onBytes(bytes);
    listeners.add(listener);
    return async () => {
      await this.beforeUnsubscribe(subject);
      listeners.delete(listener);
    };
  }
  onLink(listener: (state: LinkState) => void): () => void {
    this.#links.add(listener);
    return () => void this.#links.delete(listener);
  }
  health(): BrokerHealth {
    return { link: this.#up ? 'up' : 'down', queued: 0 };
  }
  close(): Promise<void> {
    return Promise.resolve();
  }

  /** How many are told of the link. */
  get linkListeners(): number {
    return this.#links.size;
  }
  /** How many subscriptions a subject has. */
  subscriptions(subject: string): number {
    return this.#listeners.get(subject)?.size ?? 0;
  }
  receive(subject: string, bytes: Uint8Array): void {
    if (!this.#up && !this.isRestoring) return;
    if (this.isStopped) this.#held.push([subject, bytes]);
    else for (const listener of this.#listeners.get(subject) ?? []) listener(bytes);
  }
  /** What is published and delivered while it is cut is lost. */
  cut(): void {
    this.#link(false);
  }
  mend(): void {
    this.isRestoring = false;
    this.#link(true);
  }
  /** Another loss, before the link is up again. */
  cutWhileRestoring(): void {
    this.isRestoring = false;
    for (const listener of this.#links) listener('down');
  }
  /** Nobody is told: the node was killed. */
  kill(): void {
    this.engine.nodes.delete(this);
    this.losesPublications = true;
  }
  stop(): void {
    this.isStopped = true;
    this.losesPublications = true;
  }
  resume(): void {
    this.isStopped = false;
    this.losesPublications = false;
    for (const [subject, bytes] of this.#held.splice(0)) this.receive(subject, bytes);
  }
  #link(up: boolean): void {
    if (this.#up === up) return;
    this.#up = up;
    for (const listener of this.#links) listener(up ? 'up' : 'down');
  }
}
