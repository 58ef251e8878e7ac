/**
 * The body of a message or an HTTP request, read by declared type, never by guessing. Compiled at boot: one reader per
 * parameter.
 */
import { isUtf8 } from 'node:buffer';
import { plainToInstance } from 'class-transformer';
import * as classValidator from 'class-validator';
import { getMetadataStorage, validate, validateSync, ValidationTypes, type ValidationError } from 'class-validator';
import { HalyardError } from '../errors.js';
import { Message } from './message.js';
import type { Class } from '../metadata/metadata.js';
import { parseJson } from '../protocol/plain.js';
import { isSchema, validateSchema } from './schema.js';
import { refuseDepth, violated, violationsUnder, wrongType, type Violation } from './violations.js';

/** The type of a body that is JSON of any shape, unchecked on purpose: `@Body(Json)`. */
export const Json: unique symbol = Symbol('halyard.json');

/** What a body is read from. */
export interface BodySource {
  readonly raw: Buffer;
  readonly isBinary: boolean;
  /** `payload` is the body, already parsed. */
  /** False: its content type says that it is something else than JSON. */
  readonly isJson: boolean;
  readonly enveloped: boolean;
  readonly payload: unknown;
  text(): string;
}

/** A value of JSON, checked and converted; a promise where a validator is asynchronous. */
export type JsonReader = (value: unknown) => unknown;

/** Reads a body; a promise where a validator is asynchronous. */
export type BodyReader = (source: BodySource) => unknown;

/** The binary types that a body may be declared as. */
const byteTypes: ReadonlySet<unknown> = new Set([Buffer, Uint8Array, ArrayBuffer]);

/**
 * The reader of a declared body type, or `undefined` where the type says nothing at run time: `Object`, `Array`,
 * `Function`, a missing type.
 *
 * @param path of a nested value, `a.b`
 * @param optional a missing or `null` body is `undefined` or `null`, and not checked
 */
export function compileBody(type: unknown, path: string | undefined, optional: boolean): BodyReader | undefined {
  if (path === undefined) {
    if (type === String) return optional ? optionalBody(readText) : readText;
    if (byteTypes.has(type)) return type === ArrayBuffer ? readArrayBuffer : readBytes;
    if (type === Message) return readMessage;
  }
  const read = compileJson(type);
  if (!read) return undefined;
  if (path !== undefined) return readNested(path.split('.'), path, read, optional);
  return optional ? optionalBody((source) => readOptionalJson(source, read)) : (source) => read(jsonOf(source));
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
  return isDto(type) ? compileDto(type) : undefined;
}

/** Whether a class has rules of class-validator. */
export function hasRules(type: Class): boolean {
  return rulesOf(type).length > 0;
}

const notDtos: ReadonlySet<unknown> = new Set([
  Object,
  Array,
  Function,
  String,
  Number,
  Boolean,
  Symbol,
  BigInt,
  Promise,
  Date,
  Map,
  Set,
  Message,
]);

/** Whether a type can be the class of a body. */
export function isDto(type: unknown): type is Class {
  return typeof type === 'function' && !notDtos.has(type) && !byteTypes.has(type) && type.prototype !== undefined;
}

function readText(source: BodySource): string {
  if (source.enveloped) {
    if (typeof source.payload === 'string') return source.payload;
    throw wrongType('a string', source.payload);
  }
  if (source.isBinary && !isUtf8(source.raw)) {
    throw new HalyardError('BODY_INVALID', { message: 'the body is not valid UTF-8' });
  }
  return source.text();
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

function jsonOf(source: BodySource): unknown {
  if (source.enveloped) return source.payload;
  if (!source.isJson) throw new HalyardError('CONTENT_TYPE');
  return parseJson(source.isBinary ? readText(source) : source.text());
}

function readOptionalJson(source: BodySource, read: JsonReader): unknown {
  const value = jsonOf(source);
  return value === null || value === undefined ? value : read(value);
}

/** An empty body counts as missing. */
function optionalBody(read: BodyReader): BodyReader {
  return (source) => {
    const missing = source.enveloped ? source.payload === undefined : source.raw.length === 0;
    if (missing) return undefined;
    return source.enveloped && source.payload === null ? null : read(source);
  };
}

function readNested(keys: readonly string[], path: string, read: JsonReader, optional: boolean): BodyReader {
  return (source) => {
    let value = jsonOf(source);
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
  const results = values.map((value, index): unknown => {
    try {
      const result = read(value);
      if (!(result instanceof Promise)) return result;
      waits = true;
      return result.catch((error: unknown) => collect(error, index));
    } catch (error) {
      return collect(error, index);
    }
  });
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

const validatorOptions = { whitelist: true, validationError: { target: false, value: false } };

function compileDto(type: Class): JsonReader {
  const construct = type as new () => object;
  const rules = hasRules(type);
  const asynchronous = rules && mayBeAsynchronous(type);
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType('an object', value);
    try {
      const instance = plainToInstance(construct, value);
      if (!rules) return instance;
      if (asynchronous) return validate(instance, validatorOptions).then((errors) => checked(instance, errors));
      const errors = validateSync(instance, validatorOptions);
      return errors.length === 0 ? instance : checked(instance, errors);
    } catch (error) {
      return refuseDepth(error);
    }
  };
}

function checked(instance: object, errors: ValidationError[]): object {
  if (errors.length === 0) return instance;
  throw violated(errors.flatMap((error) => violationsOf(error, '')));
}

function violationsOf(error: ValidationError, parent: string): Violation[] {
  const path = parent === '' ? error.property : `${parent}.${error.property}`;
  const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({ path, rule, message }));
  return [...own, ...(error.children ?? []).flatMap((child) => violationsOf(child, path))];
}

function rulesOf(type: Class): ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']> {
  return getMetadataStorage().getTargetValidationMetadatas(type, '', true, false);
}

/** The rules that class-validator brings: none of them needs a promise. */
const builtInRules: ReadonlySet<unknown> = new Set(
  Object.values(classValidator).filter((name) => typeof name === 'string'),
);

/**
 * Whether validating may need a promise, which `validateSync` would take for a yes: a rule of the user's own, declared
 * asynchronous or not, or nested objects, whose classes are known only when the values are there.
 */
function mayBeAsynchronous(type: Class): boolean {
  return rulesOf(type).some(
    (rule) =>
      rule.type === ValidationTypes.NESTED_VALIDATION ||
      (rule.type === ValidationTypes.CUSTOM_VALIDATION && !builtInRules.has(rule.name)),
  );
}
