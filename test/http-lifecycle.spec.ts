import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import {
  Body,
  CleanUp,
  Context,
  Controller,
  Get,
  Injectable,
  Post,
  UseGuards,
  UseInterceptors,
  type Outcome,
} from 'halyard';
import { testApp } from 'halyard/testing';
import { Journal } from './journal.js';

describe('the life of a request', () => {
  it('R-life-http runs in order, and ends with the response', async () => {
    const journal = new Journal();
    const note = (text: string) => () => journal.note(text);
    @Injectable({ scope: 'connection' })
    class Session {
      constructor(readonly cleanUp: CleanUp) {
        journal.note('scope opened');
      }
      [Symbol.asyncDispose](): Promise<void> {
        journal.note('scope disposed');
        return Promise.resolve();
      }
    }
    @Controller()
    class Ordered {
      @Post('ordered')
      post(@Body() text: string, session: Session, cleanUp: CleanUp) {
        expect(session.cleanUp).toBe(cleanUp);
        cleanUp.add(note('first added'));
        cleanUp.add(note('last added'));
        journal.note(`endpoint ${text}`);
        return 'done';
      }
    }
    const app = await testApp({
      controllers: [Ordered],
      providers: [Session],
      use: [
        journal,
        {
          use: note('middleware'),
          canActivate: () => {
            journal.note('guard');
            return true;
          },
          pre: note('pre'),
          post: note('post'),
          done: note('done'),
        },
      ],
      http: (fastify) => {
        fastify.addHook('onRequest', async () => journal.note('plugin'));
      },
    });
    expect(await app.request('/ordered', { body: 'text' })).toMatchObject({ status: 201, body: 'done' });
    await journal.saw('closed 201');
    expect(journal.lines).toEqual([
      'opened /ordered',
      'plugin',
      'scope opened',
      'middleware',
      'guard',
      'pre',
      'endpoint text',
      'post',
      'done',
      'handled ok',
      'last added',
      'first added',
      'scope disposed',
      'closed 201',
    ]);
  });

  it('a refused one is handled once, with its error', async () => {
    const journal = new Journal();
    @Controller()
    class Refusing {
      @UseGuards({ canActivate: () => Promise.resolve(false) })
      @Get('refused')
      get() {}
    }
    const app = await testApp({ controllers: [Refusing], use: [journal] });
    expect((await app.request('/refused')).status).toBe(403);
    await journal.saw('closed 403');
    expect(journal.lines).toEqual(['opened /refused', 'failed guard: not allowed', 'handled error', 'closed 403']);
  });

  it('R-err-gone a client that goes aborts the signal; what comes later is dropped', async () => {
    const journal = new Journal();
    @Controller()
    class Slow {
      @UseInterceptors({ done: (_c: Context, { status }: Outcome) => journal.note(`done ${status}`) })
      @Get('slow')
      async get(signal: AbortSignal, cleanUp: CleanUp) {
        cleanUp.add(() => journal.note('clean up'));
        journal.note('started');
        await once(signal, 'abort');
        return 'late';
      }
      @UseGuards({
        canActivate: async (c: Context) => {
          journal.note('guarding');
          await once(c.signal, 'abort');
          return true;
        },
      })
      @Get('guarded')
      guarded() {
        journal.note('never');
      }
    }
    const app = await testApp({ controllers: [Slow], use: [journal] });
    const client = await app.raw();
    client.write('GET /slow HTTP/1.1\r\nhost: a\r\n\r\n');
    await journal.saw('started');
    client.reset();
    await journal.saw('closed 499 early');
    expect(journal.lines).toEqual([
      'opened /slow',
      'started',
      'done gone',
      'handled gone',
      'clean up',
      'dropped late',
      'closed 499 early',
    ]);
    journal.lines.length = 0;
    const other = await app.raw();
    other.write('GET /guarded HTTP/1.1\r\nhost: a\r\n\r\n');
    await journal.saw('guarding');
    other.reset();
    await journal.saw('closed 499 early');
    expect(journal.lines).toEqual(['opened /guarded', 'guarding', 'handled gone', 'closed 499 early']);
  });

  it('a client that goes before its body has come is noticed', async () => {
    const journal = new Journal();
    @Controller()
    class Reading {
      @Post('body') post(@Body() text: string) {
        return text;
      }
    }
    const app = await testApp({ controllers: [Reading], use: [journal] });
    const client = await app.raw();
    client.write('POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n123');
    await journal.saw('opened /body');
    client.reset();
    await journal.saw('closed 499 early');
    expect(journal.lines).toEqual(['opened /body', 'handled gone', 'closed 499 early']);
  });

  it('pipelined requests end with their connection, also those that have not been answered yet', async () => {
    const journal = new Journal();
    @Controller()
    class Pipelined {
      @Get('first') async first(signal: AbortSignal) {
        await once(signal, 'abort');
      }
      @Get('second') second() {
        return 'waits for the first';
      }
    }
    const app = await testApp({ controllers: [Pipelined], use: [journal] });
    const client = await app.raw();
    for (const path of ['first', 'second']) client.write(`GET /${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
    await journal.saw('handled ok');
    client.reset();
    await journal.saw('closed 499 early');
    await app.close();
    expect(journal.lines.filter((line) => line.startsWith('closed')).sort()).toEqual([
      'closed 200 early',
      'closed 499 early',
    ]);
  });
});
