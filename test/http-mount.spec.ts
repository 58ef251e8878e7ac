import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller as NestController, Get as NestGet, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IsInt } from 'class-validator';
import express from 'express';
import { fastify } from 'fastify';
import { Body, Controller, createApp, Get, Json, Param, Post, Put, Request, type App, type AppOptions } from 'halyard';

class Count {
  @IsInt() n!: number;
}

@Controller('ours')
class Ours {
  @Get(':id') get(@Param('id') id: string, request: Request) {
    return { id, url: request.url, path: request.path };
  }
  @Post('dto') dto(@Body() { n }: Count) {
    return { n };
  }
  @Post('json') json(@Body(Json) value: unknown) {
    return { value };
  }
  @Put('text') text(@Body() text: string) {
    return { text };
  }
}

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function halyard(options: AppOptions = {}): Promise<App> {
  const app = await createApp({
    controllers: [Ours],
    logger: false,
    signals: false,
    shutdown: { timeout: 500 },
    ...options,
  });
  opened.push(() => app.close());
  return app;
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function ask(url: string, init?: RequestInit): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  return { status: response.status, body: isJson ? JSON.parse(text) : text };
}

const post = (value: unknown, type = 'application/json'): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': type },
  body: typeof value === 'string' ? value : JSON.stringify(value),
});

describe('R-http-handler app.handler mounts the HTTP endpoints', () => {
  it('R-http-handler on a plain server, whole or in front of something else', async () => {
    const app = await halyard();
    const whole = await listening(createServer(app.handler));
    expect(await ask(`${whole}/ours/1`)).toEqual({ status: 200, body: { id: '1', url: '/ours/1', path: '/ours/1' } });
    expect(await ask(`${whole}/nowhere`)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    expect(await ask(`${whole}/healthz`)).toMatchObject({ status: 200 });

    const other = (request: IncomingMessage, response: ServerResponse) => {
      void request.toArray().then((chunks) => response.end(`theirs ${String(Buffer.concat(chunks as Buffer[]))}`));
    };
    const front = await listening(
      createServer((request, response) => app.handler(request, response, () => other(request, response))),
    );
    expect((await ask(`${front}/ours/dto`, post({ n: 1 }))).body).toEqual({ n: 1 });
    expect((await ask(`${front}/nowhere`, post('body'))).body).toBe('theirs body');
    expect((await ask(`${front}/healthz`)).body).toBe('theirs ');
    expect((await ask(`${front}/ours/%zz`)).body).toBe('theirs ');
  });

  it('leaves what is not ours untouched: no hook of a plugin sees it', async () => {
    const seen: string[] = [];
    const app = await halyard({
      http: (fastify) => {
        fastify.addHook('onRequest', async ({ url }) => void seen.push(url));
        fastify.get('/plugin', () => 'of a plugin');
      },
    });
    const url = await listening(
      createServer((request, response) => app.handler(request, response, () => response.end('theirs'))),
    );
    expect((await ask(`${url}/nowhere?a=1`)).body).toBe('theirs');
    expect((await ask(`${url}/plugin`)).body).toBe('of a plugin');
    expect(seen).toEqual(['/plugin']);
  });

  it('makes the app ready by itself, and gives the reason to next where that fails', async () => {
    const app = await halyard({
      http: () => {
        throw new Error('misconfigured');
      },
    });
    const url = await listening(
      createServer((request, response) =>
        app.handler(request, response, (error) => response.end(`next: ${(error as Error).message}`)),
      ),
    );
    expect((await ask(`${url}/ours/1`)).body).toBe('next: misconfigured');
    const whole = await listening(createServer(app.handler));
    expect(await ask(`${whole}/ours/1`)).toMatchObject({ status: 500, body: { code: 'INTERNAL' } });
  });

  it('R-http-handler in Express, under a path, before and behind its body parsers', async () => {
    const app = await halyard();
    const host = express();
    host.use('/before', app.handler);
    host.use(express.json(), express.urlencoded({ extended: false }), express.text({ type: 'text/plain' }));
    host.use('/api', app.handler);
    host.use(express.raw({ type: 'image/png' }), app.handler);
    host.use((_request, response) => void response.send('express'));
    const url = await listening(createServer(host));
    for (const prefix of ['/before', '/api', '']) {
      const base = `${url}${prefix}/ours`;
      expect((await ask(`${base}/1?a=2`)).body).toEqual({
        id: '1',
        url: `${prefix}/ours/1?a=2`,
        path: `${prefix}/ours/1`,
      });
      expect(await ask(`${base}/dto`, post({ n: 1 }))).toEqual({ status: 201, body: { n: 1 } });
      expect(await ask(`${base}/dto`, post({ n: 'x' }))).toMatchObject({
        status: 400,
        body: { code: 'VALIDATION_FAILED' },
      });
      expect((await ask(`${base}/json`, post('a=1&b=2', 'application/x-www-form-urlencoded'))).body).toEqual({
        value: { a: '1', b: '2' },
      });
      expect((await ask(`${base}/text`, { ...post('plain', 'text/plain'), method: 'PUT' })).body).toEqual({
        text: 'plain',
      });
      expect((await ask(`${base}/text`, { ...post('png', 'image/png'), method: 'PUT' })).body).toEqual({ text: 'png' });
      expect((await ask(`${base}/text`, { method: 'PUT' })).body).toEqual({ text: '' });
    }
    expect((await ask(`${url}/else`)).body).toBe('express');
  });

  it('R-http-handler in Nest, whose body parser comes first', async () => {
    @NestController('theirs')
    class Theirs {
      @NestGet() get() {
        return 'nest';
      }
    }
    @Module({ controllers: [Theirs] })
    class Root {}
    const app = await halyard();
    const nest = await NestFactory.create(Root, { logger: false, rawBody: true });
    opened.push(() => nest.close());
    nest.use(app.handler);
    await nest.listen(0, '127.0.0.1');
    const url = await nest.getUrl();
    expect((await ask(`${url}/theirs`)).body).toBe('nest');
    expect((await ask(`${url}/ours/dto`, post({ n: 1 }))).body).toEqual({ n: 1 });
    expect((await ask(`${url}/ours/1`)).status).toBe(200);
  });

  it('R-http-handler in Fastify', async () => {
    const app = await halyard();
    const host = fastify();
    host.addHook('onRequest', (request, reply, done) => app.handler(request.raw, reply.raw, () => done()));
    host.post('/theirs', (request) => ({ theirs: request.body }));
    const url = await host.listen({ port: 0, host: '127.0.0.1' });
    opened.push(() => host.close());
    expect((await ask(`${url}/theirs`, post({ a: 1 }))).body).toEqual({ theirs: { a: 1 } });
    expect((await ask(`${url}/ours/dto`, post({ n: 1 }))).body).toEqual({ n: 1 });
  });
});
