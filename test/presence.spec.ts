import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Connection,
  Connections,
  Controller,
  Json,
  OnConnect,
  OnDisconnect,
  Presence,
  Query,
  WebSocket,
  Optional,
} from 'halyard';
import { testApp, until, type TestApp, type TestClient } from 'halyard/testing';
import { Ledger } from './support/ledger.js';

interface Ask {
  channel?: string;
  key?: string;
  meta?: Record<string, unknown>;
  leaveDelay?: number | string;
}

const goneWith: { tracked: number }[] = [];

@Controller('room')
class Room {
  constructor(private readonly presence: Presence) {}

  @OnConnect()
  enter(connection: Connection, @Query('user', String, Optional) user: string | undefined): void {
    connection.user = user;
  }
  @WebSocket({ event: 'track' })
  track(@Body(Json) { channel = 'lobby', key, meta, leaveDelay }: Ask, connection: Connection): Promise<void> {
    return this.presence.track(connection, channel, key, meta, leaveDelay === undefined ? {} : { leaveDelay });
  }
  @WebSocket({ event: 'update' })
  update(@Body(Json) { channel = 'lobby', meta = {} }: Ask, connection: Connection): Promise<void> {
    return connection.update(channel, meta);
  }
  @WebSocket({ event: 'count up' })
  countUp(connection: Connection): Promise<void> {
    return connection.update('lobby', (meta) => ({ n: Number(meta['n'] ?? 0) + 1 }));
  }
  @WebSocket({ event: 'untrack' })
  untrack(@Body(Json) { channel }: Ask, connection: Connection): Promise<void> {
    return this.presence.untrack(connection, channel);
  }
  @WebSocket({ event: 'watch' })
  watch(@Body(Json) { channel = 'lobby' }: Ask, connection: Connection): Promise<void> {
    return connection.join(channel, { presence: true });
  }
  @WebSocket({ event: 'join' })
  join(@Body(Json) { channel = 'lobby' }: Ask, connection: Connection): Promise<void> {
    return connection.join(channel);
  }
  @WebSocket({ event: 'leave' })
  leave(@Body(Json) { channel = 'lobby' }: Ask, connection: Connection): Promise<void> {
    return connection.leave(channel);
  }
  @WebSocket({ event: 'publish' })
  publish(connection: Connection): Promise<void> {
    return connection.publish('lobby', 'a publication');
  }
  @WebSocket({ event: 'many' })
  async many(connection: Connection): Promise<void> {
    await this.presence.track(connection, 'lobby', 'one', { n: 1 });
    await this.presence.update(connection, 'lobby', { n: 2 });
    await this.presence.track(connection, 'lobby', 'two', { n: 3 });
    await connection.untrack('lobby');
    await this.presence.track(connection, 'lobby', 'three', { n: 4 });
  }
  @WebSocket({ event: 'careless' })
  careless(connection: Connection): string {
    void connection.track('', 'key');
    void connection.track('lobby', '');
    void connection.update('nowhere', {});
    return 'said nothing';
  }
  @OnDisconnect()
  async gone(connection: Connection): Promise<void> {
    goneWith.push({ tracked: await this.presence.count('lobby') });
    await expect(this.presence.track(connection, 'lobby')).rejects.toMatchObject({
      code: 'HALYARD_CONNECTION_CLOSED',
    });
  }
}

const start = (options: object = {}): Promise<TestApp> => testApp({ controllers: [Room], ...options });

/** Sends an event and waits until it is done; what comes before the reply is returned. */
async function ask(client: TestClient, event: string, payload: Ask = {}): Promise<unknown[]> {
  client.send({ event, payload, ref: event });
  const before: unknown[] = [];
  for (;;) {
    const frame = await client.json<{ event: string; payload: unknown }>();
    if (frame.event === 'error') throw Object.assign(new Error('refused'), frame.payload);
    if (frame.event === 'reply') return before;
    before.push(frame);
  }
}

const meta = (rest: object): object => ({ phx_ref: expect.any(String) as unknown, ...rest });
const state = (payload: object, channel = 'lobby'): object => ({ event: 'presence_state', channel, payload });
const joins = (joined: object): object => ({
  event: 'presence_diff',
  channel: 'lobby',
  payload: { joins: joined, leaves: {} },
});
const leaves = (left: object): object => ({
  event: 'presence_diff',
  channel: 'lobby',
  payload: { joins: {}, leaves: left },
});

describe('presence', () => {
  it('R-pres-state track brings one presence_state, taken after the own track, then changes only', async () => {
    const app = await start();
    const [ada, bob] = [await app.connect('/room?user=ada'), await app.connect('/room?user=bob')];
    await ask(ada, 'track', { meta: { name: 'Ada' } });
    expect(await ada.json()).toEqual(state({ ada: { metas: [meta({ name: 'Ada' })] } }));
    await ask(bob, 'track', { meta: { name: 'Bob' } });
    expect(await bob.json()).toEqual(
      state({ ada: { metas: [meta({ name: 'Ada' })] }, bob: { metas: [meta({ name: 'Bob' })] } }),
    );
    expect(await ada.json()).toEqual(joins({ bob: { metas: [meta({ name: 'Bob' })] } }));
    await ask(bob, 'watch');
    await bob.idle();
    await ada.idle();
  });

  it('R-pres-watch join with presence watches, a plain join does not, and track receives no publications', async () => {
    const app = await start();
    const [ada, bob, eve] = [await app.connect('/room'), await app.connect('/room'), await app.connect('/room')];
    await ask(ada, 'watch');
    expect(await ada.json()).toEqual(state({}));
    await ask(bob, 'join');
    await ask(eve, 'track', { key: '__proto__' });
    expect(await eve.next()).toMatch(/^{"event":"presence_state","channel":"lobby","payload":{"__proto__":{"metas":\[/);
    expect(await ada.next()).toMatch(/"joins":{"__proto__":{"metas":/);
    await ask(ada, 'publish').then(
      (before) => expect(before).toEqual([]),
      () => undefined,
    );
    expect(await bob.next()).toBe('a publication');
    await bob.idle();
    await eve.idle();
  });

  it('R-pres-diff an update is a join that keeps its phx_ref, with all metas of the key', async () => {
    const app = await start();
    const [phone, laptop, watcher] = [
      await app.connect('/room?user=ada'),
      await app.connect('/room?user=ada'),
      await app.connect('/room'),
    ];
    await ask(watcher, 'watch');
    await watcher.json();
    await ask(phone, 'track', { meta: { device: 'phone' } });
    const first = await watcher.json<{ payload: { joins: { ada: { metas: { phx_ref: string }[] } } } }>();
    const ref = first.payload.joins.ada.metas[0]!.phx_ref;
    await ask(laptop, 'track', { meta: { device: 'laptop' } });
    expect(await watcher.json()).toEqual(
      joins({ ada: { metas: [{ phx_ref: ref, device: 'phone' }, meta({ device: 'laptop' })] } }),
    );
    await ask(phone, 'update', { meta: { state: 'typing' } });
    expect(await watcher.json()).toEqual(
      joins({ ada: { metas: [{ phx_ref: ref, device: 'phone', state: 'typing' }, meta({ device: 'laptop' })] } }),
    );
    // The same again is no change.
    await ask(phone, 'track', { meta: { device: 'phone', state: 'typing' } });
    await watcher.idle();
    await ask(laptop, 'untrack', { channel: 'lobby' });
    expect(await watcher.json()).toEqual(leaves({ ada: { metas: [meta({ device: 'laptop' })] } }));
    expect(await watcher.json()).toEqual(
      joins({ ada: { metas: [{ phx_ref: ref, device: 'phone', state: 'typing' }] } }),
    );
    await phone.close();
    expect(await watcher.json()).toEqual(
      leaves({ ada: { metas: [{ phx_ref: ref, device: 'phone', state: 'typing' }] } }),
    );
    await watcher.idle();
  });

  it('R-pres-tick changes of one tick are merged, and a join and its leave cancel each other', async () => {
    const app = await start();
    const [watcher, busy] = [await app.connect('/room'), await app.connect('/room')];
    await ask(watcher, 'watch');
    await watcher.json();
    await ask(busy, 'many');
    expect(await watcher.json()).toEqual(joins({ three: { metas: [meta({ n: 4 })] } }));
    await watcher.idle();
    expect(await busy.json()).toEqual(state({ three: { metas: [meta({ n: 4 })] } }));
    await busy.idle();
  });

  it('R-pres-list the server lists keys with all that is known of their devices', async () => {
    const app = await start();
    const presence = app.get(Presence);
    const [phone, laptop] = [await app.connect('/room?user=ada'), await app.connect('/room?user=ada')];
    const from = Date.now();
    await ask(phone, 'track', { meta: { device: 'phone' } });
    await ask(laptop, 'track', { meta: { device: 'laptop', deep: { a: [1] } } });
    const [ada] = await presence.list('lobby');
    expect(ada).toEqual({
      key: 'ada',
      metas: [
        {
          device: 'phone',
          phx_ref: expect.any(String),
          connectionId: expect.any(String),
          joinedAt: expect.any(Number),
        },
        expect.objectContaining({ device: 'laptop', deep: { a: [1] } }),
      ],
    });
    expect(ada!.metas[0]!.joinedAt).toBeGreaterThanOrEqual(from);
    expect(new Set(ada!.metas.map(({ phx_ref }) => phx_ref)).size).toBe(2);
    expect(await presence.count('lobby')).toBe(1);
    expect(await presence.get('lobby', 'ada')).toEqual(ada);
    expect(await presence.get('lobby', 'bob')).toBeUndefined();
    expect(await presence.list('elsewhere')).toEqual([]);
    expect(JSON.stringify([await phone.json(), await phone.json()])).not.toContain(ada!.metas[0]!.connectionId);
  });

  it('R-pres-update merges an object shallowly, or takes what a function makes of the meta', async () => {
    const app = await start();
    const client = await app.connect('/room?user=ada');
    await ask(client, 'track', { meta: { n: 1, name: 'Ada' } });
    await ask(client, 'update', { meta: { name: 'Countess' } });
    await ask(client, 'count up').catch(() => undefined);
    const ada = await app.get(Presence).get('lobby', 'ada');
    expect(ada!.metas).toEqual([expect.objectContaining({ n: 2 })]);
    expect(ada!.metas[0]).not.toHaveProperty('name');
    await expect(ask(client, 'update', { channel: 'nowhere' })).rejects.toMatchObject({ code: 'NOT_TRACKED' });
  });

  it('R-pres-listen onJoin and onLeave tell of the first and the last device of a key', async () => {
    const app = await start();
    const presence = app.get(Presence);
    const told: string[] = [];
    const stops = [
      presence.onJoin('lobby', ({ key, metas }) => told.push(`+${key} ${String(metas[0]!['n'])}`)),
      presence.onLeave('lobby', ({ key, metas }) => told.push(`-${key} ${String(metas[0]!['n'])}`)),
    ];
    const [one, two] = [await app.connect('/room?user=ada'), await app.connect('/room?user=ada')];
    await ask(one, 'track', { meta: { n: 1 } });
    await ask(two, 'track', { meta: { n: 2 } });
    await one.close();
    await two.close();
    await until(() => told.length === 2);
    expect(told).toEqual(['+ada 1', '-ada 2']);
    for (const stop of stops) stop();
    const three = await app.connect('/room?user=ada');
    await ask(three, 'track', { meta: { n: 3 } });
    await three.json();
    expect(told).toHaveLength(2);
  });

  it('R-pres-gone is untracked when the connection ends, before @OnDisconnect; nothing can be tracked then', async () => {
    const ledger = new Ledger();
    const app = await start({ use: [ledger] });
    goneWith.length = 0;
    const client = await app.connect('/room?user=ada');
    await ask(client, 'track');
    client.terminate();
    await until(() => goneWith.length === 1);
    expect(goneWith).toEqual([{ tracked: 0 }]);
    await until(() => app.get(Presence).metrics().channels === 0);
  });

  it('R-pres-delay leaveDelay hides a reconnect under the same key: the device keeps its phx_ref', async () => {
    const app = await start();
    const presence = app.get(Presence);
    const told: string[] = [];
    presence.onJoin('lobby', ({ key }) => told.push(`+${key}`));
    presence.onLeave('lobby', ({ key }) => told.push(`-${key}`));
    const watcher = await app.connect('/room');
    await ask(watcher, 'watch');
    await watcher.json();
    const first = await app.connect('/room?user=ada');
    await ask(first, 'track', { meta: { n: 1 }, leaveDelay: '1m' });
    const joined = await watcher.json<{ payload: { joins: { ada: { metas: [{ phx_ref: string }] } } } }>();
    const [{ phx_ref }] = joined.payload.joins.ada.metas;
    await first.close();
    expect(await presence.count('lobby')).toBe(1);
    const second = await app.connect('/room?user=ada');
    await ask(second, 'track', { meta: { n: 2 } });
    expect(await watcher.json()).toEqual(joins({ ada: { metas: [{ phx_ref, n: 2 }] } }));
    await second.close();
    expect(await watcher.json()).toEqual(leaves({ ada: { metas: [{ phx_ref, n: 2 }] } }));
    const third = await app.connect('/room?user=bob');
    await ask(third, 'track', { leaveDelay: 1 });
    await watcher.json();
    await third.close();
    expect(await watcher.json()).toEqual(leaves({ bob: { metas: [{ phx_ref: expect.any(String) }] } }));
    expect(told).toEqual(['+ada', '-ada', '+bob', '-bob']);
    const fourth = await app.connect('/room');
    await expect(ask(fourth, 'track', { leaveDelay: 'soon' })).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('R-pres-limits keys have 1 to 200 bytes, metas are plain objects of at most 1 KiB', async () => {
    const ledger = new Ledger();
    const app = await start({ use: [ledger], limits: { channelsPerConnection: 2 } });
    const presence = app.get(Presence);
    const client = await app.connect('/room');
    await ask(client, 'track', { key: 'é'.repeat(100), meta: { text: 'x'.repeat(1013) } });
    const refused: [Ask, string][] = [
      [{ key: '' }, 'KEY'],
      [{ key: 'é'.repeat(101) }, 'KEY'],
      [{ meta: { text: 'x'.repeat(1014) } }, 'META'],
      [{ meta: [] as never }, 'META'],
      [{ meta: 'text' as never }, 'META'],
      [{ meta: { phx_ref: '1' } }, 'META'],
      [{ meta: { connectionId: '1' } }, 'META'],
    ];
    for (const [given, code] of refused) {
      await expect(ask(client, 'track', given)).rejects.toMatchObject({ code: 'INTERNAL' });
      await until(() => ledger.failures.at(-1));
      expect(ledger.failures.at(-1)!.error).toMatchObject({ code: `HALYARD_PRESENCE_${code}` });
    }
    await expect(ask(client, 'track', { channel: 'x'.repeat(201) })).rejects.toMatchObject({ code: 'INTERNAL' });
    await ask(client, 'track', { channel: 'second' });
    await expect(ask(client, 'track', { channel: 'third' })).rejects.toMatchObject({ code: 'CHANNEL_LIMIT' });
    await expect(presence.list('')).rejects.toMatchObject({ code: 'HALYARD_CHANNEL_NAME' });
    expect(await presence.count('lobby')).toBe(1);
  });

  it('R-pres-count above maxPresence only counts go out, and lists again when there is room', async () => {
    const app = await start({ maxPresence: 2 });
    const count = (n: number): object => ({ event: 'presence_count', channel: 'lobby', payload: { count: n } });
    const watcher = await app.connect('/room');
    await ask(watcher, 'watch');
    await watcher.json();
    const clients: TestClient[] = [];
    for (const user of ['a', 'b', 'c']) {
      clients.push(await app.connect(`/room?user=${user}`));
      await ask(clients.at(-1)!, 'track');
      await watcher.json().then((frame) => user === 'c' && expect(frame).toEqual(count(3)));
    }
    const late = await app.connect('/room');
    await ask(late, 'watch');
    expect(await late.json()).toEqual(count(3));
    await clients[0]!.close();
    // The count is throttled.
    await until(async () => (await app.get(Presence).count('lobby')) === 2);
    await clients[1]!.close();
    expect(await watcher.json()).toEqual(state({ c: { metas: [meta({})] } }));
    expect(await late.json()).toEqual(state({ c: { metas: [meta({})] } }));
  });

  it('R-pres-slow a watcher that reads too slowly gets a fresh state in place of its diffs', async () => {
    const app = await start();
    const presence = app.get(Presence);
    const connections = app.get(Connections);
    const crowd = await Promise.all(Array.from({ length: 40 }, () => app.connect('/room')));
    const devices = [...connections];
    for (const device of devices) await presence.track(device, 'lobby', 'crowd', { text: 'x'.repeat(900) });
    const watcher = await app.connect('/room');
    await ask(watcher, 'watch');
    await watcher.json();
    // The crowd watches as well: read by all of them it would be half a gigabyte.
    for (const client of [watcher, ...crowd]) client.pause();
    // Each diff has all metas of the key: some 40 KB, 15 MB altogether.
    const updates = 400;
    for (let n = 1; n <= updates; n++) {
      void presence.update(devices[0]!, 'lobby', { n });
      await new Promise((resolve) => setImmediate(resolve));
    }
    watcher.resume();
    interface Diff {
      event: string;
      payload: { joins: { crowd: { metas: { n?: number }[] } } };
    }
    let diffs = 0;
    let frame = await watcher.json<Diff>();
    for (; frame.event === 'presence_diff'; frame = await watcher.json<Diff>()) diffs++;
    expect(diffs).toBeLessThan(updates / 2);
    expect(frame).toMatchObject({ event: 'presence_state', payload: { crowd: { metas: { length: 40 } } } });
    // Phoenix's client takes an update only from a diff.
    frame = await watcher.json<Diff>();
    expect(frame.payload.joins.crowd.metas.some(({ n }) => n === updates)).toBe(true);
    await presence.update(devices[0]!, 'lobby', { n: 0 });
    expect(await watcher.json()).toMatchObject({ event: 'presence_diff' });
    for (const client of crowd) client.terminate();
  });

  it('R-pres-leave leaving the channel ends the watch, unless the connection is tracked there', async () => {
    const app = await start();
    const [watcher, tracked, other] = [
      await app.connect('/room'),
      await app.connect('/room?user=ada'),
      await app.connect('/room?user=bob'),
    ];
    await ask(watcher, 'watch');
    await watcher.json();
    await ask(tracked, 'track');
    await tracked.json();
    await watcher.json();
    await ask(watcher, 'leave');
    await ask(tracked, 'leave');
    await ask(other, 'track');
    expect(await tracked.json()).toMatchObject({ event: 'presence_diff' });
    await watcher.idle();
    await ask(tracked, 'untrack');
    expect(await tracked.json()).toMatchObject({ payload: { joins: {}, leaves: { ada: {} } } });
  });

  it('R-pres-observed not awaiting what fails is safe: it reaches observers and the log', async () => {
    const ledger = new Ledger();
    const app = await start({ use: [ledger] });
    const client = await app.connect('/room');
    client.send({ event: 'careless' });
    expect(await client.next()).toBe('said nothing');
    await until(() => ledger.failures.length === 3);
    expect(ledger.failures.map(({ error }) => (error as { code: string }).code)).toEqual([
      'HALYARD_CHANNEL_NAME',
      'HALYARD_PRESENCE_KEY',
      'HALYARD_NOT_TRACKED',
    ]);
  });
});
