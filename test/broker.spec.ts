import { describe, expect, it } from '@jest/globals';
import { memoryBroker, type Broker } from 'halyard';
import { until } from 'halyard/testing';

/** What every broker must do; `open` gives two nodes of one engine. */
function contract(name: string, open: () => Promise<{ nodes: [Broker, Broker]; close(): Promise<void> }>): void {
  const bytes = (text: string): Uint8Array => Buffer.from(text);

  async function withNodes(test: (a: Broker, b: Broker) => Promise<void>): Promise<void> {
    const { nodes, close } = await open();
    try {
      await test(...nodes);
    } finally {
      await close();
    }
  }

  describe(`the broker contract: ${name}`, () => {
    it('delivers to all nodes, to the publisher’s own, and to each subscription of a subject', () =>
      withNodes(async (a, b) => {
        const got: string[] = [];
        const note = (who: string) => (data: Uint8Array) => got.push(`${who} ${Buffer.from(data).toString()}`);
        await a.subscribe('s', note('a1'));
        await a.subscribe('s', note('a2'));
        await b.subscribe('s', note('b'));
        await b.subscribe('other', note('wrong'));
        await a.publish('s', bytes('hi'));
        await until(() => got.length === 3);
        expect(got.sort()).toEqual(['a1 hi', 'a2 hi', 'b hi']);
      }));

    it('never delivers before the synchronous part of the publishing call has ended', () =>
      withNodes(async (a) => {
        const got: string[] = [];
        await a.subscribe('s', () => got.push('delivered'));
        const published = a.publish('s', bytes('x'));
        got.push('after the call');
        await published;
        await until(() => got.length === 2);
        expect(got).toEqual(['after the call', 'delivered']);
      }));

    it('keeps the order that it declares', () =>
      withNodes(async (a, b) => {
        const seen: Record<'a' | 'b', string[]> = { a: [], b: [] };
        await a.subscribe('s', (data) => seen.a.push(Buffer.from(data).toString()));
        await b.subscribe('s', (data) => seen.b.push(Buffer.from(data).toString()));
        const publish = async (node: Broker, who: string): Promise<void> => {
          for (let n = 0; n < 500; n++) await node.publish('s', bytes(`${who}${n}`));
        };
        await Promise.all([publish(a, 'a'), publish(b, 'b')]);
        await until(() => seen.a.length === 1000 && seen.b.length === 1000);
        for (const list of [seen.a, seen.b]) {
          for (const who of ['a', 'b']) {
            expect(list.filter((text) => text.startsWith(who))).toEqual(
              Array.from({ length: 500 }, (_, n) => `${who}${n}`),
            );
          }
        }
        if (a.ordering === 'total') expect(seen.a).toEqual(seen.b);
      }));

    it('carries any bytes under any subject', () =>
      withNodes(async (a, b) => {
        const payloads = [Buffer.alloc(0), Buffer.from([0, 255, 10, 13]), Buffer.alloc(1024 ** 2, 7)];
        for (const subject of ['plain', 'with space', 'a.b.*.>', 'ünïcødé 🎈', '\r\n', '__proto__', 'x'.repeat(210)]) {
          const got: Buffer[] = [];
          const unsubscribe = await b.subscribe(subject, (data) => got.push(Buffer.from(data)));
          for (const payload of payloads) await a.publish(subject, payload);
          await until(() => got.length === payloads.length);
          expect(got.every((data, at) => data.equals(payloads[at]!))).toBe(true);
          await unsubscribe();
        }
      }));

    it('stops when a subscription is taken back, and takes it back only once', () =>
      withNodes(async (a, b) => {
        const got: string[] = [];
        const first = await b.subscribe('s', () => got.push('first'));
        await b.subscribe('s', () => got.push('second'));
        await first();
        await first();
        await a.publish('s', bytes('x'));
        await until(() => got.length > 0);
        expect(got).toEqual(['second']);
      }));

    it('holds 100 000 subscriptions', () =>
      withNodes(async (a) => {
        let got = 0;
        const taken = await Promise.all(Array.from({ length: 100_000 }, (_, n) => a.subscribe(`s${n}`, () => got++)));
        await a.publish('s99999', bytes('x'));
        await until(() => got === 1);
        await Promise.all(taken.map((unsubscribe) => unsubscribe()));
        expect(a.health()).toMatchObject({ link: 'up', queued: 0 });
      }));

    it('refuses what comes after its close', () =>
      withNodes(async (a) => {
        await a.close();
        await a.close();
        await expect(a.publish('s', bytes('x'))).rejects.toMatchObject({ code: 'HALYARD_BROKER_CLOSED' });
        await expect(a.subscribe('s', () => undefined)).rejects.toMatchObject({ code: 'HALYARD_BROKER_CLOSED' });
        expect(a.health().link).toBe('down');
      }));
  });
}

contract('memory', async () => {
  const broker = memoryBroker();
  return { nodes: [broker, broker], close: () => broker.close() };
});
