// `npm run test:chaos -- [--seeds 20] [--seed 12345] [--engine redis|nats] [--only 'part of a name'] [--scenarios 8] [--no-build]`
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '1' },
    seed: { type: 'string' },
    engine: { type: 'string' },
    only: { type: 'string' },
    scenarios: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
  },
});
process.env.CHAOS_SEEDS = values.seeds;
if (values.seed !== undefined) process.env.CHAOS_SEED = values.seed;
if (values.only !== undefined) process.env.CHAOS_ONLY = values.only;
if (values.scenarios !== undefined) process.env.CHAOS_SCENARIOS = values.scenarios;
process.argv = [
  ...process.argv.slice(0, 2),
  '--config',
  'jest.chaos.config.mjs',
  // Jest waits for whatever a run may have left open; the processes that it started have been killed by then.
  '--forceExit',
  ...(values['no-build'] ? ['--no-build'] : []),
  ...(values.engine === undefined ? [] : [`${values.engine}.chaos.js`]),
  ...positionals,
];
await import('./test.mjs');
