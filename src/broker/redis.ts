/** `halyard/redis`: the broker over Redis 6.2 or later, or Valkey. The only file that imports `ioredis`. */
import { Redis, ReplyError, type RedisOptions } from 'ioredis';
import { HalyardError } from '../errors.js';
import type { Broker } from './broker.js';
import { EngineBroker } from './engine-broker.js';
import { escapeHint, readEngineUrl } from './engine-url.js';
import { atMost, unconfirmed, unsent, type Engine, type EngineEvents, type Line } from './engine.js';

export type RedisBrokerOptions = {
  /** Before every channel at the engine. Apps that share an engine and a prefix are one. @default 'halyard:' */
  prefix?: string;
} & (
  | {
      /** `redis://user:password@host:6379`, `rediss://…`, or the path of a socket. */
      url: string;
    }
  | {
      /**
       * An ioredis client with your own settings: TLS, Sentinels, a password. It is duplicated, twice; the broker neither
       * uses nor closes it, so it may be one with `lazyConnect: true`.
       */
      client: Redis;
    }
);

/**
 * Carries publications over Redis or Valkey: all nodes see one order. Two connections, made at once and made again for as
 * long as it is open; see docs/brokers.md for what holds in an outage. Yours to close.
 *
 * @throws `HALYARD_SETTING` for a URL that is none
 */
export function redisBroker(options: RedisBrokerOptions): Broker {
  const { prefix = 'halyard:' } = options;
  const connect =
    'client' in options
      ? (name: string) => options.client.duplicate(settings(name))
      : (name: string) => new Redis(checkedUrl(options.url), settings(name));
  return new EngineBroker(new RedisEngine(connect, prefix));
}

/** What Redis takes as one string: `proto-max-bulk-len`. Above it, it cuts the connection. */
const maxBytes = 512 * 1024 ** 2;
const closeMs = 1000;
const handshakeMs = 4000;

function settings(name: string): RedisOptions {
  return {
    connectionName: `halyard-${name}`,
    lazyConnect: true,
    keyPrefix: '',
    // What cannot be sent now is ours to keep, and bounded; nothing is sent twice; what was sent and not answered is
    // rejected when the connection goes (with 0 retries, or ioredis forgets it).
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Ours to do: it must be known when it is done.
    autoResubscribe: false,
    enableAutoPipelining: false,
    connectTimeout: 5000,
    // Whether it lives is asked by `EngineBroker`, which reads first what has come in while the process was stopped.
    socketTimeout: undefined,
    // How long ioredis waits for the other side before it destroys a socket: a dead one never answers.
    disconnectTimeout: 50,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), 2000) * (0.75 + Math.random() / 2),
  };
}

class RedisEngine implements Engine {
  readonly ordering = 'total';
  readonly maxBytes = maxBytes;
  readonly lines: readonly Line[];
  readonly #publisher: Redis;
  readonly #subscriber: Redis;
  /** What this connection of the subscriber is subscribed to. */
  readonly #subscribed = new Set<string>();
  #isCorked = false;
  #closing: Promise<void> | undefined = undefined;

  constructor(
    connect: (name: string) => Redis,
    private readonly prefix: string,
  ) {
    this.#publisher = connect('publisher');
    this.#subscriber = connect('subscriber');
    this.lines = [this.#publisher, this.#subscriber].map((client) => ({
      get received() {
        return client.stream?.bytesRead ?? 0;
      },
      ping: () => void client.ping().catch(ignore),
    }));
  }

  open({ connected, lost, received }: EngineEvents): void {
    const clients = [this.#publisher, this.#subscriber];
    const connect = (client: Redis): void => {
      // Its failure comes as an event as well.
      if (!this.#closing) client.connect().catch(ignore);
    };
    for (const client of clients) {
      let failure: Error | undefined;
      let handshake: NodeJS.Timeout | undefined;
      client.on('error', (error: Error) => (failure = error));
      client.on('connect', () => {
        // Nobody pings it yet.
        handshake = setTimeout(() => client.disconnect(true), handshakeMs);
      });
      client.on('close', () => {
        clearTimeout(handshake);
        if (client === this.#subscriber) this.#subscribed.clear();
        lost(failure ?? new Error('Redis closed the connection'));
        failure = undefined;
      });
      client.on('ready', () => {
        clearTimeout(handshake);
        if (clients.every(({ status }) => status === 'ready')) connected();
      });
      // Where Sentinels are asked, the client may give up for good.
      client.on('end', () => {
        if (!this.#closing) setTimeout(connect, 1000, client).unref();
      });
      connect(client);
    }
    const prefixBytes = Buffer.byteLength(this.prefix);
    this.#subscriber.on('messageBuffer', (channel: Buffer, bytes: Buffer) =>
      received(channel.toString('latin1', prefixBytes), bytes),
    );
  }

  publish(token: string, bytes: Uint8Array): Promise<void> {
    this.#cork();
    const data = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return this.#publisher.publish(this.prefix + token, data).then(ignore, (error: unknown) => {
      const isRefused = error instanceof ReplyError || (error as Error).message.startsWith("Stream isn't writeable");
      throw isRefused ? unsent(error) : unconfirmed(error);
    });
  }

  async subscribe(tokens: readonly string[]): Promise<void> {
    const missing = tokens.filter((token) => !this.#subscribed.has(token));
    if (missing.length === 0) return;
    await this.#subscriber.subscribe(...missing.map((token) => this.prefix + token));
    for (const token of missing) this.#subscribed.add(token);
  }

  async unsubscribe(tokens: readonly string[]): Promise<void> {
    for (const token of tokens) this.#subscribed.delete(token);
    await this.#subscriber.unsubscribe(...tokens.map((token) => this.prefix + token));
  }

  cut(): void {
    for (const client of [this.#publisher, this.#subscriber]) client.disconnect(true);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    // Answers come in order: behind this one there is nothing that was not confirmed.
    if (this.#publisher.status === 'ready') await atMost(closeMs, this.#publisher.ping());
    await Promise.all([this.#publisher, this.#subscriber].map(end));
  }

  /** All that is published in one tick is one write, which is worth four times the publications a second. */
  #cork(): void {
    const { stream } = this.#publisher;
    if (this.#isCorked || !stream) return;
    this.#isCorked = true;
    stream.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      stream.uncork();
    });
  }
}

/** Resolves when its socket is gone. */
async function end(client: Redis): Promise<void> {
  const closed = new Promise((resolve) => client.once('end', resolve));
  const isOpen = ['connecting', 'connect', 'ready'].includes(client.status);
  client.disconnect();
  if (isOpen) await atMost(200, closed);
}

function checkedUrl(url: string): string {
  const isUrl = /^rediss?:\/\//i.test(url) && readEngineUrl(url) !== undefined;
  if (!isUrl && !url.startsWith('/')) {
    // Not shown: it may hold a password.
    const message = `redisBroker: url is no redis:// or rediss:// URL, nor a path: ${escapeHint}`;
    throw new HalyardError('SETTING', { message });
  }
  return url;
}

function ignore(): void {
  // Nothing to do: it shows elsewhere.
}
