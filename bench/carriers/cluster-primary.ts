/** The primary of a cluster, on the engine's core, with one worker: Halyard's, or one that is sent back what it sends. */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { clusterBroker } from 'halyard';
import { loadCore, pin, serverCore } from '../machine.js';
import { answer, Remote } from '../remote.js';
import type { CarrierCommands } from './carrier.js';

/** What travels where nothing of Halyard's does. */
export interface Envelope {
  readonly carried: Uint8Array;
}

const isHalyard = process.argv[2] === 'halyard';
// Starts the relay.
if (isHalyard) clusterBroker();
const exec = fileURLToPath(new URL(isHalyard ? './halyard.js' : './node-cluster.js', import.meta.url));
cluster.setupPrimary({ exec, args: [], serialization: 'advanced' });
const worker = cluster.fork();
const listening = once(worker, 'message');
if (!isHalyard) {
  worker.on('message', (message: Partial<Envelope>) => {
    if (message.carried) worker.send({ carried: message.carried } satisfies Envelope);
  });
}
const remote = new Remote<CarrierCommands>('worker', worker.process, { core: serverCore });
pin(process.pid, loadCore);

answer<Pick<CarrierCommands, 'open' | 'carry' | 'latency'>>({
  open: async (url) => {
    await listening;
    await remote.ask('open', url);
  },
  carry: (length) => remote.ask('carry', length),
  latency: () => remote.ask('latency'),
});
