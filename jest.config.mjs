import { availableParallelism } from 'node:os';

/** Runs what `npm test` has compiled: specs from build/test, the package itself from dist. */
export default {
  roots: ['<rootDir>/build/test'],
  testMatch: ['**/*.spec.js'],
  transform: {},
  testEnvironment: 'node',
  injectGlobals: false,
  testTimeout: 10_000,
  maxWorkers: Math.max(2, availableParallelism() - 1),
};
