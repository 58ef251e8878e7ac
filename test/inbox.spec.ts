import { describe, expect, it } from '@jest/globals';
import {
  Channels,
  Connection,
  Connections,
  Controller,
  Inbox,
  memoryBroker,
  OnConnect,
  Param,
  Presence,
  Query,
  Sender,
  UseInterceptors,
  WebSocket,
  type InboxEvent,
  type InboxTimeout,
  type Interceptor,
} from 'halyard';
import { testApp, until, type TestApp, type TestClient } from 'halyard/testing';
import { FaultyEngine } from './support/faulty-broker.js';

/** What the endpoints' inboxes gave, as the client is told of it. */
function told(event: InboxEvent | InboxTimeout): unknown {
  return event.type === 'message' ? { type: 'message', text: event.message.text() } : event;
}

/** Does as it is told, and tells what comes. */
@Controller('desk')
class Desk {
  @WebSocket()
  async run(inbox: Inbox, connection: Connection, presence: Presence): Promise<void> {
    for await (const event of inbox) {
      const text = event.type === 'message' ? event.message.text() : '';
      const [command, name = '', value = ''] = text.split(' ');
      if (command === 'join') await connection.join(name, { presence: value === 'presence' });
      if (command === 'leave') await connection.leave(name);
      if (command === 'publish') void connection.publish(name, value);
      if (command === 'track') await connection.track(name, value, { name: value });
      if (command === 'update') await connection.update(name, { state: value });
      if (command === 'untrack') await connection.untrack(name);
      if (command === 'list') await connection.send(await presence.list(name));
      await connection.send(command === 'id' ? connection.id : told(event));
    }
  }
}

/** Sends a command and waits until it was done. */
async function order(client: TestClient, command: string): Promise<void> {
  client.send(command);
  expect(await client.json()).toEqual({ type: 'message', text: command });
}

async function idOf(client: TestClient): Promise<string> {
  client.send('id');
  return String(await client.next());
}

describe('an inbox', () => {
  it('R-inbox-receive gives the messages in their order, and null when the client has gone', async () => {
    const got: (string | null)[] = [];
    @Controller('echo')
    class Echo {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<void> {
        for (;;) {
          const message = await inbox.receive();
          got.push(message?.text() ?? null);
          if (message === null) return;
          await connection.send({ type: 'echo', message: message.text() });
        }
      }
    }
    const app = await testApp({ controllers: [Echo] });
    const client = await app.connect('/echo');
    for (const text of ['one', 'two', 'three']) client.send(text);
    for (const message of ['one', 'two', 'three']) expect(await client.json()).toEqual({ type: 'echo', message });
    await client.close();
    await until(() => got.length === 4);
    expect(got).toEqual(['one', 'two', 'three', null]);
  });

  it('R-inbox-receive leaves events where they are, for receiveAny', async () => {
    @Controller('room')
    class Room {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<unknown> {
        await connection.join('room');
        await connection.send('joined');
        const first = await inbox.receive();
        const second = await inbox.receive();
        const rest = [await inbox.receiveAny(), await inbox.receiveAny(), await inbox.receiveAny({ timeout: 0 })];
        return [first, second].map((message) => message?.text()).concat(rest.map((event) => JSON.stringify(event)));
      }
    }
    const app = await testApp({ controllers: [Room] });
    const client = await app.connect('/room');
    expect(await client.next()).toBe('joined');
    await app.get(Channels).publish('room', 'a');
    await app.get(Channels).publish('room', 'b');
    client.send('one');
    client.send('two');
    const [first, second, ...rest] = await client.json<string[]>();
    expect([first, second]).toEqual(['one', 'two']);
    expect(rest.map((event) => JSON.parse(event) as unknown)).toMatchObject([
      { type: 'channel', data: 'a' },
      { type: 'channel', data: 'b' },
      { type: 'timeout' },
    ]);
  });

  it('R-inbox-any gives messages and events in the order in which they came', async () => {
    let go!: () => void;
    const ready = new Promise<void>((resolve) => (go = resolve));
    @Controller('room')
    class Room {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<unknown> {
        await connection.join('room');
        await connection.send('joined');
        await ready;
        const got: unknown[] = [];
        while (got.length < 5) got.push(told((await inbox.receiveAny())!));
        return got;
      }
    }
    const app = await testApp({ controllers: [Room] });
    const client = await app.connect('/room');
    expect(await client.next()).toBe('joined');
    for (const n of [1, 2]) {
      client.send(`message ${n}`);
      await client.ping();
      await app.get(Channels).publish('room', { n });
    }
    client.send('message 3');
    await client.ping();
    go();
    expect(await client.json()).toMatchObject([
      { type: 'message', text: 'message 1' },
      { type: 'channel', data: { n: 1 } },
      { type: 'message', text: 'message 2' },
      { type: 'channel', data: { n: 2 } },
      { type: 'message', text: 'message 3' },
    ]);
    expect((await client.closed()).code).toBe(1000);
  });

  it('R-inbox-any with a timeout says that nothing came in time, and loses nothing by it', async () => {
    @Controller('desk')
    class Patient {
      @WebSocket()
      async run(@Query('timeout') timeout: string, inbox: Inbox, connection: Connection): Promise<void> {
        for (;;) {
          const event = await inbox.receiveAny({ timeout });
          if (event === null) return;
          await connection.send(told(event));
        }
      }
    }
    const app = await testApp({ controllers: [Patient] });
    for (const timeout of ['20ms', '0', '0.005s']) {
      const client = await app.connect(`/desk?timeout=${timeout}`);
      expect(await client.json()).toEqual({ type: 'timeout' });
      client.send('hello');
      let said = await client.json();
      while ((said as { type: string }).type === 'timeout') said = await client.json();
      expect(said).toEqual({ type: 'message', text: 'hello' });
      client.terminate();
    }
    const client = await app.connect('/desk?timeout=soon');
    expect(await client.closed()).toMatchObject({ code: 1011, reason: 'INTERNAL' });
  });

  it('R-inbox-iterate yields all that comes, and ends with the connection', async () => {
    const ended: boolean[] = [];
    @Controller('log')
    class Log {
      @WebSocket()
      async run(inbox: Inbox): Promise<void> {
        expect(inbox.closed).toBe(false);
        const seen: string[] = [];
        for await (const event of inbox) seen.push(event.type);
        ended.push(inbox.closed, seen.length === 2);
      }
    }
    const app = await testApp({ controllers: [Log] });
    const client = await app.connect('/log');
    client.send('one');
    client.send('two');
    await client.close();
    await until(() => ended.length > 0);
    expect(ended).toEqual([true, true]);
  });

  it('R-inbox-channel gets what the joined channels bring, its own included, and the client gets none of it', async () => {
    const app = await testApp({ controllers: [Desk] });
    const [ada, bo] = [await app.connect('/desk'), await app.connect('/desk')];
    const adaId = await idOf(ada);
    await order(ada, 'join room');
    await order(bo, 'join room');
    const before = Date.now();
    ada.send('publish room hi');
    const event = { type: 'channel', channel: 'room', data: 'hi', senderId: adaId };
    const got = [await ada.json(), await ada.json()];
    expect(got).toContainEqual({ type: 'message', text: 'publish room hi' });
    expect(got).toContainEqual({ ...event, timestamp: expect.any(Number) });
    const seen = await bo.json<{ timestamp: number }>();
    expect(seen).toEqual({ ...event, timestamp: expect.any(Number) });
    expect(seen.timestamp).toBeGreaterThanOrEqual(before);
    expect(seen.timestamp).toBeLessThanOrEqual(Date.now());
    await order(ada, 'leave room');
    bo.send('publish room again');
    for (const said of [await bo.json(), await bo.json()]) {
      expect([
        { type: 'message', text: 'publish room again' },
        { ...event, data: 'again', timestamp: expect.any(Number), senderId: expect.any(String) },
      ]).toContainEqual(said);
    }
    await ada.idle();
  });

  it('R-inbox-channel gives values as values, text as text and bytes as bytes, as they were published', async () => {
    const got: unknown[] = [];
    @Controller('room')
    class Room {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<void> {
        await connection.join('room');
        await connection.send('joined');
        for await (const event of inbox) if (event.type === 'channel') got.push([event.event, event.data]);
      }
      @OnConnect('plain')
      plain(connection: Connection): Promise<void> {
        return connection.join('room');
      }
    }
    const app = await testApp({ controllers: [Room] });
    const client = await app.connect('/room');
    expect(await client.next()).toBe('joined');
    // What an ordinary client is sent does not depend on what else is known of it.
    const plain = await app.connect('/room/plain');
    const channels = app.get(Channels);
    const values = ['text', '{"n":1}', { n: 1 }, [1, 'two'], 3, true, null];
    for (const value of values) await channels.publish('room', value);
    await channels.publish('room', Buffer.from([0, 128, 255]));
    for (const value of values) await channels.publish('room', value, { event: 'news' });
    await until(() => got.length === values.length * 2 + 1);
    expect(got).toEqual([
      ...values.map((value) => [undefined, value]),
      [undefined, Buffer.from([0, 128, 255])],
      ...values.map((value) => ['news', value]),
    ]);
    for (const value of values)
      expect(await plain.next()).toBe(typeof value === 'string' ? value : JSON.stringify(value));
    expect(await plain.next()).toEqual(Buffer.from([0, 128, 255]));
    for (const payload of values) expect(await plain.json()).toEqual({ event: 'news', channel: 'room', payload });
    await client.idle();
  });

  it('R-inbox-channel keeps what one reader does to a value from the others', async () => {
    const got: unknown[] = [];
    @Controller('room')
    class Room {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<void> {
        await connection.join('room');
        await connection.send('joined');
        for await (const event of inbox) {
          if (event.type !== 'channel') continue;
          got.push(structuredClone(event.data));
          if (Buffer.isBuffer(event.data)) event.data.fill(9);
          else (event.data as number[]).push(9);
        }
      }
    }
    const app = await testApp({ controllers: [Room] });
    for (const client of [await app.connect('/room'), await app.connect('/room')]) {
      expect(await client.next()).toBe('joined');
    }
    await app.get(Channels).publish('room', [1]);
    await app.get(Channels).publish('room', Buffer.from([1]));
    await until(() => got.length === 4);
    expect(got).toEqual([[1], [1], new Uint8Array([1]), new Uint8Array([1])]);
  });

  it('R-inbox-channel gets what comes before the endpoint runs: of channels that @OnConnect has joined', async () => {
    @Controller('room')
    class Room {
      @OnConnect()
      async enter(connection: Connection): Promise<void> {
        await connection.join('room');
        await connection.publish('room', 'early');
      }
      @WebSocket()
      async run(inbox: Inbox): Promise<unknown> {
        return inbox.receiveAny();
      }
    }
    const app = await testApp({ controllers: [Room] });
    expect(await (await app.connect('/room')).json()).toMatchObject({ type: 'channel', data: 'early' });
  });

  it('R-inbox-presence gets who comes, changes and goes, device by device, but not itself', async () => {
    const app = await testApp({ controllers: [Desk] });
    const [ada, bo, spectator] = [await app.connect('/desk'), await app.connect('/desk'), await app.connect('/desk')];
    const ids = { ada: await idOf(ada), bo: await idOf(bo) };
    await order(spectator, 'join room presence');
    await order(ada, 'track room ada');
    const adaJoined = {
      type: 'presence',
      eventType: 'join',
      channel: 'room',
      key: 'ada',
      userInfo: { name: 'ada' },
      connectionId: ids.ada,
    };
    expect(await spectator.json()).toEqual(adaJoined);
    await order(bo, 'track room bo');
    const bosJoin = { ...adaJoined, key: 'bo', userInfo: { name: 'bo' }, connectionId: ids.bo };
    for (const client of [ada, spectator]) expect(await client.json()).toEqual(bosJoin);
    // Who came before is listed, and was not told.
    bo.send('list room');
    expect(await bo.json()).toMatchObject([
      { key: 'ada', metas: [{ name: 'ada', connectionId: ids.ada, joinedAt: expect.any(Number) }] },
      { key: 'bo', metas: [{ name: 'bo', connectionId: ids.bo }] },
    ]);
    expect(await bo.json()).toEqual({ type: 'message', text: 'list room' });
    await order(bo, 'update room typing');
    const update = { ...bosJoin, eventType: 'update', userInfo: { name: 'bo', state: 'typing' } };
    for (const client of [ada, spectator]) expect(await client.json()).toEqual(update);
    // A second device of the same user is an event as well.
    const tablet = await app.connect('/desk');
    await order(tablet, 'track room bo');
    for (const client of [ada, bo, spectator]) {
      expect(await client.json()).toMatchObject({ eventType: 'join', key: 'bo', userInfo: { name: 'bo' } });
    }
    await order(bo, 'untrack room');
    for (const client of [ada, spectator, tablet]) {
      expect(await client.json()).toEqual({ ...update, eventType: 'leave' });
    }
    tablet.terminate();
    for (const client of [ada, bo, spectator]) expect(await client.json()).toMatchObject({ eventType: 'leave' });
    for (const client of [ada, bo, spectator]) await client.idle();
  });

  it('R-inbox-presence misses nothing and repeats nothing of a tick in which it began to watch', async () => {
    const got = new Map<string, string[]>();
    @Controller('room')
    class Room {
      @OnConnect('silent')
      silent(): void {}

      @WebSocket()
      async run(@Query('name') name: string, inbox: Inbox, connection: Connection): Promise<void> {
        const seen: string[] = [];
        got.set(name, seen);
        await connection.send('ready');
        for await (const event of inbox) if (event.type === 'presence') seen.push(`${event.eventType} ${event.key}`);
      }
    }
    const app = await testApp({ controllers: [Room] });
    const watcher = await app.connect('/room?name=watcher');
    expect(await watcher.next()).toBe('ready');
    const connections = app.get(Connections);
    const [watching] = [...connections];
    const others = [];
    for (let n = 0; n < 4; n++) {
      others.push(await app.connect('/room/silent'));
    }
    const [a, b, c, d] = [...connections].slice(1);
    const presence = app.get(Presence);
    // All within one tick: what was there when it began to watch is for it to list, what comes then is told.
    void presence.track(a!, 'room', 'stays');
    void presence.track(b!, 'room', 'leaves');
    void presence.track(c!, 'room', 'changes');
    void presence.watch(watching!, 'room');
    void presence.untrack(b!, 'room');
    void presence.update(c!, 'room', { state: 'busy' });
    void presence.track(d!, 'room', 'comes');
    await until(() => got.get('watcher')!.length >= 3);
    expect(got.get('watcher')!.toSorted()).toEqual(['join comes', 'leave leaves', 'update changes']);
    for (const other of others) await other.close();
    await until(() => got.get('watcher')!.length === 6);
  });

  it('R-inbox-presence gets counts where there are more keys than maxPresence', async () => {
    const app = await testApp({ controllers: [Desk], maxPresence: 2 });
    const spectator = await app.connect('/desk');
    await order(spectator, 'join room presence');
    const clients: TestClient[] = [];
    for (const name of ['ada', 'bo']) {
      const client = await app.connect('/desk');
      clients.push(client);
      await order(client, `track room ${name}`);
      expect(await spectator.json()).toMatchObject({ type: 'presence', eventType: 'join', key: name });
    }
    const third = await app.connect('/desk');
    await order(third, 'track room eve');
    let said = await spectator.json<{ type: string; count?: number }>();
    while (said.type === 'presence') said = await spectator.json();
    expect(said).toEqual({ type: 'presence_count', channel: 'room', count: 3 });
    third.terminate();
    clients.pop()!.terminate();
    expect(await spectator.json()).toMatchObject({ type: 'presence_count', channel: 'room' });
  });

  it('R-inbox-direct lets what is sent to the connection itself through to the client', async () => {
    @Controller('desk')
    class Silent {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<void> {
        connection.user = 'ada';
        await connection.send('ready');
        for await (const event of inbox) await connection.send(told(event));
      }
    }
    const app = await testApp({ controllers: [Silent] });
    const client = await app.connect('/desk');
    expect(await client.next()).toBe('ready');
    const connections = app.get(Connections);
    await connections.send(connections.ids()[0]!, 'by id');
    await connections.sendToUser('ada', 'by user');
    await connections.broadcast('to all');
    expect([await client.next(), await client.next(), await client.next()]).toEqual(['by id', 'by user', 'to all']);
    await client.idle();
  });

  it('R-inbox-nodes gets what other nodes publish and whom they show', async () => {
    const broker = memoryBroker();
    const [one, other]: TestApp[] = [
      await testApp({ controllers: [Desk], broker }),
      await testApp({ controllers: [Desk], broker }),
    ];
    const [ada, bo] = [await one!.connect('/desk'), await other!.connect('/desk')];
    const boId = await idOf(bo);
    await order(ada, 'join room presence');
    bo.send('publish room hi');
    expect(await ada.json()).toMatchObject({ type: 'channel', channel: 'room', data: 'hi', senderId: boId });
    await bo.json();
    await order(bo, 'track room bo');
    const joined = { type: 'presence', eventType: 'join', key: 'bo', userInfo: { name: 'bo' }, connectionId: boId };
    expect(await ada.json()).toMatchObject(joined);
    bo.terminate();
    expect(await ada.json()).toMatchObject({ ...joined, eventType: 'leave' });
  });

  it('R-inbox-nodes gets a gap where the broker was away, and the client gets none', async () => {
    @Controller('wary')
    class Wary {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<unknown> {
        await connection.join('room', { gaps: true });
        await connection.send('joined');
        return [await inbox.receiveAny(), await inbox.receiveAny()];
      }
    }
    const broker = new FaultyEngine().node();
    const app = await testApp({ controllers: [Wary], broker });
    const client = await app.connect('/wary');
    expect(await client.next()).toBe('joined');
    broker.cut();
    broker.mend();
    await app.get(Channels).publish('room', 'after');
    expect(await client.json()).toMatchObject([
      { type: 'gap', channel: 'room' },
      { type: 'channel', data: 'after' },
    ]);
    expect(app.app.metrics().drops).toMatchObject({ gap: 1 });
  });

  it('R-inbox-send may be told from a Sender, a generator and interceptors', async () => {
    class Loud implements Interceptor {
      post(_c: unknown, value: unknown): unknown {
        return typeof value === 'string' ? value.toUpperCase() : value;
      }
    }
    @Controller('say/:how')
    @UseInterceptors(Loud)
    class Say {
      @WebSocket()
      async *run(@Param('how') how: string, inbox: Inbox, sender: Sender<string>): AsyncGenerator<string> {
        await sender.send(`hello, ${how}`);
        for (;;) {
          const message = await inbox.receive();
          if (message === null) return;
          yield message.text();
          if (message.text() === 'bye') return;
        }
      }
    }
    const app = await testApp({ controllers: [Say] });
    const client = await app.connect('/say/softly');
    expect(await client.next()).toBe('HELLO, SOFTLY');
    client.send('one');
    expect(await client.next()).toBe('ONE');
    client.send('bye');
    expect(await client.next()).toBe('BYE');
    expect(await client.closed()).toMatchObject({ code: 1000, wasClean: true });
  });
});
