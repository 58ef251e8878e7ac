/** Each row of the tables of calls in docs/coming-from.md, done on real sockets. */
import { describe, expect, it } from '@jest/globals';
import {
  actions,
  Body,
  Channels,
  CloseInfo,
  Connection,
  ConnectionError,
  ConnectionEvent,
  Connections,
  Controller,
  HttpError,
  Message,
  OnConnect,
  OnDisconnect,
  OnError,
  Presence,
  UseGuards,
  WebSocket,
  type Guard,
  type UpgradeContext,
} from 'halyard';
import { testApp, until, type TestApp, type TestClient } from 'halyard/testing';
import { tableOf } from '../support/document.js';

/** What hooks have been given. */
const log: { connection: Connection; what: unknown }[] = [];
/** What the endpoint of events has been given, and what it says to it. */
const events: ConnectionEvent[] = [];
let answer: (event: ConnectionEvent) => unknown = () => null;

class Door implements Guard {
  canActivate(c: UpgradeContext): boolean {
    if (c.request.query['user'] === 'eve') throw new HttpError(403, 'not you');
    c.user = c.request.query['user'] as string;
    c.data['mood'] = 'good';
    return true;
  }
}

@Controller('chat', { ping: '5s', maxPayload: '1kb' })
@UseGuards(Door)
class Chat {
  @OnConnect()
  open(peer: Connection): void {
    log.push({ connection: peer, what: 'open' });
  }
  @WebSocket({ event: 'say' })
  say(@Body() text: string): string {
    return `you say ${text}`;
  }
  @WebSocket({ event: 'fail' })
  fail(): never {
    throw new Error('no');
  }
  @WebSocket()
  message(peer: Connection, message: Message): string {
    return message.text();
  }
  @OnError()
  error(peer: Connection, failure: ConnectionError): void {
    log.push({ connection: peer, what: failure.error });
  }
  @OnDisconnect()
  close(peer: Connection, details: CloseInfo): void {
    log.push({ connection: peer, what: details });
  }
}

@Controller('live/:room')
class Live {
  @WebSocket({ events: true })
  handle(event: ConnectionEvent): unknown {
    events.push(event);
    return answer(event);
  }
}

/** An app, two clients and the server's side of both. */
interface World {
  app: TestApp;
  connections: Connections;
  channels: Channels;
  presence: Presence;
  ada: TestClient;
  bob: TestClient;
  /** The connections of ada and bob. */
  a: Connection;
  b: Connection;
}

type Rows = Record<string, (world: World) => Promise<void>>;

async function world(): Promise<World> {
  log.length = 0;
  events.length = 0;
  answer = () => null;
  const app = await testApp({ controllers: [Chat, Live] });
  const [ada, bob] = [await app.connect('/chat?user=ada'), await app.connect('/chat?user=bob')];
  const [a, b] = [...app.get(Connections)];
  const services = { connections: app.get(Connections), channels: app.get(Channels), presence: app.get(Presence) };
  return { app, ada, bob, a: a!, b: b!, ...services };
}

const said = { event: 'said', payload: 'hi' };

const socketIo: Rows = {
  "`io.of('/chat')`": async ({ ada }) => {
    expect(ada.socket.readyState).toBe(1);
  },
  "`socket.on('say', fn)`": async ({ ada }) => {
    ada.send({ event: 'say', payload: 'hi' });
    expect(await ada.next()).toBe('you say hi');
  },
  "`socket.emit('said', value)`": async ({ a, ada }) => {
    void a.send({ event: 'said', payload: 'hi' });
    expect(await ada.json()).toEqual(said);
  },
  'an acknowledgement': async ({ ada }) => {
    ada.send({ event: 'say', payload: 'hi', ref: 7 });
    expect(await ada.json()).toEqual({ event: 'reply', ref: 7, payload: 'you say hi' });
  },
  '`socket.join(room)`, `socket.leave(room)`': async ({ a, channels }) => {
    await a.join('room');
    expect(await channels.count('room')).toBe(1);
    await a.leave('room');
    expect(await channels.count('room')).toBe(0);
  },
  "`io.to(room).emit('said', value)`": async ({ a, ada, channels }) => {
    await a.join('room');
    await channels.publish('room', 'hi', { event: 'said' });
    expect(await ada.json()).toEqual({ ...said, channel: 'room' });
  },
  "`socket.to(room).emit('said', value)`": async ({ a, b, ada, bob, channels }) => {
    await a.join('room');
    await b.join('room');
    await channels.publish('room', 'hi', { event: 'said', except: a });
    expect(await bob.json()).toEqual({ ...said, channel: 'room' });
    await ada.idle();
  },
  "`io.emit('said', value)`": async ({ ada, bob, connections }) => {
    await connections.broadcast({ event: 'said', payload: 'hi' });
    expect([await ada.json(), await bob.json()]).toEqual([said, said]);
  },
  '`io.to(socketId).emit(…)`': async ({ a, ada, bob, connections }) => {
    await connections.send(a.id, said);
    await connections.sendToUser('bob', said);
    expect([await ada.json(), await bob.json()]).toEqual([said, said]);
  },
  '`io.in(socketId).disconnectSockets()`': async ({ a, ada, bob, connections }) => {
    await connections.close(a.id);
    await connections.closeUser('bob');
    expect([(await ada.closed()).code, (await bob.closed()).code]).toEqual([1000, 1000]);
  },
  '`io.in(room).fetchSockets()`': async ({ a, channels }) => {
    await a.join('room');
    expect(await channels.subscribers('room')).toEqual([a.id]);
  },
  '`io.use((socket, next) => …)`': async ({ app }) => {
    expect(await app.refused('/chat?user=eve')).toMatchObject({ status: 403 });
  },
  '`socket.data`, `socket.handshake`': async ({ a }) => {
    expect(a.data['mood']).toBe('good');
    expect(a.request.query['user']).toBe('ada');
  },
  '`disconnect` and its reason': async ({ ada }) => {
    await ada.close(4000, 'bored');
    await until(() => log.some(({ what }) => what instanceof CloseInfo));
    expect(log.at(-1)!.what).toMatchObject({ code: 4000, reason: 'bored' });
  },
  '`pingInterval`, `maxHttpBufferSize`': async ({ ada }) => {
    ada.send('x'.repeat(1025));
    expect(await ada.closed()).toMatchObject({ code: 1009 });
  },
};

const solidStart: Rows = {
  '`open(peer)`': async ({ a }) => {
    expect(log[0]).toEqual({ connection: a, what: 'open' });
  },
  '`message(peer, message)`': async ({ ada }) => {
    ada.send('hi');
    expect(await ada.next()).toBe('hi');
  },
  '`close(peer, details)`': async ({ a, ada }) => {
    await ada.close(1000, 'bye');
    await until(() => log.at(-1)!.what instanceof CloseInfo);
    expect(log.at(-1)).toMatchObject({ what: { code: 1000, reason: 'bye' } });
    expect(log.at(-1)!.connection).toBe(a);
  },
  '`error(peer, error)`': async ({ a, ada }) => {
    ada.send({ event: 'fail' });
    await ada.json();
    expect(log.at(-1)).toMatchObject({ what: new Error('no') });
    expect(log.at(-1)!.connection).toBe(a);
  },
  '`upgrade(request)`': async ({ app }) => {
    expect(await app.refused('/chat?user=eve')).toMatchObject({ status: 403 });
  },
  '`peer.id`, `peer.request`, `peer.remoteAddress`': async ({ a, b }) => {
    expect(a.id).not.toBe(b.id);
    expect([a.request.path, a.remoteAddress]).toEqual(['/chat', '127.0.0.1']);
  },
  '`peer.context`': async ({ a }) => {
    expect(a.data).toEqual({ mood: 'good' });
  },
  '`message.text()`, `.json()`, `.arrayBuffer()`': async ({ ada }) => {
    ada.send(Buffer.from('bytes that are text'));
    expect(await ada.next()).toBe('bytes that are text');
  },
  '`peer.subscribe(name)`, `peer.publish(name, value)`': async ({ a, b, ada, bob }) => {
    await a.join('room');
    await b.join('room');
    await a.publish('room', 'hi');
    expect([await ada.next(), await bob.next()]).toEqual(['hi', 'hi']);
    await a.publish('room', 'hi', { except: a });
    expect(await bob.next()).toBe('hi');
    await ada.idle();
  },
  '`peer.peers`, a `Map` of your own': async ({ a, b, connections }) => {
    expect([...connections]).toEqual([a, b]);
    expect(connections.get(a.id)).toBe(a);
  },
};

const phoenix: Rows = {
  "an endpoint's socket, `connect/3`": async ({ app }) => {
    expect(await app.refused('/chat?user=eve')).toMatchObject({ status: 403 });
  },
  '`join("room:" <> id, …)`': async ({ a, channels }) => {
    await a.join('room:1');
    expect(await channels.count('room:1')).toBe(1);
  },
  '`handle_in("say", payload, socket)`': socketIo["`socket.on('say', fn)`"]!,
  '`{:reply, {:ok, value}, socket}`': socketIo['an acknowledgement']!,
  '`push(socket, "said", value)`': socketIo["`socket.emit('said', value)`"]!,
  '`broadcast!(socket, "said", value)`': async ({ a, ada }) => {
    await a.join('room');
    await a.publish('room', 'hi', { event: 'said' });
    expect(await ada.json()).toEqual({ ...said, channel: 'room' });
  },
  '`broadcast_from!(…)`': socketIo["`socket.to(room).emit('said', value)`"]!,
  '`MyApp.Endpoint.broadcast(…)`': socketIo["`io.to(room).emit('said', value)`"]!,
  '`Presence.track(socket, key, meta)`': async ({ a, ada, presence }) => {
    await presence.track(a, 'room', 'ada', { n: 1 });
    expect(await ada.json()).toMatchObject({ event: 'presence_state', payload: { ada: { metas: [{ n: 1 }] } } });
  },
  '`Presence.update`, `untrack`, `list`, `get_by_key`': async ({ a, presence }) => {
    await presence.track(a, 'room', 'ada', { n: 1 });
    await presence.update(a, 'room', { n: 2 });
    expect(await presence.list('room')).toMatchObject([{ key: 'ada', metas: [{ n: 2 }] }]);
    expect(await presence.get('room', 'ada')).toMatchObject({ key: 'ada' });
    await presence.untrack(a, 'room');
    expect(await presence.list('room')).toEqual([]);
  },
  // presence-clients.spec.ts feeds it thousands of frames.
  '`new Presence(channel)` in JavaScript': async ({ a, ada, presence }) => {
    await presence.watch(a, 'room');
    expect(await ada.json()).toEqual({ event: 'presence_state', channel: 'room', payload: {} });
  },
  '`assigns`': solidStart['`peer.context`']!,
  '`terminate/2`': solidStart['`close(peer, details)`']!,
  // A publication is the same frame for all: there is nothing to intercept.
  '`intercept`, `handle_out`': async ({ a, b, ada, bob, channels }) => {
    await a.join('room');
    await b.join('room');
    await channels.publish('room', { to: 'all' });
    expect([await ada.next(), await bob.next()]).toEqual(['{"to":"all"}', '{"to":"all"}']);
  },
};

const soli: Rows = {
  '`websocket("/chat", "chat#handler")`': async ({ app }) => {
    const client = await app.connect('/live/1');
    client.send('hi');
    await client.close();
    await until(() => events.length === 3);
    expect(events.map(({ type }) => type)).toEqual(['connect', 'message', 'disconnect']);
  },
  '`event["type"]`, `["connection_id"]`, `["message"]`, `["channel"]`': async ({ app, connections }) => {
    answer = ({ type }) => (type === 'connect' ? actions({ join: 'room' }) : null);
    const client = await app.connect('/live/1');
    client.send('hi');
    await until(() => events.length === 2);
    const connectionId = connections.ids().at(-1);
    expect(events[1]).toMatchObject({ type: 'message', connectionId, message: 'hi', channel: 'room' });
  },
  '`event["params"]`, `["query"]`, `["headers"]`, `["message"].to_h`': async ({ app }) => {
    const client = await app.connect('/live/1?a=b', { headers: { 'x-a': 'c' } });
    client.send({ n: 1 });
    await until(() => events.length === 2);
    const { params, query, headers } = events[1]!;
    expect([params['room'], query['a'], headers['x-a'], events[1]!.json()]).toEqual(['1', 'b', 'c', { n: 1 }]);
  },
  'a returned hash of actions': async ({ app, presence }) => {
    answer = ({ type }) =>
      type === 'connect'
        ? actions({
            join: 'room',
            track: { channel: 'room', userId: 7 },
            setPresence: { channel: 'room', state: 'away' },
          })
        : actions({ broadcastRoom: 'to the room' });
    const client = await app.connect('/live/1');
    expect(await client.json()).toMatchObject({ event: 'presence_state' });
    client.send('hi');
    expect(await client.next()).toBe('to the room');
    expect(await presence.get('room', '7')).toMatchObject({ metas: [{ state: 'away' }] });
  },
  '`{}`, `null`': async ({ app }) => {
    answer = ({ type }) => (type === 'connect' ? actions({}) : null);
    const client = await app.connect('/live/1');
    client.send('hi');
    await until(() => events.length === 2);
    await client.idle();
  },
  '`get_ws_registry()`': async ({ app, connections }) => {
    expect(app.get(Connections)).toBe(connections);
  },
  '`registry.broadcast_all(m)`, `ws_broadcast(m)`': async ({ ada, bob, connections }) => {
    expect(await connections.broadcast('hi')).toBeUndefined();
    expect([await ada.next(), await bob.next()]).toEqual(['hi', 'hi']);
  },
  '`registry.broadcast_to_channel(c, m)`, `ws_broadcast_room(c, m)`': async ({ a, ada, bob, channels }) => {
    await a.join('room');
    await channels.publish('room', 'hi');
    expect(await ada.next()).toBe('hi');
    await bob.idle();
  },
  '`registry.send_to(id, m)`, `ws_send(id, m)`': async ({ a, ada, bob, connections }) => {
    await connections.send(a.id, 'hi');
    expect(await ada.next()).toBe('hi');
    await bob.idle();
  },
  '`registry.join_channel(id, c)`, `leave_channel(id, c)`': async ({ a, channels }) => {
    await channels.join(a.id, 'room');
    expect([...a.channels]).toEqual(['room']);
    await channels.leave(a.id, 'room');
    expect([...a.channels]).toEqual([]);
  },
  '`ws_join(c)`, `ws_leave(c)`': socketIo['`socket.join(room)`, `socket.leave(room)`']!,
  '`registry.close(id, reason)`, `ws_close(id, reason)`': async ({ a, ada, connections }) => {
    await connections.close(a.id, { reason: 'Session expired' });
    expect(await ada.closed()).toMatchObject({ code: 1000, reason: 'Session expired' });
  },
  '`registry.connection_count()`, `ws_count()`': async ({ connections }) => {
    expect([connections.count(), await connections.count({ cluster: true })]).toEqual([2, 2]);
  },
  '`registry.get_all_ids()`, `ws_clients()`': async ({ a, b, connections }) => {
    expect(connections.ids()).toEqual([a.id, b.id]);
    expect((await connections.ids({ cluster: true })).toSorted()).toEqual([a.id, b.id].toSorted());
  },
  '`ws_clients_in(c)`': async ({ a, channels }) => {
    await a.join('room');
    expect([channels.local('room'), await channels.subscribers('room')]).toEqual([[a.id], [a.id]]);
  },
  '`ws_list_presence(c)`': async ({ a, b, presence }) => {
    await a.track('room', 'ada', { name: 'Ada' });
    await b.track('room', 'ada', { name: 'Ada' });
    expect(await presence.list('room')).toMatchObject([{ key: 'ada', metas: [{ name: 'Ada' }, { name: 'Ada' }] }]);
  },
  '`ws_presence_count(c)`': async ({ a, b, presence }) => {
    await a.track('room', 'ada');
    await b.track('room', 'ada');
    expect(await presence.count('room')).toBe(1);
  },
  '`ws_get_presence(c, user)`': async ({ a, presence }) => {
    await a.track('room', 'ada', { name: 'Ada' });
    expect(await presence.get('room', 'ada')).toMatchObject({ key: 'ada', metas: [{ name: 'Ada' }] });
    expect(await presence.get('room', 'bob')).toBeUndefined();
  },
};

describe('the tables of docs/coming-from.md', () => {
  it.each([
    ['Socket.IO', socketIo],
    ['SolidStart and crossws', solidStart],
    ['Phoenix', phoenix],
    ['Soli', soli],
  ])('have in that of %s no row that is not true', async (heading, rows) => {
    expect(Object.keys(rows)).toEqual(tableOf('docs/coming-from.md', heading));
    for (const [row, show] of Object.entries(rows)) {
      const its = await world();
      try {
        await show(its);
      } catch (error) {
        throw new Error(`${row}: ${(error as Error).message}`, { cause: error });
      }
      await its.app.close();
    }
  });
});
