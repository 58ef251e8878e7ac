/** ioredis as it comes: two connections, messages as bytes. */
import { Redis } from 'ioredis';
import { channelNames, serveCarrier } from './carrier.js';

let publisher: Redis;

serveCarrier({
  async open(url, onBytes) {
    publisher = new Redis(url);
    const subscriber = new Redis(url);
    subscriber.on('messageBuffer', (_channel: Buffer, bytes: Buffer) => onBytes(bytes));
    await subscriber.subscribe('everybody');
  },

  publish: (bytes) => publisher.publish('everybody', bytes as Buffer),

  async subscribe(url, channels) {
    const subscriber = new Redis(url, { autoResubscribe: false, retryStrategy: () => 50 });
    subscriber.on('error', () => undefined);
    const names = channelNames(channels);
    await subscriber.subscribe(...names);
    const restored = new Promise<number>((resolve, reject) => {
      subscriber.once('close', () => {
        const lostAt = performance.now();
        subscriber.once('ready', () => {
          subscriber.subscribe(...names).then(() => resolve(performance.now() - lostAt), reject);
        });
      });
    });
    return { restored: restored.finally(() => subscriber.disconnect()) };
  },
});
