import { HalyardError } from '../errors.js';
import type { ParameterInfo, Pipe } from './components.js';

/** `@Query('n', Optional)`: a missing value is `undefined`, a missing body `undefined` or `null`. */
export const Optional: unique symbol = Symbol('halyard.optional');

/** Strict decimal integer within the safe range; `PARAM_INVALID` or `BODY_INVALID` otherwise. */
export class ParseIntPipe implements Pipe<unknown, number> {
  transform(value: unknown, parameter: ParameterInfo): number {
    const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
    if (Number.isSafeInteger(number)) return number as number;
    throw invalid(parameter, 'must be an integer');
  }
}

/** Strict decimal number, finite. */
export class ParseFloatPipe implements Pipe<unknown, number> {
  transform(value: unknown, parameter: ParameterInfo): number {
    const number = typeof value === 'string' ? parseNumber(value) : value;
    if (typeof number === 'number' && Number.isFinite(number)) return number;
    throw invalid(parameter, 'must be a number');
  }
}

/** `true` and `false`, nothing else. */
export class ParseBoolPipe implements Pipe<unknown, boolean> {
  transform(value: unknown, parameter: ParameterInfo): boolean {
    if (value === true || value === 'true') return true;
    if (value === false || value === 'false') return false;
    throw invalid(parameter, 'must be true or false');
  }
}

/** A UUID in its text form, any version. */
export class ParseUUIDPipe implements Pipe<unknown, string> {
  transform(value: unknown, parameter: ParameterInfo): string {
    if (typeof value === 'string' && /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i.test(value)) return value;
    throw invalid(parameter, 'must be a UUID');
  }
}

/** One of the values of an enum object or a list: `new ParseEnumPipe(Color)`. */
export class ParseEnumPipe<T extends string | number> implements Pipe<unknown, T> {
  readonly #values: readonly T[];

  constructor(values: Readonly<Record<string, T>> | readonly T[]) {
    // A numeric enum of TypeScript also maps its numbers back to names.
    this.#values = Object.entries(values)
      .filter(([key]) => Array.isArray(values) || !/^\d+$/.test(key))
      .map(([, value]: [string, T]) => value);
  }

  transform(value: unknown, parameter: ParameterInfo): T {
    const found = this.#values.find((allowed) => allowed === value || String(allowed) === value);
    if (found !== undefined) return found;
    throw invalid(parameter, `must be one of ${this.#values.join(', ')}`);
  }
}

/** A list from one text: `new ParseArrayPipe(',')` or repeated query values. */
export class ParseArrayPipe implements Pipe<unknown, unknown[]> {
  constructor(private readonly separator = ',') {}

  transform(value: unknown, parameter: ParameterInfo): unknown[] {
    if (Array.isArray(value)) return value;
    if (typeof value === 'string') return value === '' ? [] : value.split(this.separator);
    throw invalid(parameter, 'must be a list');
  }
}

/** Stands in for a missing value, which is then no error: `@Query('page', new DefaultValuePipe(1))`. */
export class DefaultValuePipe<T> implements Pipe<unknown, unknown> {
  constructor(private readonly value: T) {}

  transform(value: unknown): unknown {
    return value ?? this.value;
  }
}

/** A decimal number as text, `undefined` where it is none: no hex, no exponent tricks, no white space. */
export function parseNumber(text: string): number | undefined {
  if (!/^-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** The error of a value that a pipe refuses: a body's or a request value's. */
export function invalid(parameter: ParameterInfo, text: string): HalyardError {
  const name = parameter.name === undefined ? `the ${parameter.source}` : `"${parameter.name}"`;
  return new HalyardError(parameter.source === 'body' ? 'BODY_INVALID' : 'PARAM_INVALID', {
    message: `${name} ${text}`,
    details: [{ path: parameter.name ?? '', rule: 'type', message: `${name} ${text}` }],
  });
}
