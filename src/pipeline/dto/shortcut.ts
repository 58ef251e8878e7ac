/**
 * The rules that the engine may say yes to without asking their validator, which costs several times the answer. Every no is
 * the validator's. An app may give a stricter validator of its own the name of one of class-validator's, so that the name
 * alone allows nothing: a shortcut is for a validator that looks at what it is given in the same place of the code as
 * class-validator's own.
 */
import {
  getMetadataStorage,
  IsBoolean,
  IsIn,
  IsNumber,
  IsString,
  Length,
  Max,
  MaxLength,
  Min,
  MinLength,
  type ValidatorConstraintInterface,
} from 'class-validator';
import { rulesOf } from './dto-class.js';

/** One shape for all: the engine sees many. */
export interface Shortcut {
  readonly of: 'string' | 'boolean' | 'number' | 'length' | 'in';
  /** Of a number, or of a length. */
  readonly min: number;
  readonly max: number;
  readonly values: readonly unknown[];
}

/** Text that may have fewer characters than units: pairs and variation selectors count once. */
export const countsOtherwise = /[\uD800-\uDFFF]|\uFE0E|\uFE0F/;

const finite = Number.MAX_VALUE;

const shortcuts: Readonly<Record<string, (constraints: readonly unknown[]) => Shortcut | undefined>> = {
  isString: () => shortcut('string'),
  isBoolean: () => shortcut('boolean'),
  isNumber: ([options]) =>
    (options as { maxDecimalPlaces?: number }).maxDecimalPlaces === undefined
      ? shortcut('number', -finite, finite)
      : undefined,
  min: ([limit]) => shortcut('number', limit),
  max: ([limit]) => shortcut('number', -Infinity, limit),
  isLength: ([min, max]) => shortcut('length', min, max),
  minLength: ([min]) => shortcut('length', min),
  maxLength: ([max]) => shortcut('length', 0, max),
  isIn: ([values]) => (Array.isArray(values) ? shortcut('in', 0, 0, values) : undefined),
};

function shortcut(
  of: Shortcut['of'],
  min: unknown = 0,
  max: unknown = Infinity,
  values: readonly unknown[] = [],
): Shortcut | undefined {
  return typeof min === 'number' && typeof max === 'number' ? { of, min, max, values } : undefined;
}

/** The shortcut of a rule, if it has one. */
export function shortcutOf(
  name: string,
  constraints: readonly unknown[] | undefined,
  validator: ValidatorConstraintInterface,
): Shortcut | undefined {
  const make = Object.hasOwn(shortcuts, name) ? shortcuts[name] : undefined;
  if (!make) return undefined;
  const place = placeOf(validator);
  return place !== undefined && place === ownPlaces().get(name) ? make(constraints ?? []) : undefined;
}

let places: ReadonlyMap<string, string | undefined> | undefined;

/** Where class-validator's own rules look, by name. */
function ownPlaces(): ReadonlyMap<string, string | undefined> {
  return (places ??= new Map(sample().map(({ name, validator }) => [name, placeOf(validator)])));
}

/** Rules as class-validator's decorators make them. What those record is taken away again: others list all classes. */
function sample(): { name: string; validator: ValidatorConstraintInterface }[] {
  class Sample {}
  const decorators = [
    IsBoolean(),
    IsIn([]),
    IsNumber(),
    IsString(),
    Length(0),
    Max(0),
    MaxLength(0),
    Min(0),
    MinLength(0),
  ];
  for (const decorate of decorators) decorate(Sample.prototype, 'value');
  const storage = getMetadataStorage();
  const rules = rulesOf(Sample).map(({ constraintCls }) => {
    const constraint = storage.getTargetValidatorConstraints(constraintCls)[0]!;
    return { name: constraint.name, validator: constraint.instance };
  });
  (storage as unknown as { validationMetadatas: Map<unknown, unknown> }).validationMetadatas.delete(Sample);
  return rules;
}

/** The functions that were running when the validator looked at the type of its value, or at its constraints. */
function placeOf(validator: ValidatorConstraintInterface): string | undefined {
  const seen: { stack?: unknown } = {};
  const look = (): null => {
    if (seen.stack === undefined) Error.captureStackTrace(seen, look);
    return null;
  };
  const value = new Proxy({}, { getPrototypeOf: () => look() });
  const args = {
    get constraints() {
      look();
      return [];
    },
  };
  try {
    const verdict = validator.validate(value, args as never);
    if (verdict instanceof Promise) verdict.catch(() => undefined);
  } catch {
    // It was not made for nothing at all: what it looked at first is known.
  }
  if (typeof seen.stack !== 'string') return undefined;
  // A headline; whoever looked, the validator, what class-validator put around it, and this function.
  const lines = seen.stack.split('\n').slice(0, 5);
  return lines.length === 5 ? lines.join('\n') : undefined;
}
