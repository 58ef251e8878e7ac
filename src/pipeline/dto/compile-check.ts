/** Reads what class-validator's decorators say about a class, once, and says what cannot be compiled. */
import * as classValidator from 'class-validator';
import { getMetadataStorage, ValidationTypes, type ValidatorConstraintInterface } from 'class-validator';
import type { Class } from '../../metadata/metadata.js';
import type { MakeCompiler } from './compile-make.js';
import { isDto, rulesOf, type RuleRecord } from './dto-class.js';
import { NotCompiled } from './not-compiled.js';
import type { CheckPlan, Condition, NestedPlan, PropertyPlan } from './plan.js';
import { Rule } from './rule.js';

/** The names of the rules that class-validator brings: all of them answer at once. */
const ownRules: ReadonlySet<unknown> = new Set(
  Object.values(classValidator).filter((name) => typeof name === 'string'),
);

export class CheckCompiler {
  /** A class may hold itself. */
  readonly #compiled = new Map<Class, CheckPlan>();

  constructor(private readonly makes: MakeCompiler) {}

  /** Throws `NotCompiled`. */
  compile(type: Class): CheckPlan {
    const known = this.#compiled.get(type);
    if (known) return known;
    const plan: CheckPlan = { type, whitelist: new Set(), properties: [] };
    this.#compiled.set(type, plan);
    const records = rulesOf(type);
    const odd = records.find(({ propertyName }) => propertyName in Object.prototype);
    if (odd) throw new NotCompiled(`${type.name}.${odd.propertyName}`, 'every object inherits such a property');
    // The order of its keys is that of the errors.
    for (const [name, ofProperty] of Object.entries(getMetadataStorage().groupByPropertyName(records))) {
      plan.whitelist.add(name);
      plan.properties.push(this.#property(type, name, ofProperty));
    }
    return plan;
  }

  #property(type: Class, name: string, records: RuleRecord[]): PropertyPlan {
    const where = `${type.name}.${name}`;
    const unknown = records.find((record) => !knownTypes.has(record.type));
    if (unknown) throw new NotCompiled(where, unknown.type);
    const of = (wanted: string): RuleRecord[] => records.filter((record) => record.type === wanted);
    const conditions = of(ValidationTypes.CONDITIONAL_VALIDATION);
    const userConditions = conditions.filter((record) => record.name !== classValidator.IS_OPTIONAL);
    const rules = [...of(ValidationTypes.IS_DEFINED), ...of(ValidationTypes.CUSTOM_VALIDATION)];
    return {
      name,
      isOptional: userConditions.length < conditions.length,
      conditions: userConditions.map(({ constraints }) => (constraints as [Condition])[0]),
      rules: rules.map((record) => compileRule(record, where)),
      nested: this.#nested(type, name, of(ValidationTypes.NESTED_VALIDATION)),
    };
  }

  #nested(type: Class, name: string, records: RuleRecord[]): NestedPlan | undefined {
    const [record] = records;
    if (!record) return undefined;
    const where = `${type.name}.${name}`;
    if (records.length > 1) throw new NotCompiled(where, '@ValidateNested twice');
    if (this.makes.isTransformed(type, name)) throw new NotCompiled(where, '@Transform of nested objects');
    const made = this.makes.madeType(type, name);
    return { record, of: isDto(made) ? this.compile(made) : undefined };
  }
}

/** All but promises, whose values come later. */
const knownTypes: ReadonlySet<string> = new Set([
  ValidationTypes.CONDITIONAL_VALIDATION,
  ValidationTypes.CUSTOM_VALIDATION,
  ValidationTypes.IS_DEFINED,
  ValidationTypes.NESTED_VALIDATION,
  ValidationTypes.WHITELIST,
]);

function compileRule(record: RuleRecord, where: string): Rule {
  const constraints = getMetadataStorage().getTargetValidatorConstraints(record.constraintCls);
  const constraint = constraints[0];
  const isOwn = constraints.length === 1 && record.name === constraint!.name && ownRules.has(constraint!.name);
  const name = constraint?.name ?? record.constraintCls.name;
  if (!isOwn || constraint!.async) throw new NotCompiled(where, `the custom validator ${name}`);
  const validator = instanceOf(constraint!);
  if (!validator?.defaultMessage) throw new NotCompiled(where, `no instance of the validator ${name}`);
  return new Rule(name, record, validator);
}

/** A container that was given to class-validator may have none, or say so with an error. */
function instanceOf(constraint: {
  readonly instance: ValidatorConstraintInterface | undefined;
}): ValidatorConstraintInterface | undefined {
  try {
    return constraint.instance;
  } catch {
    return undefined;
  }
}
