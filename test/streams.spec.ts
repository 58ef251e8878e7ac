import { describe, expect, it } from '@jest/globals';
import { Connection, Controller, Message, OnConnect, Sender, WebSocket } from 'halyard';
import { testApp, until } from 'halyard/testing';
import { Gate, never } from './support/gate.js';
import { expectSound, Ledger } from './support/ledger.js';

const chunk = 'x'.repeat(16 * 1024);

describe('a stream', () => {
  it('R-ret-stream sends a frame a value, of iterables and generators, asynchronous or not', async () => {
    @Controller('s', { maxPayload: '1mb' })
    class Streams {
      @WebSocket({ event: 'async' })
      async *generator(): AsyncGenerator<unknown> {
        yield 'one';
        yield { two: 2 };
        yield Buffer.from([3]);
      }
      @WebSocket({ event: 'sync' })
      *sync(): Generator<unknown> {
        yield 1;
        yield Promise.resolve(2);
      }
      @WebSocket({ event: 'iterable' })
      iterable(): AsyncIterable<number> {
        let n = 0;
        return { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: n === 2, value: n++ }) }) };
      }
      @WebSocket({ event: 'later' })
      async later(): Promise<AsyncIterable<number>> {
        return this.iterable();
      }
      @WebSocket({ event: 'empty' })
      async *empty(): AsyncGenerator<unknown> {}
    }
    const app = await testApp({ controllers: [Streams] });
    const client = await app.connect('/s');
    client.send({ event: 'async' });
    expect(await client.next()).toBe('one');
    expect(await client.json()).toEqual({ two: 2 });
    expect(await client.next()).toEqual(Buffer.from([3]));
    for (const event of ['sync', 'iterable', 'later']) client.send({ event, ref: event });
    const answers = async (ref: string, values: unknown[]): Promise<void> => {
      for (const payload of values) expect(await client.json()).toEqual({ event: 'reply', ref, payload });
      expect(await client.json()).toEqual({ event: 'end', ref });
    };
    await answers('sync', [1, 2]);
    await answers('iterable', [0, 1]);
    await answers('later', [0, 1]);
    client.send({ event: 'empty', ref: 'empty' });
    await answers('empty', []);
    client.send({ event: 'empty' });
    await client.idle();
  });

  it('R-ret-stream pulls only as fast as the client reads, and is returned when the client goes', async () => {
    let pulled = 0;
    const returned: string[] = [];
    @Controller('s')
    class Streams {
      @WebSocket()
      async *endless(message: Message, signal: AbortSignal): AsyncGenerator<string> {
        try {
          for (;;) {
            pulled++;
            yield chunk;
          }
        } finally {
          returned.push(`${message.text()} aborted: ${signal.aborted}`);
        }
      }
    }
    const app = await testApp({ controllers: [Streams] });
    const client = await app.connect('/s');
    client.send('go');
    await client.next();
    client.pause();
    // Full buffers of both kernels: the count stands still although the server runs on.
    let before = -1;
    await until(async () => {
      const same = before === pulled && pulled > 0;
      before = pulled;
      await app.request('/nowhere');
      await app.request('/nowhere');
      return same && app.app.metrics().queuedBytes > 0;
    });
    expect(app.app.metrics().queuedBytes).toBeLessThan(1024 * 1024);
    const stood = pulled;
    client.resume();
    for (let n = 0; n < stood; n++) await client.next();
    await until(() => pulled > stood);
    client.terminate();
    await until(() => returned.length === 1);
    expect(returned).toEqual(['go aborted: true']);
    await until(() => app.app.metrics().connections === 0);
  });

  it('R-ret-stream that never waits ends when the client closes while it is sent', async () => {
    const returned: string[] = [];
    const ledger = new Ledger();
    @Controller('s')
    class Streams {
      @WebSocket({ event: 'generator' })
      async *endless(): AsyncGenerator<string> {
        try {
          for (;;) yield chunk;
        } finally {
          returned.push('generator');
        }
      }
      @WebSocket({ event: 'sender' })
      async send(sender: Sender, signal: AbortSignal): Promise<void> {
        while (!signal.aborted) await sender.send(chunk);
        returned.push('sender');
      }
      @WebSocket({ event: 'connection' })
      async direct(connection: Connection, signal: AbortSignal): Promise<void> {
        while (!signal.aborted) await connection.send(chunk);
        returned.push('connection');
      }
    }
    @Controller('echo')
    class Echo {
      @WebSocket()
      echo(message: Message): string {
        return message.text();
      }
    }
    const app = await testApp({ controllers: [Streams, Echo], use: [ledger], closeTimeout: 200 });
    for (const event of ['generator', 'sender', 'connection']) {
      const client = await app.connect('/s');
      client.send({ event });
      await client.next();
      // The client's close frame arrives while the server waits for room, and is answered in the middle of the stream.
      await client.close();
      await until(() => returned.includes(event));
    }
    await expectSound(app, ledger, '/echo');
  });

  it('R-ret-stream is returned by a close of the server, and its end is sent before the close frame', async () => {
    const returned = new Gate();
    @Controller('s')
    class Streams {
      @WebSocket({ event: 'watch', order: 'latest' })
      async *watch(): AsyncGenerator<string> {
        try {
          yield 'first';
          await never();
        } finally {
          returned.open();
        }
      }
      @WebSocket({ event: 'stop' })
      stop(connection: Connection): void {
        connection.close(1000, 'stopped');
      }
    }
    const app = await testApp({ controllers: [Streams] });
    const client = await app.connect('/s');
    client.send({ event: 'watch', ref: 7 });
    expect(await client.json()).toEqual({ event: 'reply', ref: 7, payload: 'first' });
    client.send({ event: 'stop' });
    expect(await client.json()).toEqual({ event: 'end', ref: 7 });
    expect(await client.closed()).toEqual({ code: 1000, reason: 'stopped', wasClean: true });
  });

  it('R-err-stream that throws midway sends an error frame, then its end; the connection stays', async () => {
    const ledger = new Ledger();
    const returned: string[] = [];
    @Controller('s')
    class Streams {
      @WebSocket({ event: 'throws' })
      async *throws(): AsyncGenerator<number> {
        yield 1;
        throw new Error('inner text');
      }
      @WebSocket({ event: 'string' })
      *string(): Generator<number> {
        yield 1;
        // oxlint-disable-next-line typescript/only-throw-error
        throw 'a string';
      }
      @WebSocket({ event: 'value' })
      *value(): Generator<unknown> {
        try {
          yield 1;
          yield Promise.reject(new Error('of a value'));
        } finally {
          returned.push('value');
        }
      }
      @WebSocket({ event: 'unsendable' })
      async *unsendable(): AsyncGenerator<unknown> {
        try {
          yield 1;
          yield 10n;
        } finally {
          returned.push('unsendable');
        }
      }
    }
    const app = await testApp({ controllers: [Streams], use: [ledger] });
    const client = await app.connect('/s');
    for (const event of ['throws', 'string', 'value', 'unsendable']) {
      client.send({ event, ref: event });
      expect(await client.json()).toEqual({ event: 'reply', ref: event, payload: 1 });
      expect(await client.json()).toMatchObject({ event: 'error', ref: event, payload: { code: 'INTERNAL' } });
      expect(await client.json()).toEqual({ event: 'end', ref: event });
      client.send({ event });
      expect(await client.json()).toBe(1);
      expect(await client.json()).toEqual({
        event: 'error',
        payload: { code: 'INTERNAL', message: 'internal error' },
      });
    }
    await client.idle();
    expect(ledger.failures.every(({ stage }) => stage === 'stream')).toBe(true);
    expect(ledger.failures).toHaveLength(8);
    expect(returned).toEqual(['value', 'value', 'unsendable', 'unsendable']);
  });

  it('R-err-timeout R-ret-stream cuts a stream that was not declared; it has one error and one end', async () => {
    const gate = new Gate();
    @Controller('s')
    class Streams {
      @WebSocket({ event: 'hangs', timeout: 50 })
      async *hangs(): AsyncGenerator<string> {
        yield 'first';
        await gate.wait();
        yield 'too late';
      }
      @WebSocket({ event: 'next' })
      next(): string {
        return 'next';
      }
    }
    const app = await testApp({ controllers: [Streams] });
    const client = await app.connect('/s');
    client.send({ event: 'hangs', ref: 1 });
    client.send({ event: 'next', ref: 2 });
    expect(await client.json()).toEqual({ event: 'reply', ref: 1, payload: 'first' });
    expect(await client.json()).toMatchObject({ event: 'error', ref: 1, payload: { code: 'TIMEOUT' } });
    expect(await client.json()).toEqual({ event: 'end', ref: 1 });
    expect(await client.json()).toEqual({ event: 'reply', ref: 2, payload: 'next' });
    gate.open();
    await client.idle();
  });

  it('R-ret-stream of @OnConnect goes out before the messages that waited for it', async () => {
    @Controller('s')
    class Streams {
      @OnConnect()
      async *welcome(): AsyncGenerator<string> {
        yield 'hello';
        yield 'there';
      }
      @WebSocket()
      echo(message: Message): string {
        return message.text();
      }
    }
    const app = await testApp({ controllers: [Streams] });
    const client = await app.connect('/s');
    client.send('me');
    expect([await client.next(), await client.next(), await client.next()]).toEqual(['hello', 'there', 'me']);
  });

  it('R-err-backpressure await sender.send() waits for a client that does not read', async () => {
    let sent = 0;
    const done = new Gate();
    @Controller('s')
    class Streams {
      @WebSocket()
      async push(_message: Message, sender: Sender<string>): Promise<void> {
        for (; sent < 2000; sent++) await sender.send(chunk);
        done.open();
      }
    }
    const app = await testApp({ controllers: [Streams] });
    const client = await app.connect('/s');
    client.send('go');
    await client.next();
    client.pause();
    await until(() => app.app.metrics().queuedBytes > 0);
    await app.request('/nowhere');
    expect(sent).toBeLessThan(2000);
    expect(app.app.metrics().queuedBytes).toBeLessThan(1024 * 1024);
    client.resume();
    await done.wait();
    for (let n = 1; n < 2000; n++) await client.next();
    await client.idle();
  });
});
