/** Seed 000, Soli's page on WebSockets: each of its examples under its own heading. ≠ marks where Halyard differs. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  actions,
  Body,
  Channels,
  ConnectionEvent,
  Connections,
  Controller,
  OnConnect,
  Post,
  WebSocket,
  type Actions,
} from 'halyard';
import { testApp, until } from 'halyard/testing';
import type { Browser } from 'playwright-core';
import { describeInBrowser, startBrowser } from '../browser.js';
import { clientCode, ClientPage, ClientTab } from '../support/seed-client.js';

/** The seed's chat, in one handler. */
@Controller()
class Chat {
  @WebSocket('chat', { events: true })
  handle(event: ConnectionEvent): Actions | null {
    switch (event.type) {
      case 'connect':
        return actions({ send: 'Welcome to the chat!', broadcast: 'A new user has joined' });
      case 'message':
        return actions({ broadcast: event.message });
      case 'disconnect':
        return actions({ broadcast: 'A user has left the chat' });
    }
  }
}

/** Sockets that only listen, in the channel of their path. */
@Controller('listen/:channel')
class Listeners {
  @WebSocket({ events: true })
  handle({ type, params }: ConnectionEvent): Actions | null {
    return type === 'connect' ? actions({ join: params['channel']!, send: 'listening' }) : null;
  }
}

describe('seed 000: WebSocket support in Soli', () => {
  it('Registering WebSocket Routes: a path and a handler', async () => {
    @Controller('chat')
    class ChatController {
      @WebSocket({ events: true })
      handler(event: ConnectionEvent): Actions {
        return event.type === 'message' ? actions({ send: `You said: ${String(event.message)}` }) : actions({});
      }
    }
    const app = await testApp({ controllers: [ChatController] });
    expect(app.app.routes()).toMatchObject([{ method: 'WS', path: '/chat', handler: 'ChatController.handler' }]);
    const client = await app.connect('/chat');
    client.send('hi');
    expect(await client.next()).toBe('You said: hi');
  });

  // ≠ Wrapped in `actions()`: a plain object is a JSON reply.
  it('R-act-order R-act-events WebSocket Handler: one for all events, its actions in their order', async () => {
    @Controller()
    class One {
      @WebSocket('chat', { events: true })
      handle(event: ConnectionEvent): Actions {
        if (event.type !== 'connect') return actions({});
        return actions({
          send: `Welcome ${event.connectionId.length}`,
          broadcast: 'A new user connected',
          broadcastRoom: 'updates',
          join: 'general',
          leave: 'old_channel',
          close: 'Goodbye!',
        });
      }
    }
    const app = await testApp({ controllers: [One] });
    const client = await app.connect('/chat');
    expect([await client.next(), await client.next(), await client.next()]).toEqual([
      'Welcome 22',
      'A new user connected',
      'updates',
    ]);
    expect(await client.closed()).toMatchObject({ code: 1000, reason: 'Goodbye!' });
  });

  it('R-act-events Event Types: type, connection_id, message, channel, params, query and headers', async () => {
    const seen: unknown[] = [];
    const ids = new Set<string>();
    @Controller('live/:room')
    class Live {
      @WebSocket({ events: true })
      handle(event: ConnectionEvent): Actions | null | undefined {
        const { type, message, channel, params, query } = event;
        ids.add(event.connectionId);
        seen.push({ type, message, channel, room: params['room'], who: query['who'], agent: event.headers['x-agent'] });
        if (type === 'disconnect') return null;
        return type === 'connect' ? actions({ join: 'general' }) : undefined;
      }
    }
    const app = await testApp({ controllers: [Live] });
    const client = await app.connect('/live/a?who=ada', { headers: { 'x-agent': 'test' } });
    client.send('hello');
    client.send(Buffer.from([1, 2]));
    await client.idle();
    expect([...ids]).toEqual(app.get(Connections).ids());
    await client.close();
    await until(() => seen.length === 4);
    const same = { room: 'a', who: 'ada', agent: 'test' };
    expect(seen).toEqual([
      { type: 'connect', message: undefined, channel: undefined, ...same },
      { type: 'message', message: 'hello', channel: 'general', ...same },
      { type: 'message', message: Buffer.from([1, 2]), channel: 'general', ...same },
      { type: 'disconnect', message: undefined, channel: undefined, ...same },
    ]);
    expect(ids.size).toBe(1);
  });

  describe('Handler Response Actions', () => {
    /** Does what it is sent. */
    @Controller('do')
    class Doer {
      @WebSocket({ events: true })
      handle(event: ConnectionEvent): Actions | null {
        return event.type === 'message' ? actions(event.json() as object) : null;
      }
    }

    it('send, broadcast, broadcast_room, join, leave: each by itself', async () => {
      const app = await testApp({ controllers: [Doer, Listeners] });
      const [client, updates, other] = [
        await app.connect('/do'),
        await app.connect('/listen/updates'),
        await app.connect('/listen/other'),
      ];
      for (const listener of [updates, other]) expect(await listener.next()).toBe('listening');
      client.send({ send: 'to me' });
      expect(await client.next()).toBe('to me');
      client.send({ broadcast: 'to all' });
      for (const each of [client, updates, other]) expect(await each.next()).toBe('to all');
      client.send({ join: 'updates' });
      client.send({ broadcastRoom: 'to the room' });
      for (const each of [client, updates]) expect(await each.next()).toBe('to the room');
      client.send({ leave: 'updates' });
      client.send({ broadcastChannel: { channel: 'updates', message: 'to the channel' } });
      expect(await updates.next()).toBe('to the channel');
      for (const each of [client, updates, other]) await each.idle();
    });

    it('R-act-room broadcast_room goes to the newest room that is still joined, and to none it is answered', async () => {
      const app = await testApp({ controllers: [Doer] });
      const client = await app.connect('/do');
      const publish = async (text: string): Promise<void> => {
        client.send({ broadcastRoom: text });
        expect(await client.next()).toBe(text);
      };
      client.send({ broadcastRoom: 'to whom?' });
      expect(await client.json()).toMatchObject({ event: 'error', payload: { code: 'NO_ROOM' } });
      for (const join of ['first', 'second', 'first']) client.send({ join });
      await client.ping();
      expect([...app.get(Connections).get(app.get(Connections).ids()[0]!)!.channels]).toEqual(['first', 'second']);
      await publish('to the second');
      client.send({ leave: 'second' });
      await publish('to the first');
      client.send({ leave: 'first' });
      client.send({ broadcastRoom: 'to whom?' });
      expect(await client.json()).toMatchObject({ event: 'error', payload: { code: 'NO_ROOM' } });
    });

    it('R-act-close close, with a reason or with a code as well, after what was sent before', async () => {
      const app = await testApp({ controllers: [Doer] });
      for (const [close, code, reason] of [
        ['Session expired', 1000, 'Session expired'],
        ['', 1000, ''],
        [{ code: 4001 }, 4001, ''],
        [{ code: 4002, reason: 'enough' }, 4002, 'enough'],
        [{ reason: 'only that' }, 1000, 'only that'],
      ] as const) {
        const client = await app.connect('/do');
        client.send({ close, send: 'goodbye' });
        expect(await client.next()).toBe('goodbye');
        expect(await client.closed()).toEqual({ code, reason, wasClean: true });
      }
      const client = await app.connect('/do');
      client.send({ close: { code: 1005 } });
      expect(await client.json()).toMatchObject({ event: 'error', payload: { code: 'INTERNAL' } });
      client.send({ send: 'still open' });
      expect(await client.next()).toBe('still open');
    });

    it('R-act-ref are a reply under a ref, when all is done; {} is answered with null', async () => {
      @Controller('room')
      class Room {
        @OnConnect()
        enter(): Actions {
          return actions({ join: 'watched' });
        }
        @WebSocket({ event: 'alone' })
        alone(): Actions {
          return actions({ leave: 'watched', broadcastRoom: 'to whom?' });
        }
        @WebSocket({ event: 'channel' })
        channel(): Actions {
          return actions({ send: 'the reply', broadcastChannel: { channel: 'watched', message: { n: 1 } } });
        }
        @WebSocket({ event: 'nothing' })
        nothing(): Actions {
          return actions({});
        }
      }
      const app = await testApp({ controllers: [Room] });
      const client = await app.connect('/room');
      client.send({ event: 'channel' });
      expect(await client.next()).toBe('the reply');
      expect(await client.json()).toEqual({ n: 1 });
      client.send({ event: 'channel', ref: 1 });
      const both = [await client.json(), await client.json()];
      expect(both).toContainEqual({ n: 1 });
      expect(both).toContainEqual({ event: 'reply', ref: 1, payload: 'the reply' });
      client.send({ event: 'nothing', ref: 2 });
      expect(await client.json()).toEqual({ event: 'reply', ref: 2, payload: null });
      client.send({ event: 'alone', ref: 3 });
      expect(await client.json()).toMatchObject({ event: 'error', ref: 3, payload: { code: 'NO_ROOM' } });
    });
  });

  it('Example: Simple Chat', async () => {
    const app = await testApp({ controllers: [Chat] });
    const ada = await app.connect('/chat');
    expect([await ada.next(), await ada.next()]).toEqual(['Welcome to the chat!', 'A new user has joined']);
    const bo = await app.connect('/chat');
    expect([await bo.next(), await bo.next()]).toEqual(['Welcome to the chat!', 'A new user has joined']);
    expect(await ada.next()).toBe('A new user has joined');
    bo.send('hi');
    expect([await ada.next(), await bo.next()]).toEqual(['hi', 'hi']);
    await bo.close();
    expect(await ada.next()).toBe('A user has left the chat');
  });

  it('Example: Channels/Rooms', async () => {
    @Controller()
    class Live {
      @WebSocket('live', { events: true })
      handle(event: ConnectionEvent): Actions | null {
        if (event.type === 'connect') {
          return actions({ join: 'general', send: 'Connected! You are in the general channel.' });
        }
        if (event.type !== 'message') return null;
        const { message } = event;
        if (message === '/join rooms') return actions({ join: 'rooms', send: 'Joined the rooms channel' });
        if (message === '/join general') return actions({ join: 'general', send: 'Switched to general channel' });
        return actions({ send: `You said: ${String(message)}` });
      }
    }
    const app = await testApp({ controllers: [Live] });
    const client = await app.connect('/live');
    expect(await client.next()).toBe('Connected! You are in the general channel.');
    for (const [said, answer] of [
      ['/join rooms', 'Joined the rooms channel'],
      ['/join general', 'Switched to general channel'],
      ['hello', 'You said: hello'],
    ] as const) {
      client.send(said);
      expect(await client.next()).toBe(answer);
    }
    for (const channel of ['general', 'rooms']) {
      await app.get(Channels).publish(channel, `to ${channel}`);
      expect(await client.next()).toBe(`to ${channel}`);
    }
  });

  describeInBrowser('Client-Side Connection', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await startBrowser();
    }, 60_000);
    afterAll(() => browser.close());

    it('Client-Side Connection: connected, received, disconnected with the reason', async () => {
      const app = await testApp({ controllers: [Chat, ClientPage] });
      const tab = await ClientTab.open(browser, app);
      await tab.run(clientCode('000-client-side-connection.js', app));
      await tab.heard(4);
      expect(tab.said).toEqual([
        ['Connected to WebSocket'],
        ['Received:', 'Welcome to the chat!'],
        ['Received:', 'A new user has joined'],
        ['Received:', 'Hello server!'],
      ]);
      await app.get(Connections).close(app.get(Connections).ids()[0]!, { reason: 'Session expired' });
      await tab.heard(5);
      expect(tab.said.at(-1)).toEqual(['Disconnected:', 'Session expired']);
      expect(tab.errors).toEqual([]);
    }, 60_000);

    it('Client-Side Connection: an error where nobody listens', async () => {
      const app = await testApp({ controllers: [ClientPage] });
      const tab = await ClientTab.open(browser, app);
      // The path of the chat is not there: the handshake is refused.
      await tab.run(clientCode('000-client-side-connection.js', app));
      await tab.heard(2);
      expect(tab.said[0]![0]).toBe('WebSocket error:');
      expect(tab.said[1]).toEqual(['Disconnected:', '']);
    }, 60_000);
  });

  it('Server-Side Broadcast: from an HTTP route', async () => {
    @Controller('admin')
    class Admin {
      constructor(private readonly connections: Connections) {}
      @Post('broadcast')
      async notify(@Body() message: string): Promise<string> {
        await this.connections.broadcast(message);
        return `Notification sent to ${this.connections.count()} clients`;
      }
    }
    const app = await testApp({ controllers: [Admin, Listeners] });
    const clients = [await app.connect('/listen/a'), await app.connect('/listen/b')];
    for (const client of clients) expect(await client.next()).toBe('listening');
    expect((await app.request('/admin/broadcast', { body: 'soon' })).body).toBe('Notification sent to 2 clients');
    for (const client of clients) expect(await client.next()).toBe('soon');
  });

  describe('API Reference', () => {
    // ≠ What changes something returns a promise, which may be left alone: it reaches the connections of all nodes.
    it('WebSocketRegistry Methods', async () => {
      const app = await testApp({ controllers: [Listeners] });
      const [connections, channels] = [app.get(Connections), app.get(Channels)];
      const ada = await app.connect('/listen/a');
      expect(await ada.next()).toBe('listening');
      const [adaId] = connections.ids() as [string];
      const bo = await app.connect('/listen/b');
      expect(await bo.next()).toBe('listening');

      await connections.broadcast('broadcast_all');
      for (const client of [ada, bo]) expect(await client.next()).toBe('broadcast_all');
      await channels.publish('a', 'broadcast_to_channel');
      expect(await ada.next()).toBe('broadcast_to_channel');
      await connections.send(adaId, 'send_to');
      expect(await ada.next()).toBe('send_to');
      await channels.join(adaId, 'b');
      await channels.publish('b', 'join_channel');
      for (const client of [ada, bo]) expect(await client.next()).toBe('join_channel');
      await channels.leave(adaId, 'b');
      await channels.publish('b', 'leave_channel');
      expect(await bo.next()).toBe('leave_channel');
      await ada.idle();
      expect(connections.count()).toBe(2);
      expect(connections.ids()).toHaveLength(2);
      expect(connections.ids()).toContain(adaId);
      await connections.close(adaId, { reason: 'close' });
      expect(await ada.closed()).toMatchObject({ code: 1000, reason: 'close' });
      await until(() => connections.count() === 1);
      await bo.idle();
    });

    it('Global Registry Access: for code outside of handlers', async () => {
      const app = await testApp({ controllers: [Listeners] });
      const client = await app.connect('/listen/shop');
      expect(await client.next()).toBe('listening');
      const registry = app.app.get(Connections);
      await registry.broadcast('Server is restarting in 5 minutes');
      expect(registry.count()).toBe(1);
      await registry.send(registry.ids()[0]!, 'Your order is ready!');
      expect(await client.next()).toBe('Server is restarting in 5 minutes');
      expect(await client.next()).toBe('Your order is ready!');
    });
  });

  // ≠ The seed has text messages only.
  it('Limitations: bytes come and go as well', async () => {
    const app = await testApp({ controllers: [Chat] });
    const client = await app.connect('/chat');
    for (let n = 0; n < 2; n++) await client.next();
    client.send(Buffer.from([0, 128, 255]));
    expect(await client.next()).toEqual(Buffer.from([0, 128, 255]));
  });
});
