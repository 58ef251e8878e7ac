import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { connect, Controller, Get, OnConnect, WebSocket, type Middleware } from 'halyard';
import { testApp, until, type TestApp } from 'halyard/testing';
import { pino } from 'pino';

type Next = (error?: unknown) => void;
type Handler = (request: IncomingMessage, response: ServerResponse, next: Next) => unknown;

@Controller('door')
class DoorController {
  looks = 0;

  @OnConnect()
  enter(): string {
    return 'welcome';
  }

  @WebSocket()
  say(): void {
    // Only the way in is of interest.
  }

  @Get()
  look(): string {
    this.looks++;
    return 'a door';
  }
}

/** Lines that the app has logged. */
interface Logged {
  readonly msg: string;
  readonly err?: { readonly message: string };
}

async function start(...handlers: Handler[]): Promise<TestApp & { logged: Logged[] }> {
  return startWith(connect(...handlers));
}

async function startWith(...use: Middleware[]): Promise<TestApp & { logged: Logged[] }> {
  const logged: Logged[] = [];
  const logger = pino({ level: 'error' }, { write: (line: string) => void logged.push(JSON.parse(line) as Logged) });
  const app = await testApp({
    controllers: [DoorController],
    use,
    handshake: '1s',
    logger,
  });
  return Object.assign(app, { logged });
}

async function expectIn(app: TestApp): Promise<void> {
  const client = await app.connect('/door');
  expect(await client.next()).toBe('welcome');
  expect(await app.request('/door')).toMatchObject({ status: 200, body: 'a door' });
}

async function expectRefused(app: TestApp, response: object): Promise<void> {
  expect(await app.refused('/door')).toMatchObject(response);
  expect(await app.request('/door')).toMatchObject(response);
}

describe('Middleware that goes on', () => {
  it('R-http-connect goes on once where next is called twice', async () => {
    let seconds = 0;
    const app = await start(
      (_request, _response, next) => {
        next();
        next();
      },
      (_request, _response, next) => {
        seconds++;
        next();
      },
    );
    await expectIn(app);
    expect(seconds).toBe(2);
    expect(app.logged).toEqual([]);
  });

  it('R-http-connect logs an error that comes when it has gone on already', async () => {
    const app = await start(async (_request, _response, next) => {
      next();
      await Promise.resolve();
      throw new Error('the session was not saved');
    });
    await expectIn(app);
    await until(() => app.logged.length === 2);
    expect(app.logged[0]).toMatchObject({ err: { message: 'the session was not saved' } });
  });

  it('R-http-connect tells those who wait for the head and for the end of the response', async () => {
    const events: string[] = [];
    const app = await start((_request, response, next) => {
      const { writeHead } = response;
      response.writeHead = function (this: ServerResponse, ...args: Parameters<typeof writeHead>) {
        this.setHeader('x-late', 'yes');
        events.push(`head ${response.statusCode}`);
        return writeHead.apply(this, args);
      } as typeof writeHead;
      response.on('finish', () => events.push(`finish ${response.writableEnded}`));
      next();
    });
    const client = await app.connect('/door');
    expect(client.headers['x-late']).toBe('yes');
    expect(events).toEqual(['head 101', 'finish true']);
    expect((await app.request('/door')).headers['x-late']).toBe('yes');
  });

  it("R-http-connect takes Express' words for leaving a router as going on", async () => {
    const app = await start(
      (_request, _response, next) => next('route'),
      (_request, _response, next) => next('router'),
    );
    await expectIn(app);
  });
});

describe('Middleware that refuses', () => {
  it('R-http-connect keeps what is given to writeHead, a redirect too', async () => {
    const app = await start((_request, response) => {
      response.writeHead(302, { location: '/login' }).end();
    });
    await expectRefused(app, { status: 302, headers: { location: '/login' } });
  });

  it('R-http-connect refuses where the response is ended before next is called', async () => {
    let late = 0;
    const app = await start(
      (_request, response, next) => {
        response.writeHead(403).end();
        next();
      },
      (_request, _response, next) => {
        late++;
        next();
      },
    );
    await expectRefused(app, { status: 403 });
    expect(late).toBe(0);
    expect(app.app.metrics().connections).toBe(0);
  });

  it('R-http-connect lets nobody in where the response is begun before next is called', async () => {
    const app = await start((request, response, next) => {
      response.writeHead(403);
      if (request.headers.upgrade === undefined) response.write('begun');
      next();
    });
    expect(await app.refused('/door')).toMatchObject({ status: 403 });
    const client = await app.raw();
    client.write('GET /door HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
    const { length } = await client.read((received) => received.includes('begun'));
    expect(length).toBeGreaterThan(0);
    expect(app.get(DoorController).looks).toBe(0);
    client.reset();
    await app.close();
    expect(app.logged).toEqual([]);
  });

  it('R-http-connect calls back when what it wrote is out', async () => {
    const calls: string[] = [];
    const app = await start((_request, response) => {
      response.statusCode = 403;
      response.write(Buffer.from('go '), () => {
        response.end('YXdheQ==', 'base64', () => calls.push('ended'));
      });
    });
    expect(await app.refused('/door')).toMatchObject({ status: 403, body: { message: 'go away' } });
    expect(await app.request('/door')).toMatchObject({ status: 403, body: 'go away' });
    await until(() => calls.length === 2);
  });
});

describe('Middleware that fails', () => {
  const internal = 'internal error';
  it.each<[string, Handler]>([
    [
      'throws nothing',
      () => {
        // oxlint-disable-next-line typescript/only-throw-error
        throw undefined;
      },
    ],
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors
    ['rejects with nothing', () => Promise.reject()],
    ['gives a text to next', (_request, _response, next) => next('inner text')],
  ])('R-http-connect lets nobody in where it %s', async (_name, handler) => {
    await expectRefused(await start(handler), { status: 500, body: { code: 'INTERNAL', message: internal } });
  });

  it('R-http-connect is cut off at the upgrade where it never calls next', async () => {
    const app = await start(() => undefined);
    expect(await app.refused('/door')).toMatchObject({ status: 503, body: { code: 'HANDSHAKE_TIMEOUT' } });
  });

  it('R-http-connect is not waited for where the client has gone', async () => {
    const waiting: Next[] = [];
    let late = 0;
    const closed: boolean[] = [];
    const app = await start(
      (_request, response, next) => {
        response.on('close', () => closed.push(response.writableEnded));
        waiting.push(next);
      },
      (_request, _response, next) => {
        late++;
        next();
      },
    );
    const upgrade = app.client('/door');
    await until(() => waiting.length === 1);
    upgrade.socket.on('error', () => undefined);
    upgrade.terminate();
    await until(() => app.app.metrics().handshakes['gone'] === 1);
    const request = await app.raw();
    request.write('GET /door HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
    await until(() => waiting.length === 2);
    request.reset();
    await request.ended();
    await app.close();
    for (const next of waiting) next();
    await new Promise(setImmediate);
    expect(late).toBe(0);
    expect(closed).toEqual([false, false]);
    expect(app.logged).toEqual([]);
  });
});
