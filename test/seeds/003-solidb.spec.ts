/**
 * Seed 003, SoliDB's page on WebSocket handlers: each of its examples under its own heading. A script there is an endpoint with
 * an `Inbox` here. ≠ marks where Halyard differs.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Channels,
  Connection,
  Connections,
  Controller,
  Data,
  DefaultValuePipe,
  Inbox,
  Optional,
  Presence,
  Query,
  UseGuards,
  WebSocket,
  type Guard,
  type Present,
  type UpgradeContext,
} from 'halyard';
import { testApp, until } from 'halyard/testing';
import type { Browser } from 'playwright-core';
import { describeInBrowser, startBrowser } from '../browser.js';
import { clientCode, ClientPage, ClientTab } from '../support/seed-client.js';

interface Listed {
  connection_id: string;
  user_info: object;
  joined_at: number;
}

/** The seed's list: one entry a connection. ≠ By user here, each with its devices. */
function listed(list: readonly Present[]): Listed[] {
  return list.flatMap(({ metas }) =>
    metas.map(({ connectionId, joinedAt, phx_ref: _, ...userInfo }) => ({
      connection_id: connectionId,
      user_info: userInfo,
      joined_at: joinedAt,
    })),
  );
}

/** The complete example, `chat_room.lua`. */
@Controller('api/custom/_system')
class ChatRoom {
  @WebSocket('chat')
  async run(
    @Query('room', new DefaultValuePipe('general')) room: string,
    @Query('name', new DefaultValuePipe('Anonymous')) name: string,
    inbox: Inbox,
    connection: Connection,
    presence: Presence,
  ): Promise<void> {
    const channel = `chat:${room}`;
    const user = { name, joined: Date.now() };
    await connection.join(channel);
    await connection.track(channel, undefined, user);
    const users = listed(await presence.list(channel)).map(({ user_info, joined_at }) => ({ user_info, joined_at }));
    await connection.send({ type: 'init', room, users });
    for (;;) {
      const event = await inbox.receiveAny({ timeout: '30s' });
      if (event === null) break;
      if (event.type === 'message') {
        const data = event.message.json() as { type?: string; text?: string };
        if (data.type === 'message') {
          await connection.publish(channel, { type: 'chat', from: user.name, text: data.text, timestamp: Date.now() });
        }
      } else if (event.type === 'channel') {
        await connection.send(event.data);
      } else if (event.type === 'presence') {
        await connection.send({ type: `user_${event.eventType}`, user: event.userInfo });
      }
    }
    // Cleanup is automatic when the connection closes.
  }
}

describe('seed 003: WebSocket handlers of SoliDB', () => {
  it('Overview: a handler runs for the duration of the connection', async () => {
    const log: string[] = [];
    @Controller('ws')
    class Handler {
      @WebSocket()
      async run(inbox: Inbox): Promise<void> {
        log.push('started');
        while ((await inbox.receive()) !== null) log.push('message');
        log.push('ended');
      }
    }
    const app = await testApp({ controllers: [Handler] });
    const client = await app.connect('/ws');
    client.send('one');
    client.send('two');
    await client.close();
    await until(() => log.length === 4);
    expect(log).toEqual(['started', 'message', 'message', 'ended']);
  });

  it('Basic WebSocket Operations: send, recv, recv_any, close', async () => {
    @Controller('ws')
    class Handler {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<void> {
        await connection.send('a string');
        const message = await inbox.receive();
        await connection.send(`recv: ${message!.text()}`);
        const event = await inbox.receiveAny({ timeout: 30_000 });
        await connection.send(event?.type === 'message' ? `recv_any: ${event.message.text()}` : 'nothing');
        // ≠ nil for both there: here nothing in time is an event, and only the end is null.
        await connection.send((await inbox.receiveAny({ timeout: 1 }))!.type);
        connection.close();
        await connection.send(`closed: ${inbox.closed} ${(await inbox.receive()) === null}`);
      }
    }
    const app = await testApp({ controllers: [Handler] });
    const client = await app.connect('/ws');
    expect(await client.next()).toBe('a string');
    client.send('one');
    expect(await client.next()).toBe('recv: one');
    client.send('two');
    expect(await client.next()).toBe('recv_any: two');
    expect(await client.next()).toBe('timeout');
    expect(await client.next()).toBe('closed: true true');
    expect(await client.closed()).toEqual({ code: 1000, reason: '', wasClean: true });
  });

  it('Simple Echo Server', async () => {
    @Controller('echo')
    class Echo {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<void> {
        for (;;) {
          const message = await inbox.receive();
          if (message === null) break;
          await connection.send({ type: 'echo', message: message.text(), timestamp: Date.now() });
        }
      }
    }
    const app = await testApp({ controllers: [Echo] });
    const client = await app.connect('/echo');
    for (const message of ['Hello', '{"any":"text"}']) {
      client.send(message);
      expect(await client.json()).toEqual({ type: 'echo', message, timestamp: expect.any(Number) });
    }
  });

  it('Channel Pub/Sub: subscribe, unsubscribe, broadcast, list', async () => {
    @Controller('ws')
    class Handler {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<void> {
        for await (const event of inbox) {
          if (event.type === 'channel') await connection.send({ channel: event.channel, data: event.data });
          if (event.type !== 'message') continue;
          const [command, name, data] = event.message.json() as [string, string?, unknown?];
          if (command === 'subscribe') await connection.join(name!);
          if (command === 'unsubscribe') await connection.leave(name!);
          if (command === 'broadcast') await connection.publish(name!, data);
          if (command === 'list') await connection.send([...connection.channels]);
        }
      }
    }
    const app = await testApp({ controllers: [Handler] });
    const [ada, bo] = [await app.connect('/ws'), await app.connect('/ws')];
    const list = async (client: typeof ada): Promise<unknown> => {
      client.send(['list']);
      return client.json();
    };
    for (const client of [ada, bo]) {
      client.send(['subscribe', 'news']);
      expect(await list(client)).toEqual(['news']);
    }
    ada.send(['subscribe', 'sport']);
    expect(await list(ada)).toEqual(['news', 'sport']);
    bo.send(['broadcast', 'news', { n: 1 }]);
    // All subscribers, including yourself.
    for (const client of [ada, bo]) expect(await client.json()).toEqual({ channel: 'news', data: { n: 1 } });
    bo.send(['broadcast', 'sport', 'text']);
    expect(await ada.json()).toEqual({ channel: 'sport', data: 'text' });
    ada.send(['unsubscribe', 'news']);
    expect(await list(ada)).toEqual(['sport']);
    bo.send(['broadcast', 'news', 2]);
    expect(await bo.json()).toEqual({ channel: 'news', data: 2 });
    for (const client of [ada, bo]) await client.idle();
  });

  it('Multi-Channel Notifications', async () => {
    @Controller('notifications')
    class Notifications {
      @WebSocket()
      async run(@Query('user_id') userId: string, inbox: Inbox, connection: Connection): Promise<void> {
        await connection.join(`user:${userId}`);
        await connection.join('global:announcements');
        await connection.send({ type: 'ready' });
        for (;;) {
          const event = await inbox.receiveAny({ timeout: 30_000 });
          if (event === null) break;
          if (event.type === 'channel') {
            await connection.send({ type: 'notification', channel: event.channel, data: event.data });
          }
        }
      }
    }
    const app = await testApp({ controllers: [Notifications] });
    const [ada, bo] = [await app.connect('/notifications?user_id=1'), await app.connect('/notifications?user_id=2')];
    for (const client of [ada, bo]) expect(await client.json()).toEqual({ type: 'ready' });
    const channels = app.get(Channels);
    await channels.publish('user:1', { title: 'tea is ready' });
    await channels.publish('global:announcements', 'restart at noon');
    const announcement = { type: 'notification', channel: 'global:announcements', data: 'restart at noon' };
    expect(await ada.json()).toEqual({ type: 'notification', channel: 'user:1', data: { title: 'tea is ready' } });
    for (const client of [ada, bo]) expect(await client.json()).toEqual(announcement);
  });

  it('Presence Tracking: join, leave, list', async () => {
    @Controller('ws')
    class Handler {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection, presence: Presence): Promise<void> {
        for await (const event of inbox) {
          if (event.type === 'presence') await connection.send(`${event.eventType} ${String(event.userInfo['name'])}`);
          if (event.type !== 'message') continue;
          const [command, name] = event.message.json() as [string, string?];
          if (command === 'join') await connection.track('room', undefined, { name });
          if (command === 'leave') await connection.untrack('room');
          await connection.send({ id: connection.id, list: listed(await presence.list('room')) });
        }
      }
    }
    const app = await testApp({ controllers: [Handler] });
    const [ada, bo] = [await app.connect('/ws'), await app.connect('/ws')];
    const before = Date.now();
    ada.send(['join', 'Ada']);
    const own = await ada.json<{ id: string; list: Listed[] }>();
    expect(own.list).toEqual([{ connection_id: own.id, user_info: { name: 'Ada' }, joined_at: expect.any(Number) }]);
    expect(own.list[0]!.joined_at).toBeGreaterThanOrEqual(before);
    bo.send(['join', 'Bo']);
    const both = await bo.json<{ id: string; list: Listed[] }>();
    expect(new Set(both.list.map(({ connection_id }) => connection_id))).toEqual(new Set([own.id, both.id]));
    expect(await ada.next()).toBe('join Bo');
    bo.send(['leave']);
    expect((await bo.json<{ list: Listed[] }>()).list).toHaveLength(1);
    expect(await ada.next()).toBe('leave Bo');
    for (const client of [ada, bo]) await client.idle();
  });

  it("Who's Online Feature", async () => {
    class SignedIn implements Guard {
      canActivate(c: UpgradeContext): boolean {
        const [username] = [c.request.headers['x-user']].flat();
        c.data['user'] = { username };
        return username !== undefined;
      }
    }
    @Controller('online')
    @UseGuards(SignedIn)
    class Online {
      @WebSocket()
      async run(
        @Query('room', new DefaultValuePipe('lobby')) room: string,
        @Query('name', Optional) name: string,
        @Query('avatar', Optional) avatar: string,
        @Data('user') user: { username: string },
        inbox: Inbox,
        connection: Connection,
        presence: Presence,
      ): Promise<void> {
        await connection.track(room, user.username, { id: user.username, name, avatar });
        await connection.join(room);
        await connection.send({ type: 'init', users: listed(await presence.list(room)).map((each) => each.user_info) });
        for (;;) {
          const event = await inbox.receiveAny();
          if (event === null) break;
          if (event.type === 'presence') {
            await connection.send({ type: `user_${event.eventType}`, user: event.userInfo });
          }
        }
      }
    }
    const app = await testApp({ controllers: [Online] });
    expect((await app.refused('/online')).status).toBe(403);
    const ada = await app.connect('/online?name=Ada&avatar=a.png', { headers: { 'x-user': 'ada' } });
    const adaInfo = { id: 'ada', name: 'Ada', avatar: 'a.png' };
    expect(await ada.json()).toEqual({ type: 'init', users: [adaInfo] });
    const bo = await app.connect('/online?room=lobby&name=Bo', { headers: { 'x-user': 'bo' } });
    expect(await bo.json()).toEqual({ type: 'init', users: [adaInfo, { id: 'bo', name: 'Bo' }] });
    expect(await ada.json()).toEqual({ type: 'user_join', user: { id: 'bo', name: 'Bo' } });
    bo.terminate();
    expect(await ada.json()).toEqual({ type: 'user_leave', user: { id: 'bo', name: 'Bo' } });
    await ada.idle();
  });

  describe('Event Types from recv_any()', () => {
    @Controller('events')
    class Events {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<void> {
        await connection.join('room', { presence: true });
        await connection.send({ id: connection.id });
        for await (const event of inbox) {
          if (event.type !== 'message') await connection.send(event);
          else if (event.message.text() === 'publish') void connection.publish('room', { n: 1 });
          else if (event.message.text() === 'track') void connection.track('room', 'ada', { name: 'Ada' });
          else if (event.message.text() === 'untrack') void connection.untrack('room');
          else await connection.send({ decoded: event.message.json(), text: event.message.text() });
        }
      }
    }

    it('msg_type == "ws"', async () => {
      const app = await testApp({ controllers: [Events] });
      const client = await app.connect('/events');
      await client.json();
      client.send('{"type":"message"}');
      expect(await client.json()).toEqual({ decoded: { type: 'message' }, text: '{"type":"message"}' });
    });

    it('msg_type == "channel"', async () => {
      const app = await testApp({ controllers: [Events] });
      const [ada, bo] = [await app.connect('/events'), await app.connect('/events')];
      const { id: senderId } = await ada.json<{ id: string }>();
      await bo.json();
      ada.send('publish');
      const event = { type: 'channel', channel: 'room', data: { n: 1 }, timestamp: expect.any(Number), senderId };
      for (const client of [ada, bo]) expect(await client.json()).toEqual(event);
    });

    it('msg_type == "presence"', async () => {
      const app = await testApp({ controllers: [Events] });
      const [ada, bo] = [await app.connect('/events'), await app.connect('/events')];
      const { id: connectionId } = await ada.json<{ id: string }>();
      await bo.json();
      const event = { type: 'presence', channel: 'room', key: 'ada', userInfo: { name: 'Ada' }, connectionId };
      ada.send('track');
      expect(await bo.json()).toEqual({ ...event, eventType: 'join' });
      ada.send('untrack');
      expect(await bo.json()).toEqual({ ...event, eventType: 'leave' });
      await ada.idle();
    });
  });

  it('Complete Example: Chat Room', async () => {
    const app = await testApp({ controllers: [ChatRoom] });
    const path = '/api/custom/_system/chat';
    const ada = await app.connect(`${path}?room=tea&name=Ada`);
    const info = (name: string): object => ({ name, joined: expect.any(Number) });
    const entry = (name: string): object => ({ user_info: info(name), joined_at: expect.any(Number) });
    expect(await ada.json()).toEqual({ type: 'init', room: 'tea', users: [entry('Ada')] });
    const bo = await app.connect(`${path}?room=tea`);
    expect(await bo.json()).toEqual({ type: 'init', room: 'tea', users: [entry('Ada'), entry('Anonymous')] });
    expect(await ada.json()).toEqual({ type: 'user_join', user: info('Anonymous') });
    const other = await app.connect(path);
    expect(await other.json()).toEqual({ type: 'init', room: 'general', users: [entry('Anonymous')] });

    ada.send({ type: 'message', text: 'hello' });
    const chat = { type: 'chat', from: 'Ada', text: 'hello', timestamp: expect.any(Number) };
    for (const client of [ada, bo]) expect(await client.json()).toEqual(chat);
    bo.send({ type: 'unknown' });
    await bo.close();
    expect(await ada.json()).toEqual({ type: 'user_leave', user: info('Anonymous') });
    await until(() => app.get(Channels).local('chat:tea').length === 1);
    for (const client of [ada, other]) await client.idle();
  });

  describeInBrowser('Client Integration', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await startBrowser();
    }, 60_000);
    afterAll(() => browser.close());

    it('JavaScript Client', async () => {
      const app = await testApp({ controllers: [ChatRoom, ClientPage] });
      const tab = await ClientTab.open(browser, app);
      await tab.run(clientCode('003-javascript-client.js', app));
      await tab.heard(2);
      const bob = await app.connect('/api/custom/_system/chat?room=general&name=Bob');
      expect(await bob.json()).toMatchObject({ type: 'init', users: [{}, {}] });
      await tab.heard(3);
      await tab.page.evaluate(`sendMessage('Hi, Bob')`);
      expect(await bob.json()).toMatchObject({ type: 'chat', from: 'Alice', text: 'Hi, Bob' });
      await tab.heard(4);
      bob.send({ type: 'message', text: 'Hi, Alice' });
      await tab.heard(5);
      await bob.close();
      await tab.heard(6);
      const alice = { user_info: { name: 'Alice', joined: expect.any(Number) }, joined_at: expect.any(Number) };
      expect(tab.said).toEqual([
        ['Connected!'],
        ['Users online:', [alice]],
        ['Bob joined'],
        ['Alice: Hi, Bob'],
        ['Bob: Hi, Alice'],
        ['Bob left'],
      ]);
      expect(tab.errors).toEqual([]);
    }, 60_000);
  });

  it('Best Practices: cleanup is automatic', async () => {
    const app = await testApp({ controllers: [ChatRoom] });
    const client = await app.connect('/api/custom/_system/chat');
    await client.json();
    client.terminate();
    await until(() => app.get(Connections).count() === 0);
    expect(await app.get(Presence).list('chat:general')).toEqual([]);
    expect(app.get(Channels).local('chat:general')).toEqual([]);
  });
});
