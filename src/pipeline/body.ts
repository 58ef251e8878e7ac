/**
 * The body of a message or an HTTP request, read by declared type, never by guessing. Compiled at boot: one reader per
 * parameter.
 */
import { HalyardError } from '../errors.js';
import type { Class } from '../metadata/metadata.js';
import { compileDto } from './dto/dto.js';
import { byteTypes, isDto } from './dto/dto-class.js';
import { Message } from './message.js';
import { isSchema, validateSchema } from './schema.js';
import { textOf } from './utf8.js';
import { maxViolations, violated, violationsUnder, wrongType, type Violation } from './violations.js';

/** The type of a body that is JSON of any shape, unchecked on purpose: `@Body(Json)`. */
export const Json: unique symbol = Symbol('halyard.json');

/** What a body is read from. */
export interface BodySource {
  readonly raw: Buffer;
  readonly isBinary: boolean;
  /** `payload` is the body, already parsed. */
  readonly enveloped: boolean;
  readonly payload: unknown;
  text(): string;
  /** The body, parsed. */
  json(): unknown;
}

/** A value of JSON, checked and converted; a promise where a validator is asynchronous. */
export type JsonReader = (value: unknown) => unknown;

type SourceReader = (source: BodySource) => unknown;

/** Reads a body out of its JSON, or out of what came; a promise where a validator is asynchronous. */
export type BodyReader =
  { readonly of: 'json'; readonly read: JsonReader } | { readonly of: 'context'; readonly read: SourceReader };

/**
 * The reader of a declared body type, or `undefined` where the type says nothing at run time: `Object`, `Array`,
 * `Function`, a missing type.
 *
 * @param path of a nested value, `a.b`
 * @param optional a missing or `null` body is `undefined` or `null`, and not checked
 */
export function compileBody(type: unknown, path: string | undefined, optional: boolean): BodyReader | undefined {
  if (path === undefined) {
    if (type === String) return ofContext(optional ? optionalBody(readText) : readText);
    if (byteTypes.has(type)) return ofContext(type === ArrayBuffer ? readArrayBuffer : readBytes);
    if (type === Message) return ofContext(readMessage);
  }
  const read = compileJson(type);
  if (!read) return undefined;
  if (path !== undefined) return { of: 'json', read: nestedReader(path.split('.'), path, read, optional) };
  return optional ? ofContext(optionalBody((source) => readOptionalJson(source, read))) : { of: 'json', read };
}

function ofContext(read: SourceReader): BodyReader {
  return { of: 'context', read };
}

/** The checks of a JSON value of a declared type, or `undefined` where the type says nothing at run time. */
export function compileJson(type: unknown): JsonReader | undefined {
  if (type === Json) return (value) => value;
  if (type === String) return scalar('string');
  if (type === Number) return scalar('number');
  if (type === Boolean) return scalar('boolean');
  if (isSchema(type)) return (value) => validateSchema(type, value);
  if (Array.isArray(type)) {
    const read = compileJson(type[0]);
    return read && ((value) => readArray(value, read));
  }
  return isDto(type) ? compileDto(type).read : undefined;
}

/** The DTO that a declared type is, or that its elements are. */
export function dtoOf(type: unknown): Class | undefined {
  if (Array.isArray(type)) return dtoOf(type[0]);
  return !isSchema(type) && isDto(type) ? type : undefined;
}

function readText(source: BodySource): string {
  if (source.enveloped) {
    if (typeof source.payload === 'string') return source.payload;
    throw wrongType('a string', source.payload);
  }
  return source.isBinary ? textOf(source.raw) : source.text();
}

function readBytes(source: BodySource): Buffer {
  if (source.enveloped) throw new HalyardError('BODY_TYPE', { message: 'the body must be bytes, not JSON' });
  return source.raw;
}

function readArrayBuffer(source: BodySource): ArrayBuffer {
  return new Uint8Array(readBytes(source)).buffer;
}

function readMessage(source: BodySource): Message {
  return new Message(source);
}

function readOptionalJson(source: BodySource, read: JsonReader): unknown {
  const value = source.json();
  return value === null || value === undefined ? value : read(value);
}

/** An empty body counts as missing. */
function optionalBody(read: SourceReader): SourceReader {
  return (source) => {
    const missing = source.enveloped ? source.payload === undefined : source.raw.length === 0;
    if (missing) return undefined;
    return source.enveloped && source.payload === null ? null : read(source);
  };
}

function nestedReader(keys: readonly string[], path: string, read: JsonReader, optional: boolean): JsonReader {
  return (body) => {
    let value = body;
    for (const key of keys) {
      const holds = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
      value = holds ? (value as Record<string, unknown>)[key] : undefined;
    }
    if (optional && (value === undefined || value === null)) return value;
    if (value === undefined) {
      const message = `"${path}" is missing`;
      throw new HalyardError('BODY_INVALID', { message, details: [{ path, rule: 'missing', message }] });
    }
    const refuse = (error: unknown): never => {
      const details = violationsUnder(path, error);
      const { wireCode } = error as HalyardError;
      if (wireCode !== 'BODY_TYPE') throw new HalyardError(wireCode, { details });
      throw new HalyardError('BODY_TYPE', { message: `"${path}" ${details[0]!.message}`, details });
    };
    try {
      const result = read(value);
      return result instanceof Promise ? result.catch(refuse) : result;
    } catch (error) {
      return refuse(error);
    }
  };
}

function scalar(type: 'string' | 'number' | 'boolean'): JsonReader {
  return (value) => {
    // `1e999` is JSON, and no number that JSON could give back.
    if (typeof value === type && (type !== 'number' || Number.isFinite(value))) return value;
    throw wrongType(`a ${type}`, value);
  };
}

/** The violations of all elements together, each path beginning with its index. */
function readArray(values: unknown, read: JsonReader): unknown {
  if (!Array.isArray(values)) throw wrongType('an array', values);
  const violations: Violation[] = [];
  const collect = (error: unknown, index: number): void => {
    violations.push(...violationsUnder(String(index), error));
  };
  let waits = false;
  const results: unknown[] = [];
  for (const [index, value] of values.entries()) {
    // What comes later is told to nobody.
    if (violations.length >= maxViolations) break;
    try {
      const result = read(value);
      if (result instanceof Promise) waits = true;
      results.push(result instanceof Promise ? result.catch((error: unknown) => collect(error, index)) : result);
    } catch (error) {
      collect(error, index);
    }
  }
  const finish = (elements: unknown[]): unknown[] => {
    if (violations.length > 0) throw violated(violations.sort(byIndex));
    return elements;
  };
  return waits ? Promise.all(results).then(finish) : finish(results);
}

/** Validators may settle in any order. */
function byIndex(a: Violation, b: Violation): number {
  return Number.parseInt(a.path, 10) - Number.parseInt(b.path, 10);
}
