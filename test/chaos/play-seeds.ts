/**
 * The chaos suite: node processes, a real engine, clients that never stop, and everything that can break.
 *
 *   npm run test:chaos -- --seeds 20                          both engines
 *   npm run test:chaos -- --engine redis --seed 12345         one run again
 *   npm run test:chaos -- --engine nats --only 'a node is'    some scenarios
 *   npm run test:chaos -- --seeds 3 --scenarios 8             eight of them for each seed, drawn by it
 *
 * Each run goes through the scenarios in an order of its own. After each the nodes' lists of who is present must equal what
 * the live clients track within lease + heartbeat, and the clients' lists as well; at the end a checker reads all that every
 * client ever got.
 */
import { expect, it } from '@jest/globals';
import { describeWith } from '../support/engines.js';
import { ChaosRun } from './chaos-run.js';
import type { Engine } from './messages.js';
import { scenarios } from './scenarios.js';

const { CHAOS_SEEDS = '1', CHAOS_SEED, CHAOS_ONLY = '', CHAOS_SCENARIOS = 'all' } = process.env;

/** One test for each seed; all of them are printed. */
export function playSeeds(name: string, engine: Engine): void {
  const seeds =
    CHAOS_SEED === undefined
      ? Array.from({ length: Number(CHAOS_SEEDS) }, () => Math.floor(Math.random() * 2 ** 31))
      : [Number(CHAOS_SEED)];
  const chosen = scenarios.filter(({ name }) => name.includes(CHAOS_ONLY));
  describeWith(engine)(name, () => {
    it.each(seeds)('seed %i', async (seed) => {
      expect(chosen).not.toHaveLength(0);
      const run = new ChaosRun(engine, seed);
      try {
        const report = await run.play(chosen, CHAOS_SCENARIOS === 'all' ? chosen.length : Number(CHAOS_SCENARIOS));
        process.stdout.write(`${engine} seed ${seed}: ok\n${report}\n`);
      } catch (error) {
        process.stderr.write(`${engine} seed ${seed}: failed\n${run.log.join('\n')}\n`);
        throw error;
      } finally {
        await run.close();
      }
    });
  });
}
