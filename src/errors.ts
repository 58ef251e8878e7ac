/**
 * Every error that Halyard raises, in one table: wire code, HTTP status, WebSocket close code, whether it is worth
 * trying again. `docs/errors.md` lists each with its remedy and a test holds the two together.
 */
import { STATUS_CODES } from 'node:http';

/** What a client may be told of an error. */
export interface ErrorPayload {
  code: string;
  message: string;
  details?: unknown;
}

interface ErrorRow {
  /** HTTP status, where the error answers a request or an upgrade. */
  readonly status: number;
  /** Close code, where the error ends a connection that opens. */
  readonly close: number;
  /** A later attempt of the same may succeed. */
  readonly temporary?: true;
  readonly text: string;
}

const table = {
  // the upgrade and HTTP requests
  NOT_FOUND: { status: 404, close: 1008, text: 'nothing is routed here' },
  UPGRADE_REQUIRED: { status: 426, close: 1008, text: 'this path speaks WebSocket only' },
  UPGRADE_INVALID: { status: 400, close: 1002, text: 'not a valid WebSocket handshake' },
  ORIGIN_FORBIDDEN: { status: 403, close: 1008, text: 'this origin is not allowed' },
  SUBPROTOCOL: { status: 400, close: 1002, text: 'none of the offered subprotocols is spoken here' },
  CONNECTION_LIMIT: { status: 503, close: 1013, temporary: true, text: 'the server has no room for more connections' },
  IP_LIMIT: { status: 429, close: 1013, temporary: true, text: 'too many connections from this address' },
  HANDSHAKE_LIMIT: { status: 429, close: 1013, temporary: true, text: 'too many pending handshakes from this address' },
  HANDSHAKE_TIMEOUT: { status: 503, close: 1013, temporary: true, text: 'the handshake took too long' },
  DRAINING: { status: 503, close: 1001, temporary: true, text: 'the server is going away' },
  FORBIDDEN: { status: 403, close: 1008, text: 'not allowed' },
  PARAM_INVALID: { status: 400, close: 1008, text: 'a request value is missing or invalid' },
  // messages
  BODY_INVALID: { status: 400, close: 1007, text: 'the body is not what the endpoint takes' },
  BODY_TYPE: { status: 400, close: 1007, text: 'the body has another JSON type than the endpoint takes' },
  CONTENT_TYPE: { status: 415, close: 1003, text: 'the body must be JSON, and its content type must say so' },
  BODY_SIZE: { status: 413, close: 1009, text: 'the body is too large' },
  VALIDATION_FAILED: { status: 400, close: 1008, text: 'the body breaks a rule' },
  UNKNOWN_EVENT: { status: 404, close: 1008, text: 'no endpoint takes this event' },
  RATE_LIMITED: { status: 429, close: 1008, temporary: true, text: 'too many messages' },
  SUPERSEDED: { status: 409, close: 1008, text: 'a newer message replaced this one' },
  TIMEOUT: { status: 503, close: 1013, temporary: true, text: 'the handler took too long' },
  INTERNAL: { status: 500, close: 1011, text: 'internal error' },
  // frames that break the protocol: the connection closes
  FRAME_INVALID: { status: 400, close: 1002, text: 'the client broke the framing' },
  DATA_INVALID: { status: 400, close: 1007, text: 'the data of a message is invalid' },
  FRAGMENT_LIMIT: { status: 400, close: 1008, text: 'the message has too many fragments' },
  MESSAGE_SIZE: { status: 413, close: 1009, text: 'the message is too large' },
  // what server code asked for and cannot have
  CLOSE_CODE_INVALID: { status: 500, close: 1011, text: 'this close code may not be sent' },
  CONNECTION_CLOSED: { status: 500, close: 1011, text: 'the connection is closed' },
  SEND_VALUE: { status: 500, close: 1011, text: 'this value cannot be sent' },
  SEND_OVERFLOW: { status: 500, close: 1013, temporary: true, text: 'the client reads too slowly' },
  CHANNEL_NAME: { status: 500, close: 1011, text: 'a channel name has 1 to 200 bytes' },
  CHANNEL_LIMIT: { status: 429, close: 1008, text: 'the connection has joined too many channels' },
  NO_ROOM: { status: 409, close: 1008, text: 'the connection is in no channel' },
  EVENT_RESERVED: { status: 500, close: 1011, text: 'this event name is reserved' },
  PRESENCE_KEY: { status: 500, close: 1011, text: 'a presence key has 1 to 200 bytes' },
  PRESENCE_META: { status: 500, close: 1011, text: 'this meta cannot be tracked' },
  NOT_TRACKED: { status: 409, close: 1008, text: 'the connection is not tracked in this channel' },
  PROVIDER_MISSING: { status: 500, close: 1011, text: 'nothing provides this token' },
  BROKER_BYTES: { status: 500, close: 1011, text: 'a message from another node cannot be read' },
  BROKER_UNAVAILABLE: { status: 503, close: 1013, temporary: true, text: 'the broker cannot be reached' },
  BROKER_SIZE: { status: 500, close: 1011, text: 'a publication is larger than the broker carries' },
  BROKER_CLOSED: { status: 503, close: 1013, temporary: true, text: 'the broker is closed' },
  NODE_TIMEOUT: { status: 503, close: 1013, temporary: true, text: 'another node did not answer in time' },
  APP_STATE: { status: 500, close: 1011, text: 'the app is not in a state for this' },
  // the start
  BOOT: { status: 500, close: 1011, text: 'the app cannot start' },
  SETTING: { status: 500, close: 1011, text: 'a setting is invalid' },
} as const satisfies Record<string, ErrorRow>;

/** The codes of the table, as a client sees them. */
export type WireCode = keyof typeof table;

/** The table itself, for documentation and tests. */
export const errorTable: Readonly<Record<WireCode, ErrorRow>> = table;

export interface ErrorOptions {
  /** Replaces the table's text. Clients see it. */
  message?: string;
  /** Clients see it as `details`. */
  details?: unknown;
  /** Never shown to a client. */
  cause?: unknown;
}

/**
 * An error of Halyard's own. `code` is `HALYARD_` and the wire code, and never changes in a minor version.
 */
export class HalyardError extends Error {
  readonly code: string;
  readonly wireCode: WireCode;
  readonly status: number;
  readonly closeCode: number;
  readonly temporary: boolean;
  readonly details: unknown;

  constructor(wireCode: WireCode, options: ErrorOptions = {}) {
    const row: ErrorRow = table[wireCode];
    super(options.message ?? row.text, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.wireCode = wireCode;
    this.code = `HALYARD_${wireCode}`;
    this.status = row.status;
    this.closeCode = row.close;
    this.temporary = row.temporary ?? false;
    this.details = options.details;
  }
}

/** `close()` was given a code that a server may not send (RFC 6455 §7.4). Code `HALYARD_CLOSE_CODE_INVALID`. */
export class InvalidCloseCodeError extends HalyardError {
  constructor(closeCode: unknown) {
    super('CLOSE_CODE_INVALID', {
      message: `${String(closeCode)} may not be sent as a close code: use 1000-1003, 1007-1014 or 3000-4999`,
    });
  }
}

/** The broker cannot be reached for now. Code `HALYARD_BROKER_UNAVAILABLE`. */
export class BrokerUnavailableError extends HalyardError {
  /** @param outcome `rejected`: nothing was published or subscribed; `unknown`: it may have been, nobody can say */
  constructor(
    readonly outcome: 'rejected' | 'unknown',
    options: ErrorOptions = {},
  ) {
    super('BROKER_UNAVAILABLE', options);
  }
}

/** A node that is alive did not answer in time. What was asked of it may have been done. Code `HALYARD_NODE_TIMEOUT`. */
export class NodeTimeoutError extends HalyardError {
  /** @param nodes the names of those that were waited for; not shown to clients */
  constructor(readonly nodes: readonly string[]) {
    super('NODE_TIMEOUT');
  }
}

/**
 * An error that user code throws to give the client a status, a code and a text of its own choice.
 *
 * Before the 101 and over HTTP it is the response; for a message it is the error frame; thrown in `@OnConnect` it closes
 * the connection (4xx: 1008, 503: 1013, else 1011).
 *
 * @example throw new HttpError(409, 'the room is full', { code: 'ROOM_FULL' });
 */
export class HttpError extends Error {
  readonly code: string;
  readonly details: unknown;
  readonly headers: Readonly<Record<string, string>> | undefined;

  /**
   * @param status an integer from 400 to 599
   * @param message shown to the client; default: the status' own text
   * @param options `code` (default: the status' name, `CONFLICT`), `details`, `headers` (before the 101 and over HTTP)
   */
  constructor(
    readonly status: number,
    message?: string,
    options: { code?: string; details?: unknown; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(
      message ?? STATUS_CODES[status] ?? 'error',
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = 'HttpError';
    this.code = options.code ?? statusCode(status);
    this.details = options.details;
    this.headers = options.headers;
  }
}

/** `404` → `NOT_FOUND`, the name that a status has in an error payload. */
export function statusCode(status: number): string {
  return (STATUS_CODES[status] ?? 'ERROR').toUpperCase().replace(/[^A-Z]+/g, '_');
}

/** The HTTP status of any thrown value. */
export function statusOf(error: unknown): number {
  return error instanceof HttpError || error instanceof HalyardError ? error.status : 500;
}

/** The close code of a value thrown while a connection opens. */
export function closeCodeOf(error: unknown): number {
  if (error instanceof HalyardError) return error.closeCode;
  if (error instanceof HttpError) return error.status === 503 ? 1013 : error.status < 500 ? 1008 : 1011;
  return 1011;
}

/**
 * What a client is told of a thrown value. Server faults show `INTERNAL` and no text of theirs, unless `expose`.
 */
export function payloadOf(error: unknown, expose: boolean): ErrorPayload {
  if (error instanceof HttpError) return payload(error.code, error.message, error.details);
  if (error instanceof HalyardError && error.status !== 500) {
    return payload(error.wireCode, error.message, error.details);
  }
  return payload('INTERNAL', expose ? textOf(error) : table.INTERNAL.text, undefined);
}

/** The text of anything that can be thrown. */
export function textOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  try {
    return String(error);
  } catch {
    return 'a value without a text was thrown';
  }
}

function payload(code: string, message: string, details: unknown): ErrorPayload {
  return details === undefined ? { code, message } : { code, message, details };
}

/** One mistake found while the app starts. */
export interface BootProblem {
  /** Stable: `HALYARD_BOOT_<WHAT>`. */
  readonly code: BootCode;
  /** `Class.method`, a class, or a setting. */
  readonly where: string;
  /** Index of the parameter, from 0. */
  readonly parameter?: number | undefined;
  readonly reason: string;
  readonly fix: string;
}

/** The codes of mistakes found at boot, with what each means. */
export const bootCodes = {
  HALYARD_BOOT_BIND: 'nothing can bind a parameter',
  HALYARD_BOOT_BODY_TYPE: 'the type of a body is not known at run time',
  HALYARD_BOOT_PARAM_TYPE: 'the type of a request value is not known at run time',
  HALYARD_BOOT_DUPLICATE: 'two endpoints take one path and event',
  HALYARD_BOOT_PATH_SHARED: 'one WebSocket path stands in two controllers',
  HALYARD_BOOT_PATH: 'a path cannot be routed',
  HALYARD_BOOT_OPTIONS: 'options contradict each other or are invalid',
  HALYARD_BOOT_SENDER: 'a Sender in a mode that cannot send, or where nothing can be sent',
  HALYARD_BOOT_INBOX: 'an endpoint with an Inbox, which takes all that comes, shares its path or is told what to take',
  HALYARD_BOOT_STANDARD_DECORATORS: 'the build emits standard (stage-3) decorators',
  HALYARD_BOOT_CONTROLLER: 'a class given as controller is none, or has no endpoints',
  HALYARD_BOOT_COMPONENT: 'a lifecycle component stands where it cannot run, or fills no role',
  HALYARD_BOOT_EVENT: 'an event name is empty or reserved',
  HALYARD_BOOT_HOOK: 'a hook covers no WebSocket path',
  HALYARD_BOOT_PROVIDER: 'a provider or one of its dependencies is missing',
  HALYARD_BOOT_CYCLE: 'providers depend on each other in a circle',
  HALYARD_BOOT_SCOPE: 'a singleton depends on a connection-scoped provider',
  HALYARD_BOOT_SETTING: 'a setting of createApp is invalid',
} as const;

export type BootCode = keyof typeof bootCodes;

/** The app cannot start: all mistakes at once, in `problems`. Code `HALYARD_BOOT`. */
export class BootError extends HalyardError {
  constructor(readonly problems: readonly BootProblem[]) {
    super('BOOT', { message: describeProblems(problems) });
    // Where nobody catches it Node prints its fields below its text, and the text, which says it all, would be out of sight.
    for (const name of Object.keys(this)) Object.defineProperty(this, name, { enumerable: name === 'code' });
  }
}

function describeProblems(problems: readonly BootProblem[]): string {
  const lines = problems.map(({ code, where, parameter, reason, fix }) => {
    const at = parameter === undefined ? where : `${where}, parameter ${parameter}`;
    return `  ${code} ${at}\n    ${reason}\n    fix: ${fix}`;
  });
  return `the app cannot start: ${problems.length} ${problems.length === 1 ? 'mistake' : 'mistakes'}\n${lines.join('\n')}`;
}
