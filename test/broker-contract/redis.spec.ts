import { beforeAll, expect, it } from '@jest/globals';
import { redisBroker } from 'halyard/redis';
import { brokerContract } from 'halyard/testing';
import { describeWith, startEngine, type EngineProcess } from '../support/engines.js';

describeWith('redis')('R-broker-contract the Redis broker', () => {
  let engine!: EngineProcess;
  beforeAll(async () => {
    engine = await startEngine('redis');
  });

  const cases = brokerContract({
    open: () => [redisBroker({ url: engine.url }), redisBroker({ url: engine.url })],
    outage: { begin: () => engine.kill(), end: () => engine.start() },
  });
  for (const { name, run, timeout } of cases) it(name, run, timeout);

  it('declares a total order', async () => {
    const broker = redisBroker({ url: engine.url });
    expect(broker.ordering).toBe('total');
    await broker.close();
  });
});
