import { describe, expect, it } from '@jest/globals';
import { compileDto } from '#internal/pipeline/dto/dto.js';
import { byLibraries, byReader } from './support/by-libraries.js';
import { decoratorsOfLibrary, ruleSamples } from './support/every-rule.js';
import { RandomDtos } from './support/random-dto.js';
import { seededRandom } from './support/random.js';

const shapeCount = 320;
const valueCount = 100_000;
const timeoutMs = 180_000;

describe('a compiled DTO', () => {
  it(
    `R-dto-equal makes of ${valueCount} values of ${shapeCount} shapes what the libraries make of them`,
    async () => {
      const dtos = new RandomDtos(seededRandom());
      const perShape = Math.ceil(valueCount / shapeCount);
      const counts = { compiled: 0, valid: 0, invalid: 0, thrown: 0 };
      for (let index = 0; index < shapeCount; index++) {
        const { type, text, body } = dtos.make(ruleSamples[index % ruleSamples.length]!);
        const { read, notCompiled = 'compiled' } = compileDto(type);
        if (notCompiled === 'compiled') counts.compiled++;
        for (let n = 0; n < perShape; n++) {
          const json = JSON.stringify(body());
          const wanted = await byLibraries(type, JSON.parse(json));
          const got = await byReader(read, JSON.parse(json));
          if (got !== wanted)
            throw new Error([text, json, `${wanted}\nby the libraries`, got, notCompiled].join('\n\n'));
          if (wanted.startsWith('violations')) counts.invalid++;
          else if (wanted.startsWith('throws')) counts.thrown++;
          else counts.valid++;
        }
      }
      process.stdout.write(`${JSON.stringify(counts)}\n`);
      expect(decoratorsOfLibrary().filter((name) => !dtos.decorators.has(name))).toEqual([]);
      // A test that compares the libraries with themselves, or knows one verdict alone, would show nothing.
      expect(counts.compiled).toBeGreaterThan(shapeCount * 0.7);
      expect(counts.valid).toBeGreaterThan(valueCount * 0.1);
      expect(counts.invalid).toBeGreaterThan(valueCount * 0.25);
      expect(counts.thrown).toBeLessThan(valueCount * 0.05);
    },
    timeoutMs,
  );
});
