/** Halyard's brokers: over the engine whose URL is given, or over the channels between the processes of a cluster. */
import { clusterBroker, memoryBroker, type Broker } from 'halyard';
import { natsBroker } from 'halyard/nats';
import { redisBroker } from 'halyard/redis';
import { channelNames, serveCarrier, Traffic } from './carrier.js';

function brokerOf(url: string): Broker {
  if (url.startsWith('redis:')) return redisBroker({ url });
  if (url.startsWith('nats:')) return natsBroker({ servers: url });
  return clusterBroker();
}

let broker: Broker;

serveCarrier({
  async open(url, onBytes) {
    broker = brokerOf(url);
    await broker.subscribe('everybody', onBytes);
  },

  publish: (bytes) => broker.publish('everybody', bytes),

  async subscribe(url, channels) {
    const other = brokerOf(url);
    const names = channelNames(channels);
    await Promise.all(names.map((name) => other.subscribe(name, () => undefined)));
    const restored = new Promise<number>((resolve) => {
      let lostAt = 0;
      other.onLink((state) => {
        if (state === 'down') lostAt = performance.now();
        else resolve(performance.now() - lostAt);
      });
    });
    return { restored: restored.finally(() => void other.close()) };
  },

  async localUs() {
    const local = memoryBroker();
    const traffic = new Traffic((bytes) => local.publish('everybody', bytes));
    await local.subscribe('everybody', (bytes) => traffic.take(bytes));
    return traffic.latencyUs().finally(() => void local.close());
  },
});
