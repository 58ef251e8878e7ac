import { clearTimeout, setTimeout } from 'node:timers';

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
