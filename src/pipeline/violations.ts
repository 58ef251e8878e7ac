/** What is wrong with a body, and where. */
import { HalyardError } from '../errors.js';

/** One broken rule, in `details` of `VALIDATION_FAILED`. */
export interface Violation {
  /** `items.0.name`; empty: the body as a whole. */
  path: string;
  /** The constraint's name, for a schema its issue code. */
  rule: string;
  message: string;
}

/** A small body can break very many rules: a client is told of the first ones. */
export const maxViolations = 100;

/** What is wrong with a part of the body, with paths from the body's root. Throws what is no mistake of the client. */
export function violationsUnder(path: string, error: unknown): Violation[] {
  if (!(error instanceof HalyardError) || !Array.isArray(error.details)) throw error;
  return (error.details as Violation[]).map((v) => ({ ...v, path: v.path === '' ? path : `${path}.${v.path}` }));
}

/** Puts what was found in a part of an object below the name of that part. */
export function moveUnder(name: string, found: Violation[], start: number): void {
  for (let index = start; index < found.length; index++) {
    const violation = found[index]!;
    violation.path = violation.path === '' ? name : `${name}.${violation.path}`;
  }
}

export function wrongType(wanted: string, value: unknown): HalyardError {
  const infinite = typeof value === 'number' && !Number.isFinite(value);
  const got = infinite ? 'infinite' : value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
  const message = `must be ${wanted}, not ${got}`;
  return new HalyardError('BODY_TYPE', {
    // JSON knows no `undefined`: it is what an envelope does not have.
    message:
      value === undefined ? `the body must be ${wanted}, and the message has no "payload"` : `the body ${message}`,
    details: [{ path: '', rule: 'type', message }] satisfies Violation[],
  });
}

/** Validators recurse: what is nested deeper than the stack holds is the client's mistake. */
export function refuseDepth(error: unknown): never {
  if (error instanceof RangeError) throw new HalyardError('BODY_INVALID', { message: 'the body is nested too deep' });
  throw error;
}

/** All that is wrong, in one error. */
export function violated(violations: readonly Violation[]): HalyardError {
  return new HalyardError('VALIDATION_FAILED', { details: violations.slice(0, maxViolations) });
}
