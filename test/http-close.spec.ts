import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { Controller, Get, type App } from 'halyard';
import { testApp } from 'halyard/testing';
import { Journal } from './journal.js';

describe('closing', () => {
  @Controller()
  class Slow {
    static release: () => void;
    static started: Promise<void>;
    static start: () => void;
    @Get('slow') async slow() {
      await new Promise<void>((resolve) => {
        Slow.release = resolve;
        Slow.start();
      });
      return 'finished';
    }
    @Get('quick') quick() {
      return 'quick';
    }
  }
  const arm = (): void => {
    Slow.started = new Promise((resolve) => (Slow.start = resolve));
  };

  it('R-http-health readyz is 503 as soon as the app drains, and what comes then is refused', async () => {
    const { app } = await testApp({ controllers: [Slow] });
    const server = createServer((request, response) => app.handler(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
      const closing = app.close();
      expect((await fetch(`${url}/readyz`)).status).toBe(503);
      const refused = await fetch(`${url}/quick`);
      expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('connection')]).toEqual([
        503,
        '1',
        'close',
      ]);
      expect(await refused.json()).toEqual({ code: 'DRAINING', message: 'the server is going away' });
      await closing;
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it('what runs is finished', async () => {
    arm();
    const app = await testApp({ controllers: [Slow] });
    const running = app.request('/slow');
    await Slow.started;
    const closing = app.close();
    Slow.release();
    expect(await running).toMatchObject({ status: 200, headers: { connection: 'close' }, body: 'finished' });
    await closing;
  });

  it('what is not finished in time is cut off', async () => {
    arm();
    const journal = new Journal();
    const app = await testApp({ controllers: [Slow], use: [journal], shutdown: { timeout: 50 } });
    const failed = app.request('/slow').catch((error: unknown) => (error as Error).message);
    await Slow.started;
    await app.close();
    expect(await failed).toContain('socket hang up');
    expect(journal.lines).toContain('closed 499 early');
  });

  it('connections without a request do not hold it up', async () => {
    const app = await testApp({ controllers: [Slow], shutdown: { timeout: '60s' } });
    // A browser opens connections in advance.
    const unused = await app.raw();
    const kept = await app.raw();
    kept.write('GET /quick HTTP/1.1\r\nhost: a\r\n\r\n');
    await kept.read((bytes) => bytes.includes('quick'));
    await app.close();
    await kept.ended();
    await unused.ended();
  });

  it("a plugin's onClose is run, and does not hold it up for ever", async () => {
    const journal = new Journal();
    const closing = (fastify: App['http'], close: () => Promise<void>) =>
      void fastify.addHook('onClose', () => {
        journal.note('onClose');
        return close();
      });
    const failing = await testApp({
      controllers: [Slow],
      http: (fastify) => closing(fastify, () => Promise.reject(new Error('cannot close'))),
    });
    await failing.close();
    const hanging = await testApp({
      controllers: [Slow],
      shutdown: { timeout: 10 },
      http: (fastify) => closing(fastify, () => new Promise(() => undefined)),
    });
    await hanging.close();
    expect(journal.lines).toEqual(['onClose', 'onClose']);
  });
});
