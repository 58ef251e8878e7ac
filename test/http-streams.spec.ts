import { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Context, Controller, DROP, Get, HttpError, SetHeader, UseInterceptors, type Interceptor } from 'halyard';
import { testApp } from 'halyard/testing';
import { Journal } from './journal.js';

describe('streams of values', () => {
  class Times10 implements Interceptor {
    post(_c: Context, value: unknown): unknown {
      return value === 2 ? DROP : typeof value === 'number' ? value * 10 : undefined;
    }
  }

  @Controller()
  class Streams {
    @UseInterceptors(Times10)
    @Get('numbers')
    async *numbers() {
      yield 1;
      yield 2;
      yield 3;
    }
    @Get('texts') *texts() {
      yield 'a\nb';
      yield null;
      yield Promise.resolve({ c: 1 });
    }
    @Get('objects') objects() {
      return Readable.from([{ a: 1 }, { a: 2 }]);
    }
    @SetHeader('content-type', 'text/csv')
    @Get('csv')
    async *csv() {
      yield 'a;b\n';
      yield Buffer.from('1;2\n');
    }
    @Get('early')
    // oxlint-disable-next-line require-yield
    async *early(): AsyncGenerator<number> {
      throw new HttpError(404, 'no such list');
    }
    @Get('midway') async *midway() {
      yield 1;
      throw new HttpError(409, 'gone bad', { code: 'BAD' });
    }
    @Get('bytes') *bytes() {
      yield Buffer.from('x');
    }
    @Get('none') async *none() {}
  }

  it('are lines of JSON, through the interceptors one by one', async () => {
    const journal = new Journal();
    const app = await testApp({ controllers: [Streams], use: [journal] });
    expect(await app.request('/numbers')).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/x-ndjson', 'transfer-encoding': 'chunked' },
      body: '10\n30\n',
    });
    expect(journal.lines).toEqual(['opened /numbers', 'dropped interceptor', 'handled ok', 'closed 200']);
    expect((await app.request('/texts')).body).toBe('"a\\nb"\nnull\n{"c":1}\n');
    expect((await app.request('/objects')).body).toBe('{"a":1}\n{"a":2}\n');
    expect((await app.request('/none')).body).toBe('');
  });

  it('are sent as they are where the endpoint names a content type', async () => {
    const app = await testApp({ controllers: [Streams] });
    expect(await app.request('/csv')).toMatchObject({ headers: { 'content-type': 'text/csv' }, body: 'a;b\n1;2\n' });
  });

  it('have a status of their own where they fail before the first value, and end with the error where later', async () => {
    const app = await testApp({ controllers: [Streams] });
    expect(await app.request('/early')).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND', message: 'no such list' },
    });
    expect(await app.request('/midway')).toMatchObject({
      status: 200,
      body: '1\n{"event":"error","payload":{"code":"BAD","message":"gone bad"}}\n',
    });
    expect((await app.request('/bytes')).body).toContain('"code":"INTERNAL"');
  });

  it('are not pulled for HEAD', async () => {
    let pulled = 0;
    let returned = false;
    @Controller()
    class Counting {
      @Get('count') count() {
        const next = () => Promise.resolve({ done: false as const, value: ++pulled });
        return {
          next,
          return: () => {
            returned = true;
            return Promise.resolve({ done: true as const, value: undefined });
          },
          [Symbol.asyncIterator]() {
            return this;
          },
        };
      }
    }
    const app = await testApp({ controllers: [Counting] });
    const { status, headers } = await app.request('/count', { method: 'HEAD' });
    expect([status, headers['content-type']]).toEqual([200, 'application/x-ndjson']);
    expect([pulled, returned]).toEqual([0, true]);
  });

  it('are pulled only as fast as the client reads, and returned when it goes', async () => {
    let pulled = 0;
    const journal = new Journal();
    @Controller()
    class Endless {
      @Get('endless') async *endless({ socket }: IncomingMessage) {
        try {
          for (;;) {
            if (socket.writableNeedDrain) journal.note('full');
            pulled++;
            yield 'x'.repeat(64 * 1024);
          }
        } finally {
          journal.note('returned');
        }
      }
    }
    const app = await testApp({ controllers: [Endless], use: [journal] });
    const client = await app.raw();
    client.write('GET /endless HTTP/1.1\r\nhost: a\r\n\r\n');
    await client.head();
    client.socket.pause();
    await journal.saw('full');
    const before = pulled;
    for (let turn = 0; turn < 100; turn++) await nextTurn();
    // What the buffers along the way hold, and no more.
    expect(pulled - before).toBeLessThan(4);
    client.reset();
    await journal.saw('returned');
    await journal.saw('closed 200 early');
    expect(journal.lines).not.toContain('dropped late');
  });
});
