/** Closes what a test has opened when the test is over, also one that has failed. */
import { createRequire } from 'node:module';

/** What is closed after a test. */
export interface Closable {
  abandon(): void | Promise<void>;
}

type Hook = (run: () => void | Promise<void>) => void;

interface Hooks {
  readonly beforeEach: Hook;
  readonly afterEach: Hook;
  readonly afterAll?: Hook;
  /** Mocha's name for it. */
  readonly after?: Hook;
}

/** What is open, in the order in which it was opened, and whether a test opened it. */
const open = new Map<Closable, { byTest: boolean }>();
let testIsRunning = false;

/** Closes `thing` after the running test, or outside of a test (in `beforeAll`) after the last test of the file. */
export function closeLater(thing: Closable): void {
  open.set(thing, { byTest: testIsRunning });
}

/** It is closed already. */
export function forget(thing: Closable): void {
  open.delete(thing);
}

/**
 * Closes all apps and clients that are open, the last one first, whatever another one throws.
 *
 * Jest, Mocha, `node --test` and Vitest with `globals` call it by themselves after each test (apps from `beforeAll`: after
 * the last one). Others need `afterEach(closeAll)`, in a set-up file or in the spec.
 *
 * @throws {AggregateError} with all that was thrown
 */
export function closeAll(): Promise<void> {
  return closeThose(() => true);
}

async function closeThose(condition: (entry: { byTest: boolean }) => boolean): Promise<void> {
  const errors: unknown[] = [];
  for (const [thing, entry] of [...open].reverse()) {
    if (!condition(entry)) continue;
    open.delete(thing);
    try {
      await thing.abandon();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0] as Error;
  if (errors.length > 1) throw new AggregateError(errors, `${errors.length} apps did not close`);
}

/** The hooks of the test runner that loads this module. */
function findHooks(): Hooks | undefined {
  const { env } = process;
  if (env['JEST_WORKER_ID'] !== undefined) {
    try {
      // With `injectGlobals: false` they are no globals. Jest answers this itself; the package need not be installed.
      return createRequire(import.meta.url)('@jest/globals') as Hooks;
    } catch {
      // A process that a test has started.
      return undefined;
    }
  }
  const globals = globalThis as Partial<Hooks>;
  if (typeof globals.beforeEach === 'function' && typeof globals.afterEach === 'function') return globals as Hooks;
  // Elsewhere the import alone would start a test run.
  return env['NODE_TEST_CONTEXT'] === undefined ? undefined : process.getBuiltinModule('node:test');
}

const hooks = findHooks();
hooks?.beforeEach(() => {
  testIsRunning = true;
});
hooks?.afterEach(async () => {
  testIsRunning = false;
  await closeThose(({ byTest }) => byTest);
});
(hooks?.afterAll ?? hooks?.after)?.(closeAll);
