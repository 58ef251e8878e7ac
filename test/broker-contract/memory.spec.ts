import { describe, expect, it } from '@jest/globals';
import { memoryBroker } from 'halyard';
import { brokerContract } from 'halyard/testing';

describe('R-broker-contract the memory broker', () => {
  const open = (): ReturnType<Parameters<typeof brokerContract>[0]['open']> => {
    const broker = memoryBroker();
    return [broker, broker];
  };
  for (const { name, run, timeout } of brokerContract({ open })) it(name, run, timeout);

  it('declares a total order, and is never down', () => {
    expect(memoryBroker().ordering).toBe('total');
    expect(memoryBroker().health()).toEqual({ link: 'up', queued: 0 });
  });
});
