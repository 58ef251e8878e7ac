import { describe, expect, it } from '@jest/globals';
import { plainToInstance } from 'class-transformer';
import { validate, type ValidationError } from 'class-validator';
import { HalyardError, type Class } from 'halyard';
import { compileDto } from '#internal/pipeline/dto/dto.js';
import { decoratorsOfLibrary, ruleSamples } from './support/every-rule.js';
import { RandomDtos } from './support/random-dto.js';
import { seededRandom } from './support/random.js';

const shapeCount = 320;
const valueCount = 100_000;
const runMs = 120_000;

/** Everything about a value that anybody could see: types, order of keys, what is undefined. */
function picture(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null)
    return Object.is(value, -0) ? '-0' : `${typeof value} ${String(value)}`;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (Array.isArray(value)) return `[${value.map(picture).join()}]`;
  if (value instanceof Set || value instanceof Map) return `${value.constructor.name}${picture([...value])}`;
  const entries = Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}:${picture(part)}`);
  return `${(Object.getPrototypeOf(value) as object).constructor.name}{${entries.join()}}`;
}

function violationsOf({ property, constraints, children }: ValidationError, parent: string): unknown[] {
  const path = property === undefined ? parent : parent === '' ? property : `${parent}.${property}`;
  const own = Object.entries(constraints ?? {}).map(([rule, message]) => ({ path, rule, message }));
  return [...own, ...(children ?? []).flatMap((child) => violationsOf(child, path))];
}

/** What the libraries make of a value: an instance, violations, or an error that they throw. */
async function byLibraries(type: Class, value: unknown): Promise<string> {
  try {
    const instance = plainToInstance(type as new () => object, value);
    const errors = await validate(instance, { whitelist: true, validationError: { target: false, value: false } });
    if (errors.length === 0) return picture(instance);
    return `violations ${picture(errors.flatMap((error) => violationsOf(error, '')).slice(0, 100))}`;
  } catch (error) {
    return `throws ${String(error)}`;
  }
}

async function byHalyard(read: (value: unknown) => unknown, value: unknown): Promise<string> {
  try {
    return picture(await read(value));
  } catch (error) {
    const isRefusal = error instanceof HalyardError && error.wireCode === 'VALIDATION_FAILED';
    return isRefusal ? `violations ${picture(error.details)}` : `throws ${String(error)}`;
  }
}

describe('a compiled DTO', () => {
  it(
    `R-dto-equal makes of ${valueCount} values of ${shapeCount} shapes what the libraries make of them`,
    async () => {
      const dtos = new RandomDtos(seededRandom());
      const perShape = Math.ceil(valueCount / shapeCount);
      const counts = { compiled: 0, valid: 0, invalid: 0, thrown: 0 };
      for (let index = 0; index < shapeCount; index++) {
        const { type, text, body } = dtos.make(ruleSamples[index % ruleSamples.length]!);
        const { read, notCompiled } = compileDto(type);
        if (notCompiled === undefined) counts.compiled++;
        for (let n = 0; n < perShape; n++) {
          const json = JSON.stringify(body());
          const wanted = await byLibraries(type, JSON.parse(json));
          const got = await byHalyard(read, JSON.parse(json));
          if (got !== wanted)
            throw new Error(
              `${text}\n\n${json}\n\nlibraries: ${wanted}\n\nhalyard:   ${got}\n\n${notCompiled ?? 'compiled'}`,
            );
          if (wanted.startsWith('violations')) counts.invalid++;
          else if (wanted.startsWith('throws')) counts.thrown++;
          else counts.valid++;
        }
      }
      process.stdout.write(`${JSON.stringify(counts)}\n`);
      expect([...decoratorsOfLibrary()].filter((name) => !dtos.decorators.has(name))).toEqual([]);
      // A test that compares the libraries with themselves, or knows one verdict alone, would show nothing.
      expect(counts.compiled).toBeGreaterThan(shapeCount * 0.7);
      expect(counts.valid).toBeGreaterThan(valueCount * 0.1);
      expect(counts.invalid).toBeGreaterThan(valueCount * 0.25);
      expect(counts.thrown).toBeLessThan(valueCount * 0.05);
    },
    runMs,
  );
});
