/** DTO classes out of chance, and JSON for them that is right about half of the time. */
import { Exclude, Expose, Transform, Type } from 'class-transformer';
import {
  Allow,
  IsOptional,
  Validate,
  ValidateBy,
  ValidateIf,
  ValidateNested,
  ValidatePromise,
  ValidatorConstraint,
  type ValidationArguments,
} from 'class-validator';
import type { Class } from 'halyard';
import { ruleSamples, type Options, type RuleSample } from './every-rule.js';

export interface RandomDto {
  readonly type: Class;
  /** As one would have written it. */
  readonly text: string;
  /** A body for it, as JSON holds it. */
  body(): unknown;
}

interface Property {
  /** What a client may call it. */
  readonly keys: readonly string[];
  value(depth: number): unknown;
}

interface Shape extends RandomDto {
  readonly properties: readonly Property[];
}

type Shapes = Record<string, unknown>;

const asynchronous = {
  validate: async (value: unknown): Promise<boolean> => Promise.resolve(value !== 'a'),
  defaultMessage: () => 'is an a',
};

@ValidatorConstraint({ name: 'isTame' })
class IsTame {
  validate(value: unknown): boolean {
    return value !== 'wild';
  }
}

/** What a property may be given that no rule asked for. */
const anything: readonly unknown[] = [
  'null true false 0 -0 1 1.5 -7 1e21 1e-7 9007199254740992'.split(' '),
  '"" "a" "abc" "true" "12" "1.25" "2020-01-01T00:00:00.000Z" "$value" "$&" "ひらがな" "🐙"'.split(' '),
  '[] [[]] [null] ["a","a"] [1,"2",true] [{}] [{"a":1},7] {} {"a":1} {"a":{"b":[]}} {"toString":1,"then":2}'.split(' '),
]
  .flat()
  .map((json): unknown => JSON.parse(json));

/** Names that are numbers come first in objects, and some need quoting. */
const names: readonly string[] = ['a', 'b', 'text', 'name', 'id', '7', '10', 'a-b', 'ü', 'then', 'length', '$x'];

/** Keys that no property has. */
const otherKeys = 'unknown method getter both hidden toString hasOwnProperty undecorated kind'.split(' ');

const templates: readonly NonNullable<Options['message']>[] = [
  '$property of $target is $value, not $constraint1 or $constraint2',
  '$value$value $& $1',
  '',
  ({ property, value, constraints, targetName, object }: ValidationArguments) =>
    `${property} ${JSON.stringify(value)} ${String(constraints?.length)} ${targetName} ${Object.keys(object).join()} $property`,
];

const condition = ValidateIf((object: Shapes, value) => object['b'] !== 1 && value !== 'a');

const transforms: Readonly<Record<string, PropertyDecorator>> = {
  trim: Transform(({ value }) => (typeof value === 'string' ? value.trim() : (value as unknown))),
  given: Transform(({ value, ...rest }) => (value === undefined ? JSON.stringify(rest) : (value as unknown))),
  toPlainOnly: Transform(() => undefined, { toPlainOnly: true }),
  groups: Transform(() => 1, { groups: ['g'] }),
};

/** Puts a decorator on a property, and remembers how that is written. */
type Apply = (decorator: string, decorate: PropertyDecorator, shown?: string) => void;

export class RandomDtos {
  readonly #shapes: Shape[] = [];
  readonly decorators = new Set<string>();

  /** What goes through the libraries; each takes its turn, as few shapes are meant to have one. */
  readonly #oddities: [decorator: string, decorate: PropertyDecorator][] = [
    ['Validate', Validate(IsTame)],
    ['ValidatePromise', ValidatePromise()],
    ['ValidateBy', ValidateBy({ name: 'isFree', validator: asynchronous })],
    // Nobody can see that it is none of class-validator's before it answers.
    ['ValidateBy', ValidateBy({ name: 'isString', validator: asynchronous })],
  ];

  constructor(private readonly random: () => number) {}

  /** @param wanted a rule that it has */
  make(wanted: RuleSample): RandomDto {
    const lines: string[] = [];
    const properties: Property[] = [];
    const base = this.#chance(0.25) ? this.#pick(this.#shapes) : undefined;
    const type = this.#class(base?.type, `Dto${this.#shapes.length}`);
    const free = [...names];
    for (let sample: RuleSample | undefined = wanted; sample || this.#chance(0.5); sample = undefined) {
      if (free.length === 0) break;
      const [name] = free.splice(this.#below(free.length), 1) as [string];
      const decorated =
        sample === undefined && this.#shapes.length > 0 && this.#chance(0.4)
          ? this.#nested(type, name, properties)
          : this.#ruled(type, name, sample ?? this.#pick(ruleSamples)!);
      lines.push(`  ${decorated.text} ${JSON.stringify(name)};`);
      properties.push(decorated);
    }
    this.#shapes.push({
      type,
      text: `class ${type.name}${base ? ` extends ${base.type.name}` : ''} {\n${lines.join('\n')}\n}${base ? `\n${base.text}` : ''}`,
      properties: [...properties, ...(base?.properties ?? [])],
      body: () => this.#bodyOf(shape, 0),
    });
    const shape = this.#shapes.at(-1)!;
    return shape;
  }

  /** A class with initialisers, a method and a getter, some of which are in the way of what a client sends. */
  #class(base: Class | undefined, name: string): Class {
    const defaults: Shapes = {};
    if (this.#chance(0.15)) defaults[this.#pick(names)!] = this.#pick([1, 'default', () => 1, undefined]);
    if (this.#chance(0.1)) defaults['undecorated'] = 1;
    const Base = (base ?? class {}) as new () => object;
    const type = {
      [name]: class extends Base {
        constructor() {
          super();
          Object.assign(this, defaults);
        }
        method(): void {}
        get getter(): number {
          return 1;
        }
        get both(): unknown {
          return (this as Shapes)['hidden'];
        }
        set both(value: unknown) {
          (this as Shapes)['hidden'] = value;
        }
      },
    }[name]!;
    if (this.#chance(0.03)) Exclude()(type);
    return type;
  }

  /** A property with rules: the one that is given, and others that may agree with it. */
  #ruled(type: Class, name: string, sample: RuleSample): Property & { text: string } {
    const samples = [sample];
    const kind = typeof sample.accepted[0];
    const alike = ruleSamples.filter(({ accepted }) => typeof accepted[0] === kind);
    while (this.#chance(0.35)) samples.push(this.#pick(this.#chance(0.7) ? alike : ruleSamples)!);
    const text: string[] = [];
    const apply: Apply = (decorator, decorate, shown = '') => {
      this.decorators.add(decorator);
      text.push(`@${decorator}(${shown})`);
      decorate(type.prototype as object, name);
    };
    const each = this.#chance(0.15);
    for (const { decorator, apply: rule } of samples) {
      const [options, shown] = this.#options(each);
      apply(decorator, rule(options), shown);
    }
    const keys = this.#decorate(apply, name, false);
    const isDate = samples.some((one) => one.decorator.endsWith('Date'));
    if (this.#chance(isDate ? 0.9 : 0.08)) {
      const made = isDate ? Date : this.#pick([String, Number, Boolean, Date, Object])!;
      const decorate = Type(() => made);
      apply('Type', decorate, made.name);
    }
    const value = (): unknown => {
      if (this.#chance(0.25)) return this.#pick(anything);
      const one = (): unknown => this.#pick(this.#pick(samples)!.accepted);
      return each ? Array.from({ length: this.#below(4) }, one) : one();
    };
    return { text: text.join(' '), keys, value };
  }

  #options(each: boolean): [options: Options | undefined, shown: string] {
    const options: Options = {};
    if (each || this.#chance(0.05)) options.each = true;
    if (this.#chance(0.2)) options.message = this.#pick(templates)!;
    if (this.#chance(0.05)) options.groups = ['some'];
    if (this.#chance(0.05)) options.always = true;
    if (this.#chance(0.05)) options.context = { code: 1 };
    if (this.#chance(0.05)) options.validateIf = (object: Shapes, value: unknown) => value !== '' && object['a'] !== 1;
    return Object.keys(options).length === 0
      ? [undefined, '']
      : [options, Object.entries(options).map(String).join(' ')];
  }

  /** What is beside the rules: conditions, names, transforms. @returns what a client may call the property */
  #decorate(apply: Apply, name: string, isNested: boolean): string[] {
    if (this.#chance(0.2)) apply('IsOptional', IsOptional());
    if (this.#chance(0.08)) apply('ValidateIf', condition);
    if (this.#chance(0.05)) apply('Allow', Allow());
    for (const [shown, decorate] of Object.entries(transforms)) {
      if (this.#chance(isNested ? 0.003 : 0.04)) apply('Transform', decorate, shown);
    }
    if (this.#chance(0.03)) apply('Exclude', Exclude(this.#chance(0.5) ? {} : { toPlainOnly: true }));
    if (this.#chance(0.01)) apply('Expose', Expose({ groups: ['g'] }), 'groups');
    if (this.#chance(0.03)) apply('Expose', Expose());
    const oddity = this.#shapes.length % 20 === 0 ? this.#oddities.shift() : undefined;
    if (oddity) {
      this.#oddities.push(oddity);
      apply(...oddity);
    }
    if (!this.#chance(0.04)) return [name];
    apply('Expose', Expose({ name: `${name}Key` }), `${name}Key`);
    return [name, `${name}Key`];
  }

  /** A property that holds objects of another shape, or its own. */
  #nested(type: Class, name: string, properties: readonly Property[]): Property & { text: string } {
    const shape = this.#chance(0.1) ? { type, properties } : this.#pick(this.#shapes)!;
    const text: string[] = [];
    const target = type.prototype as object;
    const apply: Apply = (decorator, decorate, shown = '') => {
      this.decorators.add(decorator);
      text.push(`@${decorator}(${shown})`);
      decorate(target, name);
    };
    // What the compiler would emit for the property.
    const emitted = this.#pick([undefined, Array, Object, shape.type, Set, Map])!;
    if (emitted !== undefined && (emitted !== Map || this.#chance(0.3)))
      Reflect.defineMetadata('design:type', emitted, target, name);
    if (this.#chance(0.9)) {
      const [options, shown] = this.#options(this.#chance(0.3));
      apply('ValidateNested', ValidateNested(options), shown);
    }
    const typed = this.#chance(0.9);
    if (typed && this.#chance(0.03)) {
      const subTypes = [{ value: shape.type as new () => object, name: 'a' }];
      const decorate = Type(() => shape.type, { discriminator: { property: 'kind', subTypes } });
      apply('Type', decorate, 'discriminator');
    } else if (typed) {
      const decorate = Type(() => shape.type);
      apply('Type', decorate, shape.type.name);
    }
    const sample = this.#pick(ruleSamples.filter(({ decorator }) => /Array|Object|Defined|Empty/.test(decorator)))!;
    if (this.#chance(0.3)) apply(sample.decorator, sample.apply());
    const keys = this.#decorate(apply, name, true);
    const value = (depth: number): unknown => {
      if (this.#chance(0.1)) return this.#pick(anything);
      const one = (): unknown => (this.#chance(0.05) ? this.#pick(anything) : this.#bodyOf(shape, depth + 1));
      return this.#chance(0.4) ? Array.from({ length: this.#below(3) }, one) : one();
    };
    return { text: text.join(' '), keys, value };
  }

  #bodyOf({ properties }: { readonly properties: readonly Property[] }, depth: number): unknown {
    const entries: [string, unknown][] = [];
    for (const { keys, value } of properties) {
      if (this.#chance(0.1 + depth * 0.25)) continue;
      entries.push([this.#pick(keys)!, value(depth)]);
    }
    while (this.#chance(0.2)) entries.push([this.#pick(otherKeys)!, this.#pick(anything)]);
    entries.sort(() => this.random() - 0.5);
    return Object.fromEntries(entries);
  }

  #chance(of: number): boolean {
    return this.random() < of;
  }

  #below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[this.#below(list.length)];
  }
}
