/** The code of docs/brokers.md, run. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Document } from '../support/document.js';
import { describeWith, startEngine, type EngineProcess } from '../support/engines.js';

let doc: Document;

beforeAll(() => {
  doc = new Document('docs/brokers.md', {
    Brokers: `const controllers: never[] = [];`,
    // Keeps the cases instead of running them in front of others.
    'A broker of your own': `
      const cases: { name: string; run: () => Promise<void> }[] = [];
      const describe = (name: string, body: () => void) => body();
      const it = (name: string, run: () => Promise<void>, timeout: number) => void cases.push({ name, run });
      const broker = memoryBroker();
      const myBroker = () => broker;
      const engine = { stop: () => undefined, start: () => undefined };`,
  });
}, 60_000);
afterAll(() => doc?.close());

describeWith('redis')('docs/brokers.md', () => {
  let engine!: EngineProcess;
  beforeAll(async () => {
    engine = await startEngine('redis');
    // The client of an engine takes a while to load.
    await import('halyard/redis');
  }, 60_000);

  it('puts an app on Redis', async () => {
    Object.assign(process.env, { REDIS_URL: engine.url, PORT: '0' });
    const { broker } = await doc.module<{ broker: { ordering: string } }>('Brokers');
    expect(broker.ordering).toBe('total');
  });

  it('has the contract of a broker of your own', async () => {
    const { cases } = await doc.module<{ cases: { name: string; run(): Promise<void> }[] }>('A broker of your own');
    expect(cases.length).toBeGreaterThan(7);
    await cases[0]!.run();
  });

  it('has no code that is not run', () => {
    expect(doc.untaken).toEqual([]);
  });
});
