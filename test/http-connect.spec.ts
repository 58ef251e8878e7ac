import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import session, { MemoryStore, type SessionData } from 'express-session';
import {
  Body,
  connect,
  Context,
  Controller,
  Get,
  HttpError,
  Json,
  Post,
  UseGuards,
  WebSocket,
  type Guard,
} from 'halyard';
import { testApp } from 'halyard/testing';
import { Journal } from './journal.js';

type Handler = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => unknown;

interface WithSession extends IncomingMessage {
  session: SessionData & { user?: string };
  user?: string;
}

/** The session of a request, as express-session leaves it there. */
const sessionOf = (c: Context) => (c.request.raw as WithSession).session;

class SignedIn implements Guard {
  canActivate(c: Context): boolean {
    const { user } = sessionOf(c);
    c.data['user'] = user;
    return user !== undefined;
  }
}

@Controller('account')
class Account {
  @Post('login') login(@Body(Json) { user }: { user: string }, c: Context) {
    sessionOf(c).user = user;
    return { hello: user };
  }
  @Get('me') @UseGuards(SignedIn) me(c: Context) {
    return c.data['user'];
  }
}

@Controller('chat')
class Chat {
  @UseGuards(SignedIn)
  @WebSocket()
  say(@Body() text: string, c: Context) {
    return `${String(c.data['user'])}: ${text}`;
  }
}

@Controller('open')
class Open {
  @Get() get() {
    return 'reached';
  }
  @WebSocket('ws') say(@Body() text: string) {
    return text;
  }
}

const cookieOf = ({ headers }: { headers: { 'set-cookie'?: string[] | undefined } }): string =>
  headers['set-cookie']![0]!.split(';')[0]!;

function sessions(store = new MemoryStore(), saveUninitialized = false) {
  return connect(session({ secret: 'for tests', resave: false, saveUninitialized, store }));
}

describe('connect(express-session)', () => {
  it('R-http-session a cookie set by a login is read by a guard on the upgrade', async () => {
    const app = await testApp({ controllers: [Account, Chat], use: [sessions()] });
    expect((await app.refused('/chat')).status).toBe(403);
    expect((await app.request('/account/me')).status).toBe(403);

    const login = await app.request('/account/login', { body: { user: 'ada' } });
    expect(login).toMatchObject({ status: 201, body: { hello: 'ada' } });
    const headers = { cookie: cookieOf(login) };
    expect((await app.request('/account/me', { headers })).body).toBe('ada');
    const client = await app.connect('/chat', { headers });
    client.send('hi');
    expect(await client.next()).toBe('ada: hi');
  });

  it('a session that begins at the upgrade is saved, and its cookie is on the 101', async () => {
    const store = new MemoryStore();
    const app = await testApp({ controllers: [Open, Account], use: [sessions(store, true)] });
    const raw = await app.raw();
    const head = await raw.handshake('/open/ws');
    expect(head).toMatchObject({ status: 101, headers: { 'set-cookie': expect.stringMatching(/^connect\.sid=s%3A/) } });
    const [cookie] = head.headers['set-cookie']!.split(';');
    const id = decodeURIComponent(cookie!).slice('connect.sid=s:'.length).split('.')[0]!;
    const saved = await new Promise<unknown>((resolve, reject) => {
      store.get(id, (error, found) => (error ? reject(error as Error) : resolve(found)));
    });
    expect(saved).toMatchObject({ cookie: { path: '/' } });
  });
});

describe('connect(middleware)', () => {
  const both = async (...handlers: Handler[]) => {
    const journal = new Journal();
    const app = await testApp({ controllers: [Open], use: [journal, connect(...handlers)] });
    return { app, journal };
  };

  it('R-http-connect runs one after the other, for HTTP and at the upgrade, with its headers', async () => {
    const { app } = await both(
      (request, response, next) => {
        (request as WithSession).user = 'ada';
        response.setHeader('x-first', 'one');
        response.setHeader('set-cookie', ['a=1', 'b=2']);
        setImmediate(next);
      },
      (request, response, next) => {
        response.setHeader('x-second', (request as WithSession).user!);
        next();
      },
    );
    expect(await app.request('/open')).toMatchObject({
      status: 200,
      headers: { 'x-first': 'one', 'x-second': 'ada', 'set-cookie': ['a=1', 'b=2'] },
      body: 'reached',
    });
    const head = await (await app.raw()).handshake('/open/ws');
    expect(head).toMatchObject({
      status: 101,
      headers: { 'x-first': 'one', 'x-second': 'ada', 'set-cookie': 'a=1, b=2', connection: 'Upgrade' },
    });
    expect(head.headers['content-length']).toBeUndefined();
  });

  it('what ends the response before next is the answer, or the refusal', async () => {
    const { app, journal } = await both((_request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic', 'content-type': 'text/plain' });
      response.end('sign in first');
    });
    expect(await app.request('/open')).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Basic' },
      body: 'sign in first',
    });
    await journal.saw('closed 401');
    expect(journal.lines).toEqual(['opened /open', 'closed 401']);
    expect(await app.refused('/open/ws')).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Basic' },
      body: { code: 'UNAUTHORIZED', message: 'sign in first' },
    });
  });

  it('an error given to next, thrown, or rejected with is thrown, with its status', async () => {
    const forbidden = Object.assign(new Error('bad csrf token'), { status: 403 });
    const failing: Handler[] = [
      (_request, _response, next) => next(forbidden),
      () => {
        throw forbidden;
      },
      () => Promise.reject(forbidden),
      () => {
        throw new HttpError(403, 'bad csrf token');
      },
    ];
    for (const handler of failing) {
      const { app } = await both(handler);
      const refusal = { status: 403, body: { code: 'FORBIDDEN', message: 'bad csrf token' } };
      expect(await app.request('/open')).toMatchObject(refusal);
      expect(await app.refused('/open/ws')).toMatchObject(refusal);
    }
  });

  it('does not wait for what never calls next when the client has gone', async () => {
    let called!: () => void;
    const { app, journal } = await both(() => called());
    for (const request of ['GET /open HTTP/1.1\r\nhost: a\r\n\r\n', undefined]) {
      const calling = new Promise<void>((resolve) => (called = resolve));
      const client = await app.raw();
      if (request) client.write(request);
      else void client.handshake('/open/ws').catch(() => undefined);
      await calling;
      client.reset();
      await once(client.socket, 'close');
    }
    await journal.saw('closed 499 early');
    await app.close();
    expect(journal.lines.filter((line) => line.startsWith('closed'))).toHaveLength(2);
  });
});
