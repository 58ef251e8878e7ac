import { expect } from '@jest/globals';
import type { CloseInfo, Context, Dropped, Observer, Outcome, Stage } from 'halyard';
import { until, type TestApp } from 'halyard/testing';

/** An observer that keeps the books: what was opened, failed, dropped and closed. */
export class Ledger implements Observer {
  readonly openedIds: string[] = [];
  readonly closings: CloseInfo[] = [];
  readonly failures: { error: unknown; stage: Stage; kind: Context['kind'] }[] = [];
  /** Of messages and connects. */
  readonly outcomes: Outcome['status'][] = [];
  readonly drops: Dropped[] = [];

  opened(c: Context): void {
    this.openedIds.push(c.id);
  }
  handled(_c: Context, outcome: Outcome): void {
    this.outcomes.push(outcome.status);
  }
  dropped(_c: Context, dropped: Dropped): void {
    this.drops.push(dropped);
  }
  failed(error: unknown, c: Context, stage: Stage): void {
    this.failures.push({ error, stage, kind: c.kind });
  }
  closed(_c: Context, info: CloseInfo): void {
    this.closings.push(info);
  }

  /** How the only connection, or the latest one, ended; waits for its end. */
  async lastClosing(count = 1): Promise<CloseInfo> {
    await until(() => this.closings.length >= count);
    return this.closings.at(-1)!;
  }

  /** How many were dropped for a reason. */
  dropCount(reason: Dropped['reason']): number {
    return this.drops.filter((drop) => drop.reason === reason).reduce((sum, { count }) => sum + count, 0);
  }
}

/**
 * Asserts that nothing is left of those who have gone: what was opened was closed, no connection, handshake or channel is
 * kept, and an ordinary client is served. `path` must answer `hello`.
 */
export async function expectSound(app: TestApp, ledger: Ledger, path: string): Promise<void> {
  await until(() => app.app.metrics().connections === 0 && app.app.metrics().pendingHandshakes === 0);
  await until(() => ledger.closings.length === ledger.openedIds.length);
  expect(app.app.metrics()).toMatchObject({ channels: 0, queuedBytes: 0 });
  const client = await app.connect(path);
  client.send('hello');
  expect(await client.next()).toBe('hello');
  await client.close();
  await until(() => ledger.closings.length === ledger.openedIds.length);
}
