/** What becomes of the values of JSON in an instance, as class-transformer has it. */
import { unforeseen } from './unforeseen.js';

/** Makes the value of a property out of what JSON holds. */
export type Convert = (value: unknown) => unknown;

/** What JSON holds, copied without the keys that would hide what every object inherits. */
export function copyJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyJson);
  // Where class-transformer looks for a class: there is none without a prototype, and a key of that name is in its way.
  if (value.constructor !== Object) throw unforeseen;
  const copy: Record<string, unknown> = {};
  for (const [key, part] of Object.entries(value)) {
    if (!Object.hasOwn(Object.prototype, key)) copy[key] = copyJson(part);
  }
  return copy;
}

/** `@Type` with `String`, `Number`, `Boolean` or `Date`. */
export function toScalar(convert: Convert): Convert {
  const toType: Convert = (value) => {
    if (Array.isArray(value)) return value.map(toType);
    return value === null || value === undefined ? value : convert(value);
  };
  return toType;
}

/** `@Type` with a class: objects become instances, also in arrays, and all else stays. */
export function toInstance(make: (source: object) => object): Convert {
  const toType: Convert = (value) => {
    if (typeof value !== 'object' || value === null) return value;
    return Array.isArray(value) ? value.map(toType) : make(value);
  };
  return toType;
}

/** `@Type` on a property of the type `Set`: an array becomes one. */
export function toSet(convert: Convert): Convert {
  return (value) => (Array.isArray(value) ? new Set(value.map(convert)) : convert(value));
}
