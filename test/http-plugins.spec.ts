import { describe, expect, it } from '@jest/globals';
import { Controller, Get, WebSocket } from 'halyard';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { testApp } from 'halyard/testing';
import { Journal } from './journal.js';

describe('the Fastify instance', () => {
  @Controller()
  class Routes {
    @Get('a') a() {
      return 'ours';
    }
    @WebSocket('b') b() {}
  }

  it('R-http-fastify has our routes behind the plugins, which see them', async () => {
    const seen: string[] = [];
    const app = await testApp({
      controllers: [Routes],
      http: async (fastify) => {
        await fastify.register(
          Object.assign(
            async (instance: FastifyInstance) => {
              await Promise.resolve();
              instance.addHook('onRoute', ({ method, url }) => void seen.push(`${String(method)} ${url}`));
              instance.addHook('onRequest', async (_request, reply) => {
                reply.header('x-plugin', 'yes');
              });
              instance.get('/theirs', () => 'theirs');
            },
            { [Symbol.for('skip-override')]: true },
          ),
        );
      },
    });
    expect(seen).toEqual(expect.arrayContaining(['GET /theirs', 'GET /a', 'HEAD /a', 'GET /b', 'GET /healthz']));
    expect(await app.request('/a')).toMatchObject({ headers: { 'x-plugin': 'yes' }, body: 'ours' });
    expect(await app.request('/theirs')).toMatchObject({ headers: { 'x-plugin': 'yes' }, body: 'theirs' });
    expect(await app.request('/nowhere')).toMatchObject({ status: 404, headers: { 'x-plugin': 'yes' } });
    expect(await app.request('/b')).toMatchObject({ status: 426, headers: { 'x-plugin': 'yes' } });
  });

  it("keeps the user's not-found handler, health routes and error handler", async () => {
    const app = await testApp({
      controllers: [Routes],
      http: (fastify) => {
        fastify.setNotFoundHandler((_request, reply) => reply.code(404).send('theirs'));
        fastify.setErrorHandler((_error, _request, reply) => reply.code(500).send('their error'));
        fastify.get('/readyz', () => 'theirs');
        fastify.get('/broken', () => Promise.reject(new Error('broken')));
      },
    });
    expect(await app.request('/nowhere')).toMatchObject({ status: 404, body: 'theirs' });
    expect((await app.request('/readyz')).body).toBe('theirs');
    expect((await app.request('/healthz')).body).toEqual({ status: 'ok' });
    expect((await app.request('/broken')).body).toBe('their error');
  });

  it("keeps the not-found handler of a plugin's prefix", async () => {
    const app = await testApp({
      controllers: [Routes],
      http: (fastify) =>
        void fastify.register(
          async (instance) => void instance.setNotFoundHandler((_request, reply) => reply.code(404).send('of v1')),
          { prefix: '/v1' },
        ),
    });
    expect(await app.request('/v1/nowhere')).toMatchObject({ status: 404, body: 'of v1' });
    expect(await app.request('/nowhere')).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });

  it('can be asked without a socket', async () => {
    const journal = new Journal();
    const { app } = await testApp({ controllers: [Routes], use: [journal] });
    const { statusCode, body } = await app.http.inject('/a');
    expect([statusCode, body]).toEqual([200, 'ours']);
    await journal.saw('closed 200');
  });

  it("logs what goes wrong in the user's own routes, and not each request", async () => {
    const lines: string[] = [];
    const app = await testApp({
      controllers: [Routes],
      logger: pino({ level: 'info' }, { write: (line) => void lines.push(line) }),
      http: (fastify) => void fastify.get('/broken', () => Promise.reject(new Error('of a route'))),
    });
    await app.request('/a');
    await app.request('/nowhere');
    expect(await app.request('/broken')).toMatchObject({ status: 500 });
    const told = lines.filter((line) => !line.includes('istening'));
    expect(told).toEqual([expect.stringContaining('of a route')]);
  });

  it('that cannot be made ready keeps the app from listening, and closes all the same', async () => {
    const failing = testApp({
      controllers: [Routes],
      http: (fastify) => void fastify.register(() => Promise.reject(new Error('no database'))),
    });
    await expect(failing).rejects.toThrow('no database');
  });

  it('a health route of a controller is the one that answers', async () => {
    @Controller('healthz')
    class Health {
      @Get() get() {
        return 'fine';
      }
    }
    const app = await testApp({ controllers: [Health] });
    expect((await app.request('/healthz')).body).toBe('fine');
    expect(await app.request('/readyz')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });
});
