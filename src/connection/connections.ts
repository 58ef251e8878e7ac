import type { Broker, Unsubscribe } from '../broker/broker.js';
import type { Questions } from '../nodes/questions.js';
import { SharedFrame, type FrameData, type Protocol } from '../protocol/protocol.js';
import {
  broadcastTarget,
  commandSubject,
  decodeCommand,
  encodeCommand,
  type Action,
  type BroadcastOptions,
  type CloseOptions,
  type Command,
  type Target,
} from './command.js';
import type { Connection } from './connection.js';

/** Asks all nodes in place of this one. */
export interface ClusterOptions {
  cluster: true;
}

/**
 * The open connections. `get`, `ids()` and `count()` are of this process and answer at once; all else is about those of all
 * nodes and returns a promise.
 *
 * What sends or closes resolves when the broker took it, and may be left alone: a failure is logged. What asks is one
 * question to all nodes and an answer from each, never a part of them: it rejects with `HALYARD_NODE_TIMEOUT` where a node
 * that is alive does not answer within `node.answer`, and with `HALYARD_BROKER_UNAVAILABLE` while the broker is away.
 */
export class Connections {
  readonly #byId = new Map<string, Connection>();
  #unsubscribe: Unsubscribe | undefined = undefined;

  constructor(
    private readonly broker: Broker,
    private readonly questions: Questions,
    /** Told of what fails: nobody may be awaiting it. */
    private readonly failed: (error: unknown) => void,
  ) {
    questions.on('connections.count', () => this.#byId.size);
    questions.on('connections.ids', () => this.ids());
    questions.on('connections.ofUser', (user: string) =>
      [...this.#byId.values()].filter((connection) => connection.user === user).map(({ id }) => id),
    );
  }

  /** A connection of this process. */
  get(id: string): Connection | undefined {
    return this.#byId.get(id);
  }

  /** The ids of this process' connections; or of all nodes'. */
  ids(): string[];
  ids(options: ClusterOptions): Promise<string[]>;
  ids(options?: ClusterOptions): string[] | Promise<string[]> {
    if (options?.cluster) return this.#list('connections.ids', undefined);
    return [...this.#byId.keys()];
  }

  /** How many connections this process has; or all nodes have. */
  count(): number;
  count(options: ClusterOptions): Promise<number>;
  count(options?: ClusterOptions): number | Promise<number> {
    if (options?.cluster) return this.questions.ask<number>('connections.count', undefined).then(sum);
    return this.#byId.size;
  }

  /** The ids of a user's connections, on all nodes: those whose `connection.user` is this id. */
  ofUser(user: string): Promise<string[]> {
    return this.#list('connections.ofUser', user);
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#byId.values();
  }

  /**
   * Sends a value to the connection with this id, on whichever node it is; to one that has gone it does nothing. Rejects
   * with `HALYARD_SEND_VALUE` where the value cannot be serialised.
   */
  send(id: string, value: unknown): Promise<void> {
    const local = this.#byId.get(id);
    return local ? local.send(value) : this.#command({ id }, { value });
  }

  /** Sends a value to all connections of a user: those whose `connection.user` is this id. */
  sendToUser(user: string, value: unknown): Promise<void> {
    return this.#command({ user }, { value });
  }

  /** Sends a value to all connections, but `except`. Slow readers meet their policy, as with publications. */
  broadcast(value: unknown, options: BroadcastOptions = {}): Promise<void> {
    return this.#command(broadcastTarget(options), { value });
  }

  /** Closes the connection with this id. Rejects with `HALYARD_CLOSE_CODE_INVALID`. */
  close(id: string, options: CloseOptions = {}): Promise<void> {
    return this.#command({ id }, { close: options });
  }

  /** Closes all connections of a user. Rejects with `HALYARD_CLOSE_CODE_INVALID`. */
  closeUser(user: string, options: CloseOptions = {}): Promise<void> {
    return this.#command({ user }, { close: options });
  }

  /** @internal */
  add(connection: Connection): void {
    this.#byId.set(connection.id, connection);
  }

  /** @internal */
  delete(connection: Connection): void {
    this.#byId.delete(connection.id);
  }

  /** @internal Listens to the other nodes, and to itself: so commands of all take effect in one order. */
  async open(): Promise<void> {
    this.#unsubscribe = await this.broker.subscribe(commandSubject, (bytes) => this.#obey(bytes));
  }

  /** @internal */
  async shut(): Promise<void> {
    await this.#unsubscribe?.();
  }

  async #list(topic: string, data: unknown): Promise<string[]> {
    return (await this.questions.ask<string[]>(topic, data)).flat();
  }

  #command(target: Target, action: Action): Promise<void> {
    const sent = this.#publish(target, action);
    sent.catch(this.failed);
    return sent;
  }

  async #publish(target: Target, action: Action): Promise<void> {
    await this.broker.publish(commandSubject, encodeCommand(target, action));
  }

  #obey(bytes: Uint8Array): void {
    let command: Command;
    try {
      command = decodeCommand(bytes);
    } catch (error) {
      return this.failed(error);
    }
    const { target, data, close } = command;
    const frames = new Map<Protocol, SharedFrame>();
    for (const connection of this.#matching(target)) {
      if (close) connection.close(close.code, close.reason);
      if (data === undefined) continue;
      if ('except' in target) connection.deliverBroadcast(sharedFrame(frames, connection.protocol, data));
      else void connection.send(data);
    }
  }

  *#matching(target: Target): Iterable<Connection> {
    if ('id' in target) {
      const connection = this.#byId.get(target.id);
      if (connection) yield connection;
      return;
    }
    for (const connection of this.#byId.values()) {
      if ('user' in target ? connection.user === target.user : connection.id !== target.except) yield connection;
    }
  }
}

/** One frame for all who speak a protocol. */
function sharedFrame(frames: Map<Protocol, SharedFrame>, protocol: Protocol, data: FrameData): SharedFrame {
  const existing = frames.get(protocol);
  if (existing) return existing;
  const frame = new SharedFrame(protocol.encodeReply(data, undefined));
  frames.set(protocol, frame);
  return frame;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
