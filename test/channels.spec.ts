import { describe, expect, it } from '@jest/globals';
import { Body, Channels, Connection, Controller, Json, OnDisconnect, WebSocket } from 'halyard';
import { testApp, until, type TestApp } from 'halyard/testing';
import { expectSound, Ledger } from './support/ledger.js';

interface Request {
  channel: string;
  value?: unknown;
  event?: string;
  except?: string;
}

const after: string[][] = [];

@Controller('hub')
class Hub {
  constructor(private readonly channels: Channels) {}

  @WebSocket({ event: 'join' })
  async join(@Body(Json) channel: string, connection: Connection): Promise<string[]> {
    await connection.join(channel);
    return [...connection.channels];
  }
  @WebSocket({ event: 'leave' })
  async leave(@Body(Json) channel: string, connection: Connection): Promise<string[]> {
    await connection.leave(channel);
    return [...connection.channels];
  }
  @WebSocket({ event: 'publish' })
  async publish(@Body(Json) { channel, value, event, except }: Request, connection: Connection): Promise<string> {
    await connection.publish(channel, value, {
      ...(event === undefined ? {} : { event }),
      ...(except === 'me' ? { except: connection } : {}),
    });
    return 'published';
  }
  @WebSocket({ event: 'careless' })
  careless(@Body(Json) { channel, event }: Request, connection: Connection): string {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    void connection.publish(channel, circular, event === undefined ? {} : { event });
    void connection.join(channel.repeat(300));
    void connection.send(circular);
    void this.channels.publish(channel, circular);
    void this.channels.join('nobody', channel);
    return 'said nothing';
  }
  @WebSocket({ event: 'order' })
  order(connection: Connection): string {
    void connection.publish('room', 'publication');
    void connection.send('sent');
    return 'reply';
  }
  @WebSocket()
  echo(@Body(String) text: string): string {
    return text;
  }
  @OnDisconnect()
  gone(connection: Connection): void {
    after.push([...connection.channels]);
  }
}

async function start(): Promise<{ app: TestApp; ledger: Ledger }> {
  const ledger = new Ledger();
  return { ledger, app: await testApp({ controllers: [Hub], use: [ledger] }) };
}

describe('a channel', () => {
  it('R-chan-publish reaches all subscribers, the publisher too if it is one, without the excepted', async () => {
    const { app } = await start();
    const [a, b, outsider] = [await app.connect('/hub'), await app.connect('/hub'), await app.connect('/hub')];
    for (const client of [a, b]) {
      client.send({ event: 'join', payload: 'room' });
      expect(await client.json()).toEqual(['room']);
      client.send({ event: 'join', payload: 'room' });
      expect(await client.json()).toEqual(['room']);
    }
    a.send({ event: 'publish', payload: { channel: 'room', value: { n: 1 } } });
    expect(await b.json()).toEqual({ n: 1 });
    expect([await a.next(), await a.next()]).toContain('{"n":1}');
    a.send({ event: 'publish', payload: { channel: 'room', value: 'text', event: 'news', except: 'me' } });
    expect(await a.next()).toBe('published');
    expect(await b.json()).toEqual({ event: 'news', channel: 'room', payload: 'text' });
    outsider.send({ event: 'publish', payload: { channel: 'room', value: 'from outside' } });
    expect(await outsider.next()).toBe('published');
    expect([await a.next(), await b.next()]).toEqual(['from outside', 'from outside']);
    b.send({ event: 'leave', payload: 'room' });
    expect(await b.json()).toEqual([]);
    await app.get(Channels).publish('room', Buffer.from([1, 2]));
    expect(await a.next()).toEqual(Buffer.from([1, 2]));
    for (const client of [a, b, outsider]) await client.idle();
    expect(await app.get(Channels).count('room')).toBe(1);
  });

  it('R-chan-publish is what it was when it was published, whatever is done to the value afterwards', async () => {
    const { app } = await start();
    const client = await app.connect('/hub');
    client.send({ event: 'join', payload: 'room' });
    await client.json();
    const value = { n: 1 };
    const publishing = app.get(Channels).publish('room', value);
    value.n = 2;
    await publishing;
    expect(await client.json()).toEqual({ n: 1 });
  });

  it('R-chan-async never arrives before the synchronous part of its caller has ended', async () => {
    const { app } = await start();
    const client = await app.connect('/hub');
    client.send({ event: 'join', payload: 'room' });
    await client.json();
    client.send({ event: 'order' });
    expect([await client.next(), await client.next(), await client.next()]).toEqual(['sent', 'reply', 'publication']);
  });

  it('R-chan-leave is left when the connection ends, before @OnDisconnect', async () => {
    const { app, ledger } = await start();
    after.length = 0;
    const client = await app.connect('/hub');
    for (const channel of ['one', 'two']) {
      client.send({ event: 'join', payload: channel });
      await client.json();
    }
    expect(app.app.metrics().channels).toBe(2);
    client.terminate();
    await ledger.lastClosing();
    expect(after).toEqual([[]]);
    expect(app.app.metrics().channels).toBe(0);
    await app.get(Channels).publish('one', 'nobody');
    await expectSound(app, ledger, '/hub');
  });

  it('R-chan-names takes 1 to 200 bytes of any characters', async () => {
    const { app } = await start();
    const client = await app.connect('/hub');
    const names = ['x', ' ', '\u0000', 'a/b:c*', '__proto__', 'x'.repeat(200), 'é'.repeat(100), '😀'.repeat(50)];
    for (const channel of names) {
      client.send({ event: 'join', payload: channel });
      expect(await client.json()).toContain(channel);
      client.send({ event: 'publish', payload: { channel, value: { to: channel } } });
      expect(new Set([await client.next(), await client.next()])).toEqual(
        new Set(['published', JSON.stringify({ to: channel })]),
      );
    }
    for (const channel of ['', 'x'.repeat(201), 'é'.repeat(101), 7, null, {}]) {
      await expect(app.get(Channels).publish(channel as string, 1)).rejects.toMatchObject({
        code: 'HALYARD_CHANNEL_NAME',
      });
      client.send({ event: 'join', payload: channel });
      expect(await client.json()).toMatchObject({ event: 'error', payload: { code: 'INTERNAL' } });
    }
  });

  it('R-set-limits above channelsPerConnection a join is refused, and the connection stays', async () => {
    const app = await testApp({ controllers: [Hub], limits: { channelsPerConnection: 2 } });
    const client = await app.connect('/hub');
    for (const payload of ['a', 'b', 'c', 'a']) client.send({ event: 'join', payload, ref: payload });
    expect(await client.json()).toMatchObject({ payload: ['a'] });
    expect(await client.json()).toMatchObject({ payload: ['a', 'b'] });
    expect(await client.json()).toMatchObject({ event: 'error', ref: 'c', payload: { code: 'CHANNEL_LIMIT' } });
    expect(await client.json()).toMatchObject({ payload: ['a', 'b'] });
    client.send({ event: 'leave', payload: 'a' });
    client.send({ event: 'join', payload: 'c' });
    expect([await client.json(), await client.json()]).toEqual([['b'], ['b', 'c']]);
  });

  it('R-ret-observed not awaiting what fails is safe: it reaches observers and the log', async () => {
    const ledger = new Ledger();
    const lines: string[] = [];
    const { pino } = await import('pino');
    const logger = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) });
    const app = await testApp({ controllers: [Hub], use: [ledger], logger });
    const client = await app.connect('/hub');
    client.send({ event: 'join', payload: 'room' });
    await client.json();
    client.send({ event: 'careless', payload: { channel: 'room' } });
    expect(await client.next()).toBe('said nothing');
    await until(() => lines.length === 5);
    const codes = ledger.failures.map(({ error }) => (error as { code: string }).code);
    expect(codes.toSorted()).toEqual(['HALYARD_CHANNEL_NAME', 'HALYARD_SEND_VALUE', 'HALYARD_SEND_VALUE']);
    client.send({ event: 'careless', payload: { channel: 'room', event: 'reply' } });
    expect(await client.next()).toBe('said nothing');
    await until(() => lines.length === 10);
    expect(ledger.failures.map(({ error }) => (error as { code: string }).code)).toContain('HALYARD_EVENT_RESERVED');
    await client.close();
    await expectSound(app, ledger, '/hub');
  });
});
