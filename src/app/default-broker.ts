import cluster from 'node:cluster';
import type { Broker } from '../broker/broker.js';
import { clusterBroker } from '../broker/cluster.js';
import { memoryBroker } from '../broker/memory.js';

/** How many apps this process has created without a broker. */
let apps = 0;

/**
 * The broker of an app that was given none. In a worker of `halyard start` it reaches the other workers; as two apps of one
 * process share nothing unless they are told to, the first one reaches the first ones, the second the second.
 */
export function defaultBroker(): Broker {
  const isStarted = cluster.isWorker && process.env['HALYARD_WORKER'] !== undefined;
  return isStarted ? clusterBroker({ prefix: `halyard-${++apps}:` }) : memoryBroker();
}
