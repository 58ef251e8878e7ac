/**
 * A process with a broker that closes it and then has nothing left to do: it must end by itself.
 * Arguments: redis or nats, the engine's URL, and `up` or `down`, the state of the link to wait for before the close.
 */
import type { Broker } from 'halyard';
import { natsBroker } from 'halyard/nats';
import { redisBroker } from 'halyard/redis';

const [name, url = '', state] = process.argv.slice(2);
const broker: Broker = name === 'redis' ? redisBroker({ url }) : natsBroker({ servers: url });
const subscribed = broker.subscribe('s', () => undefined).catch((error: unknown) => error);
const published = broker.publish('s', Buffer.from('x')).catch((error: unknown) => error);
while (broker.health().link !== state || (state === 'down' && broker.health().reason === undefined)) {
  await new Promise((resolve) => setTimeout(resolve, 5));
}
if (state === 'up') await Promise.all([subscribed, published]);
const started = performance.now();
await broker.close();
process.stdout.write(`closed in ${Math.round(performance.now() - started)} ms\n`);
