import cluster from 'node:cluster';
import { constants } from 'node:os';
import type { Logger } from 'pino';

const signals = ['SIGTERM', 'SIGINT'] as const;

/**
 * Drains on the first signal and then lets it take its usual effect; a second one exits at once. In a worker of a cluster a
 * second one of another kind is the primary's, which passes on what the terminal has sent to all.
 *
 * @returns stops listening
 */
export function listenForSignals(close: () => Promise<void>, logger: Logger): () => void {
  let received: NodeJS.Signals | undefined;
  const stop = (): void => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (received !== undefined) {
      if (cluster.isWorker && signal !== received) return;
      logger.warn({ signal }, 'a second signal: exiting at once');
      process.exit(1);
    }
    received = signal;
    logger.info({ signal }, 'draining');
    void close().finally(() => {
      stop();
      // Somebody else who listens would hear it twice, and has taken its usual effect from it: the end is ours then.
      if (process.listenerCount(signal) > 0) process.exit(128 + constants.signals[signal]);
      process.kill(process.pid, signal);
    });
  };
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    // While a signal is being followed its handler stays: a second one must still be heard.
    if (received === undefined) stop();
  };
}
