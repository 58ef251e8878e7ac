import type { Logger } from 'pino';
import type { Connection, ConnectionData } from '../connection/connection.js';
import { HalyardError } from '../errors.js';
import { parseJson } from '../protocol/plain.js';
import type { InboundMessage, Ref } from '../protocol/protocol.js';
import type { CloseInfo } from './close-info.js';
import type { Reply } from './reply.js';
import type { Request } from './request.js';
import type { Route } from './route.js';
import { textOf } from './utf8.js';

const emptyBody = Buffer.alloc(0);

/** What the stages of one run leave for each other. Fixed shape: every message makes one. */
abstract class BaseContext {
  /** What a body binding or a per-message parameter evaluated to, by parameter index. */
  values: unknown[] | undefined = undefined;
  /** The endpoint's result, or the answer in its place. */
  result: unknown = undefined;
  /** How many interceptors were entered; their `post` and `done` run. */
  entered = 0;
  /** The last one that was entered has answered: what it has said does not come by its own `post`. */
  answeredByPre = false;
  /** The message was answered, by its result or in another way: what comes later is dropped. */
  settled = false;
  /** The answer is out, or on its way to a slow reader. */
  answered = false;
  /** Values have gone out one by one: an end follows them. */
  streaming = false;
  /** Told of an abort, besides the signal. */
  onAbort: (() => void) | undefined = undefined;
  /** `performance.now()` at the start, where somebody asks for durations. */
  startedAt = 0;

  // Not `#private`: a message makes one of these, and those would be initialised apart.
  private stateObject: Record<string, unknown> | undefined = undefined;
  private aborter: AbortController | undefined = undefined;
  abortReason: unknown = undefined;

  abstract readonly kind: 'http' | 'upgrade' | 'connect' | 'message' | 'disconnect';
  /** Unique; a message is `<connection>.<n>`. */
  abstract readonly id: string;
  /** The HTTP request, or that of the upgrade. */
  abstract readonly request: Request;
  abstract readonly route: Route;
  /** Lives with the connection; during the upgrade it is the later `connection.data`. */
  abstract readonly data: ConnectionData;
  /** Request bindings and scoped instances, evaluated once per connection or HTTP request. */
  abstract readonly slots: readonly unknown[];
  protected abstract readonly logger: Logger;

  /** The values of `@SetMetadata`, method before controller. */
  get metadata(): ReadonlyMap<unknown, unknown> {
    return this.route.metadata;
  }

  /** Lives as long as this message, upgrade or request. */
  get state(): Record<string, unknown> {
    return (this.stateObject ??= Object.create(null) as Record<string, unknown>);
  }

  /** Logs with this context's id. */
  get log(): Logger {
    return this.logger.child({ id: this.id });
  }

  /** Aborted when the result is of no use any more: timeout, newer message, client gone. */
  get signal(): AbortSignal {
    if (!this.aborter) {
      this.aborter = new AbortController();
      if (this.abortReason !== undefined) this.aborter.abort(this.abortReason);
    }
    return this.aborter.signal;
  }

  /** @internal Whether an error is no more than what the aborted signal made of the work that it was given to. */
  isAbortedBy(error: unknown): boolean {
    if (this.abortReason === undefined) return false;
    return error === this.abortReason || (error as { name?: unknown } | null | undefined)?.name === 'AbortError';
  }

  /** @internal The client has gone. The error is made only where somebody is told of it. */
  abandon(): void {
    if (this.abortReason === undefined) this.abort(new HalyardError('CONNECTION_CLOSED'));
  }

  /** @internal */
  abort(reason: Error): void {
    if (this.abortReason !== undefined) return;
    this.abortReason = reason;
    this.aborter?.abort(reason);
    this.onAbort?.();
  }
}

/** One HTTP request. */
export class HttpContext extends BaseContext {
  readonly kind = 'http';
  readonly data: ConnectionData = Object.create(null) as ConnectionData;
  readonly slots: unknown[] = [];
  /** The body's bytes; empty before they are read. */
  raw: Buffer = emptyBody;
  /** Nobody has checked yet that the body is text. */
  readonly isBinary = true;
  /** What is no JSON, and says so, is not read as JSON: a page of another site can send text without being asked. */
  isJson = false;
  /** A content type parser has made `payload` of the body. */
  enveloped = false;
  payload: unknown = undefined;

  constructor(
    readonly request: Request,
    readonly route: Route,
    readonly reply: Reply,
    protected readonly logger: Logger,
  ) {
    super();
  }

  get id(): string {
    return this.request.id;
  }

  /** The body as text. */
  text(): string {
    return this.raw.toString();
  }

  /** The body, parsed. Throws `HALYARD_CONTENT_TYPE` and `HALYARD_BODY_INVALID`. */
  json(): unknown {
    if (this.enveloped) return this.payload;
    if (!this.isJson) throw new HalyardError('CONTENT_TYPE');
    return parseJson(textOf(this.raw));
  }
}

/** The upgrade request of a WebSocket, before the 101. */
export class UpgradeContext extends BaseContext {
  readonly kind = 'upgrade';
  readonly data: ConnectionData = Object.create(null) as ConnectionData;
  readonly slots: unknown[] = [];
  /** Becomes `connection.user`. */
  user: string | undefined = undefined;

  constructor(
    readonly request: Request,
    readonly route: Route,
    readonly reply: Reply,
    protected readonly logger: Logger,
  ) {
    super();
  }

  get id(): string {
    return this.request.id;
  }
}

/** A WebSocket that has just opened. */
export class ConnectContext extends BaseContext {
  readonly kind = 'connect';

  constructor(
    readonly connection: Connection,
    readonly route: Route,
    protected readonly logger: Logger,
  ) {
    super();
  }

  get id(): string {
    return this.connection.id;
  }
  get request(): Request {
    return this.connection.request;
  }
  get data(): ConnectionData {
    return this.connection.data;
  }
  get slots(): readonly unknown[] {
    return this.connection.slots;
  }
}

/** One message. */
export class MessageContext extends BaseContext implements InboundMessage {
  readonly kind = 'message';
  /** An envelope `{"event","payload","ref"}` was decoded: the body is `payload`. */
  enveloped = false;
  event: string | undefined = undefined;
  payload: unknown = undefined;
  ref: Ref | undefined = undefined;
  /** The lane that it runs in, while it runs. */
  lane = 0;
  /** Why it never reached an endpoint. */
  rejection: unknown = undefined;

  constructor(
    readonly connection: Connection,
    /** The endpoint's; before it is known, and where none takes the message, the path's. */
    public route: Route,
    /** The message as it came. */
    readonly raw: Buffer,
    readonly isBinary: boolean,
    private readonly number: number,
    protected readonly logger: Logger,
  ) {
    super();
  }

  /** The message as text; bytes of a binary message are read as UTF-8. */
  text(): string {
    return this.raw.toString();
  }

  /** The body, parsed: a message has no content type. Throws `HALYARD_BODY_INVALID`. */
  json(): unknown {
    if (this.enveloped) return this.payload;
    return parseJson(this.isBinary ? textOf(this.raw) : this.raw.toString());
  }

  get id(): string {
    return `${this.connection.id}.${this.number}`;
  }
  get request(): Request {
    return this.connection.request;
  }
  get data(): ConnectionData {
    return this.connection.data;
  }
  get slots(): readonly unknown[] {
    return this.connection.slots;
  }
}

/** A WebSocket that has closed, or that failed (`@OnError`). */
export class DisconnectContext extends BaseContext {
  readonly kind = 'disconnect';

  constructor(
    readonly connection: Connection,
    readonly route: Route,
    readonly info: CloseInfo | undefined,
    readonly error: unknown,
    protected readonly logger: Logger,
  ) {
    super();
  }

  get id(): string {
    return this.connection.id;
  }
  get request(): Request {
    return this.connection.request;
  }
  get data(): ConnectionData {
    return this.connection.data;
  }
  get slots(): readonly unknown[] {
    return this.connection.slots;
  }
}

/** What every lifecycle component receives; `kind` tells which it is. */
export type Context = HttpContext | UpgradeContext | ConnectContext | MessageContext | DisconnectContext;

/** The run-time half of the type `Context`, so that a parameter can be bound by it. */
export const Context = BaseContext as unknown as abstract new (...args: never[]) => Context;
