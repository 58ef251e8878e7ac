import type { Server } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Controller,
  createApp,
  Param,
  UseGuards,
  WebSocket,
  type App,
  type AppOptions,
  type Context,
  type Guard,
} from 'halyard';
import { until, type TestClient } from 'halyard/testing';
import { closeLater } from '#internal/testing/closing.js';
import { hosts } from './attach-hosts.js';

class Invited implements Guard {
  canActivate(c: Context): boolean {
    return c.request.query['invited'] === 'yes';
  }
}

@Controller('rooms/:room')
@UseGuards(Invited)
class RoomController {
  @WebSocket()
  say(@Param('room') room: string, @Body() text: string): string {
    return `${room}: ${text}`;
  }
}

async function start(options: AppOptions = {}): Promise<App> {
  const app = await createApp({
    controllers: [RoomController],
    logger: false,
    shutdown: { timeout: '1s' },
    ...options,
  });
  closeLater({ abandon: () => app.close() });
  return app;
}

/** The two ways onto a server. */
const ways: readonly (readonly [name: string, put: (server: Server) => Promise<App>])[] = [
  ['createApp({ server })', (server) => start({ server })],
  [
    'app.attach',
    async (server) => {
      const app = await start();
      app.attach(server);
      return app;
    },
  ],
];

async function expectTheirs(client: TestClient, data: string): Promise<void> {
  client.send({ event: 'echo', data });
  expect(await client.json()).toEqual({ event: 'echo', data });
}

async function expectOurs(client: TestClient, text: string): Promise<void> {
  client.send(text);
  expect(await client.next()).toBe(`7: ${text}`);
}

describe.each(hosts)('On %s', (_name, startHost) => {
  describe.each(ways)('%s', (_way, put) => {
    it.each(['first', 'second'])(
      'R-http-attach works beside the other WebSocket server and the HTTP routes, attached %s',
      async (order) => {
        const host = await startHost(order === 'first' ? { first: async (server) => void (await put(server)) } : {});
        if (order === 'second') await put(host.server);
        const ours = await host.connect('/rooms/7?invited=yes');
        const theirs = await host.connect('/theirs');
        await expectOurs(ours, 'hi');
        await expectTheirs(theirs, 'hello');
        expect(await host.client('/rooms/7').refused()).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
        expect(await (await host.get('/page')).text()).toBe('their page');
        expect(await (await host.post('/form', { name: 'ada' })).text()).toBe('their form: ada');
      },
    );
  });

  it('R-http-attach adds exactly one upgrade listener, and detaches without a trace while the others go on', async () => {
    const host = await startHost();
    const { server } = host;
    const before = server.listenerCount('upgrade');
    const app = await start();
    expect(server.listenerCount('upgrade')).toBe(before);
    const detach = app.attach(server);
    expect(server.listenerCount('upgrade')).toBe(before + 1);
    const ours = await host.connect('/rooms/7?invited=yes');
    const theirs = await host.connect('/theirs');
    detach();
    detach();
    expect(server.listenerCount('upgrade')).toBe(before);
    expect(Object.hasOwn(server, 'emit')).toBe(false);
    // Open connections stay.
    await expectOurs(ours, 'still there');
    await expectTheirs(theirs, 'still there');
    await expectTheirs(await host.connect('/theirs'), 'new');
    expect(await (await host.get('/page')).text()).toBe('their page');
    // What was ours is now the others', which do not know it.
    await expect(host.connect('/rooms/7?invited=yes')).rejects.toThrow(/refused: 400|not answered/);
    // And on it comes again.
    app.attach(server);
    await expectOurs(await host.connect('/rooms/7?invited=yes'), 'back');
  });

  it('R-http-attach drains its own connections on close, and leaves the server and the others alone', async () => {
    const host = await startHost();
    const { server } = host;
    const before = server.listenerCount('upgrade');
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    @Controller('slow')
    class SlowController {
      @WebSocket()
      async say(@Body() text: string): Promise<string> {
        await released;
        return text;
      }
    }
    const app = await start({ controllers: [SlowController], server });
    const ours = await host.connect('/slow');
    const theirs = await host.connect('/theirs');
    ours.send('the last words');
    await until(() => app.metrics().messages['/slow'] === 1);
    const closed = app.close();
    expect(await host.client('/slow').refused()).toMatchObject({ status: 503, body: { code: 'DRAINING' } });
    release();
    await closed;
    expect(await ours.next()).toBe('the last words');
    expect(await ours.closed()).toMatchObject({ code: 1001, reason: expect.stringMatching(/^retry-after=\d+$/) });
    expect(server.listening).toBe(true);
    expect(server.listenerCount('upgrade')).toBe(before);
    expect(Object.hasOwn(server, 'emit')).toBe(false);
    await expectTheirs(theirs, 'still there');
    expect(await (await host.get('/page')).text()).toBe('their page');
  });

  it('R-path-attached leaves other paths to the other listeners', async () => {
    const host = await startHost();
    await start({ server: host.server });
    // `ws` answers 400 for another path, Nest destroys the socket: neither has anything of ours.
    const error: unknown = await host.connect('/nobody').catch((reason: unknown) => reason);
    expect(String(error)).toMatch(/refused: 400 Bad Request|socket hang up/);
  });

  it('R-path-attached is 404 where there are no other listeners', async () => {
    const host = await startHost({ webSockets: false });
    await start({ server: host.server });
    expect(await host.client('/nobody').refused()).toMatchObject({
      status: 404,
      headers: { connection: 'close' },
      body: { code: 'NOT_FOUND' },
    });
    await expectOurs(await host.connect('/rooms/7?invited=yes'), 'hi');
  });

  it('R-path-h2c is 400 for another protocol where there are no other listeners', async () => {
    const host = await startHost({ webSockets: false });
    await start({ server: host.server });
    const client = await host.raw();
    const head = await client.handshake('/rooms/7', {
      headers: { upgrade: 'h2c', connection: 'Upgrade, HTTP2-Settings' },
    });
    expect(head.status).toBe(400);
    expect((await client.read((bytes) => bytes.includes('}'))).toString()).toContain('"UPGRADE_INVALID"');
    expect(await client.ended()).toEqual({ reset: false });
  });

  it('R-path-h2c is left to the other listeners', async () => {
    const host = await startHost({
      webSockets: false,
      first: (server) => {
        server.on('upgrade', (request, socket) => {
          socket.end(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`);
        });
      },
    });
    await start({ server: host.server });
    const client = await host.raw();
    const head = await client.handshake('/rooms/7', { headers: { upgrade: 'h2c' } });
    expect(head).toEqual({ status: 101, headers: { upgrade: 'h2c' } });
    expect(await client.ended()).toEqual({ reset: false });
  });
});
