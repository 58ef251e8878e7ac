import cluster from 'node:cluster';
import { HalyardError } from '../errors.js';
import type { Broker } from './broker.js';
import { LocalPort, WorkerPort, type Answer, type Port, type Request } from './cluster-port.js';
import { ClusterRelay } from './cluster-relay.js';
import { EngineBroker } from './engine-broker.js';
import { atMost, unconfirmed, unsent, type Engine, type EngineEvents, type Line } from './engine.js';
import { entriesOf, Parcel } from './parcel.js';

export interface ClusterBrokerOptions {
  /** Apps with one prefix are one. @default 'halyard:' */
  prefix?: string;
}

/**
 * Carries publications between the processes of a `node:cluster`, through its primary: many cores without an engine. All
 * see one order. Call it in the primary before the first `fork`, where it starts the relay and is a node like any other, and
 * in the workers. `halyard start` does both. Yours to close.
 *
 * @throws `HALYARD_SETTING` for a prefix with other than visible ASCII characters
 */
export function clusterBroker({ prefix = 'halyard:' }: ClusterBrokerOptions = {}): Broker {
  if (!/^[\x21-\x7e]*$/.test(prefix)) {
    throw new HalyardError('SETTING', { message: 'clusterBroker: prefix may hold visible ASCII characters only' });
  }
  return new EngineBroker(new ClusterEngine(cluster.isWorker ? new WorkerPort() : localPort(), prefix));
}

let relay: ClusterRelay | undefined;

/** Starts the relay of this primary, where it has not been started. */
export function startRelay(): ClusterRelay {
  if (!relay) {
    // Bytes stay bytes. It is in force for workers that are forked from now on.
    cluster.setupPrimary({ serialization: 'advanced' });
    relay = new ClusterRelay();
    relay.start();
  }
  return relay;
}

function localPort(): Port<Request, Answer> {
  const started = startRelay();
  const [port, other] = LocalPort.pair<Request, Answer>();
  other.listen((request) => started.receive(other, request, (answer, sent) => other.send(answer, sent)));
  return port;
}

/** Of one publication: some of them must fit into what the relay keeps for a node. */
const maxBytes = 16 * 1024 ** 2;
const helloMs = 1000;
const closeMs = 1000;

/** How many brokers this process has had. */
let nodes = 0;

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

class ClusterEngine implements Engine {
  readonly ordering = 'total';
  readonly maxBytes = maxBytes;
  readonly lines: readonly Line[];
  readonly #node = ++nodes;
  readonly #subscribed = new Set<string>();
  /** By the number of the request; answers come in order. */
  readonly #waiting = new Map<number, Waiting>();
  readonly #outbox = new Parcel();
  #batch: Promise<void> | undefined = undefined;
  #requests = 0;
  #received = 0;
  #events!: EngineEvents;
  #isConnected = false;
  #hello: NodeJS.Timeout | undefined = undefined;
  #stopListening: () => void = () => undefined;

  constructor(
    private readonly port: Port<Request, Answer>,
    private readonly prefix: string,
  ) {
    const received = (): number => this.#received;
    this.lines = [
      {
        get received() {
          return received();
        },
        ping: () => void this.#ask({ halyard: 'ping' }).catch(ignore),
      },
    ];
  }

  open(events: EngineEvents): void {
    this.#events = events;
    this.#stopListening = this.port.listen(
      (answer) => this.#receive(answer),
      () => this.#lost(new Error('the primary process has gone')),
    );
    this.#connect();
  }

  publish(token: string, bytes: Uint8Array): Promise<void> {
    if (!this.#isConnected) return Promise.reject(unsent(new Error('there is no link to the primary process')));
    this.#outbox.add(this.prefix + token, bytes);
    return (this.#batch ??= this.#send());
  }

  async subscribe(tokens: readonly string[]): Promise<void> {
    const missing = tokens.filter((token) => !this.#subscribed.has(token));
    if (missing.length === 0) return;
    await this.#ask({ halyard: 'subscribe', subjects: missing.map((token) => this.prefix + token) });
    for (const token of missing) this.#subscribed.add(token);
  }

  async unsubscribe(tokens: readonly string[]): Promise<void> {
    for (const token of tokens) this.#subscribed.delete(token);
    await this.#ask({ halyard: 'unsubscribe', subjects: tokens.map((token) => this.prefix + token) });
  }

  cut(): void {
    this.#lost(new Error('the primary process does not answer'));
    this.#connect();
  }

  async close(): Promise<void> {
    clearInterval(this.#hello);
    if (this.#isConnected) {
      // To be known no more: the process may live on.
      await atMost(closeMs, this.#batch ?? Promise.resolve());
      await atMost(closeMs, this.#ask({ halyard: 'bye' }));
    }
    this.#isConnected = false;
    this.#stopListening();
  }

  /** Says hello until it is answered. */
  #connect(): void {
    clearInterval(this.#hello);
    let isUnderWay = false;
    let attempts = 0;
    const greet = (): void => {
      if (++attempts > 2) {
        const text =
          'the primary process does not answer: clusterBroker() must be called in it as well, before it forks';
        this.#events.lost(new Error(text));
      }
      // The way to a primary that is stopped fills up: no more than one waits there.
      if (isUnderWay) return;
      isUnderWay = true;
      const n = ++this.#requests;
      const answered = (): void => {
        clearInterval(this.#hello);
        this.#abandon(new Error('the link to the primary process was made anew'));
        this.#subscribed.clear();
        this.#isConnected = true;
        this.#events.connected();
      };
      this.#abandon(new Error('there is no link to the primary process'));
      this.#waiting.set(n, { resolve: answered, reject: ignore });
      this.port.send({ halyard: 'hello', node: this.#node, n, parcel: new Uint8Array() }, () => (isUnderWay = false));
    };
    this.#hello = setInterval(greet, helloMs);
    greet();
  }

  #lost(reason: Error): void {
    this.#isConnected = false;
    this.#abandon(reason);
    this.#events.lost(reason);
  }

  /** What was asked is not answered any more. */
  #abandon(reason: Error): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(reason);
  }

  #receive(answer: Answer): void {
    if (answer.node !== this.#node) return;
    this.#received++;
    if (answer.halyard === 'ack') {
      const waiting = this.#waiting.get(answer.n);
      this.#waiting.delete(answer.n);
      waiting?.resolve();
    } else if (answer.halyard === 'deliver') {
      const { length } = this.prefix;
      for (const { subject, data } of entriesOf(answer.parcel)) this.#events.received(subject.slice(length), data);
    } else {
      this.#lost(new Error('this process did not take what it was sent, and was cut off'));
      this.#connect();
    }
  }

  /** Sends what is published in this tick as one message. */
  async #send(): Promise<void> {
    await Promise.resolve();
    this.#batch = undefined;
    const parcel = this.#outbox.take();
    if (!this.#isConnected) throw unsent(new Error('the link to the primary process was lost'));
    try {
      await this.#ask({ halyard: 'publish', parcel });
    } catch (error) {
      throw unconfirmed(error);
    }
  }

  #ask(
    request:
      | { halyard: 'ping' | 'bye' }
      | { halyard: 'publish'; parcel: Uint8Array }
      | { halyard: 'subscribe' | 'unsubscribe'; subjects: readonly string[] },
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const n = ++this.#requests;
      this.#waiting.set(n, { resolve, reject });
      this.port.send({ ...request, node: this.#node, n }, (error) => {
        if (error) this.#lost(error);
      });
    });
  }
}

function ignore(): void {
  // Nothing to do: it shows elsewhere.
}
