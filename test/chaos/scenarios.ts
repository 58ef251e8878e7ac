/** What is done to a cluster. Each ends when the fault has ended: what follows is the time that healing takes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { ChaosRun, Place, Scenario } from './chaos-run.js';

/** Longer than a lease: whoever is silent for so long is taken for dead. */
const longMs = 6000;

export const scenarios: readonly Scenario[] = [
  { name: 'nothing', play: () => sleep(500) },
  {
    name: 'a node is killed',
    async play(run) {
      const place = run.somePlace();
      await place.node.kill();
      await sleep(200);
      await startAgain(run, place);
    },
  },
  {
    name: 'a node is killed for good, and another takes its place later',
    async play(run) {
      const place = run.somePlace();
      await place.node.kill();
      // Its clients come back elsewhere, and its entries must have gone before anything new says hello in its name.
      await sleep(longMs);
      await startAgain(run, place);
    },
  },
  {
    name: 'all subscriber connections are killed',
    engines: ['redis'],
    play: (run) => killClients(run, 'PUBSUB'),
  },
  {
    name: 'all publisher connections are killed',
    engines: ['redis'],
    play: (run) => killClients(run, 'NORMAL'),
  },
  {
    name: 'all links are cut',
    async play({ places }) {
      for (const { proxy } of places) proxy.drop();
    },
  },
  {
    name: 'one link is cut, again and again',
    async play(run) {
      const { proxy } = run.somePlace();
      for (let times = 0; times < 5; times++) {
        proxy.drop();
        await sleep(run.random() * 400);
      }
    },
  },
  {
    name: 'one link is half open',
    async play(run) {
      const { proxy } = run.somePlace();
      proxy.freeze();
      await sleep(longMs + 2000);
      proxy.thaw();
    },
  },
  {
    name: 'the links are slow',
    async play({ places, random }) {
      for (const { proxy } of places) proxy.delayMs = 20 + random() * 300;
      await sleep(3000);
      for (const { proxy } of places) proxy.delayMs = 0;
    },
  },
  {
    name: 'one link is refused for a while',
    async play(run) {
      const { proxy } = run.somePlace();
      proxy.isRefusing = true;
      proxy.drop();
      await sleep(3000);
      proxy.isRefusing = false;
    },
  },
  {
    name: 'the engine is killed and back after 3 s',
    async play({ engine }) {
      await engine.kill();
      await sleep(3000);
      await engine.start();
    },
  },
  {
    name: 'the engine is stopped for long',
    async play({ engine }) {
      await engine.stop();
      await sleep(longMs + 2000);
      engine.resume();
    },
  },
  {
    name: 'a node is stopped for long',
    async play(run) {
      const { node } = run.somePlace();
      node.pause();
      await sleep(longMs + 2000);
      node.resume();
    },
  },
  {
    name: 'a node that has nobody is stopped for long',
    async play(run) {
      const idle = await run.startExtra('idle', run.somePlace().proxy);
      idle.pause();
      await sleep(longMs + 2000);
      idle.resume();
    },
  },
  {
    name: 'node and engine are killed at once',
    async play(run) {
      const place = run.somePlace();
      await Promise.all([place.node.kill(), run.engine.kill()]);
      await sleep(1000);
      await run.engine.start();
      await startAgain(run, place);
    },
  },
  {
    name: 'a node is killed while the engine is stopped',
    async play(run) {
      const place = run.somePlace();
      await run.engine.stop();
      await sleep(500);
      await place.node.kill();
      await sleep(1000);
      run.engine.resume();
      await startAgain(run, place);
    },
  },
  {
    name: 'the churn ends during an outage',
    async play(run) {
      await run.engine.kill();
      await sleep(500);
      await run.hush();
      await sleep(2000);
      await run.engine.start();
    },
  },
  {
    name: 'two nodes of one name',
    async play(run) {
      const place = run.somePlace();
      await run.startExtra(place.name, place.proxy);
      run.scatter();
      await sleep(3000);
    },
  },
  {
    name: 'all nodes are restarted, one after the other',
    async play(run) {
      for (const place of run.places) {
        await place.node.drain();
        await startAgain(run, place);
        await sleep(300);
      }
    },
  },
];

/** What an operator, or an engine whose buffers are full, does to connections. */
async function killClients({ engine }: ChaosRun, type: 'PUBSUB' | 'NORMAL'): Promise<void> {
  const admin = new Redis(engine.url, { enableReadyCheck: false });
  admin.on('error', () => undefined);
  try {
    await admin.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
  } finally {
    admin.disconnect();
  }
}

async function startAgain(run: ChaosRun, place: Place): Promise<void> {
  await run.restart(place).listening();
}
