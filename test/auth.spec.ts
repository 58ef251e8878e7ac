/** The ways that docs/auth.md shows, gone from end to end. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import session from 'express-session';
import { connect, Connection, Controller, WebSocket, type AppOptions } from 'halyard';
import { testApp, type TestApp, type TestResponse } from 'halyard/testing';
import {
  SECRET,
  lifetimeMs,
  Clock,
  Tokens,
  Users,
  SessionController,
  RoomController,
  sessions,
  type WithSession,
  MemberController,
  ClubController,
  FeedController,
  BoardController,
  Tickets,
  GameController,
  SignOut,
} from './auth-examples.js';

class SteppingClock extends Clock {
  time = 1_800_000_000_000;

  override now(): number {
    return this.time;
  }
}

const clock = new SteppingClock();
const ada = { name: 'ada', password: 'analytical' };

function start(controllers: NonNullable<AppOptions['controllers']>, options: AppOptions = {}): Promise<TestApp> {
  return testApp({
    controllers,
    providers: [{ provide: SECRET, useValue: 'for tests only' }, Clock, Tokens, Users, Tickets, SignOut],
    override: [[Clock, clock]],
    ...options,
  });
}

/** What a browser sends back. */
function cookieOf({ headers }: TestResponse): { cookie: string } {
  const [set = ''] = headers['set-cookie'] ?? [];
  return { cookie: set.split(';', 1)[0]! };
}

describe('A signed cookie', () => {
  it('R-http-session is set by a login and read by a guard, for HTTP and on the upgrade', async () => {
    const app = await start([SessionController, RoomController]);
    const login = await app.request('/session/login', { body: ada });
    expect(login.status).toBe(204);
    expect(login.headers['set-cookie']?.[0]).toMatch(
      /^session=[\w-]+\.[\w-]+; Max-Age=28800; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    const headers = cookieOf(login);
    const client = await app.connect('/rooms/1', { headers });
    client.send('hi');
    expect(await client.next()).toBe('ada: hi');
    expect(await app.request('/rooms/1/me', { headers })).toMatchObject({ status: 200, body: 'ada' });
  });

  it('R-http-session is needed, genuine and not too old', async () => {
    const app = await start([SessionController, RoomController]);
    const denied = { status: 401, body: { code: 'UNAUTHORIZED', message: 'sign in first' } };
    expect(await app.refused('/rooms/1')).toMatchObject(denied);
    expect(await app.request('/rooms/1/me')).toMatchObject(denied);
    const wrong = await app.request('/session/login', { body: { ...ada, password: 'difference' } });
    expect(wrong).toMatchObject({ status: 401, body: { message: 'wrong name or password' } });
    expect(wrong.headers['set-cookie']).toBeUndefined();
    const headers = cookieOf(await app.request('/session/login', { body: ada }));
    const [claims = '', signature = ''] = headers.cookie.slice('session='.length).split('.');
    const eve = Buffer.from(JSON.stringify({ user: 'eve', expires: 9e15 })).toString('base64url');
    for (const token of [`${eve}.${signature}`, `${claims}.`, claims, `.${signature}`, '']) {
      expect(await app.refused('/rooms/1', { headers: { cookie: `session=${token}` } })).toMatchObject(denied);
    }
    clock.time += lifetimeMs;
    expect(await app.refused('/rooms/1', { headers })).toMatchObject(denied);
  });

  it('R-http-session is of no use to another site', async () => {
    const app = await start([SessionController, RoomController]);
    const headers = cookieOf(await app.request('/session/login', { body: ada }));
    expect(await app.refused('/rooms/1', { headers, origin: 'https://evil.example' })).toMatchObject({
      status: 403,
      body: { code: 'ORIGIN_FORBIDDEN' },
    });
    await app.connect('/rooms/1', { headers, origin: app.url });
  });

  it('lets in the pages of the sites that are listed, and of no other', async () => {
    const app = await start([SessionController, RoomController], { origins: ['https://app.example.com'] });
    const headers = cookieOf(await app.request('/session/login', { body: ada }));
    await app.connect('/rooms/1', { headers, origin: 'https://app.example.com' });
    expect((await app.refused('/rooms/1', { headers, origin: app.url })).status).toBe(403);
    expect((await app.refused('/rooms/1', { origin: 'https://app.example.com' })).status).toBe(401);
  });

  it('R-http-session ends with a logout', async () => {
    const app = await start([SessionController, RoomController]);
    const logout = await app.request('/session/logout', { method: 'POST' });
    expect(logout.headers['set-cookie']).toEqual(['session=; Max-Age=0; Path=/; HttpOnly']);
    expect(await app.refused('/rooms/1', { headers: cookieOf(logout) })).toMatchObject({ status: 401 });
  });
});

describe('express-session', () => {
  it('R-http-connect keeps a session that a login begins and a guard on the upgrade reads', async () => {
    const app = await start([MemberController, ClubController], { use: [sessions] });
    expect(await app.refused('/club')).toMatchObject({ status: 401, body: { message: 'sign in first' } });
    const login = await app.request('/members/login', { body: ada });
    expect(login.status).toBe(204);
    expect(login.headers['set-cookie']?.[0]).toMatch(/^connect\.sid=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/);
    const headers = cookieOf(login);
    const client = await app.connect('/club', { headers });
    client.send('hi');
    expect(await client.next()).toBe('ada: hi');
    const tampered = { cookie: `${headers.cookie.slice(0, -4)}aaaa` };
    expect(await app.refused('/club', { headers: tampered })).toMatchObject({ status: 401 });
    expect(await app.refused('/club', { headers, origin: 'https://evil.example' })).toMatchObject({ status: 403 });
    expect((await app.request('/members/logout', { method: 'POST', headers })).status).toBe(204);
    expect(await app.refused('/club', { headers })).toMatchObject({ status: 401 });
  });

  it('R-http-connect saves what the middleware behind it changes, and sets its cookie on the 101', async () => {
    const visits = connect(
      session({ secret: 'for tests only', resave: false, saveUninitialized: false }),
      (request: IncomingMessage, _response: never, next: () => void) => {
        const kept = (request as WithSession).session as { visits?: number };
        kept.visits = (kept.visits ?? 0) + 1;
        next();
      },
    );
    @Controller('visits')
    class VisitController {
      @WebSocket()
      count({ request }: Connection): unknown {
        return ((request.raw as WithSession).session as { visits?: number }).visits;
      }
    }
    const app = await start([VisitController], { use: [visits] });
    const first = await app.connect('/visits');
    const headers = cookieOf({ headers: first.headers, status: 101, body: '' });
    const second = await app.connect('/visits', { headers });
    expect(second.headers['set-cookie']).toBeUndefined();
    for (const [client, count] of [[first, 1] as const, [second, 2] as const]) {
      client.send('?');
      expect(await client.json()).toBe(count);
    }
  });
});

describe('An Authorization header', () => {
  it('is what servers and command lines send', async () => {
    const app = await start([FeedController]);
    const token = app.get(Tokens).issue('reporter');
    const client = await app.connect('/feed', { headers: { authorization: `Bearer ${token}` } });
    client.send('hi');
    expect(await client.next()).toBe('reporter: hi');
    const denied = { status: 401, headers: { 'www-authenticate': 'Bearer' }, body: { message: 'a token is needed' } };
    expect(await app.refused('/feed')).toMatchObject(denied);
    for (const authorization of ['Bearer', 'Bearer x.y', `Basic ${token}`, token]) {
      expect(await app.refused('/feed', { headers: { authorization } })).toMatchObject(denied);
    }
    clock.time += lifetimeMs;
    expect(await app.refused('/feed', { headers: { authorization: `Bearer ${token}` } })).toMatchObject(denied);
  });
});

describe('A token as a subprotocol', () => {
  it('is what a browser can send, and is not echoed', async () => {
    const app = await start([BoardController]);
    const token = app.get(Tokens).issue('ada');
    const client = await app.connect('/board', { protocols: ['plain', `auth.${token}`] });
    expect(client.protocol).toBe('plain');
    expect(JSON.stringify(client.headers)).not.toContain(token);
    client.send('hi');
    expect(await client.next()).toBe('ada: hi');
  });

  it('tells a browser by a close code why it is refused', async () => {
    const app = await start([BoardController]);
    const client = await app.connect('/board', { protocols: ['plain', 'auth.x.y'] });
    expect(await client.closed()).toMatchObject({ code: 4401, reason: 'UNAUTHORIZED' });
  });
});

describe('A ticket', () => {
  const denied = { status: 401, body: { code: 'TICKET_INVALID', message: 'get a ticket first' } };

  async function ticketFor(app: TestApp, user: string): Promise<string> {
    const headers = { authorization: `Bearer ${app.get(Tokens).issue(user)}` };
    const response = await app.request('/game/ticket', { method: 'POST', headers });
    expect(response).toMatchObject({ status: 201, headers: { 'cache-control': 'no-store' } });
    return (response.body as { ticket: string }).ticket;
  }

  it('lets its holder in once', async () => {
    const app = await start([GameController]);
    expect(await app.request('/game/ticket', { method: 'POST' })).toMatchObject({ status: 401 });
    const ticket = await ticketFor(app, 'ada');
    const client = await app.connect(`/game?ticket=${ticket}`);
    client.send('e4');
    expect(await client.next()).toBe('ada: e4');
    expect(await app.refused(`/game?ticket=${ticket}`)).toMatchObject(denied);
    for (const query of ['', '?ticket=', '?ticket=x', `?ticket=${await ticketFor(app, 'eve')}&ticket=x`]) {
      expect(await app.refused(`/game${query}`)).toMatchObject(denied);
    }
  });

  it('expires', async () => {
    const app = await start([GameController]);
    const tickets = [await ticketFor(app, 'ada'), await ticketFor(app, 'ada')];
    clock.time += 29_999;
    await app.connect(`/game?ticket=${tickets[0]}`);
    clock.time += 1;
    expect(await app.refused(`/game?ticket=${tickets[1]}`)).toMatchObject(denied);
  });

  it('is not used up by another site', async () => {
    const app = await start([GameController]);
    const ticket = await ticketFor(app, 'ada');
    const origin = 'https://evil.example';
    expect(await app.refused(`/game?ticket=${ticket}`, { origin })).toMatchObject({ status: 403 });
    await app.connect(`/game?ticket=${ticket}`);
  });
});

describe('Signing out', () => {
  it('closes the connections of a user', async () => {
    const app = await start([FeedController]);
    const tokens = app.get(Tokens);
    const [ada1, ada2, bob] = await Promise.all(
      ['ada', 'ada', 'bob'].map((user) =>
        app.connect('/feed', { headers: { authorization: `Bearer ${tokens.issue(user)}` } }),
      ),
    );
    await app.get(SignOut).everywhere('ada');
    for (const client of [ada1!, ada2!]) {
      expect(await client.closed()).toMatchObject({ code: 4401, reason: 'signed out' });
    }
    bob!.send('still here');
    expect(await bob!.next()).toBe('bob: still here');
  });
});

describe('docs/auth.md', () => {
  it('shows the classes that are run here, as they are', () => {
    const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
    const plain = (code: string): string => code.replaceAll('export ', '').replace(/\s+/g, ' ').trim();
    const examples = plain(read('test/auth-examples.ts'));
    const blocks = [...read('docs/auth.md').matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code!);
    const classes = blocks.flatMap((code) => code.split(/\n\n(?=\S)/)).filter((part) => /^class /m.test(part));
    expect(classes.length).toBeGreaterThan(15);
    expect(classes.filter((code) => !examples.includes(plain(code)))).toEqual([]);
  });
});
