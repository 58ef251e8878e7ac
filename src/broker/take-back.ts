import type { Unsubscribe } from './broker.js';

/**
 * Takes a subscription back, again and again until it works: what is not taken back would be carried here for ever. Resolves
 * after the first attempt.
 *
 * @param isOver nobody needs to try any more
 * @param failed told once
 * @param retryMs between two attempts
 */
export async function takeBack(
  unsubscribe: Unsubscribe,
  isOver: () => boolean,
  failed: (error: unknown) => void = ignore,
  retryMs = 1000,
): Promise<void> {
  try {
    await unsubscribe();
  } catch (error) {
    failed(error);
    if (!isOver()) setTimeout(() => void takeBack(unsubscribe, isOver, ignore, retryMs), retryMs).unref();
  }
}

function ignore(): void {
  // Nobody is to be told.
}
