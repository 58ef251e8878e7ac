import config from './jest.config.mjs';

/** Runs what `npm run test:chaos` has compiled: the two engines side by side, as most of a run is waiting. */
export default { ...config, testMatch: ['**/*.chaos.js'], testTimeout: 600_000, maxWorkers: 2 };
