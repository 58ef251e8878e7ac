/** Params, queries, headers and cookies, read by declared type. They come as text, or several of one name as a list. */
import { HalyardError } from '../errors.js';
import { compileJson, Json, type JsonReader } from './body.js';
import { isSchema } from './schema.js';
import type { ParameterInfo } from './components.js';
import { parseNumber } from './pipes.js';
import type { Request } from './request.js';

/** What a request has values of. */
export type RequestSource = 'param' | 'query' | 'header' | 'cookie';

/** Types of single values. */
export const scalars: ReadonlySet<unknown> = new Set([String, Number, Boolean, Symbol, BigInt]);

/** Picks the raw value off a request. */
export function picker(source: RequestSource, name: string | undefined): (request: Request) => unknown {
  const key = source === 'header' ? name?.toLowerCase() : name;
  const field = ({ param: 'params', query: 'query', header: 'headers', cookie: 'cookies' } as const)[source];
  if (key === undefined) return (request) => request[field];
  return (request) => {
    const values = request[field] as Readonly<Record<string, unknown>>;
    return Object.hasOwn(values, key) ? values[key] : undefined;
  };
}

/** All values of a kind at once: as they are, or as DTO or schema. `undefined`: the type is that of one value. */
export function wholeReader(type: unknown): JsonReader | undefined {
  const unchecked = type === undefined || type === Object || type === Json;
  const read = unchecked ? undefined : compileJson(type);
  if (!unchecked && (!read || scalars.has(type) || Array.isArray(type))) return undefined;
  // Libraries expect a prototype.
  return read ? (values) => asParam(() => read({ ...(values as object) })) : (values) => values;
}

/** One value, which comes as text. With pipes they have the first word, and what they leave as text is converted. */
export function valueReader(type: unknown, info: ParameterInfo, piped: boolean): JsonReader | undefined {
  if (isSchema(type)) {
    const read = compileJson(type)!;
    return (value) => asParam(() => read(value));
  }
  if (type === Array || (Array.isArray(type) && type[0] === String)) return list((value) => value);
  if (Array.isArray(type)) {
    const read = valueReader(type[0], info, false);
    return read && list(read);
  }
  if (type === Number)
    return (value) => (typeof value === 'string' ? toNumber(single(value, info), info) : single(value, info));
  if (type === Boolean) return (value) => (typeof value === 'string' ? toBoolean(value, info) : single(value, info));
  if (type === String || type === undefined) return piped ? (value) => value : (value) => single(value, info);
  return piped ? (value) => value : undefined;
}

function list(read: JsonReader): JsonReader {
  return (value) => (Array.isArray(value) ? value : [value]).map(read);
}

function single(value: unknown, info: ParameterInfo): unknown {
  if (Array.isArray(value)) throw paramInvalid(info, 'was given more than once');
  return value;
}

function toNumber(value: unknown, info: ParameterInfo): number {
  const number = parseNumber(value as string);
  if (number === undefined) throw paramInvalid(info, 'must be a number');
  return number;
}

function toBoolean(value: string, info: ParameterInfo): boolean {
  if (value === 'true') return true;
  if (value === 'false') return false;
  throw paramInvalid(info, 'must be true or false');
}

/** A request value that is missing or wrong: 400 `PARAM_INVALID`, with the place in `details`. */
export function paramInvalid(info: ParameterInfo, text: string): HalyardError {
  const message = `${info.source} "${info.name ?? ''}" ${text}`;
  return new HalyardError('PARAM_INVALID', {
    message,
    details: [{ path: info.name ?? '', rule: 'type', message: text }],
  });
}

/** The errors of DTOs and schemas, which speak of bodies, as those of a request value. */
function asParam(read: () => unknown): unknown {
  const rethrow = (error: unknown): never => {
    if (!(error instanceof HalyardError)) throw error;
    const { wireCode, message, details } = error;
    throw new HalyardError('PARAM_INVALID', {
      ...(wireCode === 'VALIDATION_FAILED' ? {} : { message }),
      details,
      cause: error,
    });
  };
  try {
    const result = read();
    return result instanceof Promise ? result.catch(rethrow) : result;
  } catch (error) {
    return rethrow(error);
  }
}
