import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clusterBroker } from 'halyard';
import { brokerContract } from 'halyard/testing';
import { startScript, type Script } from '../support/script.js';

const nothing = (): void => undefined;

describe('R-broker-contract the broker of a cluster', () => {
  let primary!: Script;
  beforeAll(() => {
    primary = startScript('cluster-contract');
  });
  afterAll(async () => {
    // A stopped one would stay.
    primary.kill('SIGCONT');
    await primary.abandon();
  });

  // Real cases of a real cluster: this process only reads what became of them.
  const cases = brokerContract({
    open: () => [clusterBroker(), clusterBroker()],
    outage: { begin: nothing, end: nothing },
  });
  for (const { name, timeout } of cases) {
    it(
      name,
      async () => {
        const line = await primary.saw((text) => (JSON.parse(text) as { name: string }).name === name, timeout);
        expect(JSON.parse(line)).toEqual({ name });
      },
      timeout * 2,
    );
  }
});

describe('R-broker-contract the broker of a cluster, in its primary', () => {
  for (const { name, run, timeout } of brokerContract({ open: () => [clusterBroker(), clusterBroker()] })) {
    it(name, run, timeout);
  }

  it('declares a total order', async () => {
    const broker = clusterBroker();
    expect(broker.ordering).toBe('total');
    await broker.close();
  });
});
