/**
 * Seed 002, SolidStart's page on WebSockets: each of its examples under its own heading. Its handler object with a peer is a
 * controller with hooks here, and a `Connection`.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { transformAsync } from '@babel/core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { IsIn, IsString } from 'class-validator';
import {
  Body,
  Channels,
  CloseInfo,
  Connection,
  ConnectionError,
  Connections,
  Controller,
  Get,
  Header,
  Injectable,
  Json,
  Message,
  OnConnect,
  OnDisconnect,
  OnError,
  Param,
  Query,
  SetHeader,
  UseGuards,
  WebSocket,
  type Guard,
  type UpgradeContext,
} from 'halyard';
import { frame, testApp, until } from 'halyard/testing';
import type { Browser } from 'playwright-core';
import { describeInBrowser, startBrowser } from '../browser.js';
import { ClientTab, clientText, withHost } from '../support/seed-client.js';

/** The seed's `broadcast(message, exceptId)`. */
@Injectable()
class Broadcaster {
  constructor(private readonly connections: Connections) {}

  send(message: unknown, except?: Connection): void {
    for (const connection of this.connections) if (connection !== except) void connection.send(message);
  }
}

/** A file of a package that the tests have. */
function packaged(path: string): string {
  const root = createRequire(import.meta.url).resolve('solid-js/package.json');
  return readFileSync(fileURLToPath(new URL(`../${path}`, `file://${root}`)), 'utf8');
}

describe('seed 002: SolidStart, WebSocket', () => {
  it('WebSocket Handler: open, message, close and error', async () => {
    const log: string[] = [];
    @Controller('ws')
    class Handler {
      @OnConnect()
      open(peer: Connection): void {
        log.push(`Connection opened: ${peer.url}`);
        peer.data['id'] = peer.id;
      }

      @WebSocket()
      message(peer: Connection, msg: Message): void {
        expect(peer.id).toBe(peer.data['id']);
        log.push(`Message received: ${msg.text()}`);
        if (msg.text() === 'fail') throw new Error('as asked');
      }

      @OnDisconnect()
      close(peer: Connection, { code, reason }: CloseInfo): void {
        expect(peer.id).toBe(peer.data['id']);
        log.push(`Connection closed: ${code} ${reason}`);
      }

      @OnError()
      error(peer: Connection, { error }: ConnectionError): void {
        expect(peer.id).toBe(peer.data['id']);
        log.push(`WebSocket error: ${(error as Error).message}`);
      }
    }
    const app = await testApp({ controllers: [Handler] });
    const client = await app.connect('/ws?name=ada');
    client.send('Hello');
    client.send('fail');
    expect(await client.json()).toEqual({ event: 'error', payload: { code: 'INTERNAL', message: 'internal error' } });
    await client.close(1000, 'bye');
    await until(() => log.length === 5);
    expect(log).toEqual([
      'Connection opened: /ws?name=ada',
      'Message received: Hello',
      'Message received: fail',
      'WebSocket error: as asked',
      'Connection closed: 1000 bye',
    ]);
  });

  describe('Connection Lifecycle', () => {
    @Controller('ws')
    class Handler {
      readonly connections = new Map<string, Connection>();

      @OnConnect()
      async open(peer: Connection): Promise<void> {
        this.connections.set(peer.id, peer);
        await peer.send('Welcome!');
        this.#broadcast('User connected', peer.id);
      }

      @WebSocket()
      message(peer: Connection, msg: Message): void {
        const data = msg.text();
        if (data.startsWith('/')) void peer.send(`no such command: ${data}`);
        else this.#broadcast(data, peer.id);
      }

      @OnDisconnect()
      close(peer: Connection): void {
        this.connections.delete(peer.id);
        this.#broadcast('User disconnected', peer.id);
      }

      #broadcast(message: string, exceptId: string): void {
        for (const [id, peer] of this.connections) if (id !== exceptId) void peer.send(message);
      }
    }

    it('Open Event', async () => {
      const app = await testApp({ controllers: [Handler] });
      const ada = await app.connect('/ws');
      expect(await ada.next()).toBe('Welcome!');
      const bob = await app.connect('/ws');
      expect(await bob.next()).toBe('Welcome!');
      expect(await ada.next()).toBe('User connected');
      await bob.idle();
      expect([...app.get(Handler).connections.keys()]).toEqual(app.get(Connections).ids());
    });

    it('Message Event', async () => {
      const app = await testApp({ controllers: [Handler] });
      const [ada, bob] = [await app.connect('/ws'), await app.connect('/ws')];
      expect([await ada.next(), await ada.next(), await bob.next()]).toEqual([
        'Welcome!',
        'User connected',
        'Welcome!',
      ]);
      bob.send('/who');
      expect(await bob.next()).toBe('no such command: /who');
      bob.send('hello all');
      expect(await ada.next()).toBe('hello all');
      await bob.idle();
    });

    it('Close Event', async () => {
      const app = await testApp({ controllers: [Handler] });
      const [ada, bob] = [await app.connect('/ws'), await app.connect('/ws')];
      expect([await ada.next(), await ada.next()]).toEqual(['Welcome!', 'User connected']);
      bob.terminate();
      expect(await ada.next()).toBe('User disconnected');
      expect(app.get(Handler).connections.size).toBe(1);
    });
  });

  it('Error Event: a broken frame reaches the hook, and the connection is closed', async () => {
    const errors: [id: string, code: unknown][] = [];
    const closes: CloseInfo[] = [];
    @Controller('ws')
    class Handler {
      @WebSocket()
      message(): void {
        // Takes all.
      }

      @OnError()
      error(peer: Connection, { error }: ConnectionError): void {
        errors.push([peer.id, (error as { code?: unknown }).code]);
      }

      @OnDisconnect()
      close(info: CloseInfo): void {
        closes.push(info);
      }
    }
    const app = await testApp({ controllers: [Handler] });
    const client = await app.raw();
    expect((await client.handshake('/ws')).status).toBe(101);
    const [id] = app.get(Connections).ids();
    // A reserved one.
    client.write(frame(0x3));
    await until(() => closes.length > 0);
    expect(errors).toEqual([[id, 'HALYARD_FRAME_INVALID']]);
    expect(closes[0]!.code).toBe(1002);
  });

  it('Error Event: the hook may close the connection', async () => {
    @Controller('ws')
    class Handler {
      @WebSocket()
      message(): void {
        throw new Error('critical');
      }

      @OnError()
      error(peer: Connection): void {
        peer.close(1011, 'critical error');
      }
    }
    const app = await testApp({ controllers: [Handler] });
    const client = await app.connect('/ws');
    client.send('anything');
    expect((await client.json<{ event: string }>()).event).toBe('error');
    expect(await client.closed()).toEqual({ code: 1011, reason: 'critical error', wasClean: true });
  });

  describeInBrowser('Client Connection', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await startBrowser();
    }, 60_000);
    afterAll(() => browser.close());

    /** Sends what comes to all, as the seed's chat does. */
    @Controller('ws')
    class Chat {
      @OnConnect()
      async open(peer: Connection): Promise<string> {
        await peer.join('chat');
        return 'Welcome!';
      }
      @WebSocket()
      message(peer: Connection, @Body() text: string): void {
        void peer.publish('chat', text);
      }
    }

    /** Solid's component in a page, with Solid from its package. */
    @Controller()
    class SolidPage {
      @Get('client')
      @SetHeader('content-type', 'text/html')
      page(): string {
        const imports = { 'solid-js': '/solid-js.js', 'solid-js/web': '/solid-js-web.js' };
        return `<!doctype html><title>client</title><link rel="icon" href="data:,">
          <script type="importmap">${JSON.stringify({ imports })}</script>
          <body><script type="module" src="/client.js"></script></body>`;
      }
      @Get('client.js')
      @SetHeader('content-type', 'text/javascript')
      client(@Header('host') host: string): string {
        return withHost(compiled, host);
      }
      @Get('solid-js.js')
      @SetHeader('content-type', 'text/javascript')
      solid(): string {
        return packaged('solid-js/dist/solid.js');
      }
      @Get('solid-js-web.js')
      @SetHeader('content-type', 'text/javascript')
      web(): string {
        return packaged('solid-js/web/dist/web.js');
      }
    }

    /** As Solid's own set-up compiles it: the seed's hook and component to the letter, what they import, and what shows them. */
    let compiled: string;
    beforeAll(async () => {
      const source = `
        import { createSignal, For, onCleanup, onMount } from 'solid-js';
        import { render } from 'solid-js/web';
        ${clientText('002-basic-client.tsx')}
        ${clientText('002-usage-in-component.tsx')}
        globalThis.dispose = render(() => <Chat />, document.body);
      `;
      const presets = ['babel-preset-solid', '@babel/preset-typescript'];
      const result = await transformAsync(source, {
        filename: 'client.tsx',
        presets,
        configFile: false,
        babelrc: false,
      });
      compiled = result!.code!;
    }, 60_000);

    it('Basic Client: connects when it is mounted, and closes when it is disposed of', async () => {
      const app = await testApp({ controllers: [Chat, SolidPage] });
      const tab = await ClientTab.open(browser, app);
      await until(() => app.get(Connections).count() === 1, { timeout: 30_000 });
      await tab.page.getByText('Welcome!').waitFor();
      await tab.page.evaluate('dispose()');
      await until(() => app.get(Connections).count() === 0, { timeout: 30_000 });
      expect(tab.errors).toEqual([]);
    }, 60_000);

    it('Usage in Component: shows what comes, and sends what is typed', async () => {
      const app = await testApp({ controllers: [Chat, SolidPage] });
      const tab = await ClientTab.open(browser, app);
      const shown = tab.page.locator('div > div');
      await shown.filter({ hasText: 'Welcome!' }).waitFor();
      const bob = await app.connect('/ws');
      expect(await bob.next()).toBe('Welcome!');
      await tab.page.locator('input').fill('hello from a component');
      await tab.page.getByRole('button', { name: 'Send' }).click();
      expect(await bob.next({ timeout: 30_000 })).toBe('hello from a component');
      bob.send('hello, component');
      await shown.filter({ hasText: 'hello, component' }).waitFor();
      expect(await shown.allTextContents()).toEqual(['Welcome!', 'hello from a component', 'hello, component']);
      expect(await tab.page.locator('input').inputValue()).toBe('');
      expect(tab.errors).toEqual([]);
    }, 60_000);
  });

  describe('Message Handling', () => {
    it('Text Messages', async () => {
      @Controller('ws')
      class Handler {
        @WebSocket()
        message(msg: Message): string {
          return `text: ${msg.text()}`;
        }

        @WebSocket('bound')
        bound(@Body() text: string): string {
          return `text: ${text}`;
        }
      }
      const app = await testApp({ controllers: [Handler] });
      for (const path of ['/ws', '/ws/bound']) {
        const client = await app.connect(path);
        client.send('grüß dich');
        expect(await client.next()).toBe('text: grüß dich');
      }
    });

    it('JSON Messages', async () => {
      class Chat {
        @IsIn(['chat'])
        type!: string;

        @IsString()
        text!: string;
      }
      @Controller('ws')
      class Handler {
        constructor(private readonly broadcaster: Broadcaster) {}

        @WebSocket()
        message(peer: Connection, msg: Message): void {
          const data = msg.json() as { type?: unknown };
          if (data.type === 'chat') this.broadcaster.send(data, peer);
        }

        @WebSocket('checked')
        checked(peer: Connection, @Body() chat: Chat): void {
          this.broadcaster.send(chat, peer);
        }
      }
      const app = await testApp({ controllers: [Handler], providers: [Broadcaster] });
      const listener = await app.connect('/ws');
      const chat = { type: 'chat', text: 'hi' };
      for (const [path, refused, code] of [
        ['/ws', '{"type":', 'BODY_INVALID'],
        ['/ws/checked', '{"type":"chat"}', 'VALIDATION_FAILED'],
      ] as const) {
        const client = await app.connect(path);
        client.send(chat);
        expect(await listener.json()).toEqual(chat);
        client.send(refused);
        expect(await client.json()).toMatchObject({ event: 'error', payload: { code } });
        await client.close();
      }
      await listener.idle();
    });

    it('Binary Messages', async () => {
      @Controller('ws')
      class Handler {
        @WebSocket()
        message(msg: Message): ArrayBuffer {
          return msg.arrayBuffer().slice(1);
        }

        @WebSocket('bound')
        bound(@Body() bytes: Uint8Array): Uint8Array {
          return bytes.subarray(1);
        }
      }
      const app = await testApp({ controllers: [Handler] });
      for (const path of ['/ws', '/ws/bound']) {
        const client = await app.connect(path);
        client.send(Buffer.from([0, 128, 255]));
        expect(await client.next()).toEqual(Buffer.from([128, 255]));
      }
    });
  });

  describe('Broadcasting', () => {
    it('Broadcast to All: to everybody but the sender', async () => {
      @Controller('ws')
      class Handler {
        constructor(private readonly connections: Connections) {}

        @WebSocket()
        message(peer: Connection, msg: Message): void {
          const message = msg.text();
          for (const connection of this.connections) if (connection.id !== peer.id) void connection.send(message);
        }
      }
      const app = await testApp({ controllers: [Handler] });
      const clients = await Promise.all(['/ws', '/ws', '/ws'].map((path) => app.connect(path)));
      const [sender, ...others] = clients;
      sender!.send('to all');
      for (const other of others) expect(await other.next()).toBe('to all');
      await sender!.idle();
    });

    // A room is a channel: who is in it, and that they leave it with their connection, is kept by Halyard.
    it('Broadcast to Room: to everybody in it but the sender', async () => {
      @Controller('ws/:room')
      class Handler {
        @OnConnect()
        joinRoom(@Param('room') room: string, peer: Connection): Promise<void> {
          return peer.join(`room:${room}`);
        }

        @WebSocket()
        broadcastToRoom(@Param('room') room: string, @Body() message: string, peer: Connection): void {
          void peer.publish(`room:${room}`, message, { except: peer });
        }
      }
      const app = await testApp({ controllers: [Handler] });
      const [ada, bob, eve] = await Promise.all(['/ws/1', '/ws/1', '/ws/2'].map((path) => app.connect(path)));
      ada!.send('to room 1');
      expect(await bob!.next()).toBe('to room 1');
      await ada!.idle();
      await eve!.idle();
      await bob!.close();
      await until(() => app.get(Channels).local('room:1').length === 1);
    });
  });

  describe('Common Patterns', () => {
    it('Chat Application', async () => {
      class Post {
        @IsIn(['message'])
        type!: string;

        @IsString()
        text!: string;
      }
      @Controller('ws')
      class ChatController {
        readonly #messages: string[] = [];

        @OnConnect()
        async open(peer: Connection): Promise<unknown> {
          await peer.join('chat');
          return { type: 'history', messages: this.#messages };
        }

        @WebSocket()
        async message(@Body() { text }: Post, peer: Connection): Promise<void> {
          this.#messages.push(text);
          await peer.publish('chat', { type: 'message', text });
        }
      }
      const app = await testApp({ controllers: [ChatController] });
      const ada = await app.connect('/ws');
      expect(await ada.json()).toEqual({ type: 'history', messages: [] });
      ada.send({ type: 'message', text: 'hello' });
      expect(await ada.json()).toEqual({ type: 'message', text: 'hello' });

      const bob = await app.connect('/ws');
      expect(await bob.json()).toEqual({ type: 'history', messages: ['hello'] });
      bob.send({ type: 'message', text: 'hi' });
      for (const client of [ada, bob]) expect(await client.json()).toEqual({ type: 'message', text: 'hi' });

      await ada.close();
      bob.send({ type: 'message', text: 'anybody?' });
      expect(await bob.json()).toEqual({ type: 'message', text: 'anybody?' });
    });

    class Notification {
      @IsString()
      userId!: string;

      @IsString()
      notification!: string;
    }

    /** Who a connection belongs to is known before it is opened. */
    class SignedIn implements Guard {
      canActivate(c: UpgradeContext): boolean {
        const { user } = c.request.query;
        if (typeof user !== 'string') return false;
        c.user = user;
        return true;
      }
    }

    it('Real-Time Notifications: to a user, on all of their devices', async () => {
      @Controller('ws')
      @UseGuards(SignedIn)
      class Handler {
        constructor(private readonly connections: Connections) {}

        @WebSocket()
        message(@Body() { userId, notification }: Notification): void {
          for (const connection of this.connections) {
            if (connection.user === userId) void connection.send({ type: 'notification', data: notification });
          }
        }
      }
      const app = await testApp({ controllers: [Handler] });
      const users = ['ada', 'ada', 'bob'];
      const [phone, laptop, bob] = await Promise.all(users.map((user) => app.connect(`/ws?user=${user}`)));
      bob!.send({ userId: 'ada', notification: 'tea is ready' });
      for (const device of [phone, laptop]) {
        expect(await device!.json()).toEqual({ type: 'notification', data: 'tea is ready' });
      }
      bob!.send({ userId: 'nobody', notification: 'lost' });
      for (const client of [phone, laptop, bob]) await client!.idle();
      expect((await app.refused('/ws')).status).toBe(403);
    });

    it('Real-Time Notifications: with a channel for each user, and no search', async () => {
      @Controller('ws')
      class Handler {
        @OnConnect()
        open(@Query('user') user: string, peer: Connection): Promise<void> {
          return peer.join(`user:${user}`);
        }

        @WebSocket()
        message(@Body() { userId, notification }: Notification, channels: Channels): Promise<void> {
          return channels.publish(`user:${userId}`, { type: 'notification', data: notification });
        }
      }
      const app = await testApp({ controllers: [Handler] });
      const [ada, bob] = await Promise.all(['ada', 'bob'].map((user) => app.connect(`/ws?user=${user}`)));
      bob!.send({ userId: 'ada', notification: 'tea is ready' });
      expect(await ada!.json()).toEqual({ type: 'notification', data: 'tea is ready' });
      await bob!.idle();
    });

    it('Live Updates: from outside of any endpoint', async () => {
      @Controller('ws')
      class Handler {
        @OnConnect()
        open(peer: Connection): Promise<void> {
          return peer.join('prices');
        }
      }
      const app = await testApp({ controllers: [Handler] });
      const clients = await Promise.all(['/ws', '/ws'].map((path) => app.connect(path)));

      const connections = app.app.get(Connections);
      for (const connection of connections) await connection.send({ type: 'update', data: 1 });
      for (const client of clients) expect(await client.json()).toEqual({ type: 'update', data: 1 });

      await app.app.get(Channels).publish('prices', { type: 'update', data: 2 });
      for (const client of clients) expect(await client.json()).toEqual({ type: 'update', data: 2 });
    });
  });

  describe('Best Practices', () => {
    it('Manage connections: they are tracked, cleaned up and limited', async () => {
      @Controller('ws')
      class Handler {
        @WebSocket()
        message(): void {
          // Takes all.
        }
      }
      const app = await testApp({ controllers: [Handler], limits: { connections: 2 } });
      const connections = app.get(Connections);
      const first = await app.connect('/ws');
      await app.connect('/ws');
      expect(connections.count()).toBe(2);
      expect(await app.refused('/ws')).toMatchObject({ status: 503, body: { code: 'CONNECTION_LIMIT' } });
      first.terminate();
      await until(() => connections.count() === 1);
      await until(() => app.connect('/ws').catch(() => undefined));
    });

    it('Rate limiting', async () => {
      @Controller('ws')
      class Handler {
        @WebSocket({ rateLimit: { messages: 2, per: '1h' } })
        message(@Body(Json) message: unknown): unknown {
          return message;
        }
      }
      const app = await testApp({ controllers: [Handler] });
      const client = await app.connect('/ws');
      for (const n of [1, 2]) {
        client.send(n);
        expect(await client.json()).toBe(n);
      }
      client.send(3);
      expect(await client.json()).toMatchObject({ event: 'error', payload: { code: 'RATE_LIMITED' } });
    });
  });
});
