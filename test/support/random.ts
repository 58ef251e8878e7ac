/**
 * The seeds of a random test that is run several times: `SEED` alone where it is set, else `SEEDS` new ones.
 *
 * @param count where `SEEDS` is not set
 */
export function randomSeeds(count: number): number[] {
  if (process.env['SEED'] !== undefined) return [Number(process.env['SEED'])];
  return Array.from({ length: Number(process.env['SEEDS'] ?? count) }, () => Math.floor(Math.random() * 2 ** 31));
}

/** Numbers from 0 to 1 that a failed run can be repeated with: prints its seed. */
export function seededRandom(seed: number = randomSeeds(1)[0]!): () => number {
  process.stdout.write(`SEED=${seed}\n`);
  return randomFrom(seed);
}

/** Always the same numbers from 0 to 1 for a seed. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  // mulberry32, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
