/** What a component may return: a value costs no promise. */
export type MaybePromise<T> = T | Promise<T>;

/** Whether a value must be awaited. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
