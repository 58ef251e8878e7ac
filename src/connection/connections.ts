import type { Broker, Unsubscribe } from '../broker/broker.js';
import { HalyardError } from '../errors.js';
import { encodeValue } from '../protocol/plain.js';
import { SharedFrame, type FrameData, type Protocol } from '../protocol/protocol.js';
import { checkCloseCode } from './close-code.js';
import type { Connection } from './connection.js';

/** Who a command is for: one connection, all of a user, or all but one. */
type Target = { readonly id: string } | { readonly user: string } | { readonly except: string | null };

/** What nodes ask of each other. A payload that is bytes travels as base64. */
interface Command {
  readonly target: Target;
  readonly send?: { readonly text: string } | { readonly base64: string };
  readonly close?: { readonly code: number; readonly reason: string };
}

/** How `close` and `closeUser` end a connection: see `CloseWebSocket.close`. */
export interface CloseOptions {
  /** @default 1000 */
  code?: number;
  /** Cut to 123 bytes. @default '' */
  reason?: string;
}

/** Every node listens to this one subject. */
const subject = 'connections';
/** The channel that a `dropped` notice names for what was broadcast. */
const everybody = '*';

/**
 * The open connections. `get`, `ids` and `count` are of this process and answer at once; all else reaches the connections
 * of all nodes and returns a promise, which resolves when the broker took it and may be left alone: a failure is logged.
 */
export class Connections {
  readonly #byId = new Map<string, Connection>();
  #unsubscribe: Unsubscribe | undefined = undefined;

  constructor(
    private readonly broker: Broker,
    /** Told of what fails: nobody may be awaiting it. */
    private readonly failed: (error: unknown) => void,
  ) {}

  /** A connection of this process. */
  get(id: string): Connection | undefined {
    return this.#byId.get(id);
  }

  /** The ids of this process' connections. */
  ids(): string[] {
    return [...this.#byId.keys()];
  }

  /** How many connections this process has. */
  count(): number {
    return this.#byId.size;
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
  broadcast(value: unknown, options: { except?: { readonly id: string } | string } = {}): Promise<void> {
    const { except } = options;
    return this.#command({ except: typeof except === 'object' ? except.id : (except ?? null) }, { value });
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
    this.#unsubscribe = await this.broker.subscribe(subject, (bytes) => this.#obey(bytes));
  }

  /** @internal */
  async shut(): Promise<void> {
    await this.#unsubscribe?.();
  }

  #command(target: Target, what: { value: unknown } | { close: CloseOptions }): Promise<void> {
    const sent = this.#publish(target, what);
    sent.catch(this.failed);
    return sent;
  }

  async #publish(target: Target, what: { value: unknown } | { close: CloseOptions }): Promise<void> {
    const command: Command =
      'value' in what ? { target, send: packed(encodeValue(what.value)) } : { target, close: checked(what.close) };
    await this.broker.publish(subject, Buffer.from(JSON.stringify(command)));
  }

  #obey(bytes: Uint8Array): void {
    let command: Command;
    try {
      command = JSON.parse(Buffer.from(bytes).toString()) as Command;
    } catch (cause) {
      return this.failed(new HalyardError('BROKER_BYTES', { cause }));
    }
    const { target, send, close } = command;
    const data = send && ('text' in send ? send.text : Buffer.from(send.base64, 'base64'));
    const frames = new Map<Protocol, SharedFrame>();
    for (const connection of this.#matching(target)) {
      if (close) connection.close(close.code, close.reason);
      if (data === undefined) continue;
      if ('except' in target) connection.deliver(sharedFrame(frames, connection.protocol, data), everybody, undefined);
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

function packed(data: FrameData): { text: string } | { base64: string } {
  return typeof data === 'string' ? { text: data } : { base64: Buffer.from(data).toString('base64') };
}

function checked({ code = 1000, reason = '' }: CloseOptions): { code: number; reason: string } {
  checkCloseCode(code);
  return { code, reason };
}
