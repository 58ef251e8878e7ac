/** The client of NATS as it comes. */
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { channelNames, serveCarrier } from './carrier.js';

let connection: NatsConnection;

serveCarrier({
  async open(url, onBytes) {
    connection = await connect({ servers: url });
    connection.subscribe('everybody', { callback: (_error, message) => onBytes(message.data) });
    await connection.flush();
  },

  publish: (bytes) => {
    connection.publish('everybody', bytes);
    return Promise.resolve();
  },

  async subscribe(url, channels) {
    const other = await connect({ servers: url, reconnectTimeWait: 50, reconnectJitter: 0 });
    for (const name of channelNames(channels)) other.subscribe(name, { callback: () => undefined });
    await other.flush();
    const restored = (async (): Promise<number> => {
      let lostAt = 0;
      for await (const { type } of other.status()) {
        if (type === 'disconnect') lostAt = performance.now();
        if (type !== 'reconnect') continue;
        await other.flush();
        break;
      }
      const ms = performance.now() - lostAt;
      await other.close();
      return ms;
    })();
    return { restored };
  },
});
