import type { ValidationArguments, ValidatorConstraintInterface } from 'class-validator';
import { constraintMessage } from './constraint-message.js';
import type { RuleRecord } from './dto-class.js';
import { shortcutOf, type Shortcut } from './shortcut.js';
import { unforeseen } from './unforeseen.js';

/** One rule of a property, with the validator that class-validator's decorator made. */
export class Rule {
  /** Neither `each` nor `validateIf`: the validator alone is asked, about the value as it is. */
  readonly isSimple: boolean;
  readonly constraints: unknown[];
  readonly shortcut: Shortcut | undefined;

  constructor(
    /** The constraint's name: `rule` in the details. */
    readonly name: string,
    private readonly record: RuleRecord,
    readonly validator: ValidatorConstraintInterface,
  ) {
    this.isSimple = !record.each && !record.validateIf;
    this.constraints = record.constraints as unknown[];
    this.shortcut = this.isSimple ? shortcutOf(name, record.constraints, validator) : undefined;
  }

  /** The way of a rule that is not simple. */
  accepts(object: object, value: unknown): boolean {
    const { record, validator } = this;
    if (record.validateIf && !record.validateIf(object, value)) return true;
    const args = this.#arguments(object, value);
    if (!record.each || !isCollection(value)) return isYes(validator.validate(value, args));
    // All are asked, as class-validator does.
    return [...value.values()].map((element) => isYes(validator.validate(element, args))).every(Boolean);
  }

  message(object: object, value: unknown): string {
    const args = this.#arguments(object, value);
    // A text of the user's own may be empty: then the default stands in.
    return constraintMessage(this.record.message || this.validator.defaultMessage!(args), args);
  }

  #arguments(object: object, value: unknown): ValidationArguments {
    const { propertyName: property, constraints } = this.record;
    return { targetName: object.constructor.name, property, object, value, constraints };
  }
}

/** What a validator said. A promise is for the libraries: only a validator of the user's own, under a name of theirs, makes one. */
export function isYes(verdict: unknown): boolean {
  if (typeof verdict !== 'object' || verdict === null) return Boolean(verdict);
  const { then } = verdict as Partial<PromiseLike<unknown>>;
  if (typeof then !== 'function') return true;
  // It will be asked again, and nobody is there for what this promise may reject with.
  then.call(verdict, undefined, () => undefined);
  throw unforeseen;
}

/** What `each` and nested rules look into. */
export function isCollection(value: unknown): value is unknown[] | Set<unknown> | Map<unknown, unknown> {
  return Array.isArray(value) || value instanceof Set || value instanceof Map;
}
