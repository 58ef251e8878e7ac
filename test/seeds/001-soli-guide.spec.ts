import { describe, expect, it } from '@jest/globals';
import { actions, ConnectionEvent, Controller, Data, Presence, WebSocket, type Actions, type Context } from 'halyard';
import { testApp, type TestClient } from 'halyard/testing';

/** How the app authenticates: here by name. */
const signIn = {
  canActivate: (c: Context): boolean => {
    const name = c.request.query['name'];
    if (typeof name === 'string') c.data['user'] = { id: name.toLowerCase(), name };
    return true;
  },
};

interface Frame {
  event: string;
  payload: { joins: Record<string, unknown>; leaves: Record<string, unknown> } & Record<string, { metas: object[] }>;
}

/** Seed 001's own client: what it makes of the frames that it gets. */
async function follow(
  client: TestClient,
  presences: Record<string, { metas: object[] }>,
  frames: number,
): Promise<void> {
  for (let n = 0; n < frames; n++) {
    const data = (await client.json()) as Frame;
    if (data.event === 'presence_state') {
      for (const userId of Object.keys(presences)) delete presences[userId];
      Object.assign(presences, data.payload);
    } else if (data.event === 'presence_diff') {
      Object.entries(data.payload.joins).forEach(([userId, p]) => {
        presences[userId] = p as { metas: object[] };
      });
      Object.entries(data.payload.leaves).forEach(([userId]) => {
        delete presences[userId];
      });
    }
  }
}

function stateOf(presences: Record<string, { metas: object[] }>): Record<string, unknown[]> {
  return Object.fromEntries(
    Object.entries(presences).map(([key, { metas }]) => [key, metas.map((meta) => (meta as { state: string }).state)]),
  );
}

describe('seed 001: the WebSocket guide of Soli', () => {
  it('1 · Quick start: an echo', async () => {
    @Controller()
    class Echo {
      @WebSocket('ws/echo', { events: true })
      handle(event: ConnectionEvent): Actions {
        return event.type === 'message' ? actions({ send: `echo: ${String(event.message)}` }) : actions({});
      }
    }
    const app = await testApp({ controllers: [Echo] });
    const client = await app.connect('/ws/echo');
    client.send('hello');
    expect(await client.next()).toBe('echo: hello');
  });

  it('2 · How handlers work: a join is broadcast, a message is, {} does nothing', async () => {
    @Controller('ws/chat')
    class Chat {
      @WebSocket({ events: true })
      handle(event: ConnectionEvent): Actions {
        if (event.type === 'connect') return actions({ broadcast: { type: 'join', user: event.connectionId } });
        if (event.type === 'message') return actions({ broadcast: event.message });
        return actions({});
      }
    }
    const app = await testApp({ controllers: [Chat] });
    const client = await app.connect('/ws/chat');
    expect(await client.json()).toEqual({ type: 'join', user: expect.stringMatching(/^[\w-]{22}$/) });
    client.send('to all');
    expect(await client.next()).toBe('to all');
  });

  it('4.1 Broadcast to everyone and 4.2 Scope to a room', async () => {
    @Controller('ws')
    class Chat {
      @WebSocket('all', { events: true })
      all(event: ConnectionEvent): Actions {
        return event.type === 'message' ? actions({ broadcast: event.message }) : actions({});
      }
      @WebSocket('room/:room_id', { events: true })
      room(event: ConnectionEvent): Actions {
        const room = `room:${event.params['room_id']}`;
        if (event.type === 'connect') return actions({ join: room });
        if (event.type === 'message') return actions({ broadcastRoom: event.message });
        return actions({});
      }
    }
    const app = await testApp({ controllers: [Chat] });
    const [one, two, other] = [
      await app.connect('/ws/room/a'),
      await app.connect('/ws/room/a'),
      await app.connect('/ws/room/b'),
    ];
    one.send('only room a');
    for (const client of [one, two]) expect(await client.next()).toBe('only room a');
    await other.idle();
    const everybody = await app.connect('/ws/all');
    everybody.send('all');
    for (const client of [one, two, other, everybody]) expect(await client.next()).toBe('all');
  });

  it('R-act-presence 4.3 Add presence and typing indicators, and 5 · Presence tracking, several devices', async () => {
    @Controller('ws/room/:room_id')
    class Room {
      @WebSocket({ events: true })
      handle(event: ConnectionEvent, @Data('user') user: { id: string; name: string }): Actions {
        const room = `room:${event.params['room_id']}`;
        if (event.type === 'connect') {
          return actions({ join: room, track: { channel: room, userId: user.id, name: user.name } });
        }
        if (event.type !== 'message') return actions({});
        const data = event.json() as { event?: string };
        if (data.event === 'typing') return actions({ setPresence: { channel: room, state: 'typing' } });
        if (data.event === 'stop_typing') return actions({ setPresence: { channel: room, state: 'online' } });
        if (data.event === 'hide') return actions({ untrack: room });
        return actions({ broadcastRoom: event.message });
      }
    }
    const app = await testApp({ controllers: [Room], use: [signIn] });
    const presences: Record<string, { metas: object[] }> = {};
    const ada = await app.connect('/ws/room/general?name=Ada');
    await follow(ada, presences, 1);
    expect(presences).toEqual({
      ada: { metas: [{ phx_ref: expect.any(String), state: 'online', name: 'Ada' }] },
    });
    const bo = await app.connect('/ws/room/general?name=Bo');
    await follow(ada, presences, 1);
    expect(stateOf(presences)).toEqual({ ada: ['online'], bo: ['online'] });
    bo.send({ event: 'typing' });
    await follow(ada, presences, 1);
    expect(stateOf(presences)).toEqual({ ada: ['online'], bo: ['typing'] });
    bo.send({ event: 'stop_typing' });
    await follow(ada, presences, 1);
    const tablet = await app.connect('/ws/room/general?name=Bo');
    await follow(ada, presences, 1);
    expect(stateOf(presences)).toEqual({ ada: ['online'], bo: ['online', 'online'] });
    await tablet.close();
    // A device less: a frame of leaves, which this client takes for the user's, and one that brings the other back.
    await follow(ada, presences, 2);
    expect(stateOf(presences)).toEqual({ ada: ['online'], bo: ['online'] });
    await expect(app.get(Presence).count('room:general')).resolves.toBe(2);
    await bo.close();
    await follow(ada, presences, 1);
    expect(stateOf(presences)).toEqual({ ada: ['online'] });
    ada.send({ event: 'hide' });
    await follow(ada, presences, 1);
    ada.send({ event: 'typing' });
    expect(await ada.json()).toMatchObject({ event: 'error', payload: { code: 'NOT_TRACKED' } });
  });

  it('7 · Server-side helper functions: who is present, for code outside of a handler', async () => {
    @Controller('ws/room/:room_id')
    class Room {
      @WebSocket({ events: true })
      handle(event: ConnectionEvent, @Data('user') user: { id: string; name: string }): Actions {
        const room = `room:${event.params['room_id']}`;
        if (event.type !== 'connect') return actions({});
        return actions({ join: room, track: { channel: room, userId: user.id, name: user.name } });
      }
    }
    const app = await testApp({ controllers: [Room], use: [signIn] });
    const presence = app.get(Presence);
    const clients = [await app.connect('/ws/room/lobby?name=Ada'), await app.connect('/ws/room/lobby?name=Bo')];
    for (const client of clients) await client.json();
    const list = await presence.list('room:lobby');
    expect(list.map(({ key, metas }) => ({ key, names: metas.map((meta) => meta['name']) }))).toEqual([
      { key: 'ada', names: ['Ada'] },
      { key: 'bo', names: ['Bo'] },
    ]);
    expect(await presence.count('room:lobby')).toBe(2);
    expect(await presence.get('room:lobby', 'ada')).toMatchObject({ key: 'ada' });
    expect(await presence.get('room:lobby', 'nobody')).toBeUndefined();
  });
});
