/**
 * The broker contract in a process of a cluster: the primary forks one worker, which runs the cases with two brokers and
 * prints what became of each, as JSON. The primary stops where the relay is to be out of reach.
 */
import cluster from 'node:cluster';
import { clusterBroker } from 'halyard';
import { brokerContract } from 'halyard/testing';

if (cluster.isPrimary) {
  clusterBroker();
  cluster.fork().on('exit', (code) => process.exit(code));
} else {
  const cases = brokerContract({
    open: () => [clusterBroker(), clusterBroker()],
    outage: {
      begin: () => void process.kill(process.ppid, 'SIGSTOP'),
      end: () => void process.kill(process.ppid, 'SIGCONT'),
    },
  });
  for (const { name, run } of cases) {
    const error = await run().then(
      () => undefined,
      (failure: unknown) => (failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)),
    );
    process.stdout.write(`${JSON.stringify({ name, error })}\n`);
  }
  process.exit(0);
}
