import { once } from 'node:events';
import { createServer } from 'node:http';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  Body,
  CloseInfo,
  CloseWebSocket,
  Connection,
  Controller,
  Get,
  HttpError,
  Injectable,
  Json,
  Message,
  OnDisconnect,
  Param,
  Post,
  UseGuards,
  WebSocket,
  type Class,
  type Container,
  type Guard,
  type UpgradeContext,
} from 'halyard';
import {
  closeAll,
  closePayload,
  frame,
  RefusedError,
  testApp,
  type TestApp,
  type TestClient,
  until,
} from 'halyard/testing';
import { closeLater } from '#internal/testing/closing.js';

/** For localhost, until the year 2126. */
const tls = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUUSfMPaUti1JIBw6
F3wv6V2uNvlIX4bk+wZ4iVC8hZ2hRANCAARpUP1mfplPec3vhkpgzJwpowZwjjeB
hfGBdvg9nmXVxiFrCdAD8fPE8QbKaQc233nA7NnS5U0Z8e6iD6LwKOfN
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIULYxXvY8AWmQUUvfbw7IF95k8nM0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTAzMDY1OFoYDzIxMjYxMDI4
MDMwNjU4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARpUP1mfplPec3vhkpgzJwpowZwjjeBhfGBdvg9nmXVxiFrCdAD8fPE
8QbKaQc233nA7NnS5U0Z8e6iD6LwKOfNo1MwUTAdBgNVHQ4EFgQUI47yWgx+4bsR
V+nd7v4e6c3QyOgwHwYDVR0jBBgwFoAUI47yWgx+4bsRV+nd7v4e6c3QyOgwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiA/+P4EeDip9FlMG6MDuS9I
3I0uwnMw+BP0zifTr+5RVAIhAM+tLolT7rJfdGfhvpI2myquFp5Wsv/0+E6OKJEh
JE3U
-----END CERTIFICATE-----`,
};

/** Sends back what comes. */
@Controller('echo', { maxPayload: 1024 })
class EchoController {
  @WebSocket()
  echo(message: Message): string | Buffer {
    return message.isBinary ? message.bytes() : message.text();
  }
}

/** Tells the client what its handshake had, and closes as it is told. */
@Controller('hello', { protocols: ['chat.v1'] })
class HelloController {
  readonly gone: CloseInfo[] = [];

  @WebSocket({ event: 'handshake' })
  handshake({ request }: Connection): unknown {
    const { origin, 'x-team': team } = request.headers;
    return { origin, team, query: request.query };
  }

  @WebSocket({ event: 'close' })
  close(@Body(Json) { code, reason }: { code: number; reason: string }, socket: CloseWebSocket): void {
    socket.close(code, reason);
  }

  @OnDisconnect()
  bye(info: CloseInfo): void {
    this.gone.push(info);
  }
}

/** Lets nobody in, sooner or later. */
@Injectable()
class Bouncer implements Guard {
  protected decision: Promise<boolean> | undefined;

  async canActivate(_context: UpgradeContext): Promise<boolean> {
    if (this.decision) return this.decision;
    throw new HttpError(402, 'members only', { code: 'NO_MEMBER', headers: { 'x-fee': '12' } });
  }
}

@Injectable()
class Clock {
  now(): string {
    return new Date().toISOString();
  }
}

@Controller('club')
@UseGuards(Bouncer)
class ClubController {
  constructor(private readonly clock: Clock) {}

  @WebSocket()
  time(): string {
    return this.clock.now();
  }
}

@Controller('pages')
class PageController {
  @Get('text/:name')
  text(@Param('name') name: string): string {
    return `page ${name}`;
  }

  @Post('json')
  json(@Body(Json) body: unknown): unknown {
    return { body };
  }
}

/** Somebody who lets everybody in. */
class Friend implements Guard {
  canActivate(): boolean {
    return true;
  }
}

class NoonClock {
  now(): string {
    return 'noon';
  }
}

const controllers: Class[] = [EchoController, HelloController, ClubController, PageController];
const start = (options: Parameters<typeof testApp>[0] = {}): Promise<TestApp> =>
  testApp({ controllers, providers: [Clock], ...options });

describe('A client of the test kit', () => {
  it('gives out text as strings and binary frames as Buffers, in the order in which they came', async () => {
    const client = await (await start()).connect('/echo');
    client.send('text');
    client.send(Buffer.from([1, 2]));
    client.send(new Uint8Array([3]));
    expect(await Promise.all([client.next(), client.next(), client.next()])).toEqual([
      'text',
      Buffer.from([1, 2]),
      Buffer.from([3]),
    ]);
  });

  it('sends anything else as JSON text, and parses what comes', async () => {
    const client = await (await start()).connect('/echo');
    client.send({ a: [1] });
    expect(await client.next()).toBe('{"a":[1]}');
    client.send(null);
    expect(await client.json()).toBeNull();
    client.send('{');
    await expect(client.json()).rejects.toThrow('expected a JSON message, but "{" came');
    client.send(Buffer.from('{}'));
    await expect(client.json()).rejects.toThrow('expected a JSON message, but <2 bytes> 7b7d came');
  });

  it('connects with headers, an origin, subprotocols and a query', async () => {
    const app = await start();
    const client = await app.connect('/hello?a=1', {
      headers: { 'x-team': 'red' },
      origin: app.url,
      protocols: ['chat.v2', 'chat.v1'],
    });
    client.send({ event: 'handshake' });
    expect(await client.json()).toEqual({ origin: app.url, team: 'red', query: { a: '1' } });
    expect(client.protocol).toBe('chat.v1');
    expect(client.headers['sec-websocket-protocol']).toBe('chat.v1');
  });

  it('throws the status, headers and body of a server that refuses it', async () => {
    const app = await start();
    const error = await app.connect('/club').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RefusedError);
    expect(error).toMatchObject({
      status: 402,
      headers: { 'x-fee': '12' },
      body: { code: 'NO_MEMBER', message: 'members only' },
    });
    expect((error as Error).message).toMatch(
      /\/club was refused: 402 \{"code":"NO_MEMBER","message":"members only"\}$/,
    );
  });

  it('gives the answer to an upgrade that must be refused, and throws where it is accepted', async () => {
    const app = await start();
    expect(await app.refused('/club')).toMatchObject({ status: 402, body: { code: 'NO_MEMBER' } });
    expect(await app.refused('/nowhere')).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    await expect(app.refused('/echo')).rejects.toThrow('/echo to be refused, but it was accepted');
  });

  it('can be held before its connection is decided', async () => {
    let decide!: (allowed: boolean) => void;
    const decision = new Promise<boolean>((resolve) => (decide = resolve));
    const app = await start({ override: [[Bouncer, { canActivate: () => decision }]] });
    const first = app.client('/club');
    const second = app.client('/club');
    await expect(first.opened({ timeout: 20 })).rejects.toThrow('neither accepted nor refused within 20 ms');
    expect(app.app.metrics().connections).toBe(0);
    decide(true);
    expect(await first.opened()).toBe(first);
    await expect(second.refused()).rejects.toThrow('accepted');
  });

  it('says that nobody answers', async () => {
    const app = await start();
    await app.close();
    await expect(app.connect('/echo')).rejects.toThrow(/^ws:.*\/echo was not answered: connect ECONNREFUSED/);
  });

  it('says what came instead of a message: nothing, or the close', async () => {
    const client = await (await start()).connect('/hello');
    await expect(client.next({ timeout: 20 })).rejects.toThrow('expected a message, but nothing came within 20 ms');
    client.send({ event: 'close', payload: { code: 4001, reason: 'enough' } });
    await expect(client.next()).rejects.toThrow("expected a message, but the connection was closed: 4001 'enough'");
    expect(() => client.send('more')).toThrow("expected to send, but the connection was closed: 4001 'enough'");
    await expect(client.ping()).rejects.toThrow('closed: 4001');
  });

  it('blames the line of the test', async () => {
    const client = await (await start()).connect('/echo');
    const error = await client.json({ timeout: 1 }).catch((thrown: unknown) => thrown);
    expect((error as Error).stack).toContain('testing.spec');
  });

  it('gives out what came before the close, also after it', async () => {
    const client = await (await start()).connect('/hello');
    client.send({ event: 'handshake' });
    client.send({ event: 'close', payload: { code: 1000, reason: '' } });
    expect(await client.closed()).toEqual({ code: 1000, reason: '', wasClean: true });
    expect(await client.json()).toEqual({ query: {} });
    await expect(client.next()).rejects.toThrow('closed: 1000');
  });

  it('says what is unread where the connection does not close', async () => {
    const client = await (await start()).connect('/echo');
    client.send('one');
    client.send('two');
    await client.ping();
    await expect(client.closed({ timeout: 50 })).rejects.toThrow(
      'expected the connection to close, but nothing came within 50 ms; unread: "one", "two"',
    );
  });

  it('asserts that nothing arrives before a round trip is done', async () => {
    const client = await (await start()).connect('/echo');
    await client.idle();
    client.send('one');
    await expect(client.idle()).rejects.toThrow('expected no message, but "one" came');
    expect(await client.next()).toBe('one');
    await client.idle();
  });

  it('closes with a code and a reason', async () => {
    const app = await start();
    const client = await app.connect('/hello');
    expect(await client.close(4002, 'bye')).toEqual({ code: 4002, reason: 'bye', wasClean: true });
  });

  it('leaves pings unanswered where it is told to', async () => {
    const app = await start({ ping: 40 });
    const client = app.client('/echo', { autoPong: false });
    await once(client.socket, 'ping');
    expect(await client.closed()).toEqual({ code: 1006, reason: '', wasClean: false });
  });

  it('stops reading and goes on', async () => {
    const client = await (await start()).connect('/echo');
    client.pause();
    client.send('waits');
    await expect(client.next({ timeout: 50 })).rejects.toThrow('nothing came');
    client.resume();
    expect(await client.next()).toBe('waits');
  });

  it('resets the connection, also a paused one', async () => {
    const app = await start();
    const { gone } = app.get(HelloController);
    for (const paused of [false, true]) {
      const client = await app.connect('/hello');
      if (paused) client.pause();
      client.terminate();
      expect(await client.closed()).toEqual({ code: 1006, reason: '', wasClean: false });
    }
    await until(() => gone.length === 2);
    expect(gone).toMatchObject([{ code: 1006 }, { code: 1006 }]);
  });

  it('ends a connection that is closing already, which cannot be reset any more', async () => {
    @Controller('brief')
    class Brief {
      @WebSocket({ mode: 'sendOnly' })
      greet(): string {
        return 'hello and goodbye';
      }
    }
    const app = await testApp({ controllers: [Brief] });
    const client = await app.connect('/brief');
    expect(await client.next()).toBe('hello and goodbye');
    client.terminate();
    expect((await client.closed()).code).toBe(1000);
  });
});

describe('A test app', () => {
  it('sends HTTP requests', async () => {
    const app = await start();
    expect(await app.request('/pages/text/one')).toMatchObject({ status: 200, body: 'page one' });
    expect(await app.request('/pages/json', { body: { a: 1 } })).toMatchObject({
      status: 201,
      body: { body: { a: 1 } },
    });
    expect(await app.request('/nowhere')).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    expect(await app.request('/echo')).toMatchObject({ status: 426, headers: { upgrade: 'websocket' } });
    expect(await app.request('/pages/text/one', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  it('says that a request was not answered', async () => {
    const app = await start({ http: (fastify) => void fastify.get('/hang', () => new Promise(() => undefined)) });
    await expect(app.request('/hang', { timeout: 20 })).rejects.toThrow('GET /hang was not answered within 20 ms');
  });

  it('replaces a provider and a guard by a value, a class or a factory', async () => {
    const replacements = [
      new NoonClock(),
      NoonClock,
      { useFactory: (friend: Friend) => ({ now: () => String(friend.canActivate() && 'noon') }), inject: [Friend] },
    ];
    for (const clock of replacements) {
      const app = await start({
        providers: [Clock, Friend],
        override: [
          [Clock, clock],
          [Bouncer, Friend],
        ],
      });
      const client = await app.connect('/club');
      client.send('time?');
      expect(await client.next()).toBe('noon');
      expect(app.get(Clock).now()).toBe('noon');
    }
  });

  it("replaces what the user's own container provides", async () => {
    const tokens: unknown[] = [Clock, NoonClock];
    const container: Container = {
      has: (token) => tokens.includes(token),
      get: <T>(token: unknown) => new (token as new () => T)(),
    };
    const app = await start({ container, providers: [], override: [[Clock, { now: () => 'midnight' }]] });
    expect(app.get(Clock).now()).toBe('midnight');
    expect(app.get(NoonClock).now()).toBe('noon');
  });

  it('speaks TLS', async () => {
    const app = await start({ https: tls });
    expect(app.url).toMatch(/^https:/);
    expect(await app.request('/pages/text/one')).toMatchObject({ status: 200 });
    expect(await app.refused('/nowhere')).toMatchObject({ status: 404 });
    const client = await app.connect('/echo');
    client.send('sealed');
    expect(await client.next()).toBe('sealed');
    const raw = await app.raw();
    expect(await raw.handshake('/echo')).toMatchObject({ status: 101 });
    raw.reset();
    client.terminate();
    expect(await client.closed()).toMatchObject({ code: 1006 });
  });

  it('runs on a server that it is given', async () => {
    const server = createServer((_request, response) => response.end('theirs'));
    const app = await start({ server });
    const client = await app.connect('/echo');
    client.send('ours');
    expect(await client.next()).toBe('ours');
    expect(await app.request('/')).toMatchObject({ status: 200, body: 'theirs' });
    await app.close();
    expect(server.listening).toBe(false);
  });

  it('can be closed by hand, which ends its clients and those who wait', async () => {
    const app = await start();
    const client = await app.connect('/echo');
    const raw = await app.raw();
    const waiting = [client.closed(), raw.ended()];
    await Promise.all([app.close(), app.close()]);
    expect(await Promise.all(waiting)).toEqual([{ code: 1006, reason: '', wasClean: false }, { reset: false }]);
    await expect(fetch(app.url)).rejects.toThrow('fetch failed');
  });

  it('waits for what no client is told', async () => {
    let tries = 0;
    expect(await until(() => ++tries > 2 && tries)).toBe(3);
    await expect(until(() => Promise.resolve(tries < 3), { timeout: 10 })).rejects.toThrow(
      'still false after 10 ms: () => Promise.resolve(tries < 3)',
    );
  });

  it('is disposed by `await using`', async () => {
    let url: string;
    {
      await using app = await start();
      url = app.url;
      expect(await fetch(url)).toMatchObject({ status: 404 });
    }
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });
});

describe('A raw client', () => {
  it('shakes hands and reads frames', async () => {
    const raw = await (await start()).raw();
    const { status, headers } = await raw.handshake('/echo');
    expect(status).toBe(101);
    expect(headers).toMatchObject({ upgrade: 'websocket', 'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' });
    for (const length of [0, 125, 126, 1024]) {
      raw.write(frame('text', 'x'.repeat(length)));
      expect(await raw.nextFrame()).toEqual({ fin: true, rsv: 0, opcode: 1, payload: Buffer.alloc(length, 'x') });
    }
    raw.write(Buffer.concat([frame('text', 'he', { fin: false }), frame('ping', '?'), frame('continuation', 'y')]));
    expect(await raw.nextFrame()).toMatchObject({ opcode: 0xa, payload: Buffer.from('?') });
    expect(await raw.nextFrame()).toMatchObject({ opcode: 1, payload: Buffer.from('hey') });
  });

  it('sends what no client should', async () => {
    const app = await start();
    const wrong = [
      { bytes: frame('text', 'x', { mask: false }), code: 1002 },
      { bytes: frame('text', 'x', { rsv: 1 }), code: 1002 },
      { bytes: frame(0x3, 'x'), code: 1002 },
      { bytes: frame('ping', 'x', { fin: false }), code: 1002 },
      { bytes: frame('text', Buffer.from([0xff])), code: 1007 },
      { bytes: frame('text', '', { length: 1025 }), code: 1009 },
      { bytes: frame('text', '', { length: 2n ** 63n }), code: 1009 },
      { bytes: frame('close', closePayload(1005)), code: 1002 },
      { bytes: frame('close', closePayload(1000, 'bye')), code: 1000 },
    ];
    for (const { bytes, code } of wrong) {
      const raw = await app.raw();
      await raw.handshake('/echo');
      raw.write(bytes);
      const { opcode, payload } = await raw.nextFrame();
      expect({ bytes, opcode, code: payload.readUInt16BE() }).toEqual({ bytes, opcode: 8, code });
      raw.destroy();
      expect(await raw.ended()).toEqual({ reset: false });
    }
  });

  it('writes upgrade requests with headers added, repeated and left out', async () => {
    const app = await start();
    const raw = await app.raw();
    const { status } = await raw.handshake('/echo', { headers: { 'sec-websocket-key': undefined, 'x-a': ['1', '2'] } });
    expect(status).toBe(400);
    expect((await raw.read((bytes) => bytes.includes('}'))).toString()).toContain('"UPGRADE_INVALID"');
    await raw.ended();
    const other = await app.raw();
    other.write('nonsense\r\n\r\n');
    expect(await other.head()).toMatchObject({ status: 400 });
  });

  it('says what came instead of what it waits for', async () => {
    const app = await start();
    const raw = await app.raw();
    await expect(raw.head({ timeout: 20 })).rejects.toThrow(
      'expected the head of a response, but it did not come within 20 ms',
    );
    await raw.handshake('/echo');
    raw.write(frame('text', 'hi'));
    await once(raw.socket, 'data');
    await expect(raw.ended({ timeout: 50 })).rejects.toThrow(
      'expected the connection to end, but it is open after 50 ms; unread: "\x81\\u0002hi"',
    );
    raw.write(frame('close', closePayload(1000)));
    await raw.nextFrame();
    await raw.nextFrame();
    await raw.ended();
    await expect(raw.nextFrame()).rejects.toThrow('expected a frame, but the connection ended');
  });
});

describe('What is open when a test ends', () => {
  const left: { app: TestApp; client: TestClient; order: string[] }[] = [];

  it.failing('is left behind by a test that fails', async () => {
    const app = await start();
    const client = await app.connect('/echo');
    client.pause();
    const order: string[] = [];
    closeLater({ abandon: () => void order.push('closed') });
    left.push({ app, client, order });
    // Told of the end, it would fail the next test.
    void client.next();
    throw new Error('on purpose');
  });

  it('is closed before the next test starts', async () => {
    const [{ app, client, order }] = left as [(typeof left)[0]];
    expect(order).toEqual(['closed']);
    expect(await client.closed()).toMatchObject({ code: 1006 });
    expect(app.app.metrics().connections).toBe(0);
    await expect(fetch(app.url)).rejects.toThrow('fetch failed');
  });

  it('is closed whatever another one throws', async () => {
    const app = await start();
    for (const text of ['one', 'two']) closeLater({ abandon: () => Promise.reject(new Error(text)) });
    await expect(closeAll()).rejects.toMatchObject({ errors: [{ message: 'two' }, { message: 'one' }] });
    await expect(fetch(app.url)).rejects.toThrow('fetch failed');
    await closeAll();
  });
});

describe('An app from beforeAll', () => {
  let app: TestApp;
  let first: TestClient;

  beforeAll(async () => {
    app = await start();
  });

  it('serves a test', async () => {
    first = await app.connect('/echo');
    await first.idle();
  });

  it('serves the next one, without the clients of the one before', async () => {
    expect(await first.closed()).toMatchObject({ code: 1006 });
    await (await app.connect('/echo')).idle();
  });
});
