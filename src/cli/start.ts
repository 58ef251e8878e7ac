import cluster from 'node:cluster';
import { startRelay } from '../broker/cluster.js';
import { entryFile } from './entry.js';
import { Workers } from './workers.js';

/** A day. */
const maxTimeoutS = 86_400;

/** Runs a module in several processes that share its port, and carries between them what their brokers publish. */
export async function startWorkers(
  entry: string,
  args: readonly string[],
  { workers: count, timeout }: { workers: unknown; timeout: unknown },
): Promise<void> {
  if (!Number.isSafeInteger(count) || (count as number) < 1) {
    throw new Error(`--workers ${String(count)} is not valid: an integer from 1`);
  }
  if (typeof timeout !== 'number' || !(timeout > 0 && timeout <= maxTimeoutS)) {
    throw new Error(`--timeout ${String(timeout)} is not valid: seconds, above 0 and up to ${maxTimeoutS}`);
  }
  cluster.setupPrimary({ exec: entryFile(entry), args: [...args] });
  startRelay();
  await new Workers(count as number, timeout * 1000).run();
}
