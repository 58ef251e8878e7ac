/** What apps ask of channels and presence by mistake, each from a handler on a real socket. */
import { describe, expect, it } from '@jest/globals';
import { Body, Channels, Connection, Connections, Controller, OnDisconnect, Presence, WebSocket } from 'halyard';
import { testApp, until, type TestApp, type TestClient } from 'halyard/testing';
import { expectSound, Ledger } from './support/ledger.js';

interface Asked {
  readonly connection: Connection;
  readonly channels: Channels;
  readonly connections: Connections;
  readonly presence: Presence;
}

/** What is asked, and the code that it is refused with; `done`: it does nothing. */
type Mistakes = Record<string, [ask: (asked: Asked) => Promise<unknown>, outcome: string]>;

const circular: Record<string, unknown> = {};
circular['self'] = circular;
const long = 'é'.repeat(101);
const closed = 'HALYARD_CONNECTION_CLOSED';
const reserved = ['reply', 'error', 'end', 'dropped', 'gap', 'presence_state', 'presence_mine', ''];

const aboutChannels: Mistakes = {
  'join of an empty name': [({ connection }) => connection.join(''), 'HALYARD_CHANNEL_NAME'],
  'join of a name over 200 bytes': [({ connection }) => connection.join(long), 'HALYARD_CHANNEL_NAME'],
  'join with presence of an empty name': [
    ({ connection }) => connection.join('', { presence: true }),
    'HALYARD_CHANNEL_NAME',
  ],
  'join of what is no text': [({ connection }) => connection.join(7 as never), 'HALYARD_CHANNEL_NAME'],
  'join for an id that nobody has': [({ channels }) => channels.join('nobody', 'a'), 'HALYARD_CONNECTION_CLOSED'],
  'join twice': [({ connection }) => connection.join('a').then(() => connection.join('a')), 'done'],
  'leave of what was not joined': [({ connection }) => connection.leave('never'), 'done'],
  'leave of an empty name': [({ connection }) => connection.leave(''), 'done'],
  'leave for an id that nobody has': [({ channels }) => channels.leave('nobody', 'a'), 'done'],
  'publish to nobody': [({ connection }) => connection.publish('nobody is here', 1), 'done'],
  'publish to an empty name': [({ connection }) => connection.publish('', 1), 'HALYARD_CHANNEL_NAME'],
  'publish to a name over 200 bytes': [({ channels }) => channels.publish(long, 1), 'HALYARD_CHANNEL_NAME'],
  ...Object.fromEntries(
    reserved.map((event): [string, Mistakes[string]] => [
      `publish of the event ${JSON.stringify(event)}`,
      [({ connection }) => connection.publish('a', 1, { event }), 'HALYARD_EVENT_RESERVED'],
    ]),
  ),
  'publish of what has no JSON': [({ connection }) => connection.publish('a', circular), 'HALYARD_SEND_VALUE'],
  'publish of a BigInt': [({ connection }) => connection.publish('a', 1n), 'HALYARD_SEND_VALUE'],
  'publish of bytes with an event': [
    ({ connection }) => connection.publish('a', Buffer.from('x'), { event: 'x' }),
    'HALYARD_SEND_VALUE',
  ],
  'send of what has no JSON': [({ connection }) => connection.send(circular), 'HALYARD_SEND_VALUE'],
  'send to an id that nobody has': [({ connections }) => connections.send('nobody', 1), 'done'],
  'send to a user that nobody is': [({ connections }) => connections.sendToUser('nobody', 1), 'done'],
  'broadcast of what has no JSON': [({ connections }) => connections.broadcast(circular), 'HALYARD_SEND_VALUE'],
  'close of an id that nobody has': [({ connections }) => connections.close('nobody'), 'done'],
};

const aboutPresence: Mistakes = {
  'track in an empty name': [({ connection }) => connection.track('', 'ada'), 'HALYARD_CHANNEL_NAME'],
  'track in a name over 200 bytes': [({ connection }) => connection.track(long, 'ada'), 'HALYARD_CHANNEL_NAME'],
  'track of an empty key': [({ connection }) => connection.track('a', ''), 'HALYARD_PRESENCE_KEY'],
  'track of a key over 200 bytes': [({ connection }) => connection.track('a', long), 'HALYARD_PRESENCE_KEY'],
  'track of a meta that is circular': [
    ({ connection }) => connection.track('a', 'ada', circular),
    'HALYARD_PRESENCE_META',
  ],
  'track of a meta with a BigInt': [
    ({ connection }) => connection.track('a', 'ada', { n: 1n }),
    'HALYARD_PRESENCE_META',
  ],
  'track of a meta that makes a text of itself': [
    ({ connection }) => connection.track('a', 'ada', { toJSON: () => 'text' }),
    'HALYARD_PRESENCE_META',
  ],
  'track of a meta that is an instance': [
    ({ connection }) => connection.track('a', 'ada', new Date() as never),
    'HALYARD_PRESENCE_META',
  ],
  'track of a meta over 1 KiB': [
    ({ connection }) => connection.track('a', 'ada', { text: 'x'.repeat(1014) }),
    'HALYARD_PRESENCE_META',
  ],
  'track of a name that is presence’s own': [
    ({ connection }) => connection.track('a', 'ada', { phx_ref: 'mine' }),
    'HALYARD_PRESENCE_META',
  ],
  'update of what is not tracked': [({ connection }) => connection.update('b', {}), 'HALYARD_NOT_TRACKED'],
  'update in an empty name': [({ connection }) => connection.update('', {}), 'HALYARD_CHANNEL_NAME'],
  'untrack of what is not tracked': [({ connection }) => connection.untrack('b'), 'done'],
  'untrack of all where nothing is': [({ connection }) => connection.untrack(), 'done'],
  'watch of an empty name': [({ connection, presence }) => presence.watch(connection, ''), 'HALYARD_CHANNEL_NAME'],
  'unwatch of what is not watched': [({ connection, presence }) => presence.unwatch(connection, 'b'), 'done'],
  'list of an empty name': [({ presence }) => presence.list(''), 'HALYARD_CHANNEL_NAME'],
  'get in a name over 200 bytes': [({ presence }) => presence.get(long, 'ada'), 'HALYARD_CHANNEL_NAME'],
  'count where nobody is': [({ presence }) => presence.count('b'), 'done'],
};

/** What is asked when the connection has ended. */
const farewells: Mistakes = {
  join: [({ connection }) => connection.join('a'), closed],
  'join with presence': [({ connection }) => connection.join('a', { presence: true }), closed],
  'join by id': [({ connection, channels }) => channels.join(connection.id, 'a'), closed],
  track: [({ connection }) => connection.track('a', 'ada'), closed],
  update: [({ connection }) => connection.update('a', { n: 1 }), closed],
  watch: [({ connection, presence }) => presence.watch(connection, 'a'), closed],
  leave: [({ connection }) => connection.leave('a'), 'done'],
  untrack: [({ connection }) => connection.untrack('a'), 'done'],
  send: [({ connection }) => connection.send('too late'), 'done'],
  'send by id': [({ connection, connections }) => connections.send(connection.id, 'too late'), 'done'],
  close: [({ connection }) => Promise.resolve(connection.close(1000)), 'done'],
  'close by id': [({ connection, connections }) => connections.close(connection.id), 'done'],
  publish: [({ connection }) => connection.publish('a', 'farewell'), 'done'],
};

/** What it comes to: the code of the error, or `done`. */
async function outcomeOf(ask: (asked: Asked) => Promise<unknown>, asked: Asked): Promise<string> {
  try {
    await ask(asked);
    return 'done';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** What each of them comes to. */
async function outcomesOf(mistakes: Mistakes, asked: Asked): Promise<Record<string, string>> {
  const outcomes: Record<string, string> = {};
  for (const [name, [ask]] of Object.entries(mistakes)) outcomes[name] = await outcomeOf(ask, asked);
  return outcomes;
}

function expected(mistakes: Mistakes): Record<string, string> {
  return Object.fromEntries(Object.entries(mistakes).map(([name, [, outcome]]) => [name, outcome]));
}

let farewellsOutcomes: Record<string, string> | undefined;

@Controller('app')
class AppController {
  constructor(
    private readonly channels: Channels,
    private readonly connections: Connections,
    private readonly presence: Presence,
  ) {}

  @WebSocket({ event: 'channels' })
  channelMistakes(connection: Connection): Promise<object> {
    return outcomesOf(aboutChannels, { ...this.services, connection });
  }

  @WebSocket({ event: 'presence' })
  presenceMistakes(connection: Connection): Promise<object> {
    return outcomesOf(aboutPresence, { ...this.services, connection });
  }

  @WebSocket({ event: 'prepare' })
  async prepare(connection: Connection): Promise<string> {
    await connection.join('a');
    await connection.track('a', 'ada', { n: 0 });
    connection.data['prepared'] = true;
    return 'prepared';
  }

  @WebSocket({ event: 'join' })
  join(connection: Connection): Promise<void> {
    return connection.join('a');
  }

  @WebSocket({ event: 'proto' })
  async proto(connection: Connection): Promise<void> {
    await connection.join('__proto__');
    const meta = JSON.parse('{"__proto__":{"admin":true},"n":1}') as Record<string, unknown>;
    await connection.track('__proto__', '__proto__', meta);
    await connection.update('__proto__', { constructor: 2 });
    await connection.publish('__proto__', meta, { event: '__proto__' });
  }

  @WebSocket()
  echo(@Body(String) text: string): string {
    return text;
  }

  @OnDisconnect()
  async gone(connection: Connection): Promise<void> {
    if (connection.data['prepared']) farewellsOutcomes = await outcomesOf(farewells, { ...this.services, connection });
  }

  private get services(): Omit<Asked, 'connection'> {
    return { channels: this.channels, connections: this.connections, presence: this.presence };
  }
}

async function start(): Promise<{ app: TestApp; ledger: Ledger; client: TestClient }> {
  const ledger = new Ledger();
  const app = await testApp({ controllers: [AppController], use: [ledger] });
  return { app, ledger, client: await app.connect('/app') };
}

describe('by mistake', () => {
  it.each([
    ['channels', aboutChannels],
    ['presence', aboutPresence],
  ])(
    'R-chan-input R-pres-input what is asked of %s is refused with a code, or does nothing',
    async (event, mistakes) => {
      const { app, ledger, client } = await start();
      client.send({ event });
      expect(await client.json()).toEqual(expected(mistakes));
      // The connection lives on, and nothing but what was asked for has come.
      client.send('still here');
      expect(await client.next()).toBe('still here');
      await client.close();
      await expectSound(app, ledger, '/app');
      expect(app.get(Presence).metrics().channels).toBe(0);
    },
  );

  it('R-chan-closed R-pres-gone for a connection that has ended nothing can be joined or shown, the rest does nothing', async () => {
    const { app, ledger, client } = await start();
    const other = await app.connect('/app');
    other.send({ event: 'join', ref: 1 });
    expect(await other.json()).toMatchObject({ event: 'reply' });
    client.send({ event: 'prepare', ref: 1 });
    await until(async () => (await client.json<{ event?: string }>()).event === 'reply');
    client.terminate();
    // It may still say farewell to others.
    expect(await other.next()).toBe('farewell');
    await ledger.lastClosing();
    expect(farewellsOutcomes).toEqual(expected(farewells));
    expect(await app.get(Presence).count('a')).toBe(0);
    expect(await app.get(Channels).count('a')).toBe(1);
    await other.close();
    await expectSound(app, ledger, '/app');
  });

  it('R-chan-input R-pres-input __proto__ is a channel, a key, a field and an event like any other', async () => {
    const { client } = await start();
    client.send({ event: 'proto', ref: 1 });
    const frames: string[] = [];
    for (let n = 0; n < 3; n++)
      frames.push((await client.next()).toString().replace(/"phx_ref":"[^"]+"/, '"phx_ref":1'));
    expect(frames.toSorted()).toEqual([
      '{"event":"__proto__","channel":"__proto__","payload":{"__proto__":{"admin":true},"n":1}}',
      '{"event":"presence_state","channel":"__proto__","payload":' +
        '{"__proto__":{"metas":[{"phx_ref":1,"__proto__":{"admin":true},"n":1,"constructor":2}]}}}',
      '{"event":"reply","ref":1,"payload":null}',
    ]);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});
