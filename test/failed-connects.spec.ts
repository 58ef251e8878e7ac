import { describe, expect, it } from '@jest/globals';
import {
  answer,
  Catch,
  closeWith,
  Context,
  Controller,
  HttpError,
  OnConnect,
  Param,
  Query,
  UseCatchers,
  UseGuards,
  WebSocket,
  type Answer,
  type Catcher,
  type CloseWith,
  type Guard,
} from 'halyard';
import { testApp, until } from 'halyard/testing';
import { never } from './support/gate.js';
import { Ledger } from './support/ledger.js';

class Refusing implements Guard {
  canActivate(c: Context): boolean {
    if (c.request.query['how'] === 'throw') {
      throw new HttpError(409, 'the room is full', { code: 'ROOM_FULL', details: { size: 4 } });
    }
    return c.request.query['how'] !== 'false';
  }
}

describe('a connection that does not come about', () => {
  it('R-err-guard R-err-param refuses before the 101, with status, code, message and details', async () => {
    const log: string[] = [];
    @Controller('guarded')
    @UseGuards(Refusing)
    class Guarded {
      @WebSocket(':n')
      message(@Param('n') _n: number, @Query('q') _q: string): void {}
      @OnConnect()
      connected(): void {
        log.push('opened');
      }
    }
    const app = await testApp({ controllers: [Guarded] });
    expect(await app.refused('/guarded/1?q=1&how=false')).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN', message: 'not allowed' },
    });
    expect(await app.refused('/guarded/1?q=1&how=throw')).toMatchObject({
      status: 409,
      body: { code: 'ROOM_FULL', message: 'the room is full', details: { size: 4 } },
    });
    for (const path of ['/guarded/x?q=1', '/guarded/1']) {
      expect(await app.refused(path)).toMatchObject({ status: 400, body: { code: 'PARAM_INVALID' } });
    }
    expect(log).toEqual([]);
    expect(app.app.metrics().handshakes).toEqual({ FORBIDDEN: 1, ROOM_FULL: 1, PARAM_INVALID: 2 });
    await app.connect('/guarded/1?q=1');
    await until(() => log.length === 1);
  });

  it('R-err-connect closes 1011, 1008, 1013, or as a catcher says', async () => {
    const ledger = new Ledger();
    @Catch()
    class Verdict implements Catcher {
      catch(error: unknown): CloseWith | Answer | undefined {
        if ((error as Error).message === 'close it') return closeWith(4242, 'by the catcher');
        return (error as Error).message === 'answer it' ? answer('an answer') : undefined;
      }
    }
    const errors: Record<string, () => unknown> = {
      plain: () => new Error('secret'),
      string: () => 'secret',
      client: () => new HttpError(404, 'no such room', { code: 'NO_ROOM' }),
      server: () => new HttpError(500, 'secret'),
      temporary: () => new HttpError(503, 'come back'),
      close: () => new Error('close it'),
      answer: () => new Error('answer it'),
    };
    @Controller(':how')
    @UseCatchers(Verdict)
    class Failing {
      @OnConnect('hook')
      async hook(@Param('how') how: string): Promise<void> {
        throw errors[how]!();
      }
      @WebSocket('hook')
      message(): void {}
      @WebSocket('trigger', { triggerOnConnect: true })
      trigger(@Param('how') how: string): void {
        throw errors[how]!();
      }
    }
    const app = await testApp({ controllers: [Failing], use: [ledger] });
    const expected: [how: string, code: number, reason: string][] = [
      ['plain', 1011, 'INTERNAL'],
      ['string', 1011, 'INTERNAL'],
      ['client', 1008, 'NO_ROOM'],
      ['temporary', 1013, 'SERVICE_UNAVAILABLE'],
      ['close', 4242, 'by the catcher'],
    ];
    let count = 0;
    for (const kind of ['hook', 'trigger']) {
      for (const [how, code, reason] of expected) {
        const client = await app.connect(`/${how}/${kind}`);
        expect(await client.closed()).toEqual({ code, reason, wasClean: true });
        expect(await ledger.lastClosing(++count)).toMatchObject({ code, reason });
      }
      const answered = await app.connect(`/answer/${kind}`);
      expect(await answered.next()).toBe('an answer');
      expect((await answered.closed()).code).toBe(1011);
      await ledger.lastClosing(++count);
    }
  });

  it('R-err-connect closes 1013 where @OnConnect never settles, also where a catcher does not', async () => {
    const ledger = new Ledger();
    @Catch()
    class Hanging implements Catcher {
      catch(): Promise<undefined> {
        return never();
      }
    }
    @Controller('never')
    class Never {
      @OnConnect()
      connect(): Promise<void> {
        return never();
      }
      @WebSocket('plain')
      message(): void {}
      @WebSocket('caught')
      @UseCatchers(Hanging)
      caught(): void {}
    }
    const app = await testApp({ controllers: [Never], use: [ledger], timeout: 50 });
    for (const path of ['/never/plain', '/never/caught']) {
      const client = await app.connect(path);
      expect(await client.closed()).toEqual({ code: 1013, reason: 'TIMEOUT', wasClean: true });
    }
    await ledger.lastClosing(2);
  });
});
