import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';

/** The patience of tests: less than their runners', so that the message that is seen says what was waited for. */
export const defaultWaitMs = 3000;

/** How long a single wait may take. */
export interface WaitOptions {
  /** In milliseconds. @default the app's `waitMs` */
  timeout?: number;
}

/**
 * Waits until `probe` gives a truthy value, and resolves with it. For what no client is told: a hook that has run, a counter
 * that has gone up.
 *
 * @example await until(() => app.app.metrics().connections === 0);
 */
export async function until<T>(probe: () => T | Promise<T>, options: WaitOptions = {}): Promise<T> {
  const { timeout = defaultWaitMs } = options;
  let expired = false;
  const timer = setTimeout(() => (expired = true), timeout);
  try {
    for (;;) {
      // Looked at once more when the time is up: the process may have been kept from running.
      const last = expired;
      const value = await probe();
      if (value) return value;
      if (last) throw new Error(`still ${show(value)} after ${timeout} ms: ${String(probe)}`);
      await sleep(2);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** A value as an error shows it. */
export function show(value: unknown): string {
  const text = Buffer.isBuffer(value)
    ? `<${value.length} bytes> ${value.toString('hex')}`
    : (JSON.stringify(value) ?? 'undefined');
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** Lets tests wait for a change instead of for a time. Its timers are Node's own, whatever fake ones a test installs. */
export class Changes {
  readonly #waiters = new Map<() => void, NodeJS.Timeout>();

  /** Something changed: those who wait look again, the first one first. */
  notify(): void {
    for (const waiter of this.#waiters.keys()) waiter();
  }

  /** What `probe` finds, now or after a change; `undefined` where it has found nothing within `timeoutMs`. */
  until<T>(probe: () => T | undefined, timeoutMs: number): Promise<T | undefined> {
    const found = probe();
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve) => {
      const settle = (value: T | undefined): void => {
        clearTimeout(this.#waiters.get(waiter));
        this.#waiters.delete(waiter);
        resolve(value);
      };
      const waiter = (): void => {
        const value = probe();
        if (value !== undefined) settle(value);
      };
      this.#waiters.set(waiter, setTimeout(settle, timeoutMs, undefined));
    });
  }

  /** The test is over: what still waits is never told, so that it cannot fail the next test. */
  abandon(): void {
    for (const timer of this.#waiters.values()) clearTimeout(timer);
    this.#waiters.clear();
  }
}
