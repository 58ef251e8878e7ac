/** How `halyard/nats` comes to a connection: by making one again and again, or by being given one. */
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { HalyardError } from '../errors.js';
import { escapeHint, readEngineUrl } from './engine-url.js';

export interface NatsEvents {
  readonly connected: (connection: NatsConnection) => void;
  readonly lost: (reason: Error) => void;
}

export interface NatsConnections {
  open(events: NatsEvents): void;
  /** The connection seems dead. */
  cut(): void;
  close(): Promise<void>;
}

/**
 * Connects, and connects again for ever. The client's own reconnecting is off: it waits for a last write to a dead
 * connection before it leaves it, and loses in between what it is given.
 */
export class OwnConnections implements NatsConnections {
  readonly #options: NodeConnectionOptions;
  #connection: NatsConnection | undefined = undefined;
  #isClosed = false;
  #wake: () => void = () => undefined;

  constructor(servers: string | readonly string[], options: NodeConnectionOptions = {}) {
    this.#options = {
      name: 'halyard',
      ...options,
      ...withoutCredentials([servers].flat()),
      reconnect: false,
      waitOnFirstConnect: false,
      // Of one attempt.
      timeout: 3000,
    };
  }

  open(events: NatsEvents): void {
    void this.#run(events);
  }

  cut(): void {
    // Its socket is destroyed at once, whatever the other side does.
    void this.#connection?.close();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake();
    await this.#connection?.close();
  }

  async #run({ connected, lost }: NatsEvents): Promise<void> {
    for (let attempt = 0; !this.#isClosed; attempt++) {
      try {
        const connection = await connect(this.#options);
        this.#connection = connection;
        if (this.#isClosed) return await connection.close();
        attempt = 0;
        connected(connection);
        const reason = await connection.closed();
        lost(reason ?? new Error('NATS closed the connection'));
      } catch (error) {
        lost(error as Error);
      }
      this.#connection = undefined;
      if (this.#isClosed) return;
      const waitMs = Math.min(50 * 2 ** Math.min(attempt, 10), 2000) * (0.75 + Math.random() / 2);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** Follows a connection that is somebody else's. */
export class GivenConnection implements NatsConnections {
  #isClosed = false;

  constructor(private readonly connection: NatsConnection) {}

  open(events: NatsEvents): void {
    void this.#follow(events);
    if (!this.connection.isClosed()) events.connected(this.connection);
  }

  cut(): void {
    // One that is closed, or about to be, cannot: that is told where it is followed.
    this.connection.reconnect().catch(() => undefined);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  async #follow({ connected, lost }: NatsEvents): Promise<void> {
    // Of one that is closed it would never end.
    if (!this.connection.isClosed()) {
      try {
        for await (const { type } of this.connection.status()) {
          if (this.#isClosed) return;
          if (type === 'disconnect') lost(new Error('NATS closed the connection'));
          else if (type === 'reconnect') connected(this.connection);
        }
      } catch {
        // It was closed for a reason, which its owner is told.
      }
    }
    lost(new Error('the connection that the broker was given is closed'));
  }
}

/** The client takes no credentials from a URL, and may take a password that begins with a digit for the port. */
function withoutCredentials(
  servers: readonly string[],
): Pick<NodeConnectionOptions, 'servers' | 'user' | 'pass' | 'token'> {
  let credentials: Pick<NodeConnectionOptions, 'user' | 'pass' | 'token'> = {};
  const hosts = servers.map((server) => {
    const text = server.includes('://') ? server : `nats://${server}`;
    const url = readEngineUrl(text);
    // Not shown: it may hold a password.
    if (!url) throw new HalyardError('SETTING', { message: `natsBroker: a server is no nats:// URL: ${escapeHint}` });
    const { protocol, host, user, password } = url;
    if (password) credentials = { user, pass: password };
    else if (user) credentials = { token: user };
    return `${protocol}//${host}`;
  });
  return { servers: hosts, ...credentials };
}
