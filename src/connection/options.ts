import type { Mode } from '../pipeline/route.js';

/** Milliseconds, or `'250ms'`, `'25s'`, `'5m'`, `'1h'`. */
export type Duration = number | string;
/** Bytes, or `'512b'`, `'64kb'`, `'1mb'` (1 kb = 1024 bytes). */
export type Size = number | string;

/** Which origins a browser may connect from. Default: same host, and localhost to localhost outside production. */
export type Origins =
  | 'same-host'
  | '*'
  | readonly (string | RegExp)[]
  | ((origin: string | undefined, request: { headers: NodeJS.Dict<string | string[]> }) => boolean);

/** What happens to publications for a reader with more than `outbound` bytes queued. */
export type SlowConsumer = 'disconnect' | 'dropOldest' | 'conflate';

/** Options of a connection: on the controller, or on an endpoint that is alone on its path. */
export interface ConnectionOptions {
  /** @default 'twoWay' */
  mode?: Mode;
  /** How often the client must answer a ping. @default '25s' */
  ping?: Duration | false;
  /** The largest message taken, in bytes; above it the connection closes 1009. @default '64kb' */
  maxPayload?: Size;
  /** How many messages may wait before the socket is paused. @default 32 */
  maxQueue?: number;
  /** @default 'disconnect' */
  slowConsumer?: SlowConsumer;
  /** permessage-deflate. @default false */
  compression?: boolean;
  /** Subprotocols that the path speaks, besides Halyard's own. */
  protocols?: readonly string[];
  /** @default the app's */
  origins?: Origins;
  /** `http`: a refusal is the HTTP response; `close`: the 101, then a close with 4000 + status. @default 'http' */
  refuse?: 'http' | 'close';
  /** How long `close()` may take before the socket is ended. @default '5s' */
  closeTimeout?: Duration;
}

/** How messages of an endpoint are ordered. */
export type Order = 'serial' | 'latest' | { readonly concurrent: number };

/** A token bucket: `burst` at once, `messages` per `per` on average. */
export interface RateLimit {
  messages: number;
  /** @default '1s' */
  per?: Duration;
  /** @default messages */
  burst?: number;
  /** Who shares a bucket. @default 'connection' */
  by?: 'connection' | 'user' | 'ip';
}

/** Options of a message: on the endpoint. */
export interface MessageOptions {
  /** Takes `{"event": …}` messages of this name only. */
  event?: string;
  /** @default 'serial' */
  order?: Order;
  /** How long handling may take. @default '30s'; `false` for a generator method */
  timeout?: Duration | false;
  /** On top of the app's own. */
  rateLimit?: RateLimit;
  /** Also runs when the connection opens, with a body of `null`. */
  triggerOnConnect?: boolean;
  /** Gets connect, messages and disconnect, as a `ConnectionEvent`; alone on its path. There `null` does nothing. */
  events?: boolean;
}

const connectionOptionNames: ReadonlySet<string> = new Set<keyof ConnectionOptions>([
  'mode',
  'ping',
  'maxPayload',
  'maxQueue',
  'slowConsumer',
  'compression',
  'protocols',
  'origins',
  'refuse',
  'closeTimeout',
]);

/** Those of an endpoint's options that are its connection's. */
export function connectionOptionsOf(options: ConnectionOptions & MessageOptions): ConnectionOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([name, value]) => connectionOptionNames.has(name) && value !== undefined),
  );
}

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const sizeUnits: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };
/** What a timer of Node can hold. */
const maxDurationMs = 2 ** 31 - 1;

/** Milliseconds of a duration, `undefined` where it is none. */
export function parseDuration(value: unknown): number | undefined {
  const ms = parseUnit(value, durationUnits, 'ms');
  return ms !== undefined && ms <= maxDurationMs ? ms : undefined;
}

/** Bytes of a size, `undefined` where it is none. */
export function parseSize(value: unknown): number | undefined {
  const bytes = parseUnit(value, sizeUnits, 'b');
  return bytes !== undefined && Number.isSafeInteger(bytes) ? bytes : undefined;
}

function parseUnit(value: unknown, units: Readonly<Record<string, number>>, unit: string): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(value.trim());
  const factor = match && units[match[2]!.toLowerCase() || unit];
  return factor ? Number(match[1]) * factor : undefined;
}

/** A connection's options with every default in its place. */
export interface ResolvedConnectionOptions {
  readonly mode: Mode;
  readonly pingMs: number | false;
  readonly maxPayloadBytes: number;
  readonly maxQueue: number;
  readonly slowConsumer: SlowConsumer;
  readonly compression: boolean;
  readonly protocols: readonly string[];
  readonly origins: Origins;
  readonly refuse: 'http' | 'close';
  readonly closeTimeoutMs: number;
}

/** A rate limit with every default in its place. */
export interface ResolvedRateLimit {
  readonly messages: number;
  readonly perMs: number;
  readonly burst: number;
  readonly by: 'connection' | 'user' | 'ip';
}

/** Reports an invalid option: its name, what is wrong, and what to write. */
export type ReportOption = (option: string, reason: string, fix: string) => void;

const modes: readonly unknown[] = ['twoWay', 'receiveOnly', 'sendOnly'] satisfies Mode[];
const policies: readonly unknown[] = ['disconnect', 'dropOldest', 'conflate'] satisfies SlowConsumer[];

/** Fills in defaults and checks each option. */
export function resolveConnectionOptions(
  options: ConnectionOptions,
  defaults: ResolvedConnectionOptions,
  report: ReportOption,
): ResolvedConnectionOptions {
  const duration = (name: 'closeTimeout', fallback: number): number =>
    resolve(name, options[name], parseDuration, fallback, durationFix, report);
  return {
    mode: oneOf('mode', options.mode, modes, defaults.mode, report),
    pingMs:
      options.ping === false
        ? false
        : resolve('ping', options.ping, positiveDuration, defaults.pingMs, durationFix, report),
    maxPayloadBytes: resolve('maxPayload', options.maxPayload, parseSize, defaults.maxPayloadBytes, sizeFix, report),
    maxQueue: resolve('maxQueue', options.maxQueue, positiveInteger, defaults.maxQueue, 'an integer from 1', report),
    slowConsumer: oneOf('slowConsumer', options.slowConsumer, policies, defaults.slowConsumer, report),
    compression: oneOf('compression', options.compression, [true, false], defaults.compression, report),
    protocols: resolve('protocols', options.protocols, parseProtocols, defaults.protocols, protocolsFix, report),
    origins: resolve('origins', options.origins, parseOrigins, defaults.origins, originsFix, report),
    refuse: oneOf('refuse', options.refuse, ['http', 'close'], defaults.refuse, report),
    closeTimeoutMs: duration('closeTimeout', defaults.closeTimeoutMs),
  };
}

/** Fills in defaults and checks. */
export function resolveRateLimit(limit: RateLimit, report: ReportOption): ResolvedRateLimit {
  const messages = resolve('rateLimit.messages', limit.messages, positiveInteger, 1, 'an integer from 1', report);
  return {
    messages,
    perMs: resolve('rateLimit.per', limit.per, positiveDuration, 1000, durationFix, report),
    burst: resolve('rateLimit.burst', limit.burst, positiveInteger, messages, 'an integer from 1', report),
    by: oneOf('rateLimit.by', limit.by, ['connection', 'user', 'ip'], 'connection', report),
  };
}

function parseProtocols(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((name) => typeof name === 'string') ? value : undefined;
}

function parseOrigins(value: unknown): Origins | undefined {
  const isEntry = (entry: unknown): boolean => typeof entry === 'string' || entry instanceof RegExp;
  const valid = Array.isArray(value) ? value.every(isEntry) : typeof value === 'function';
  return valid || value === 'same-host' || value === '*' ? (value as Origins) : undefined;
}

const protocolsFix = "a list of names: ['chat.v1']";
const originsFix = "'same-host', '*', a list such as ['https://example.org'], or a function";
export const durationFix = "milliseconds, or '250ms', '25s', '5m'";
export const sizeFix = "bytes, or '64kb', '1mb'";

export function positiveInteger(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : undefined;
}

export function positiveDuration(value: unknown): number | undefined {
  const ms = parseDuration(value);
  return ms !== undefined && ms > 0 ? ms : undefined;
}

/** The parsed value, or the fallback where nothing was given; what cannot be parsed is reported. */
export function resolve<T, F>(
  name: string,
  value: unknown,
  parse: (value: unknown) => T | undefined,
  fallback: F,
  fix: string,
  report: ReportOption,
): T | F {
  if (value === undefined) return fallback;
  const parsed = parse(value);
  if (parsed !== undefined) return parsed;
  report(name, `${JSON.stringify(value)} is not valid`, fix);
  return fallback;
}

function oneOf<T>(
  name: string,
  value: T | undefined,
  allowed: readonly unknown[],
  fallback: T,
  report: ReportOption,
): T {
  if (value === undefined || allowed.includes(value)) return value ?? fallback;
  report(name, `${JSON.stringify(value)} is not valid`, `one of ${allowed.join(', ')}`);
  return fallback;
}
