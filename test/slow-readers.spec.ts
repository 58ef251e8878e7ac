import { describe, expect, it } from '@jest/globals';
import { Channels, Connection, Controller, Message, OnConnect, WebSocket, type SlowConsumer } from 'halyard';
import { frame, testApp, until, type RawClient, type TestApp, type TestClient } from 'halyard/testing';
import { expectSound, Ledger } from './support/ledger.js';

const large = 'x'.repeat(256 * 1024);

@Controller('echo')
class Echo {
  @WebSocket()
  echo(message: Message): string {
    return message.text();
  }
}

/** Puts every client into the channel `news`. */
function watchers(slowConsumer: SlowConsumer): new () => object {
  @Controller('news', { slowConsumer, closeTimeout: 100 })
  class News {
    @OnConnect()
    async connect(connection: Connection): Promise<string> {
      await connection.join('news');
      return 'joined';
    }
    @WebSocket()
    echo(message: Message): string {
      return message.text();
    }
  }
  return News;
}

async function start(slowConsumer: SlowConsumer): Promise<{ app: TestApp; ledger: Ledger; slow: TestClient }> {
  const ledger = new Ledger();
  const app = await testApp({ controllers: [watchers(slowConsumer), Echo], use: [ledger] });
  const slow = await app.connect('/news');
  expect(await slow.next()).toBe('joined');
  slow.pause();
  return { app, ledger, slow };
}

/** Publishes until the policy has had to do with somebody. */
async function publishUntil(app: TestApp, met: () => boolean): Promise<number> {
  const channels = app.get(Channels);
  let n = 0;
  await until(async () => {
    await channels.publish('news', { n: n++, large }, { event: n % 2 === 0 ? 'even' : 'odd' });
    return met();
  });
  return n;
}

describe('a client that does not read', () => {
  it('R-err-slow disconnect closes 1013, counts what it did not get, and others are served', async () => {
    const { app, ledger, slow } = await start('disconnect');
    const fast = await app.connect('/news');
    expect(await fast.next()).toBe('joined');
    const published = await publishUntil(app, () => ledger.closings.length > 0);
    for (let n = 0; n < published; n++) expect(await fast.json()).toMatchObject({ channel: 'news', payload: { n } });
    expect(await ledger.lastClosing()).toMatchObject({ code: 1013, reason: 'the client reads too slowly' });
    expect(ledger.drops).toContainEqual({ reason: 'slow', count: 1, channel: 'news' });
    expect(app.app.metrics()).toMatchObject({ connections: 1, closes: { 1013: 1 } });
    slow.resume();
    await fast.close();
    await expectSound(app, ledger, '/echo');
  });

  it('R-err-slow dropOldest keeps the newest, and tells how many are missing before the next', async () => {
    const { app, ledger, slow } = await start('dropOldest');
    const published = await publishUntil(app, () => ledger.dropCount('slow') >= 10);
    expect(app.app.metrics().queuedBytes).toBeLessThanOrEqual(1024 * 1024 + large.length * 2);
    slow.resume();
    const got: number[] = [];
    let told = 0;
    while (got.at(-1) !== published - 1) {
      const message = await slow.json<{ event: string; count: number; channel: string; payload: { n: number } }>();
      expect(message.channel).toBe('news');
      if (message.event === 'dropped') {
        told += message.count;
        // What follows is what is left of the newest.
        const missing = got.length === 0 ? 0 : got.at(-1)! + 1;
        const next = await slow.json<{ payload: { n: number } }>();
        expect(next.payload.n - missing).toBe(message.count);
        got.push(next.payload.n);
      } else {
        got.push(message.payload.n);
      }
    }
    expect(told).toBe(ledger.dropCount('slow'));
    expect(got.length + told).toBe(published);
    expect(got).toEqual(got.toSorted((a, b) => a - b));
    expect(app.app.metrics().drops).toEqual({ slow: told });
    slow.send('still here');
    expect(await slow.next()).toBe('still here');
  });

  it('R-err-slow conflate keeps the latest of each channel and event', async () => {
    const { app, ledger, slow } = await start('conflate');
    const published = await publishUntil(app, () => ledger.dropCount('slow') >= 10);
    slow.resume();
    const messages: { event: string; count: number; payload: { n: number } }[] = [];
    while (messages.at(-1)?.payload?.n !== published - 1) messages.push(await slow.json());
    const told = messages.filter(({ event }) => event === 'dropped').reduce((sum, { count }) => sum + count, 0);
    const got = messages.filter(({ event }) => event !== 'dropped').map(({ payload }) => payload.n);
    expect(got.slice(-2)).toEqual([published - 2, published - 1]);
    expect(got.length + told).toBe(published);
    expect(told).toBe(ledger.dropCount('slow'));
  });

  it('R-err-slow counts what a waiting frame takes beside its bytes: tiny ones are bounded as well', async () => {
    const ledger = new Ledger();
    const app = await testApp({ controllers: [watchers('dropOldest')], use: [ledger], outbound: '64kb' });
    const channels = app.get(Channels);
    const slow = await app.connect('/news');
    expect(await slow.next()).toBe('joined');
    slow.pause();
    await until(async () => {
      await channels.publish('news', large);
      return ledger.dropCount('slow') > 0;
    });
    const before = ledger.dropCount('slow');
    for (let n = 0; n < 1000; n++) await channels.publish('news', 'x');
    expect(ledger.dropCount('slow') - before).toBeGreaterThanOrEqual(1000 - (64 * 1024) / 128);
  });

  it('R-err-slow always accepts one frame into an empty queue, however large', async () => {
    const ledger = new Ledger();
    const app = await testApp({ controllers: [watchers('disconnect')], use: [ledger], outbound: '1kb' });
    const client = await app.connect('/news');
    expect(await client.next()).toBe('joined');
    for (let n = 0; n < 3; n++) {
      await app.get(Channels).publish('news', large);
      expect(await client.next()).toBe(large);
    }
    expect(ledger.drops).toEqual([]);
  });

  it('R-err-backpressure replies wait for it, none is lost, and it cannot grow the process', async () => {
    const ledger = new Ledger();
    let handled = 0;
    @Controller('big', { maxPayload: '1mb', ping: false })
    class Big {
      @WebSocket({ event: 'serial' })
      serial(): string {
        return `${handled++} ${large}`;
      }
      @WebSocket({ event: 'several', order: { concurrent: 4 } })
      async several(): Promise<string> {
        return `${handled++} ${large}`;
      }
    }
    const app = await testApp({ controllers: [Big, Echo], use: [ledger] });
    for (const [event, atOnce] of [
      ['serial', 1],
      ['several', 4],
    ] as const) {
      handled = 0;
      const client = await app.connect('/big');
      client.pause();
      for (let n = 0; n < 2000; n++) client.send({ event });
      for (let n = 0; n < 500; n++) client.send({ event: 'nobody takes this' });
      // The count stands still.
      let before = -1;
      await until(async () => {
        const same = before === handled;
        before = handled;
        for (let n = 0; n < 5; n++) await app.request('/nowhere');
        return same && app.app.metrics().queuedBytes > 0;
      });
      const { queuedBytes } = app.app.metrics();
      expect(queuedBytes).toBeLessThanOrEqual((atOnce + 1) * (large.length + 100));
      expect(handled).toBeLessThan(500);
      client.resume();
      for (let n = 0; n < 80;) {
        const message = await client.next();
        // Those that nobody takes are answered in the serial lane.
        if (message.includes('UNKNOWN_EVENT')) continue;
        expect(message).toMatch(new RegExp(`^${n++} x`));
      }
      client.terminate();
      await until(() => app.app.metrics().connections === 0);
    }
    await expectSound(app, ledger, '/echo');
  });

  it('R-err-backpressure sends that nobody awaits are bounded: above 16 times the limit the connection closes', async () => {
    const ledger = new Ledger();
    @Controller('careless', { closeTimeout: 100 })
    class Careless {
      @WebSocket({ event: 'flood' })
      flood(connection: Connection): void {
        for (let n = 0; n < 200; n++) void connection.send(large);
      }
      @WebSocket({ event: 'tiny' })
      tiny(connection: Connection): void {
        void connection.send(large);
        for (let n = 0; n < 200; n++) void connection.send('x');
      }
      @WebSocket({ event: 'bytes' })
      bytes(connection: Connection): Buffer {
        for (let n = 0; n < 2; n++) void connection.send(large);
        return Buffer.from('above the limit');
      }
      @WebSocket({ event: 'search', order: 'latest' })
      async search(connection: Connection): Promise<string> {
        // Until the buffers of both kernels are full: from then on what is sent waits here.
        while (connection.state === 'open' && connection.bufferedBytes < large.length) {
          void connection.send(large);
          await new Promise((resolve) => setImmediate(resolve));
        }
        return 'found';
      }
    }
    const app = await testApp({ controllers: [Careless, Echo], use: [ledger], outbound: '1kb' });
    const client = await app.connect('/careless');
    client.pause();
    client.send({ event: 'flood' });
    expect(await ledger.lastClosing()).toMatchObject({ code: 1013, reason: 'the client reads too slowly' });
    expect(ledger.failures).toContainEqual(
      expect.objectContaining({ error: expect.objectContaining({ code: 'HALYARD_SEND_OVERFLOW' }) }),
    );
    // Answers to messages that were replaced are not awaited either.
    const searching = await app.connect('/careless');
    searching.pause();
    await until(() => {
      const { socket } = searching;
      for (let ref = 0; ref < 500 && socket.readyState === 1; ref++) searching.send({ event: 'search', ref });
      return ledger.closings.length === 2;
    });
    expect(await ledger.lastClosing(2)).toMatchObject({ code: 1013 });
    // Nor are bytes, whose reply follows them.
    const bytes = await app.connect('/careless');
    bytes.send({ event: 'bytes', ref: 1 });
    expect(await ledger.lastClosing(3)).toMatchObject({ code: 1013 });
    // Nor can very many that are very small.
    const tiny = await app.connect('/careless');
    tiny.send({ event: 'tiny' });
    expect(await ledger.lastClosing(4)).toMatchObject({ code: 1013 });
    await expectSound(app, ledger, '/echo');
  });

  it('R-err-backpressure pings of a client that does not read the pongs do not grow the process', async () => {
    const ledger = new Ledger();
    const app = await testApp({ controllers: [Echo], use: [ledger] });
    const raw: RawClient = await app.raw();
    await raw.handshake('/echo');
    raw.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame('ping', 'p'.repeat(125))));
    await until(() => {
      if (!raw.socket.destroyed) raw.write(pings);
      expect(app.app.metrics().queuedBytes).toBeLessThan(64 * 1024);
      return ledger.closings.length === 1;
    });
    await expectSound(app, ledger, '/echo');
  });
});
