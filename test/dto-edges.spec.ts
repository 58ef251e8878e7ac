import { describe, expect, it } from '@jest/globals';
import { Exclude, Expose, Transform, Type } from 'class-transformer';
import * as v from 'class-validator';
import type { Class } from 'halyard';
import { rulesOf } from '#internal/pipeline/dto/dto-class.js';
import { compileDto } from '#internal/pipeline/dto/dto.js';
import { shortcutOf } from '#internal/pipeline/dto/shortcut.js';
import { byLibraries, byReader } from './support/by-libraries.js';

/** A validator of the app's own under a name of class-validator's. */
function Disguised(
  name: string,
  validate: (value: unknown, args?: v.ValidationArguments) => unknown,
): PropertyDecorator {
  const validator = { validate: validate as () => boolean, defaultMessage: () => `$property is no ${name}` };
  return v.ValidateBy({ name, constraints: [1, 5], validator });
}

/** Whether a reader makes of all values what the libraries do. @returns what it made of them */
async function sameOf(type: Class, values: readonly unknown[], notCompiled?: string): Promise<string[]> {
  const dto = compileDto(type);
  expect(dto.notCompiled).toBe(notCompiled);
  const made: string[] = [];
  for (const value of values) {
    // As it is: a structured clone has the prototypes of another realm here, and is left to the libraries by both.
    const wanted = await byLibraries(type, value);
    expect(await byReader(dto.read, value)).toBe(wanted);
    made.push(wanted);
  }
  return made;
}

const parsed = (...texts: string[]): unknown[] => texts.map((text): unknown => JSON.parse(text));

describe('a compiled DTO', () => {
  it('R-dto-equal asks a validator of the app’s own that bears a name of class-validator’s', async () => {
    class Strict {
      @Disguised('isString', (value) => v.isString(value) && value !== 'bad')
      text!: string;
      @Disguised('isLength', (value, args) => v.length(value, args?.constraints[0] as number, 5) && value !== 'bad')
      short!: string;
      @Disguised('min', (value) => value === 1)
      one!: number;
      @Disguised('isIn', (value) =>
        value === 'broken' ? Promise.reject(new Error('no')) : Promise.resolve(value === 'a'),
      )
      later!: string;
    }
    const good = { text: 'a', short: 'abc', one: 1, later: 'a' };
    const made = await sameOf(Strict, [
      good,
      { ...good, text: 'bad' },
      { ...good, short: 'bad' },
      { ...good, one: 2 },
      { ...good, later: 'b' },
      { ...good, later: 'broken' },
    ]);
    expect(made.map((text) => text.split(/[ {]/)[0])).toEqual(['Strict', ...Array(4).fill('violations'), 'throws']);
  });

  it('says yes by itself to rules of class-validator’s own, and never to others of their names', () => {
    class Quick {
      @v.IsString()
      @v.Length(1, 5)
      @v.MinLength(1)
      @v.MaxLength(5)
      a!: string;
      @v.IsNumber()
      @v.Min(1)
      @v.Max(5)
      b!: number;
      @v.IsBoolean()
      c!: boolean;
      @v.IsIn([1, 5])
      d!: number;
      @v.IsNumber({ maxDecimalPlaces: 1 })
      e!: number;
    }
    class Slow {
      @Disguised('isString', (value) => v.isString(value))
      @Disguised('isBoolean', (value) => v.isBoolean(value))
      @Disguised('isNumber', (value) => v.isNumber(value))
      @Disguised('isLength', (value, args) => v.length(value, args?.constraints[0] as number, 5))
      @Disguised('min', (value, args) => v.min(value, args?.constraints[0] as number))
      @Disguised('isIn', (value) => value === 1)
      a!: unknown;
    }
    const quickOf = (type: Class): unknown[] =>
      rulesOf(type).map(({ name, constraints, constraintCls }) => {
        const [constraint] = v.getMetadataStorage().getTargetValidatorConstraints(constraintCls);
        return shortcutOf(name!, constraints as unknown[], constraint!.instance)?.of;
      });
    const all = ['length', 'length', 'length', 'string', 'number', 'number', 'number', 'boolean', 'in', undefined];
    expect(quickOf(Quick)).toEqual(all);
    expect(new Set(quickOf(Slow))).toEqual(new Set([undefined]));
  });

  it('R-dto-equal counts characters as class-validator does', async () => {
    class Texts {
      @v.Length(1, 3)
      some!: string;
      @v.MaxLength(2)
      few!: string;
      @v.MinLength(2)
      many!: string;
    }
    const parts = ['a', '\uFE0F', '\uFE0E', '\uD83D', '\uDC19', '🐙', '\uDFFF\uD800'];
    const texts = ['', ...parts, ...parts.flatMap((a) => parts.flatMap((b) => parts.map((c) => a + b + c)))];
    await sameOf(
      Texts,
      texts.map((text) => ({ some: text, few: text, many: text })),
    );
  });

  it('R-dto-equal leaves methods, getters, setters and initialisers as they are', async () => {
    class Base {
      @v.IsOptional()
      @v.IsString()
      run: unknown = () => 'run';
      @v.IsOptional()
      inherited: unknown = 'default';
      undecorated = 1;
      get size(): number {
        return 1;
      }
      walk(): void {}
    }
    class Sub extends Base {
      @v.IsOptional()
      @v.IsInt()
      set age(value: number) {
        Object.assign(this, { years: value, inherited: 'by age' });
      }
      get age(): number {
        return 7;
      }
      @v.IsString()
      get label(): string {
        return `${String(this.inherited)}!`;
      }
      set other(value: unknown) {
        this.inherited = value;
      }
    }
    const keys = [
      'run',
      'inherited',
      'undecorated',
      'walk',
      'age',
      'label',
      'other',
      'toString',
      'constructor',
      'years',
    ];
    await sameOf(Sub, [
      {},
      ...keys.map((key) => ({ [key]: 5, more: 1 })),
      Object.fromEntries(keys.map((key) => [key, 'x'])),
    ]);
    // A getter of the base class cannot be set: the libraries throw.
    const [made] = await sameOf(Sub, [{ size: 2 }]);
    expect(made).toMatch(/^throws TypeError/);
  });

  it('R-dto-equal lets the rules of a class stand in for those that it inherits', async () => {
    class Base {
      @v.IsString({ message: 'base' })
      @v.MaxLength(3)
      @v.IsOptional()
      a!: string;
      @v.ValidateIf(() => false)
      @v.IsInt()
      b!: number;
      @v.IsIn([1, NaN])
      c!: number;
    }
    class Sub extends Base {
      @v.IsString({ message: 'sub' })
      override a!: string;
      @v.ValidateIf(() => true)
      override b!: number;
      @v.Matches(/a/, { message: 'first' })
      @v.Matches(/b/, { message: 'second' })
      d!: string;
    }
    class Named extends Sub {
      static {
        Object.defineProperty(this, 'name', { value: 'Renamed' });
      }
      @v.IsInt({ message: '$target' })
      e!: number;
    }
    const values = [
      { a: 1, b: 'x' },
      { a: 'long text', b: 1, c: 1, d: 'ab', e: 1 },
      { a: 'abc', b: 2, c: null, d: 'c' },
      {},
    ];
    await sameOf(Sub, values);
    await sameOf(Named, values);
  });

  it('R-dto-equal fills in messages as class-validator does', async () => {
    class Messages {
      @v.IsIn([Symbol('a'), 'b', ['c', 'd']])
      a!: unknown;
      @v.Equals('x', { message: '$constraint1 $constraint10 $constraint2 $property$target $value' })
      b!: unknown;
      @v.Matches(/\$&/, { message: '$constraint1 $value' })
      c!: unknown;
      @v.IsString({ message: () => 5 as never })
      d!: unknown;
      @v.IsInt({ message: () => undefined as never })
      e!: unknown;
      @v.MaxDate(() => new Date(0))
      @Type(() => Date)
      f!: Date;
      @v.Length(1, 2)
      g!: unknown;
    }
    const good = { a: 'b', b: 'x', c: '$&', d: 'a', e: 1, f: '1960-01-01', g: 'a' };
    const values = [good, { ...good, a: 1 }, { ...good, d: 1 }, { ...good, e: '$property' }, { ...good, f: '2020' }];
    await sameOf(Messages, [
      ...values,
      ...['$1$&$property', 5, true, null, {}, []].map((value) => ({ ...good, b: value, c: value })),
      ...['', 'abc', '🐙🐙🐙', {}, ['a', 'b', 'c'], 5, null].map((value) => ({ ...good, g: value })),
    ]);
  });

  it('R-dto-equal reads what @Type, @Expose, @Exclude and @Transform say, or leaves it to the libraries', async () => {
    class Part {
      @v.IsInt()
      n!: number;
    }
    class Parts {
      @v.ValidateNested()
      @Type((_type) => Part)
      one!: Part;
      @v.ValidateNested()
      @Type(() => Part)
      some!: Set<Part>;
      @v.IsOptional()
      @Type(() => Part)
      unchecked?: Part;
      @v.ValidateNested()
      @v.IsOptional()
      untyped?: unknown;
      @v.IsOptional()
      @v.IsNumber({}, { each: true })
      @Type(() => Number)
      numbers?: Set<number>;
    }
    const part = { n: 1, more: 2 };
    await sameOf(Parts, [
      { one: part, some: [part], unchecked: part, numbers: ['1', 2] },
      { one: [part, [part, [{ n: 'x' }]]], some: part, unchecked: [part, 5] },
      { one: null, some: [[part, 5], null, 'a'], untyped: {} },
      { one: 'a', some: [], untyped: [[]], numbers: ['x'] },
      { one: [], some: 5, untyped: [{}, null], numbers: 5 },
      {},
    ]);
    @Exclude()
    class Listed {
      @Expose({ name: 'theName' })
      @v.IsString()
      @Transform(({ value, obj }) => (value === undefined ? Object.keys(obj as object).join() : (value as string)))
      name = 'default';
      @v.IsOptional()
      hidden?: unknown;
      @Expose({ groups: ['admin'] })
      @v.IsOptional()
      secret?: unknown;
    }
    await sameOf(Listed, [{}, { theName: 'a', name: 'b', hidden: 1, secret: 1, more: 1 }, { more: 1, theName: 5 }]);
    class Named {
      @Expose({ name: 'theName' })
      @v.IsString()
      name!: unknown;
    }
    class Renamed extends Named {
      @Expose()
      @v.IsInt()
      override name!: unknown;
    }
    // The name that the subclass no longer gives leads to the property all the same.
    await sameOf(Renamed, [{ theName: 'a' }, { name: 1, theName: 'a' }, { theName: 'a', name: 1 }, { name: 1 }]);
    class Chosen {
      @v.ValidateNested()
      @Type((options) => (options?.object['kind'] === 'part' ? Part : Parts))
      it!: unknown;
    }
    await sameOf(Chosen, [{ it: { n: 'x' }, kind: 'part' }, { it: {} }], 'Chosen.it: @Type that depends on the value');
    class Made {
      @v.ValidateNested()
      @Transform(({ value }) => Object.assign(new Part(), value))
      it!: Part;
    }
    await sameOf(Made, [{ it: { n: 1, more: 1 } }, { it: { n: 'x' } }], 'Made.it: @Transform of nested objects');
    class Keyed {
      @v.ValidateNested()
      @Type(() => Part)
      it!: Map<string, Part>;
    }
    await sameOf(Keyed, [{ it: { a: part, b: { n: 'x' } } }], 'Keyed.it: @Type on a property of the type Map');
    class List extends Array<unknown> {
      @v.IsInt()
      n!: number;
    }
    await sameOf(List, [{ n: 1, more: 1 }, {}], 'List: it extends Array');
    class Awkward {
      @v.IsString()
      override!: string;
      @v.IsDefined()
      valueOf!: never;
    }
    await sameOf(Awkward, [{ override: 'a' }], 'Awkward.valueOf: every object inherits such a property');
  });

  it('R-dto-equal takes what no JSON holds', async () => {
    class Holder {
      @v.IsDate()
      at!: unknown;
      @v.IsOptional()
      @v.IsObject()
      any?: unknown;
    }
    const at = new Date(0);
    await sameOf(Holder, [
      { at },
      { at: [at] },
      { at, any: new Map([['a', 1]]) },
      Object.assign(Object.create(null) as object, { at: '2020', any: Object.create(null) as object }),
      ...parsed(
        '{"at":5,"__proto__":{"any":1},"any":{"__proto__":{"a":1},"constructor":1,"hasOwnProperty":2,"b":[{}]}}',
      ),
    ]);
    expect('a' in {}).toBe(false);
  });

  it('R-dto-equal lets the class decide what an instance is', async () => {
    class Frozen {
      @v.IsInt()
      n = 1;
      constructor() {
        Object.freeze(this);
      }
    }
    class Failing {
      @v.IsInt()
      n!: number;
      constructor() {
        throw new Error('not today');
      }
    }
    class Other {
      @v.IsString()
      n!: string;
    }
    class Elsewhere {
      @v.IsInt()
      n!: number;
      constructor() {
        return new Other() as unknown as Elsewhere;
      }
    }
    class Nested {
      @v.ValidateNested()
      it: unknown = new Other();
      @v.ValidateNested()
      all: unknown = new Map([['a', new Other()]]);
    }
    const values = [{}, { n: 1 }, { n: 'a', more: 1 }];
    expect(await sameOf(Frozen, values)).toContainEqual(expect.stringMatching(/^throws TypeError/));
    expect(new Set(await sameOf(Failing, values))).toEqual(new Set(['throws Error: not today']));
    await sameOf(Elsewhere, values);
    await sameOf(Nested, [{}, { it: {} }, { it: null, all: [] }]);
  });

  it('R-dto-equal throws where a validator of class-validator’s does', async () => {
    class Price {
      @v.IsNumber({ maxDecimalPlaces: 2 })
      euros!: number;
    }
    const made = await sameOf(Price, [{ euros: 1.25 }, { euros: 1.255 }, { euros: 1e-7 }]);
    expect(made.map((text) => text.split(/[ {]/)[0])).toEqual(['Price', 'violations', 'throws']);
  });

  it('R-dto-equal ends looking for mistakes with the hundredth', async () => {
    let asked = 0;
    class Row {
      @v.IsString({ message: () => `no ${++asked}` })
      a!: string;
      @v.IsString()
      b!: string;
    }
    class Table {
      @v.ValidateNested()
      @Type(() => Row)
      rows!: Row[];
    }
    const rows = Array.from({ length: 5000 }, () => ({ a: 1, b: 2 }));
    const { read } = compileDto(Table);
    const told = await byReader(read, { rows });
    expect(told.split('"rule"')).toHaveLength(101);
    expect(told).toMatch(/^violations \[Object\{"path":"rows\.0\.a",.*"path":"rows\.49\.b".*\}\]$/);
    expect(asked).toBe(50);
  });

  it('R-dto-libraries goes through the libraries where the metadata of class-transformer cannot be read', async () => {
    class Note {
      @v.IsDate()
      @Type(() => Date)
      at!: Date;
    }
    const { read, notCompiled } = compileDto(Note, null);
    expect(notCompiled).toBe('Note: the metadata of class-transformer cannot be read');
    expect(await byReader(read, { at: '2020' })).toBe(await byLibraries(Note, { at: '2020' }));
  });
});
