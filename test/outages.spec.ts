/** What an outage of the broker does to those who are connected, and to those who come. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Channels,
  Connection,
  Connections,
  Controller,
  createPublisher,
  Json,
  OnConnect,
  WebSocket,
} from 'halyard';
import { testApp, until, type TestApp } from 'halyard/testing';
import { FaultyEngine, type FaultyBroker } from './support/faulty-broker.js';
import { Ledger } from './support/ledger.js';

@Controller('room')
class Room {
  constructor(private readonly channels: Channels) {}

  @WebSocket({ event: 'join' })
  join(@Body(Json) { channel, gaps }: { channel: string; gaps?: boolean }, connection: Connection): Promise<void> {
    return connection.join(channel, { gaps: gaps ?? false });
  }
  @WebSocket({ event: 'leave' })
  leave(@Body(Json) channel: string, connection: Connection): Promise<void> {
    return connection.leave(channel);
  }
  @WebSocket({ event: 'publish' })
  publish(@Body(Json) [channel, value]: [string, string]): Promise<void> {
    return this.channels.publish(channel, value);
  }
}

@Controller('lobby')
class Lobby {
  @OnConnect()
  enter(connection: Connection): Promise<void> {
    return connection.join('lobby');
  }
}

async function start(): Promise<{ app: TestApp; broker: FaultyBroker; other: FaultyBroker; ledger: Ledger }> {
  const engine = new FaultyEngine();
  const [broker, other] = [engine.node(), engine.node()];
  const ledger = new Ledger();
  return { app: await testApp({ controllers: [Room, Lobby], broker, use: [ledger] }), broker, other, ledger };
}

/** A client that has joined channels, with `gaps` those whose name has a `!`. */
async function member(app: TestApp, ...channels: string[]) {
  const client = await app.connect('/room');
  for (const channel of channels) {
    client.send({ event: 'join', ref: channel, payload: { channel, gaps: channel.endsWith('!') } });
    expect(await client.json()).toMatchObject({ event: 'reply', ref: channel });
  }
  return client;
}

describe('gaps', () => {
  it('R-chan-gap who asked for it is told of each outage once, before any later publication', async () => {
    const { app, broker, ledger } = await start();
    const [wary, careless] = [await member(app, 'a!', 'b!', 'c'), await member(app, 'c')];
    const channels = app.get(Channels);
    await channels.publish('a!', 'before');
    expect(await wary.next()).toBe('before');
    for (let outage = 1; outage <= 2; outage++) {
      broker.cut();
      await expect(channels.publish('a!', 'lost')).rejects.toMatchObject({ outcome: 'rejected' });
      broker.mend();
      await channels.publish('c', 'to all');
      await channels.publish('a!', 'after');
      expect([await wary.json(), await wary.json()]).toEqual([
        { event: 'gap', channel: 'a!' },
        { event: 'gap', channel: 'b!' },
      ]);
      expect([await wary.next(), await wary.next(), await careless.next()]).toEqual(['to all', 'after', 'to all']);
      expect(ledger.dropCount('gap')).toBe(2 * outage);
      expect(app.app.metrics().drops).toMatchObject({ gap: 2 * outage });
    }
    expect(ledger.drops.filter(({ reason }) => reason === 'gap').map(({ channel }) => channel)).toEqual([
      'a!',
      'b!',
      'a!',
      'b!',
    ]);
    await wary.idle();
    await careless.idle();
  });

  it('R-chan-gap comes before what comes in while the link is still being restored, and again after another loss', async () => {
    const { app, broker, other } = await start();
    const client = await member(app, 'a!');
    const elsewhere = createPublisher({ broker: other });
    const publishElsewhere = async (text: string): Promise<void> => {
      await elsewhere.publish('a!', text);
      // By now it has been delivered, or lost.
      await setImmediate();
    };
    broker.cut();
    await publishElsewhere('lost');
    for (const text of ['first', 'third']) {
      broker.isRestoring = true;
      await publishElsewhere(text);
      expect([await client.json(), await client.next()]).toEqual([{ event: 'gap', channel: 'a!' }, text]);
      await publishElsewhere(`${text} but one`);
      expect(await client.next()).toBe(`${text} but one`);
      if (text === 'first') broker.cutWhileRestoring();
    }
    broker.mend();
    await publishElsewhere('after');
    expect(await client.next()).toBe('after');
    await client.idle();
  });

  it('R-chan-gap goes to who is in the channel: not after leaving, and not for an outage before the join', async () => {
    const { app, broker } = await start();
    const [left, later] = [await member(app, 'a!', 'b!'), await member(app)];
    left.send({ event: 'leave', ref: 1, payload: 'b!' });
    expect(await left.json()).toMatchObject({ event: 'reply', ref: 1 });
    broker.cut();
    later.send({ event: 'join', ref: 'down', payload: { channel: 'a!', gaps: true } });
    expect(await later.json()).toMatchObject({ event: 'error', ref: 'down', payload: { code: 'BROKER_UNAVAILABLE' } });
    broker.mend();
    expect(await left.json()).toEqual({ event: 'gap', channel: 'a!' });
    later.send({ event: 'join', ref: 'up', payload: { channel: 'a!', gaps: true } });
    expect(await later.json()).toMatchObject({ event: 'reply', ref: 'up' });
    await later.idle();
    await left.idle();
  });

  it('R-chan-gap a second join may ask for them, and one without does not take them back', async () => {
    const { app, broker } = await start();
    const client = await member(app, 'a');
    for (const gaps of [true, false]) {
      client.send({ event: 'join', ref: 1, payload: { channel: 'a', gaps } });
      expect(await client.json()).toMatchObject({ event: 'reply' });
      broker.cut();
      broker.mend();
      expect(await client.json()).toEqual({ event: 'gap', channel: 'a' });
    }
  });

  it('R-chan-gap is told on the diagnostics channel too', async () => {
    const { app, broker } = await start();
    const client = await member(app, 'a!');
    const told: unknown[] = [];
    const listener = (message: unknown): unknown => told.push((message as { dropped: unknown }).dropped);
    subscribe('halyard.drop', listener);
    try {
      broker.cut();
      broker.mend();
      expect(await client.json()).toEqual({ event: 'gap', channel: 'a!' });
    } finally {
      unsubscribe('halyard.drop', listener);
    }
    expect(told).toEqual([{ reason: 'gap', count: 1, channel: 'a!' }]);
  });
});

describe('an outage of the broker', () => {
  it('R-out-connect a connect that joins is closed 1013, and one after it is let in', async () => {
    const { app, broker } = await start();
    const before = await app.connect('/lobby');
    broker.cut();
    const refused = await (await app.connect('/lobby')).closed();
    expect(refused).toMatchObject({ code: 1013, reason: 'BROKER_UNAVAILABLE' });
    broker.mend();
    const after = await app.connect('/lobby');
    await app.get(Channels).publish('lobby', 'hello');
    expect([await before.next(), await after.next()]).toEqual(['hello', 'hello']);
  });

  it('R-out-sockets open connections stay, and what needs no other node goes on', async () => {
    const { app, broker, ledger } = await start();
    const client = await member(app, 'a');
    const [id] = app.get(Connections).ids();
    broker.cut();
    await app.get(Connections).send(id!, 'direct');
    expect(await client.next()).toBe('direct');
    client.send({ event: 'leave', ref: 1, payload: 'a' });
    expect(await client.json()).toMatchObject({ event: 'reply', ref: 1 });
    await client.idle();
    broker.mend();
    client.send({ event: 'join', ref: 2, payload: { channel: 'a' } });
    expect(await client.json()).toMatchObject({ event: 'reply', ref: 2 });
    await app.get(Channels).publish('a', 'again');
    expect(await client.next()).toBe('again');
    expect(ledger.closings).toEqual([]);
  });

  it('R-out-publish a publication is rejected, with what is known of it, and told of', async () => {
    const { app, broker, ledger } = await start();
    const client = await member(app, 'a');
    broker.cut();
    client.send({ event: 'publish', ref: 1, payload: ['a', 'x'] });
    const refused = { event: 'error', ref: 1, payload: { code: 'BROKER_UNAVAILABLE' } };
    expect(await client.json()).toMatchObject(refused);
    const connections = app.get(Connections);
    for (const sent of [
      app.get(Channels).publish('a', 'x'),
      connections.send('elsewhere', 'x'),
      connections.sendToUser('ada', 'x'),
      connections.broadcast('x'),
      connections.close('elsewhere'),
      connections.closeUser('ada'),
    ]) {
      await expect(sent).rejects.toMatchObject({ code: 'HALYARD_BROKER_UNAVAILABLE', outcome: 'rejected' });
    }
    broker.mend();
    broker.isDoubtful = true;
    await expect(app.get(Channels).publish('a', 'maybe')).rejects.toMatchObject({
      code: 'HALYARD_BROKER_UNAVAILABLE',
      outcome: 'unknown',
    });
    expect(await client.next()).toBe('maybe');
    expect(ledger.failures).toMatchObject([{ error: { code: 'HALYARD_BROKER_UNAVAILABLE' }, kind: 'message' }]);
  });

  it('R-out-told a link that is lost and is back is logged and counted', async () => {
    const lines: string[] = [];
    const { pino } = await import('pino');
    const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
    const broker = new FaultyEngine().node();
    const app = await testApp({ controllers: [Room], broker, logger });
    lines.length = 0;
    broker.cut();
    broker.mend();
    broker.cut();
    broker.mend();
    const logged = lines.map((line) => JSON.parse(line) as { level: number; msg: string });
    expect(logged.map(({ level }) => level)).toEqual([40, 30, 40, 30]);
    expect(logged[0]!.msg).toBe('the link to the broker is down');
    expect(app.app.metrics().linkLosses).toBe(2);
  });

  it('R-http-health readyz is 503 while the link is down, and healthz is not', async () => {
    const { app, broker } = await start();
    const ask = async (path: string): Promise<unknown> => {
      const { status, body } = await app.request(path);
      return [status, body];
    };
    expect(await ask('/readyz')).toEqual([200, { status: 'ok' }]);
    broker.cut();
    expect(await ask('/readyz')).toEqual([503, { status: 'broker down' }]);
    expect(await ask('/healthz')).toEqual([200, { status: 'ok' }]);
    broker.mend();
    expect(await ask('/readyz')).toEqual([200, { status: 'ok' }]);
  });
});

describe('the health of an app', () => {
  it('R-set-health tells whether it takes clients, how its broker is, and which nodes are alive', async () => {
    const engine = new FaultyEngine();
    const [broker, other] = [engine.node(), engine.node()];
    const node = { heartbeat: 20, lease: '1h' };
    const one = await testApp({ controllers: [Room], broker, node: { ...node, name: 'one' } });
    expect(one.app.health()).toEqual({
      ready: true,
      draining: false,
      broker: { link: 'up', queued: 0 },
      node: 'one',
      nodes: [],
    });
    const two = await testApp({ controllers: [Room], broker: other, node: { ...node, name: 'two' } });
    await until(() => one.app.health().nodes.length === 1 && two.app.health().nodes.length === 1);
    expect([one.app.health().nodes, two.app.health().nodes]).toEqual([['two'], ['one']]);
    broker.cut();
    expect(one.app.health()).toMatchObject({ ready: false, broker: { link: 'down' }, nodes: ['two'] });
    broker.mend();
    expect(one.app.health()).toMatchObject({ ready: true });
    await two.close();
    expect(two.app.health()).toMatchObject({ ready: false, draining: true, broker: { link: 'up' } });
    await until(() => one.app.health().nodes.length === 0);
  });

  it('R-set-health an app without other nodes has a broker in memory, which is up', async () => {
    const { app } = await testApp({ controllers: [Room] });
    expect(app.health()).toEqual({
      ready: true,
      draining: false,
      broker: { link: 'up', queued: expect.any(Number) as unknown },
      node: expect.any(String) as unknown,
      nodes: [],
    });
  });
});
