import { describe, expect, it } from '@jest/globals';
import {
  answer,
  closeWith,
  Controller,
  Get,
  HttpError,
  Param,
  UseCatchers,
  type Answer,
  type Catcher,
  type CloseWith,
} from 'halyard';
import { testApp } from 'halyard/testing';

describe('errors', () => {
  class Wrong extends Error {}
  class Teapot implements Catcher {
    catch(error: unknown): Answer | CloseWith | undefined {
      if (!(error instanceof Error)) return undefined;
      if (error.message === 'answer') return answer({ caught: true });
      if (error.message === 'status') return answer('short and stout', { status: 418 });
      if (error.message === 'close') return closeWith(4000, 'bye');
      return undefined;
    }
  }
  @UseCatchers(new Teapot())
  @Controller('errors')
  class Errors {
    @Get('own') own() {
      throw new HttpError(409, 'full', { code: 'ROOM_FULL', details: { room: 1 }, headers: { 'x-room': '1' } });
    }
    @Get(':message') async any(@Param('message') message: string) {
      await Promise.resolve();
      throw new Wrong(message);
    }
  }

  it('an HttpError is what it says, anything else INTERNAL without its text', async () => {
    const app = await testApp({ controllers: [Errors] });
    expect(await app.request('/errors/own')).toMatchObject({
      status: 409,
      headers: { 'x-room': '1' },
      body: { code: 'ROOM_FULL', message: 'full', details: { room: 1 } },
    });
    expect(await app.request('/errors/secret')).toMatchObject({
      status: 500,
      body: { code: 'INTERNAL', message: 'internal error' },
    });
    const open = await testApp({ controllers: [Errors], exposeErrors: true });
    expect((await open.request('/errors/secret')).body).toEqual({ code: 'INTERNAL', message: 'secret' });
  });

  it('a catcher answers; without a status of its own with that of the error', async () => {
    const app = await testApp({ controllers: [Errors] });
    expect(await app.request('/errors/answer')).toMatchObject({ status: 500, body: { caught: true } });
    expect(await app.request('/errors/status')).toMatchObject({ status: 418, body: 'short and stout' });
    expect(await app.request('/errors/close')).toMatchObject({ status: 500, body: { code: 'INTERNAL' } });
  });

  it("those of the user's plugins pass the catchers of the endpoint, and leave in our shape", async () => {
    const caught: string[] = [];
    const app = await testApp({
      controllers: [Errors],
      use: [{ catch: (error: unknown) => void caught.push((error as Error).message) }],
      http: (fastify) => {
        fastify.addHook('onRequest', async ({ headers }) => {
          if (headers['x-limit']) throw Object.assign(new Error('slow down'), { statusCode: 429 });
          if (headers['x-down']) throw Object.assign(new Error('db-7 is down'), { statusCode: 503 });
        });
        fastify.addHook('onSend', async ({ headers }, reply, payload) => {
          if (headers['x-send'] && reply.statusCode !== 500) throw new Error('cannot send');
          return payload;
        });
      },
    });
    expect(await app.request('/errors/own', { headers: { 'x-limit': '1' } })).toMatchObject({
      status: 429,
      body: { code: 'TOO_MANY_REQUESTS', message: 'slow down' },
    });
    expect(await app.request('/errors/own', { headers: { 'x-down': '1' } })).toMatchObject({
      status: 503,
      body: { code: 'SERVICE_UNAVAILABLE', message: 'Service Unavailable' },
    });
    expect(await app.request('/errors/own', { headers: { 'x-send': '1' } })).toMatchObject({
      status: 500,
      body: { code: 'INTERNAL' },
    });
    expect(caught).toEqual(['slow down', 'Service Unavailable', 'full']);
  });

  it('what is no HTTP, or has too large a head, is answered and cut off', async () => {
    const app = await testApp({ controllers: [Errors] });
    const garbage = await app.raw();
    garbage.write('this is no HTTP\r\n\r\n');
    expect((await garbage.head()).status).toBe(400);
    await garbage.ended();
    const large = await app.raw();
    large.write(`GET / HTTP/1.1\r\nx: ${'x'.repeat(17 * 1024)}\r\n\r\n`);
    expect((await large.head()).status).toBe(431);
    await large.ended();
  });

  it('a head that takes too long is 408', async () => {
    const app = await testApp({ controllers: [Errors], handshake: 50 });
    const client = await app.raw();
    client.write('GET / HTTP/1.1\r\n');
    expect((await client.head()).status).toBe(408);
    await client.ended();
  });
});
