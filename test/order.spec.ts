import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Body, Connection, Controller, Json, Message, WebSocket } from 'halyard';
import { testApp, until, type TestClient } from 'halyard/testing';
import { Gate } from './support/gate.js';
import { expectSound, Ledger } from './support/ledger.js';
import { seededRandom } from './support/random.js';

async function next(client: TestClient, count: number): Promise<unknown[]> {
  const messages: unknown[] = [];
  while (messages.length < count) messages.push(await client.json());
  return messages;
}

describe('the order of messages', () => {
  it('R-order-serial never lets two overlap, and answers in their order, under random delays', async () => {
    const random = seededRandom();
    let running = 0;
    let most = 0;
    @Controller('serial')
    class Serial {
      @WebSocket({ event: 'sleep' })
      async sleep(@Body(Json) n: unknown): Promise<unknown> {
        most = Math.max(most, ++running);
        const delay = Math.floor(random() * 4);
        if (delay > 0) await sleep(delay);
        running--;
        return n;
      }
      @WebSocket({ event: 'now' })
      now(@Body(Json) n: unknown): unknown {
        most = Math.max(most, running + 1);
        return n;
      }
      @WebSocket({ event: 'throw' })
      async throw(@Body(Json) n: unknown): Promise<void> {
        most = Math.max(most, ++running);
        await sleep(1);
        running--;
        throw new Error(String(n));
      }
    }
    const app = await testApp({ controllers: [Serial] });
    const client = await app.connect('/serial');
    const kinds = ['sleep', 'now', 'throw', 'unknown'] as const;
    for (let ref = 0; ref < 300; ref++) {
      const event = kinds[Math.floor(random() * kinds.length)]!;
      client.send({ event, payload: ref, ref });
    }
    const answers = (await next(client, 300)) as { ref: number }[];
    expect(answers.map(({ ref }) => ref)).toEqual(answers.map((_, index) => index));
    expect(most).toBe(1);
  });

  it('R-order-serial answers what no endpoint takes in its turn as well', async () => {
    const gate = new Gate();
    @Controller('serial')
    class Serial {
      @WebSocket({ event: 'wait' })
      async wait(): Promise<string> {
        await gate.wait();
        return 'waited';
      }
    }
    const app = await testApp({ controllers: [Serial] });
    const client = await app.connect('/serial');
    client.send({ event: 'wait', ref: 1 });
    client.send({ event: 'what', ref: 2 });
    client.send('{');
    client.send({ event: 'wait', ref: {} });
    await until(() => gate.waiting === 1);
    await client.idle();
    gate.open();
    expect(await next(client, 4)).toMatchObject([
      { event: 'reply', ref: 1 },
      { event: 'error', ref: 2, payload: { code: 'UNKNOWN_EVENT' } },
      { event: 'error', payload: { code: 'UNKNOWN_EVENT' } },
      { event: 'error', payload: { code: 'BODY_INVALID' } },
    ]);
  });

  it('R-order-lane lets an endpoint with an order of its own pass the serial ones', async () => {
    const gate = new Gate();
    @Controller('lanes')
    class Lanes {
      @WebSocket({ event: 'slow' })
      async slow(): Promise<string> {
        await gate.wait();
        return 'slow';
      }
      @WebSocket({ event: 'stop', order: { concurrent: 1 } })
      stop(): string {
        gate.open();
        return 'stop';
      }
    }
    const app = await testApp({ controllers: [Lanes] });
    const client = await app.connect('/lanes');
    client.send({ event: 'slow' });
    client.send({ event: 'slow' });
    client.send({ event: 'stop' });
    expect([await client.next(), await client.next(), await client.next()]).toEqual(['stop', 'slow', 'slow']);
  });

  it('R-order-concurrent handles at most n at once, and answers as they are ready', async () => {
    const random = seededRandom();
    const gates: Gate[] = [];
    let running = 0;
    let most = 0;
    @Controller('concurrent')
    class Concurrent {
      @WebSocket({ order: { concurrent: 3 } })
      async wait(@Body(Json) n: number): Promise<number> {
        most = Math.max(most, ++running);
        await (gates[n] = new Gate()).wait();
        running--;
        return n;
      }
    }
    const app = await testApp({ controllers: [Concurrent] });
    const client = await app.connect('/concurrent');
    for (let n = 0; n < 20; n++) client.send(n);
    const waiting = new Set<number>();
    const answered = new Set<unknown>();
    for (let n = 0; n < 20; n++) {
      await until(() => running === Math.min(3, 20 - n));
      gates.forEach((_, index) => waiting.add(index));
      const open = [...waiting].filter((index) => !answered.has(index));
      const chosen = open[Math.floor(random() * open.length)]!;
      gates[chosen]!.open();
      expect(await client.json()).toBe(chosen);
      answered.add(chosen);
    }
    expect(most).toBe(3);
    expect(answered.size).toBe(20);
  });

  it('R-order-latest aborts the running one, replaces the waiting one, and starts when the running one has settled', async () => {
    const ledger = new Ledger();
    const gates: Gate[] = [];
    const aborted: string[] = [];
    @Controller('latest')
    class Latest {
      @WebSocket({ event: 'search', order: 'latest' })
      async search(@Body(Json) text: string, signal: AbortSignal): Promise<string> {
        signal.addEventListener('abort', () => aborted.push(`${text} ${(signal.reason as Error).message}`));
        const gate = new Gate();
        gates.push(gate);
        await gate.wait();
        return `found ${text}`;
      }
    }
    const app = await testApp({ controllers: [Latest], use: [ledger] });
    const client = await app.connect('/latest');
    const search = (payload: string, ref?: number): void =>
      client.send(ref === undefined ? { event: 'search', payload } : { event: 'search', payload, ref });
    search('a', 1);
    await until(() => gates.length === 1);
    search('b', 2);
    search('c');
    search('d', 4);
    expect(await client.json()).toEqual({
      event: 'error',
      ref: 2,
      payload: { code: 'SUPERSEDED', message: 'a newer message replaced this one' },
    });
    await client.idle();
    expect(aborted).toEqual(['a a newer message replaced this one']);
    expect(gates).toHaveLength(1);
    gates[0]!.open();
    expect(await client.json()).toEqual({ event: 'reply', ref: 1, payload: 'found a' });
    await until(() => gates.length === 2);
    gates[1]!.open();
    expect(await client.json()).toEqual({ event: 'reply', ref: 4, payload: 'found d' });
    expect(ledger.dropCount('superseded')).toBe(2);
    expect(app.app.metrics().drops).toEqual({ superseded: 2 });
  });

  it('R-order-latest takes the rejection of an aborted handler for an answer, not for a failure', async () => {
    const ledger = new Ledger();
    @Controller('latest')
    class Latest {
      @WebSocket({ event: 'search', order: 'latest' })
      async search(@Body(Json) text: string, signal: AbortSignal): Promise<string> {
        if (text !== 'last') await sleep(60_000, undefined, { signal });
        return text;
      }
    }
    const app = await testApp({ controllers: [Latest], use: [ledger] });
    const client = await app.connect('/latest');
    client.send({ event: 'search', payload: 'first' });
    client.send({ event: 'search', payload: 'last' });
    expect(await client.next()).toBe('last');
    client.send({ event: 'search', payload: 'first', ref: 1 });
    client.send({ event: 'search', payload: 'last', ref: 2 });
    expect(await client.json()).toMatchObject({ event: 'error', ref: 1, payload: { code: 'SUPERSEDED' } });
    expect(await client.json()).toEqual({ event: 'reply', ref: 2, payload: 'last' });
    expect(ledger.outcomes).toEqual(['superseded', 'ok', 'superseded', 'ok']);
    expect(ledger.failures).toMatchObject([{ error: { code: 'HALYARD_SUPERSEDED' } }]);
  });

  it('R-order-stream holds its lane until it ends; another lane gets through', async () => {
    const gate = new Gate();
    @Controller('lanes')
    class Lanes {
      @WebSocket({ event: 'stream' })
      async *stream(): AsyncGenerator<string> {
        yield 'one';
        await gate.wait();
        yield 'two';
      }
      @WebSocket({ event: 'next' })
      next(): string {
        return 'next';
      }
      @WebSocket({ event: 'beside', order: 'latest' })
      beside(): string {
        return 'beside';
      }
    }
    const app = await testApp({ controllers: [Lanes] });
    const client = await app.connect('/lanes');
    client.send({ event: 'stream' });
    client.send({ event: 'next' });
    expect(await client.next()).toBe('one');
    client.send({ event: 'beside' });
    expect(await client.next()).toBe('beside');
    gate.open();
    expect([await client.next(), await client.next()]).toEqual(['two', 'next']);
  });

  it('R-order-queue R-order-pause handles 10 000 messages at once in a bounded queue, under a ping of 200 ms', async () => {
    const ledger = new Ledger();
    let handled = 0;
    let deepest = 0;
    const text = 'x'.repeat(500);
    @Controller('slow', { maxQueue: 4, ping: 200 })
    class Slow {
      @WebSocket()
      async handle(message: Message, _connection: Connection): Promise<string> {
        const taken = app.app.metrics().messages['/slow']!;
        deepest = Math.max(deepest, taken - handled);
        if (handled % 20 === 0) await sleep(1);
        handled++;
        return message.text().slice(0, 5);
      }
    }
    const app = await testApp({ controllers: [Slow], use: [ledger] });
    const client = await app.connect('/slow');
    for (let n = 0; n < 10_000; n++) client.send(String(n).padStart(5, '0') + text);
    for (let n = 0; n < 10_000; n++) expect(await client.next()).toBe(String(n).padStart(5, '0'));
    // What waits, and what one read of the socket brings: 64 KiB.
    expect(deepest).toBeLessThanOrEqual(4 + 1 + Math.ceil(65_536 / text.length));
    expect(ledger.drops).toEqual([]);
    client.send('hello');
    expect(await client.next()).toBe('hello');
    await client.close();
    await expectSound(app, ledger, '/slow');
  });
});
