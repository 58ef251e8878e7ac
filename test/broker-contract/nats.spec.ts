import { beforeAll, expect, it } from '@jest/globals';
import { natsBroker } from 'halyard/nats';
import { brokerContract } from 'halyard/testing';
import { describeWith, startEngine, type EngineProcess } from '../support/engines.js';

describeWith('nats')('R-broker-contract the NATS broker', () => {
  let engine!: EngineProcess;
  beforeAll(async () => {
    engine = await startEngine('nats');
  });

  const cases = brokerContract({
    open: () => [natsBroker({ servers: engine.url }), natsBroker({ servers: engine.url })],
    outage: { begin: () => engine.kill(), end: () => engine.start() },
  });
  for (const { name, run, timeout } of cases) it(name, run, timeout);

  it('declares the order of each publisher alone', async () => {
    const broker = natsBroker({ servers: engine.url });
    expect(broker.ordering).toBe('publisher');
    await broker.close();
  });
});
