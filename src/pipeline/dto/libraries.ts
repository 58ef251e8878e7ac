/** The way through class-transformer and class-validator themselves, for what is not compiled. */
import { plainToInstance } from 'class-transformer';
import { validate, type ValidationError } from 'class-validator';
import type { Class } from '../../metadata/metadata.js';
import { violated, type Violation } from '../violations.js';

const options = { whitelist: true, validationError: { target: false, value: false } };

/** An instance, whitelisted and valid; without rules an instance as it is. Throws `HALYARD_VALIDATION_FAILED`. */
export async function readThroughLibraries(type: Class, hasRules: boolean, value: object): Promise<object> {
  const instance = plainToInstance(type as new () => object, value);
  if (!hasRules) return instance;
  // Not `validateSync`: it takes the promise of a validator for a yes.
  const errors = await validate(instance, options);
  if (errors.length === 0) return instance;
  throw violated(errors.flatMap((error) => violationsOf(error, '')));
}

function violationsOf({ property, constraints, children }: ValidationError, parent: string): Violation[] {
  // An object without rules is an error that has no property.
  const path = [parent, property as string | undefined].filter(Boolean).join('.');
  const own = Object.entries(constraints ?? {}).map(([rule, message]) => ({ path, rule, message }));
  return [...own, ...(children ?? []).flatMap((child) => violationsOf(child, path))];
}
