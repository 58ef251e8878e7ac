/** `halyard/nats`: the broker over core NATS 2.9 or later. */
import {
  PermissionViolationError,
  type NatsConnection,
  type NodeConnectionOptions,
  type Subscription,
} from '@nats-io/transport-node';
import { HalyardError } from '../errors.js';
import type { Broker } from './broker.js';
import { EngineBroker } from './engine-broker.js';
import { atMost, unconfirmed, unsent, type Engine, type EngineEvents, type Line } from './engine.js';
import { GivenConnection, OwnConnections, type NatsConnections } from './nats-connections.js';

export type NatsBrokerOptions = {
  /** Before every subject at the engine, and a dot. Apps that share an engine and a prefix are one. @default 'halyard' */
  prefix?: string;
} & (
  | {
      /** `nats://user:password@host:4222`; several are servers of one cluster, with the same credentials. */
      servers: string | readonly string[];
      /** The client's own: `user`, `pass`, `token`, `authenticator`, `tls`, … How it connects again is the broker's. */
      options?: Omit<NodeConnectionOptions, 'servers' | 'port'>;
    }
  | {
      /**
       * A connection that stays yours to configure and to close. Let it reconnect for ever (`maxReconnectAttempts: -1`);
       * when it is half-open that is noticed in time, but the client may hang on to it.
       */
      connection: NatsConnection;
    }
);

/**
 * Carries publications over NATS: what one node publishes stays in order, and nodes may see what several nodes publish in
 * different orders. See docs/brokers.md for what holds in an outage. Yours to close.
 *
 * @throws `HALYARD_SETTING` for a URL or a prefix that is none
 */
export function natsBroker(options: NatsBrokerOptions): Broker {
  const { prefix = 'halyard' } = options;
  if (!/^[^\s.*>]+(?:\.[^\s.*>]+)*$/.test(prefix)) {
    throw new HalyardError('SETTING', { message: 'natsBroker: prefix is no subject: tokens with dots between them' });
  }
  const connections =
    'connection' in options
      ? new GivenConnection(options.connection)
      : new OwnConnections(options.servers, options.options);
  return new EngineBroker(new NatsEngine(connections, `${prefix}.`));
}

const closeMs = 1000;

class NatsEngine implements Engine {
  readonly ordering = 'publisher';
  readonly lines: readonly Line[];
  readonly #subscriptions = new Map<string, Subscription>();
  #connection: NatsConnection | undefined = undefined;
  #events!: EngineEvents;
  #pongs = 0;
  /** Those who wait for a pong: where the connection goes, the client leaves them waiting. */
  readonly #waiting = new Set<(reason: Error) => void>();
  /** What the server refuses meanwhile, for each that waits until the server has handled what was sent. */
  readonly #refusals = new Set<Error[]>();
  /** The confirmation of all that is published in this tick, and what the server refused until then. */
  #batch: Promise<readonly Error[]> | undefined = undefined;

  constructor(
    private readonly connections: NatsConnections,
    private readonly prefix: string,
  ) {
    const messages = (): number => this.#connection?.stats().inMsgs ?? 0;
    const received = (): number => this.#pongs + messages();
    this.lines = [
      {
        get received() {
          return received();
        },
        ping: () => void this.#flush().catch(ignore),
      },
    ];
  }

  get maxBytes(): number {
    return this.#connection?.info?.max_payload ?? Infinity;
  }

  open(events: EngineEvents): void {
    this.#events = events;
    this.connections.open({
      connected: (connection) => {
        // One that was given makes its subscriptions again, unasked: here they are made anew, so that it shows what is refused.
        for (const subscription of this.#subscriptions.values()) subscription.unsubscribe();
        this.#subscriptions.clear();
        // What comes until then is another loss.
        if (connection === this.#connection) events.lost(new Error('subscriptions are made anew'));
        if (connection !== this.#connection) this.#watch(connection).catch(ignore);
        this.#connection = connection;
        events.connected();
      },
      lost: (reason) => {
        for (const reject of this.#waiting) reject(reason);
        events.lost(reason);
      },
    });
  }

  publish(token: string, bytes: Uint8Array): Promise<void> {
    try {
      if (!this.#connection) throw new Error('there is no connection yet');
      this.#connection.publish(this.prefix + token, bytes);
    } catch (error) {
      return Promise.reject(unsent(error));
    }
    this.#batch ??= this.#confirm(this.#connection);
    return this.#batch.then((refusals) => {
      const refusal = refusals.find((error) => isOfPublication(error, this.prefix + token));
      if (refusal) throw unsent(refusal);
    });
  }

  async subscribe(tokens: readonly string[]): Promise<void> {
    const connection = this.#connection!;
    const missing = tokens.filter((token) => !this.#subscriptions.has(token));
    if (missing.length === 0) return;
    const refused: Error[] = [];
    let isAsked = true;
    for (const token of missing) {
      const callback = (error: Error | null, { data }: { data: Uint8Array }): void => {
        if (!error) return this.#events.received(token, data);
        this.#subscriptions.delete(token);
        if (isAsked) refused.push(error);
        // Its permission was taken away.
        else this.#events.refused(token, error);
      };
      this.#subscriptions.set(token, connection.subscribe(this.prefix + token, { callback }));
    }
    const refusals = await this.#handled();
    isAsked = false;
    // Such as `maximum subscriptions exceeded`: which of them the server means it does not say.
    const unclear = refusals.find((error) => !(error instanceof PermissionViolationError));
    if (unclear) this.#drop(missing);
    const refusal = unclear ?? refused[0];
    if (refusal) throw refusal;
  }

  async unsubscribe(tokens: readonly string[]): Promise<void> {
    this.#drop(tokens);
    await this.#flush();
  }

  cut(): void {
    this.connections.cut();
  }

  async close(): Promise<void> {
    for (const subscription of this.#subscriptions.values()) subscription.unsubscribe();
    // What was published in this tick has its flush still to come, behind this one.
    if (this.#connection && !this.#connection.isClosed()) {
      await atMost(closeMs, Promise.all([this.#batch, this.#flush()]));
    }
    await this.connections.close();
  }

  #drop(tokens: readonly string[]): void {
    for (const token of tokens) {
      this.#subscriptions.get(token)?.unsubscribe();
      this.#subscriptions.delete(token);
    }
  }

  /** One flush, behind all that is published in this tick: without it a publication that was never sent looks like another. */
  async #confirm(connection: NatsConnection): Promise<readonly Error[]> {
    const { info } = connection;
    await Promise.resolve();
    this.#batch = undefined;
    try {
      // In between the client has begun to connect anew, and dropped what it had not sent.
      if (connection.info !== info) throw new Error('the connection was lost');
      return await this.#handled();
    } catch (error) {
      throw unconfirmed(error);
    }
  }

  /** Takes note of what the server refuses: most of it is told nowhere else. */
  async #watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === 'error') for (const refusals of this.#refusals) refusals.push(status.error);
    }
  }

  /** Resolves when the server has handled all that was sent before, to what it refused meanwhile. */
  async #handled(): Promise<readonly Error[]> {
    const refusals: Error[] = [];
    this.#refusals.add(refusals);
    try {
      // A refusal comes before the pong, but `#watch` gets to it some steps later.
      await this.#flush();
      await new Promise(setImmediate);
    } finally {
      this.#refusals.delete(refusals);
    }
    return refusals;
  }

  /** Resolves when the server has handled all that was sent before. */
  #flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      const settled = (): void => void this.#waiting.delete(reject);
      const pong = (): void => {
        this.#pongs++;
        settled();
        resolve();
      };
      const failed = (error: Error): void => {
        settled();
        reject(error);
      };
      this.#connection!.flush().then(pong, failed);
    });
  }
}

/** That is the only refusal which leaves the connection open: all others are of subscriptions. */
function isOfPublication(error: Error, subject: string): boolean {
  return error instanceof PermissionViolationError && error.operation === 'publish' && error.subject === subject;
}

function ignore(): void {
  // Nothing to do: it shows elsewhere.
}
