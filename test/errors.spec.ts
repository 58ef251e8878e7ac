import { describe, expect, it } from '@jest/globals';
import { IsInt, IsString, Max } from 'class-validator';
import { z } from 'zod';
import {
  answer,
  Body,
  Catch,
  closeWith,
  Context,
  Controller,
  HttpError,
  Json,
  Message,
  OnError,
  UseCatchers,
  UseGuards,
  WebSocket,
  type Answer,
  type Catcher,
  type CloseWith,
  type Guard,
} from 'halyard';
import { testApp } from 'halyard/testing';
import { Gate } from './support/gate.js';
import { Ledger } from './support/ledger.js';

class Move {
  @IsString()
  piece!: string;

  @IsInt()
  @Max(8)
  row!: number;
}

class NotNow implements Guard {
  canActivate(c: Context): boolean {
    return c.kind !== 'message';
  }
}

@Controller('rooms/:room')
class Rooms {
  @WebSocket({ event: 'json' })
  json(@Body(Json) body: unknown): unknown {
    return body;
  }
  @WebSocket({ event: 'move' })
  move(@Body() move: Move): unknown {
    return move;
  }
  @WebSocket({ event: 'schema' })
  schema(@Body(z.object({ piece: z.string(), row: z.number().max(8) })) move: unknown): unknown {
    return move;
  }
  @WebSocket({ event: 'guarded' })
  @UseGuards(NotNow)
  guarded(): string {
    return 'never';
  }
  @WebSocket({ event: 'fail' })
  fail(@Body(String) how: string): Promise<unknown> {
    switch (how) {
      case 'full':
        throw new HttpError(409, 'the room is full', { code: 'ROOM_FULL', details: { size: 4 } });
      case 'unsendable details':
        throw new HttpError(409, 'the room is full', { code: 'ROOM_FULL', details: 10n });
      case 'string':
        // oxlint-disable-next-line typescript/only-throw-error
        throw 'a secret';
      case 'undefined':
        // oxlint-disable-next-line typescript/only-throw-error
        throw undefined;
      case 'later':
        return new Promise((_, reject) => setImmediate(reject, new Error('a secret')));
      case 'null later':
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors
        return Promise.reject(null);
      case 'unsendable':
        return Promise.resolve(Symbol('secret'));
      default:
        throw new Error('a secret');
    }
  }
}

describe('an error', () => {
  it('R-err-json R-err-validation R-err-event R-err-forbidden answers what it does not take; the connection stays', async () => {
    const ledger = new Ledger();
    @Controller('raw')
    class Raw {
      @WebSocket()
      json(@Body(Json) body: unknown): unknown {
        return body;
      }
    }
    const app = await testApp({ controllers: [Rooms, Raw], use: [ledger] });
    const raw = await app.connect('/raw');
    for (const text of ['', '{', 'nul', '{"a":1}}', '\ufeff1', '[1,]', "{'a':1}", '{"__proto__":1}']) {
      raw.send(text);
      expect(await raw.json()).toMatchObject({ event: 'error', payload: { code: 'BODY_INVALID' } });
    }
    raw.send('[1]');
    expect(await raw.json()).toEqual([1]);
    const client = await app.connect('/rooms/1');
    for (const event of ['move', 'schema']) {
      client.send({ event, ref: 1, payload: { piece: 7, row: 9 } });
      const error = await client.json<{ payload: { details: { path: string; rule: string; message: string }[] } }>();
      expect(error).toMatchObject({ event: 'error', ref: 1, payload: { code: 'VALIDATION_FAILED' } });
      expect(error.payload.details.map(({ path }) => path).toSorted()).toEqual(['piece', 'row']);
      for (const { rule, message } of error.payload.details)
        expect([typeof rule, typeof message]).toEqual(['string', 'string']);
      for (const payload of [null, 7, 'x', [], undefined]) {
        client.send({ event, ref: 2, payload });
        expect(await client.json()).toMatchObject({ event: 'error', ref: 2 });
      }
      client.send({ event, ref: 3, payload: { piece: 'rook', row: 8 } });
      expect(await client.json()).toMatchObject({ event: 'reply', ref: 3 });
    }
    for (const message of [
      { event: 'what', ref: 4 },
      { event: 'toString', ref: 4 },
      { event: '', ref: 4 },
    ]) {
      client.send(message);
      expect(await client.json()).toMatchObject({ event: 'error', ref: 4, payload: { code: 'UNKNOWN_EVENT' } });
    }
    for (const message of [
      'text',
      '7',
      '[]',
      'null',
      '{"event":7}',
      Buffer.from('{"event":"json"}'),
      Buffer.from([255]),
    ]) {
      client.send(message);
      expect(await client.json()).toMatchObject({ event: 'error', payload: { code: 'UNKNOWN_EVENT' } });
    }
    client.send({ event: 'guarded', ref: 5 });
    expect(await client.json()).toEqual({
      event: 'error',
      ref: 5,
      payload: { code: 'FORBIDDEN', message: 'not allowed' },
    });
    await client.idle();
    expect(app.app.metrics().closes).toEqual({});
  });

  it('R-err-handler answers INTERNAL without the text, an HttpError with its own; the connection stays', async () => {
    const ledger = new Ledger();
    const app = await testApp({ controllers: [Rooms], use: [ledger] });
    const client = await app.connect('/rooms/1');
    const internal = { code: 'INTERNAL', message: 'internal error' };
    for (const how of ['error', 'string', 'undefined', 'later', 'null later', 'unsendable', 'unsendable details']) {
      client.send({ event: 'fail', payload: how, ref: how });
      expect(await client.json()).toEqual({ event: 'error', ref: how, payload: internal });
      client.send({ event: 'fail', payload: how });
      expect(await client.json()).toEqual({ event: 'error', payload: internal });
    }
    client.send({ event: 'fail', payload: 'full', ref: 1 });
    expect(await client.json()).toEqual({
      event: 'error',
      ref: 1,
      payload: { code: 'ROOM_FULL', message: 'the room is full', details: { size: 4 } },
    });
    await client.idle();
    expect(ledger.failures.filter(({ stage }) => stage === 'endpoint').length).toBeGreaterThanOrEqual(11);
  });

  it('R-err-handler runs @OnError for what the server did wrong, and survives what that throws', async () => {
    const seen: unknown[] = [];
    @Controller('hook')
    class Hook {
      @WebSocket()
      fail(message: Message): void {
        throw message.text() === 'client' ? new HttpError(400) : new Error(message.text());
      }
      @OnError()
      failed(c: Context): void {
        if (c.kind === 'disconnect') seen.push((c.error as Error).message);
        throw new Error('of the hook');
      }
      @OnError()
      async rejects(): Promise<void> {
        throw new Error('of the other hook');
      }
    }
    const app = await testApp({ controllers: [Hook] });
    const client = await app.connect('/hook');
    client.send('client');
    expect(await client.json()).toMatchObject({ payload: { code: 'BAD_REQUEST' } });
    client.send('server');
    expect(await client.json()).toMatchObject({ payload: { code: 'INTERNAL' } });
    expect(seen).toEqual(['server']);
  });

  it('R-err-expose shows inner texts', async () => {
    const app = await testApp({ controllers: [Rooms], exposeErrors: true });
    const client = await app.connect('/rooms/1');
    for (const how of ['error', 'string', 'later']) {
      client.send({ event: 'fail', payload: how });
      expect(await client.json()).toEqual({ event: 'error', payload: { code: 'INTERNAL', message: 'a secret' } });
    }
  });

  it('R-err-catcher answers with its reply, or its close code and reason; one that fails leaves an answer owed', async () => {
    const gate = new Gate();
    @Catch(RangeError)
    class Ranges implements Catcher {
      async catch(error: unknown): Promise<Answer | CloseWith | undefined> {
        switch ((error as Error).message) {
          case 'answer':
            return answer({ sorry: true });
          case 'close':
            return closeWith(4000, 'enough');
          case 'unsendable':
            return answer(10n);
          case 'bad code':
            return closeWith(1005);
          case 'throw':
            throw new HttpError(418, 'of the catcher', { code: 'TEAPOT' });
          case 'late':
            await gate.wait();
            return answer('too late');
          default:
            return undefined;
        }
      }
    }
    @Controller('caught')
    @UseCatchers(Ranges)
    class Caught {
      @WebSocket({ event: 'range', timeout: 50 })
      range(@Body(String) how: string): void {
        throw new RangeError(how);
      }
      @WebSocket({ event: 'type' })
      type(): void {
        throw new TypeError('not for this catcher');
      }
    }
    const app = await testApp({ controllers: [Caught] });
    const client = await app.connect('/caught');
    const ask = async (payload: string): Promise<unknown> => {
      client.send({ event: 'range', payload, ref: 1 });
      return client.json();
    };
    expect(await ask('answer')).toEqual({ event: 'reply', ref: 1, payload: { sorry: true } });
    expect(await ask('unsendable')).toMatchObject({ event: 'error', ref: 1, payload: { code: 'INTERNAL' } });
    expect(await ask('bad code')).toMatchObject({ event: 'error', ref: 1, payload: { code: 'INTERNAL' } });
    expect(await ask('throw')).toMatchObject({ event: 'error', ref: 1, payload: { code: 'TEAPOT' } });
    expect(await ask('nothing')).toMatchObject({ event: 'error', ref: 1, payload: { code: 'INTERNAL' } });
    expect(await ask('late')).toMatchObject({ event: 'error', ref: 1, payload: { code: 'TIMEOUT' } });
    gate.open();
    client.send({ event: 'type', ref: 2 });
    expect(await client.json()).toMatchObject({ event: 'error', ref: 2, payload: { code: 'INTERNAL' } });
    await client.idle();
    expect(app.app.metrics().drops).toEqual({ late: 1 });
    client.send({ event: 'range', payload: 'close' });
    expect(await client.closed()).toEqual({ code: 4000, reason: 'enough', wasClean: true });
  });
});
