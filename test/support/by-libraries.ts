/** What class-transformer and class-validator make of a value, and what a compiled DTO does, as texts that can be compared. */
import { plainToInstance } from 'class-transformer';
import { validate, type ValidationError } from 'class-validator';
import { HalyardError, type Class } from 'halyard';

/** An instance with all that anybody could see of it, the violations, or what is thrown. */
export async function byLibraries(type: Class, value: unknown): Promise<string> {
  try {
    const instance = plainToInstance(type as new () => object, value);
    const errors = await validate(instance, { whitelist: true, validationError: { target: false, value: false } });
    if (errors.length === 0) return picture(instance);
    return `violations ${picture(errors.flatMap((error) => violationsOf(error, '')).slice(0, 100))}`;
  } catch (error) {
    return `throws ${String(error)}`;
  }
}

/** The same of a reader of ours. */
export async function byReader(read: (value: unknown) => unknown, value: unknown): Promise<string> {
  try {
    return picture(await read(value));
  } catch (error) {
    const isRefusal = error instanceof HalyardError && error.wireCode === 'VALIDATION_FAILED';
    return isRefusal ? `violations ${picture(error.details)}` : `throws ${String(error)}`;
  }
}

function violationsOf({ property, constraints, children }: ValidationError, parent: string): unknown[] {
  const path = property === undefined ? parent : parent === '' ? property : `${parent}.${property}`;
  const own = Object.entries(constraints ?? {}).map(([rule, message]) => ({ path, rule, message }));
  return [...own, ...(children ?? []).flatMap((child) => violationsOf(child, path))];
}

/** Types, the order of keys, what is undefined, and the sign of zero. */
function picture(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) {
    return Object.is(value, -0) ? '-0' : `${typeof value} ${String(value)}`;
  }
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (Array.isArray(value)) return `[${value.map(picture).join()}]`;
  if (value instanceof Set || value instanceof Map) return `${value.constructor.name}${picture([...value])}`;
  const entries = Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}:${picture(part)}`);
  return `${(Object.getPrototypeOf(value) as object).constructor.name}{${entries.join()}}`;
}
