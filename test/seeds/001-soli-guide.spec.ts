/** Seed 001, Soli's guide to WebSockets: each of its examples under its own heading. ≠ marks where Halyard differs. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  actions,
  Channels,
  Connection,
  ConnectionEvent,
  Connections,
  Controller,
  Data,
  Presence,
  WebSocket,
  type Actions,
  type ActionSet,
  type Context,
} from 'halyard';
import { testApp, until, type TestApp, type TestClient } from 'halyard/testing';
import type { Browser } from 'playwright-core';
import { describeInBrowser, startBrowser } from '../browser.js';
import { clientCode, ClientPage, ClientTab } from '../support/seed-client.js';

interface User {
  id: string;
  name: string;
}

/** How the app authenticates: here by name; a browser that gives none is Alice. */
const signIn = {
  canActivate: (c: Context): boolean => {
    const { name = 'Alice' } = c.request.query as { name?: string };
    c.data['user'] = { id: name.toLowerCase(), name };
    return true;
  },
};

@Controller()
class Echo {
  @WebSocket('ws/echo', { events: true })
  handle(event: ConnectionEvent): Actions {
    return event.type === 'message' ? actions({ send: `echo: ${String(event.message)}` }) : actions({});
  }
}

/** The chat room of the tutorial's end. */
@Controller('ws/room/:room_id')
class Room {
  @WebSocket({ events: true })
  handle(event: ConnectionEvent, @Data('user') user: User): Actions {
    const room = `room:${event.params['room_id']}`;
    if (event.type === 'connect') {
      return actions({
        join: room,
        track: { channel: room, userId: user.id, name: user.name, avatar: `${user.id}.png` },
      });
    }
    if (event.type === 'message') {
      const data = event.json() as { event?: string };
      if (data.event === 'typing') return actions({ setPresence: { channel: room, state: 'typing' } });
      if (data.event === 'stop_typing') return actions({ setPresence: { channel: room, state: 'online' } });
      return actions({ broadcastRoom: event.message });
    }
    return actions({});
  }
}

/** Does what it is sent. */
@Controller('do')
class Doer {
  @WebSocket({ events: true })
  handle(event: ConnectionEvent): Actions | null {
    return event.type === 'message' ? actions(event.json() as ActionSet) : null;
  }
}

/** Clients of `Doer`; what the first one sends is done. */
async function doers(count: number): Promise<{ app: TestApp; clients: TestClient[] }> {
  const app = await testApp({ controllers: [Doer] });
  const clients: TestClient[] = [];
  for (let n = 0; n < count; n++) clients.push(await app.connect('/do'));
  return { app, clients };
}

/** Joins a room and waits until that is done. */
async function enter(client: TestClient, join: string): Promise<void> {
  client.send({ join, send: 'joined' });
  expect(await client.next()).toBe('joined');
}

describe('seed 001: the WebSocket guide of Soli', () => {
  it('1 · Quick start', async () => {
    const app = await testApp({ controllers: [Echo] });
    const client = await app.connect('/ws/echo');
    client.send('hello');
    expect(await client.next()).toBe('echo: hello');
  });

  describe('2 · How handlers work', () => {
    @Controller('ws/chat')
    class Chat {
      @WebSocket({ events: true })
      handle(event: ConnectionEvent): Actions {
        const { type, connectionId: id } = event;
        if (type === 'connect') return actions({ broadcast: { type: 'join', user: id } });
        if (type === 'message') return actions({ broadcast: event.message });
        return actions({});
      }
    }

    it('2 · How handlers work: a join is broadcast, and so is each message', async () => {
      const app = await testApp({ controllers: [Chat] });
      const client = await app.connect('/ws/chat');
      const [id] = app.get(Connections).ids();
      expect(await client.json()).toEqual({ type: 'join', user: id });
      client.send('to all');
      expect(await client.next()).toBe('to all');
    });

    it('R-act-events The event object: type, connection_id, message, params, query, headers', async () => {
      const seen: Record<string, unknown>[] = [];
      @Controller('ws/room/:room_id')
      class Inspector {
        @WebSocket({ events: true })
        handle(event: ConnectionEvent): Actions {
          const { type, connectionId, message, params, query, headers } = event;
          seen.push({ type, connectionId, message, params, query, agent: headers['user-agent'] });
          return event.type === 'message' ? actions({ send: event.json() }) : actions({});
        }
      }
      const app = await testApp({ controllers: [Inspector] });
      const client = await app.connect('/ws/room/7?tag=a&tag=b&token=x', { headers: { 'user-agent': 'test' } });
      const [connectionId] = app.get(Connections).ids();
      expect(connectionId).toMatch(/^[\w-]{22}$/);
      client.send('{"n":1}');
      expect(await client.json()).toEqual({ n: 1 });
      // What is not JSON is the client's mistake, and answered.
      client.send('no JSON');
      expect(await client.json()).toMatchObject({ event: 'error', payload: { code: 'BODY_INVALID' } });
      client.send('{"__proto__":{}}');
      expect(await client.json()).toMatchObject({ event: 'error', payload: { code: 'BODY_INVALID' } });
      await client.close();
      await until(() => seen.length === 5);
      const same = {
        connectionId,
        params: { room_id: '7' },
        query: { tag: ['a', 'b'], token: 'x' },
        agent: 'test',
      };
      expect(seen).toEqual([
        { type: 'connect', message: undefined, ...same },
        { type: 'message', message: '{"n":1}', ...same },
        { type: 'message', message: 'no JSON', ...same },
        { type: 'message', message: '{"__proto__":{}}', ...same },
        { type: 'disconnect', message: undefined, ...same },
      ]);
    });

    // ≠ `null` and nothing at all do nothing either.
    it('R-act-events Return {} to do nothing', async () => {
      @Controller('ws/quiet')
      class Quiet {
        @WebSocket({ events: true })
        handle(event: ConnectionEvent): Actions | null | undefined | Promise<null> {
          if (event.message === 'null') return null;
          if (event.message === 'later') return Promise.resolve(null);
          return event.message === '{}' ? actions({}) : undefined;
        }
      }
      const app = await testApp({ controllers: [Quiet] });
      const client = await app.connect('/ws/quiet');
      for (const text of ['{}', 'null', 'later', 'undefined']) client.send(text);
      await client.idle();
      await client.close();
      expect(app.app.metrics().drops).toEqual({});
    });
  });

  describe('3 · Response actions', () => {
    it('send', async () => {
      const { clients } = await doers(2);
      clients[0]!.send({ send: 'Hello you' });
      expect(await clients[0]!.next()).toBe('Hello you');
      clients[0]!.send({ send: { as: 'JSON' } });
      expect(await clients[0]!.json()).toEqual({ as: 'JSON' });
      for (const client of clients) await client.idle();
    });

    it('broadcast', async () => {
      const { clients } = await doers(3);
      clients[0]!.send({ broadcast: 'Hello all' });
      for (const client of clients) expect(await client.next()).toBe('Hello all');
    });

    it('join, leave, broadcast_room', async () => {
      const { clients } = await doers(3);
      const [ada, bo, eve] = clients as [TestClient, TestClient, TestClient];
      for (const client of [ada, bo]) await enter(client, 'room:lobby');
      ada.send({ broadcastRoom: { text: 'payload' } });
      for (const client of [ada, bo]) expect(await client.json()).toEqual({ text: 'payload' });
      bo.send({ leave: 'room:lobby', send: 'left' });
      expect(await bo.next()).toBe('left');
      ada.send({ broadcastRoom: 'without bo' });
      expect(await ada.next()).toBe('without bo');
      for (const client of [bo, eve]) await client.idle();
    });

    it('leave: automatic on disconnect', async () => {
      const { app, clients } = await doers(1);
      await enter(clients[0]!, 'room:lobby');
      await clients[0]!.close();
      await until(() => app.get(Channels).local('room:lobby').length === 0);
    });

    it('R-act-presence track, set_presence, untrack', async () => {
      const { app, clients } = await doers(2);
      const [ada, bo] = clients as [TestClient, TestClient];
      const channel = 'room:lobby';
      const shown = async (): Promise<unknown> => {
        const [present] = await app.get(Presence).list(channel);
        return present && { key: present.key, ...present.metas[0], metas: present.metas.length };
      };
      bo.send({ track: { channel, userId: 7, name: 'Bo' }, send: 'done' });
      while ((await bo.next()) !== 'done');
      expect(await shown()).toMatchObject({ key: '7', name: 'Bo', state: 'online', metas: 1 });
      bo.send({ setPresence: { channel, state: 'away', since: 5 }, send: 'done' });
      while ((await bo.next()) !== 'done');
      expect(await shown()).toMatchObject({ key: '7', name: 'Bo', state: 'away', since: 5, metas: 1 });
      bo.send({ untrack: channel, send: 'done' });
      while ((await bo.next()) !== 'done');
      expect(await shown()).toBeUndefined();
      bo.send({ track: { channel, userId: 'bo', state: 'busy' }, send: 'done' });
      while ((await bo.next()) !== 'done');
      expect(await shown()).toMatchObject({ key: 'bo', state: 'busy' });
      ada.send({ setPresence: { channel, state: 'typing' } });
      expect(await ada.json()).toMatchObject({ event: 'error', payload: { code: 'NOT_TRACKED' } });
      // A user without an id is nobody who could be shown.
      ada.send({ track: { channel, name: 'Ada' } });
      expect(await ada.json()).toMatchObject({ event: 'error', payload: { code: 'INTERNAL' } });
      await bo.close();
      await until(async () => (await app.get(Presence).count(channel)) === 0);
    });

    it('R-act-order Combine multiple keys: leave, untrack, join, track, set_presence, send, broadcast, broadcast_room, close', async () => {
      const { app, clients } = await doers(2);
      const [ada, watcher] = clients as [TestClient, TestClient];
      await enter(ada, 'old');
      for (const room of ['old', 'new', 'third']) await enter(watcher, room);
      ada.send({ track: { channel: 'old', userId: 'ada' }, send: 'tracked' });
      while ((await ada.next()) !== 'tracked');
      const shown: unknown[] = [];
      app.get(Presence).onJoin('new', ({ key, metas }) => shown.push([key, metas[0]!['state']]));
      ada.send({
        close: 'that is all',
        broadcastChannel: { channel: 'third', message: 'to the third' },
        broadcastRoom: 'to the new one',
        broadcast: 'to all',
        send: 'to me',
        setPresence: { channel: 'new', state: 'typing' },
        track: { channel: 'new', userId: 'ada' },
        join: 'new',
        untrack: 'old',
        leave: 'old',
      });
      const got: string[] = [];
      while (got.at(-1) !== 'to the new one') got.push(String(await ada.next()));
      expect(got.filter((text) => !text.includes('presence_'))).toEqual(['to me', 'to all', 'to the new one']);
      expect(await ada.closed()).toEqual({ code: 1000, reason: 'that is all', wasClean: true });
      expect([await watcher.next(), await watcher.next(), await watcher.next()]).toEqual([
        'to all',
        'to the new one',
        'to the third',
      ]);
      await until(async () => (await app.get(Presence).count('old')) + (await app.get(Presence).count('new')) === 0);
      expect(shown).toEqual([['ada', 'typing']]);
    });
  });

  it('4.1 Broadcast to everyone', async () => {
    @Controller('ws/all')
    class Everyone {
      @WebSocket({ events: true })
      handle(event: ConnectionEvent): Actions {
        return event.type === 'message' ? actions({ broadcast: event.message }) : actions({});
      }
    }
    const app = await testApp({ controllers: [Everyone] });
    const clients = [await app.connect('/ws/all'), await app.connect('/ws/all')];
    clients[0]!.send('all');
    for (const client of clients) expect(await client.next()).toBe('all');
  });

  it('4.2 Scope to a room', async () => {
    @Controller('ws/room/:room_id')
    class Scoped {
      @WebSocket({ events: true })
      handle(event: ConnectionEvent): Actions {
        const room = `room:${event.params['room_id']}`;
        if (event.type === 'connect') return actions({ join: room });
        if (event.type === 'message') return actions({ broadcastRoom: event.message });
        return actions({});
      }
    }
    const app = await testApp({ controllers: [Scoped] });
    const [one, two, other] = [
      await app.connect('/ws/room/a'),
      await app.connect('/ws/room/a'),
      await app.connect('/ws/room/b'),
    ];
    one.send('only room a');
    for (const client of [one, two]) expect(await client.next()).toBe('only room a');
    await other.idle();
    await two.close();
    await until(() => app.get(Channels).local('room:a').length === 1);
  });

  it('4.3 Add presence and typing indicators', async () => {
    const app = await testApp({ controllers: [Room], use: [signIn] });
    const ada = await app.connect('/ws/room/general?name=Ada');
    const own = { phx_ref: expect.any(String), state: 'online', name: 'Ada', avatar: 'ada.png' };
    expect(await ada.json()).toMatchObject({ event: 'presence_state', payload: { ada: { metas: [own] } } });
    const bo = await app.connect('/ws/room/general?name=Bo');
    await bo.json();
    const joined = await ada.json();
    expect(joined).toMatchObject({ event: 'presence_diff', payload: { joins: { bo: { metas: [{ name: 'Bo' }] } } } });
    for (const [sent, state] of [
      ['typing', 'typing'],
      ['stop_typing', 'online'],
    ]) {
      bo.send({ event: sent });
      for (const client of [ada, bo]) {
        expect(await client.json()).toMatchObject({ payload: { joins: { bo: { metas: [{ state }] } }, leaves: {} } });
      }
    }
    bo.send({ text: 'hi' });
    for (const client of [ada, bo]) expect(await client.json()).toEqual({ text: 'hi' });
    await bo.close();
    expect(await ada.json()).toMatchObject({ event: 'presence_diff', payload: { joins: {}, leaves: { bo: {} } } });
  });

  describe('5 · Presence tracking', () => {
    it('Multi-device by default', async () => {
      const app = await testApp({ controllers: [Room], use: [signIn] });
      const presence = app.get(Presence);
      const events: string[] = [];
      presence.onJoin('room:general', ({ key }) => events.push(`${key} came`));
      presence.onLeave('room:general', ({ key }) => events.push(`${key} went`));
      const phone = await app.connect('/ws/room/general?name=Ada');
      const tablet = await app.connect('/ws/room/general?name=Ada');
      await tablet.json();
      expect(await presence.count('room:general')).toBe(1);
      expect((await presence.get('room:general', 'ada'))!.metas).toHaveLength(2);
      await phone.close();
      await until(async () => (await presence.get('room:general', 'ada'))!.metas.length === 1);
      expect(events).toEqual(['ada came']);
      await tablet.close();
      await until(() => events.length === 2);
      expect(events).toEqual(['ada came', 'ada went']);
    });

    // ≠ The channel is in the frames as well, and joins and leaves of one tick are two frames: see docs/presence.md.
    it('Wire events sent to clients', async () => {
      const app = await testApp({ controllers: [Doer] });
      const track = async (client: TestClient, userId: string, meta: object): Promise<unknown> => {
        client.send({ track: { channel: 'lobby', userId, ...meta } });
        return client.json();
      };
      const [alice, tablet, bob, carol] = [
        await app.connect('/do'),
        await app.connect('/do'),
        await app.connect('/do'),
        await app.connect('/do'),
      ];
      const ref = expect.any(String) as unknown as string;
      await track(alice, 'user_123', { name: 'Alice' });
      await track(tablet, 'user_123', { name: 'Alice', state: 'typing' });
      expect(await track(bob, 'user_456', { name: 'Bob' })).toEqual({
        event: 'presence_state',
        channel: 'lobby',
        payload: {
          user_123: {
            metas: [
              { phx_ref: ref, state: 'online', name: 'Alice' },
              { phx_ref: ref, state: 'typing', name: 'Alice' },
            ],
          },
          user_456: { metas: [{ phx_ref: ref, state: 'online', name: 'Bob' }] },
        },
      });
      await alice.json();
      await alice.json();
      await track(carol, 'user_789', { name: 'Carol' });
      expect(await alice.json()).toEqual({
        event: 'presence_diff',
        channel: 'lobby',
        payload: {
          joins: { user_789: { metas: [{ phx_ref: ref, state: 'online', name: 'Carol' }] } },
          leaves: {},
        },
      });
      bob.send({ untrack: 'lobby' });
      expect(await alice.json()).toEqual({
        event: 'presence_diff',
        channel: 'lobby',
        payload: { joins: {}, leaves: { user_456: { metas: [{ phx_ref: ref, state: 'online', name: 'Bob' }] } } },
      });
    });
  });

  describeInBrowser('6 · Client-side JavaScript', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await startBrowser();
    }, 60_000);
    afterAll(() => browser.close());

    it('1 · Quick start: connect from the browser', async () => {
      const app = await testApp({ controllers: [Echo, ClientPage] });
      const tab = await ClientTab.open(browser, app);
      await tab.run(clientCode('001-quick-start.js', app));
      await tab.heard(1);
      expect(tab.said).toEqual([['echo: hello']]);
      expect(tab.errors).toEqual([]);
    }, 60_000);

    it('6 · Client-side JavaScript: what is received is logged', async () => {
      const app = await testApp({ controllers: [Room, ClientPage], use: [signIn] });
      const tab = await ClientTab.open(browser, app);
      await tab.run(clientCode('001-connect.js', app));
      await tab.heard(1);
      expect(tab.said).toMatchObject([
        ['Received:', { event: 'presence_state', payload: { alice: { metas: [{ name: 'Alice', state: 'online' }] } } }],
      ]);
      await tab.run(clientCode('001-send.js', app));
      await tab.heard(2);
      expect(tab.said).toContainEqual(['Received:', { text: 'Hello!' }]);
      expect(tab.errors).toEqual([]);
    }, 60_000);

    it('6 · Client-side JavaScript: who is there, through devices and typing', async () => {
      const app = await testApp({ controllers: [Room, ClientPage], use: [signIn] });
      const tab = await ClientTab.open(browser, app);
      // What `renderUserList` makes of it, as the snippet itself shows nobody.
      const users = async (): Promise<object> => {
        const list = await tab.page.evaluate(`Object.entries(presences).map(([userId, { metas }]) =>
          userId + ' ' + metas.map(({ state }) => state).join('+'))`);
        return (list as string[]).toSorted();
      };
      const show = async (expected: string[]): Promise<void> => {
        await until(async () => JSON.stringify(await users()) === JSON.stringify(expected), { timeout: 30_000 });
      };
      await tab.run(clientCode('001-connect.js', app), clientCode('001-presences.js', app));
      await show(['alice online']);
      const bo = await app.connect('/ws/room/general?name=Bo');
      await show(['alice online', 'bo online']);
      bo.send({ event: 'typing' });
      await show(['alice online', 'bo typing']);
      const tablet = await app.connect('/ws/room/general?name=Bo');
      await show(['alice online', 'bo typing+online']);
      bo.send({ event: 'stop_typing' });
      await show(['alice online', 'bo online+online']);
      await tablet.close();
      await show(['alice online', 'bo online']);
      await tab.run(clientCode('001-send.js', app));
      let sent = await bo.json<object>();
      while (!('text' in sent)) sent = await bo.json();
      expect(sent).toEqual({ text: 'Hello!' });
      await bo.close();
      await show(['alice online']);
      expect(tab.errors).toEqual([]);
    }, 90_000);
  });

  // ≠ What returns null there returns a promise here, which may be left alone. What counts and lists is of this process, or
  // with `{ cluster: true }` of all.
  describe('7 · Server-side helper functions', () => {
    it('Messaging: ws_send, ws_broadcast, ws_broadcast_room, ws_close', async () => {
      const { app, clients } = await doers(2);
      const [ada, bo] = clients as [TestClient, TestClient];
      const [connections, channels] = [app.get(Connections), app.get(Channels)];
      const [adaId] = connections.ids() as [string];
      await connections.send(adaId, 'Hello, client!');
      expect(await ada.next()).toBe('Hello, client!');
      await connections.broadcast('Server restarting in 5 min');
      for (const client of clients) expect(await client.next()).toBe('Server restarting in 5 min');
      await enter(bo, 'room:lobby');
      await channels.publish('room:lobby', { to: 'the lobby' });
      expect(await bo.json()).toEqual({ to: 'the lobby' });
      await connections.close(adaId, { reason: 'Session expired' });
      expect(await ada.closed()).toMatchObject({ code: 1000, reason: 'Session expired' });
      await bo.idle();
    });

    it('Rooms: ws_join, ws_leave', async () => {
      @Controller('rooms')
      class Rooms {
        @WebSocket({ event: 'join' })
        async join(connection: Connection): Promise<string[]> {
          await connection.join('room:lobby');
          return [...connection.channels];
        }
        @WebSocket({ event: 'leave' })
        async leave(connection: Connection): Promise<string[]> {
          await connection.leave('room:lobby');
          return [...connection.channels];
        }
      }
      const app = await testApp({ controllers: [Rooms] });
      const client = await app.connect('/rooms');
      client.send({ event: 'join' });
      expect(await client.json()).toEqual(['room:lobby']);
      client.send({ event: 'leave' });
      expect(await client.json()).toEqual([]);
    });

    it('Inspection: ws_clients, ws_clients_in, ws_count', async () => {
      const { app, clients } = await doers(2);
      const [connections, channels] = [app.get(Connections), app.get(Channels)];
      const [adaId, boId] = connections.ids();
      expect([adaId, boId].every((id) => typeof id === 'string')).toBe(true);
      await enter(clients[0]!, 'room:lobby');
      expect(channels.local('room:lobby')).toEqual([adaId]);
      expect(await channels.subscribers('room:lobby')).toEqual([adaId]);
      expect(connections.count()).toBe(2);
    });

    it('Presence: ws_list_presence, ws_presence_count, ws_get_presence', async () => {
      const app = await testApp({ controllers: [Room], use: [signIn] });
      const presence = app.get(Presence);
      for (const name of ['Ada', 'Bo', 'Bo']) await (await app.connect(`/ws/room/lobby?name=${name}`)).json();
      const list = await presence.list('room:lobby');
      expect(list.map(({ key, metas }) => ({ key, names: metas.map((meta) => meta['name']) }))).toEqual([
        { key: 'ada', names: ['Ada'] },
        { key: 'bo', names: ['Bo', 'Bo'] },
      ]);
      expect(await presence.count('room:lobby')).toBe(2);
      expect(await presence.get('room:lobby', 'ada')).toMatchObject({ key: 'ada', metas: [{ name: 'Ada' }] });
      expect(await presence.get('room:lobby', 'nobody')).toBeUndefined();
    });
  });

  it('8 · Performance & tips: a payload that is serialised already is sent as it is', async () => {
    const { app, clients } = await doers(2);
    const text = JSON.stringify({ once: true });
    await app.get(Connections).broadcast(text);
    for (const client of clients) expect(await client.next()).toBe(text);
  });
});
