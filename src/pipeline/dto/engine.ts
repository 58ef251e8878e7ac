/**
 * The way of every DTO: makes the instance, then holds it to its rules. What a body without mistakes does not need is
 * elsewhere, and little is a function of its own: this is the way of every message.
 */
import { TransformationType, type ClassTransformOptions } from 'class-transformer';
import { maxViolations, moveUnder, refuseDepth, violated, wrongType, type Violation } from '../violations.js';
import { constraintMessage } from './constraint-message.js';
import { copyJson } from './conversions.js';
import type { CheckPlan, MakePlan, NestedPlan } from './plan.js';
import { isCollection, isYes } from './rule.js';
import { countsOtherwise } from './shortcut.js';
import { unforeseen } from './unforeseen.js';

/** What `@Transform` functions are given: the defaults, as no others are used. */
const options: ClassTransformOptions = Object.freeze({
  enableCircularCheck: false,
  enableImplicitConversion: false,
  excludeExtraneousValues: false,
  excludePrefixes: undefined,
  exposeDefaultValues: false,
  exposeUnsetFields: true,
  groups: undefined,
  ignoreDecorators: false,
  strategy: undefined,
  targetMaps: undefined,
  version: undefined,
});

/** What class-validator says to an object that it knows no rules of. */
const unknownValue = { rule: 'unknownValue', message: 'an unknown value was passed to the validate function' };

/**
 * The reader of a DTO.
 *
 * @param toCheck `undefined`: the class has no rules, and nothing is stripped
 * @param otherwise reads what the plans were not made for
 */
export function readerOf(
  toMake: MakePlan,
  toCheck: CheckPlan | undefined,
  otherwise: (value: object) => unknown,
): (value: unknown) => unknown {
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType('an object', value);
    const found: Violation[] = [];
    let instance: object;
    try {
      instance = make(toMake, value, toCheck !== undefined);
      if (toCheck !== undefined) check(toCheck, instance, found);
    } catch (error) {
      return error === unforeseen ? otherwise(value) : refuseDepth(error);
    }
    if (found.length > 0) throw violated(found);
    return instance;
  };
}

/**
 * An instance: its initialisers first, then what the client sent, in the client's order, and at last what is exposed and
 * was not sent.
 *
 * @param dropOthers leaves out what nothing is known about, where it would be stripped anyway
 */
export function make(plan: MakePlan, source: object, dropOthers: boolean): object {
  const prototype: unknown = Object.getPrototypeOf(source);
  if (prototype !== Object.prototype && prototype !== null) throw unforeseen;
  const instance = new plan.type() as Record<string, unknown>;
  const values = source as Readonly<Record<string, unknown>>;
  const keys = plan.onlyExposed ? [] : Object.keys(source);
  for (const { key } of plan.exposed) if (plan.onlyExposed || !Object.hasOwn(source, key)) keys.push(key);
  for (const key of keys) {
    const property = plan.known.get(key);
    if (property === undefined && (dropOthers || plan.hidden.has(key))) continue;
    const name = property === undefined ? key : property.name;
    // No value hides a method.
    if (typeof instance[name] === 'function') continue;
    let value = values[key];
    if (property?.convert !== undefined) value = property.convert(value);
    else if (typeof value === 'object') value = copyJson(value);
    if (property?.transforms !== undefined) {
      for (const transform of property.transforms) {
        value = transform({ value, key: name, obj: source, type: TransformationType.PLAIN_TO_CLASS, options });
      }
    }
    instance[name] = value;
  }
  return instance;
}

/** Strips what is not whitelisted, and adds what is wrong. What a client is not told any more is not looked for. */
export function check(plan: CheckPlan, instance: object, found: Violation[]): void {
  if (instance.constructor !== plan.type) throw unforeseen;
  if (plan.whitelist.size === 0) {
    found.push({ path: '', ...unknownValue });
    return;
  }
  const values = instance as Record<string, unknown>;
  const targetName = plan.type.name;
  for (const key in instance) if (!plan.whitelist.has(key)) delete values[key];
  for (const property of plan.properties) {
    const value = values[property.name];
    let counts = !property.isOptional || (value !== undefined && value !== null);
    for (const condition of property.conditions) if (!condition(instance, value)) counts = false;
    if (!counts) continue;
    const start = found.length;
    for (const rule of property.rules) {
      const { shortcut, constraints } = rule;
      if (shortcut !== undefined) {
        switch (shortcut.of) {
          case 'string':
            if (typeof value === 'string') continue;
            break;
          case 'length':
            if (typeof value !== 'string' || value.length < shortcut.min || value.length > shortcut.max) break;
            if (countsOtherwise.test(value)) break;
            continue;
          case 'number':
            if (typeof value === 'number' && value >= shortcut.min && value <= shortcut.max) continue;
            break;
          case 'boolean':
            if (typeof value === 'boolean') continue;
            break;
          case 'in':
            // `includes` finds NaN, `@IsIn` does not.
            if (shortcut.values.includes(value) && !Number.isNaN(value)) continue;
        }
      }
      const verdict: unknown = rule.isSimple
        ? rule.validator.validate(value, { targetName, property: property.name, object: instance, value, constraints })
        : rule.accepts(instance, value);
      if (verdict === true || isYes(verdict)) continue;
      addTo(found, start, rule.name, rule.message(instance, value));
    }
    if (property.nested !== undefined) checkNested(property.nested, value, found);
    if (found.length > start) {
      moveUnder(property.name, found, start);
      if (found.length >= maxViolations) return;
    }
  }
}

/** Of two rules of one name the last one speaks, in the place of the first. */
function addTo(found: Violation[], start: number, rule: string, message: string): void {
  const same = found.findIndex((violation, index) => index >= start && violation.rule === rule);
  if (same < 0) found.push({ path: '', rule, message });
  else found[same]!.message = message;
}

/** The rules of the objects in a property, however many arrays are around them. */
function checkNested(plan: NestedPlan, value: unknown, found: Violation[]): void {
  if (value === undefined) return;
  if (isCollection(value)) {
    if (value instanceof Map) throw unforeseen;
    let index = 0;
    for (const element of value) {
      const start = found.length;
      checkNested(plan, element, found);
      if (found.length > start) moveUnder(String(index), found, start);
      if (found.length >= maxViolations) return;
      index++;
    }
  } else if (!(value instanceof Object)) {
    found.push(noObject(plan, value));
  } else if (value.constructor === Object) {
    found.push({ path: '', ...unknownValue });
  } else if (plan.of !== undefined) {
    check(plan.of, value, found);
  } else {
    throw unforeseen;
  }
}

function noObject({ record }: NestedPlan, value: unknown): Violation {
  const { target, propertyName: property, constraints, message, type } = record;
  // class-validator takes the class for the object here.
  const args = { targetName: target.constructor.name, property, object: target as object, value, constraints };
  return { path: '', rule: type, message: constraintMessage(message, args) };
}
