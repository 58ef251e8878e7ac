/**
 * A process with a broker. Arguments: redis or nats, the engine's URL, and what it does:
 * `up` and `down` wait for this state of the link and close it, and then have nothing left to do;
 * `listen` prints what it hears, and each change of the link.
 */
import type { Broker } from 'halyard';
import { natsBroker } from 'halyard/nats';
import { redisBroker } from 'halyard/redis';

const [name, url = '', task] = process.argv.slice(2);
const broker: Broker = name === 'redis' ? redisBroker({ url }) : natsBroker({ servers: url });
const print = (line: string): void => void process.stdout.write(`${line}\n`);
if (task === 'listen') {
  await broker.subscribe('s', (data) => print(`heard ${Buffer.from(data).toString()}`));
  broker.onLink((state) => print(`link ${state}`));
  print('listening');
} else {
  const asked = [broker.subscribe('s', () => undefined), broker.publish('s', Buffer.from('x'))];
  const settled = Promise.allSettled(asked);
  while (broker.health().link !== task || (task === 'down' && broker.health().reason === undefined)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  if (task === 'up') await settled;
  const startedMs = performance.now();
  await broker.close();
  print(`closed in ${Math.round(performance.now() - startedMs)} ms`);
}
