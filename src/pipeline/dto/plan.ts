/** What a DTO is compiled to: how its instances are made, and what they are held to. `engine.ts` walks it. */
import type { Class } from '../../metadata/metadata.js';
import type { Convert } from './conversions.js';
import type { RuleRecord } from './dto-class.js';
import type { Rule } from './rule.js';
import type { TransformFunction } from './transformer-metadata.js';

/** How instances of one class are made. */
export interface MakePlan {
  readonly type: new () => object;
  /** What decorators or the class itself know of, by the client's key. */
  readonly known: Map<string, KnownProperty>;
  /** Keys that never reach an instance: excluded ones, methods, getters. */
  readonly hidden: Set<string>;
  /** `@Expose`: set to `undefined` where the client sent nothing. */
  readonly exposed: KnownProperty[];
  /** With `@Exclude` on the class. */
  onlyExposed: boolean;
}

export interface KnownProperty {
  /** What a client calls it. */
  readonly key: string;
  readonly name: string;
  /** `undefined`: as JSON has it. */
  readonly convert: Convert | undefined;
  readonly transforms: readonly TransformFunction[] | undefined;
}

/** What instances of one class are held to. */
export interface CheckPlan {
  readonly type: Class;
  /** All properties with a decorator of class-validator; none: the class has no rules. */
  readonly whitelist: Set<string>;
  /** In class-validator's order, which is that of what is wrong. */
  readonly properties: PropertyPlan[];
}

export interface PropertyPlan {
  readonly name: string;
  readonly isOptional: boolean;
  /** `@ValidateIf` */
  readonly conditions: readonly Condition[];
  readonly rules: readonly Rule[];
  readonly nested: NestedPlan | undefined;
}

/** Whether the rules of a property count. */
export type Condition = (object: object, value: unknown) => unknown;

/** `@ValidateNested` */
export interface NestedPlan {
  readonly record: RuleRecord;
  /** Of what `@Type` makes; `undefined`: objects stay as JSON has them, and those have no rules. */
  readonly of: CheckPlan | undefined;
}
