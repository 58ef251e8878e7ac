import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import express from 'express';
import {
  Body,
  Controller,
  createApp,
  Get,
  Header,
  HttpError,
  Param,
  Post,
  Query,
  Request,
  UseGuards,
  WebSocket,
  type App,
  type Context,
  type Guard,
} from 'halyard';
import { IsString } from 'class-validator';
import { closeLater } from '#internal/testing/closing.js';
import { closeServer, Host, listen, startNest } from './attach-hosts.js';

class Signed implements Guard {
  canActivate(c: Context): boolean {
    return c.request.headers['x-key'] === 'right';
  }
}

class Note {
  @IsString()
  text!: string;
}

@Controller('notes')
class NoteController {
  @Get(':id')
  read(@Param('id') id: string, @Query('full') full: boolean, request: Request): unknown {
    return { id, full, url: request.url, path: request.path };
  }

  @Post()
  write(@Body() note: Note): unknown {
    return { saved: note.text };
  }

  @Post('bytes')
  bytes(@Body() bytes: Buffer): unknown {
    return { length: bytes.length };
  }

  @Get('secret')
  @UseGuards(Signed)
  secret(@Header('x-key') key: string): string {
    return key;
  }

  @Get('lost')
  lost(): never {
    throw new HttpError(410, 'it was here');
  }

  @WebSocket('live')
  live(@Body() text: string): string {
    return text;
  }
}

async function start(): Promise<App> {
  const app = await createApp({ controllers: [NoteController], logger: false, shutdown: { timeout: '1s' } });
  closeLater({ abandon: () => app.close() });
  return app;
}

async function serve(listener: RequestListener): Promise<Host> {
  const server = createServer(listener);
  await listen(server);
  return new Host(server, () => closeServer(server));
}

/** Our endpoints below `prefix`, as on a server of our own. */
async function expectOurs(host: Host, prefix = ''): Promise<void> {
  const read = await host.get(`${prefix}/notes/7?full=true`);
  expect(read.status).toBe(200);
  const url = `${prefix}/notes/7?full=true`;
  expect(await read.json()).toEqual({ id: '7', full: true, url, path: `${prefix}/notes/7` });
  const written = await host.post(`${prefix}/notes`, { text: 'milk' });
  expect(written.status).toBe(201);
  expect(await written.json()).toEqual({ saved: 'milk' });
  const invalid = await host.post(`${prefix}/notes`, { text: 1 });
  expect(invalid.status).toBe(400);
  expect(await invalid.json()).toMatchObject({ code: 'VALIDATION_FAILED', details: [{ path: 'text' }] });
  const secret = await host.get(`${prefix}/notes/secret`);
  expect(secret.status).toBe(403);
  expect(await secret.json()).toMatchObject({ code: 'FORBIDDEN' });
  const lost = await host.get(`${prefix}/notes/lost`);
  expect(lost.status).toBe(410);
  expect(await lost.json()).toEqual({ code: 'GONE', message: 'it was here' });
}

/** What is not ours arrives where it was going, with its body. */
async function expectTheirs(host: Host): Promise<void> {
  expect(await (await host.get('/page')).text()).toBe('their page');
  expect(await (await host.post('/form', { name: 'ada' })).text()).toBe('their form: ada');
}

async function readAll(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

describe('On a plain server, app.handler', () => {
  it('R-http-handler answers what is ours, and gives the rest to next with its body unread', async () => {
    const app = await start();
    const errors: unknown[] = [];
    const host = await serve((request, response) => {
      app.handler(request, response, (error) => {
        errors.push(error);
        void readAll(request).then((body) => {
          if (body === '') response.end('their page');
          else response.end(`their form: ${(JSON.parse(body) as { name: string }).name}`);
        });
      });
    });
    await expectOurs(host);
    await expectTheirs(host);
    // Another method of a path of ours is not ours, and health is the host's own matter.
    expect(await (await host.get('/notes')).text()).toBe('their page');
    expect(await (await host.get('/healthz')).text()).toBe('their page');
    expect(errors).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('R-http-handler is 404 for the rest without a next', async () => {
    const app = await start();
    const host = await serve(app.handler);
    await expectOurs(host);
    const missing = await host.get('/page');
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('R-http-handler serves the WebSockets too where the app is attached', async () => {
    const app = await start();
    const host = await serve(app.handler);
    app.attach(host.server);
    const client = await host.connect('/notes/live');
    client.send('hi');
    expect(await client.next()).toBe('hi');
    const plain = await host.get('/notes/live');
    expect(plain.status).toBe(426);
    expect(plain.headers.get('upgrade')).toBe('websocket');
  });

  it('R-http-handler leaves the server open when the app closes', async () => {
    const app = await start();
    const host = await serve((request, response) => app.handler(request, response, () => response.end('their page')));
    await expectOurs(host);
    await app.close();
    expect(await (await host.get('/page')).text()).toBe('their page');
    const refused = await host.get('/notes/7?full=true');
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: 'DRAINING' });
  });
});

describe('In Express, app.handler', () => {
  type Mount = (outer: ReturnType<typeof express>, app: App) => void;
  const mounts: readonly (readonly [name: string, prefix: string, mount: Mount])[] = [
    ['mounted before its own routes', '', (outer, app) => void outer.use(app.handler)],
    ['behind express.json()', '', (outer, app) => void outer.use(express.json(), app.handler)],
    ['at a path', '/api', (outer, app) => void outer.use('/api', app.handler)],
    ['at a path behind express.json()', '/api', (outer, app) => void outer.use('/api', express.json(), app.handler)],
  ];

  it.each(mounts)('R-http-handler works %s', async (_name, prefix, mount) => {
    const app = await start();
    const outer = express();
    mount(outer, app);
    outer.get('/page', (_request, response) => void response.send('their page'));
    outer.post('/form', express.json(), (request, response) => {
      response.send(`their form: ${(request.body as { name: string }).name}`);
    });
    const host = await serve(outer);
    await expectOurs(host, prefix);
    await expectTheirs(host);
  });

  it('R-http-handler gets bytes that express.json() does not read', async () => {
    const app = await start();
    const host = await serve(express().use(express.json(), app.handler));
    const body = Buffer.from([0, 159, 255]);
    const headers = { 'content-type': 'application/octet-stream' };
    const response = await fetch(`${host.url}/notes/bytes`, { method: 'POST', headers, body });
    expect(await response.json()).toEqual({ length: 3 });
  });
});

describe('In Nest, app.handler', () => {
  it('R-http-handler answers beside its controllers and body parsers', async () => {
    const app = await start();
    const host = await startNest({}, (nest) => void nest.use(app.handler));
    await expectOurs(host);
    await expectTheirs(host);
  });

  it('R-http-handler and the WebSockets of both work on one server', async () => {
    const app = await start();
    const host = await startNest({ first: (server) => void app.attach(server) }, (nest) => {
      nest.use('/api', app.handler);
    });
    await expectOurs(host, '/api');
    await expectTheirs(host);
    const ours = await host.connect('/notes/live');
    ours.send('hi');
    expect(await ours.next()).toBe('hi');
    const theirs = await host.connect('/theirs');
    theirs.send({ event: 'echo', data: 'hi' });
    expect(await theirs.json()).toEqual({ event: 'echo', data: 'hi' });
  });
});
