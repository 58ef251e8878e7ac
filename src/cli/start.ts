import cluster from 'node:cluster';
import { startRelay } from '../broker/cluster.js';
import { entryFile } from './entry.js';
import { Workers } from './workers.js';

/** Runs a module in several processes that share its port, and carries between them what their brokers publish. */
export async function startWorkers(
  entry: string,
  args: readonly string[],
  { workers: count }: { workers: unknown },
): Promise<void> {
  if (!Number.isSafeInteger(count) || (count as number) < 1) {
    throw new Error(`--workers ${String(count)} is not valid: an integer from 1`);
  }
  cluster.setupPrimary({ exec: entryFile(entry), args: [...args] });
  startRelay();
  await new Workers(count as number).run();
}
