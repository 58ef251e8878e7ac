/** A promise that a test settles by hand, and how often it was waited for. */
export class Gate<T = void> {
  /** How many wait, or have waited. */
  waiting = 0;
  open!: (value: T) => void;
  fail!: (error: unknown) => void;
  readonly #promise = new Promise<T>((resolve, reject) => {
    this.open = resolve;
    this.fail = reject;
  });

  constructor() {
    // A gate that nobody waits for may fail.
    this.#promise.catch(() => undefined);
  }

  wait(): Promise<T> {
    this.waiting++;
    return this.#promise;
  }
}

/** Never settles. */
export function never(): Promise<never> {
  return new Promise(() => undefined);
}
