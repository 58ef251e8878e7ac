/**
 * Waits for a promise that never rejects, but not for ever: then `late` is called, and waited for instead.
 *
 * @param armed is given the timer: once it is cleared the wait has no end but the promise's
 */
export async function within(
  ms: number | false,
  pending: Promise<void>,
  late: () => void | PromiseLike<void>,
  armed?: (timer: NodeJS.Timeout) => void,
): Promise<void> {
  if (ms === false) return pending;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    // What hangs must not keep a process that has nothing else to do: a socket that is open does that.
    timer = setTimeout(resolve, ms, true).unref();
    armed?.(timer);
  });
  const timedOut = await Promise.race([pending.then(() => false), timeout]);
  clearTimeout(timer);
  if (timedOut) await late();
}
