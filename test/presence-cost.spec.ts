/** What presence sends, and how often: nothing twice, nothing that could be merged. */
import { describe, expect, it } from '@jest/globals';
import { Connection, Connections, Controller, OnConnect, Presence, Query } from 'halyard';
import { testApp, type TestApp, type TestClient } from 'halyard/testing';
import { plain } from '#internal/protocol/plain.js';
import type { Protocol, SharedFrame } from '#internal/protocol/protocol.js';
import type { Watcher } from '#internal/presence/watcher.js';
import { alone } from './support/alone.js';

@Controller('room')
class Room {
  constructor(private readonly presence: Presence) {}

  @OnConnect()
  async enter(@Query('watch') watch: boolean, connection: Connection): Promise<string> {
    if (watch) await this.presence.watch(connection, 'room');
    return 'in';
  }
}

interface Frame {
  event: string;
  payload: { count: number };
}

const nextTick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function enter(app: TestApp, watch: boolean): Promise<TestClient> {
  const client = await app.connect(`/room?watch=${watch}`);
  expect(await client.next()).toBe('in');
  return client;
}

/** A watcher that keeps its frames, and counts what its protocol encodes. */
class Recorder implements Watcher {
  readonly user = undefined;
  readonly states: SharedFrame[] = [];
  readonly changes: SharedFrame[] = [];

  constructor(
    readonly id: string,
    readonly protocol: Protocol,
  ) {}
  requireOpen(): void {}
  failed(error: unknown): void {
    throw error;
  }
  deliverState(frame: SharedFrame): void {
    this.states.push(frame);
  }
  deliverChange(frame: SharedFrame): boolean {
    this.changes.push(frame);
    return true;
  }
  caughtUp(): Promise<void> {
    return Promise.resolve();
  }
}

describe('presence costs', () => {
  it('R-pres-cost one encoding of a state a version, and of a change, whose frames all share', async () => {
    const encoded = { states: 0, diffs: 0 };
    const counting: Protocol = {
      ...plain,
      encodePresenceState(channel, list) {
        encoded.states++;
        return plain.encodePresenceState(channel, list);
      },
      encodePresenceDiff(channel, joins, leaves) {
        encoded.diffs++;
        return plain.encodePresenceDiff(channel, joins, leaves);
      },
    };
    const presence = alone();
    try {
      const watchers = Array.from({ length: 100 }, (_, n) => new Recorder(`${n}`, counting));
      for (const watcher of watchers) {
        await presence.watch(watcher, 'room');
        await nextTick();
      }
      // A hundred states, one version.
      expect(new Set(watchers.flatMap(({ states }) => states)).size).toBe(1);
      expect(encoded).toEqual({ states: 1, diffs: 0 });
      const ada = new Recorder('ada', counting);
      await presence.track(ada, 'room', 'ada');
      await nextTick();
      expect(watchers.map(({ changes }) => changes.length)).toEqual(Array(100).fill(1));
      expect(new Set(watchers.flatMap(({ changes }) => changes)).size).toBe(1);
      expect(encoded).toEqual({ states: 2, diffs: 1 });
      for (let n = 0; n < 5; n++) {
        const late = new Recorder(`late ${n}`, counting);
        await presence.watch(late, 'room');
        await nextTick();
        expect(late.states).toEqual(ada.states);
        expect(late.states[0]).toBe(ada.states[0]);
      }
      expect(encoded).toEqual({ states: 2, diffs: 1 });
    } finally {
      await presence.close();
    }
  });

  it('R-pres-track nothing where a second track says what is known, and an update where it does not', async () => {
    const app = await testApp({ controllers: [Room] });
    const presence = app.get(Presence);
    const watcher = await enter(app, true);
    await watcher.json();
    await enter(app, false);
    const device = [...app.get(Connections)].at(-1)!;
    await presence.track(device, 'room', 'ada', { n: 1 });
    const joined = await watcher.json<{ payload: { joins: { ada: { metas: [{ phx_ref: string }] } } } }>();
    const [before] = await presence.list('room');
    for (let n = 0; n < 3; n++) {
      await presence.track(device, 'room', 'ada', { n: 1 });
      await nextTick();
    }
    expect(await presence.list('room')).toEqual([before]);
    await watcher.idle();
    await presence.track(device, 'room', 'ada', { n: 2 });
    const [{ phx_ref }] = joined.payload.joins.ada.metas;
    expect(await watcher.json()).toMatchObject({ payload: { joins: { ada: { metas: [{ phx_ref, n: 2 }] } } } });
    expect(await presence.count('room')).toBe(1);
    await watcher.idle();
  });

  it('R-pres-count one count a second, the last one right', async () => {
    const app = await testApp({ controllers: [Room], maxPresence: 2 });
    const presence = app.get(Presence);
    const watcher = await enter(app, true);
    expect(await watcher.json()).toMatchObject({ event: 'presence_state' });
    await Promise.all(Array.from({ length: 20 }, () => enter(app, false)));
    const devices = [...app.get(Connections)].slice(1);
    const start = performance.now();
    for (const device of devices) {
      await presence.track(device, 'room', device.id);
      await nextTick();
    }
    const counts: number[] = [];
    while (counts.at(-1) !== devices.length) {
      const { event, payload } = await watcher.json<Frame>();
      if (event === 'presence_count') counts.push(payload.count);
    }
    // Eighteen ticks above the limit: a count at the first one, then at the end of each second.
    const seconds = Math.floor((performance.now() - start) / 1000);
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(counts.length).toBeLessThanOrEqual(1 + seconds);
    expect(counts[0]).toBe(3);
    await watcher.idle();
  });

  it('R-pres-cost one diff a tick for all who come in it, and above maxPresence one count for all', async () => {
    const app = await testApp({ controllers: [Room], maxPresence: 100 });
    const presence = app.get(Presence);
    const clients: TestClient[] = [];
    while (clients.length < 300) {
      clients.push(...(await Promise.all(Array.from({ length: 50 }, () => enter(app, false)))));
    }
    const waves = 10;
    const all = [...app.get(Connections)];
    const start = performance.now();
    for (let wave = 0; wave < waves; wave++) {
      for (const connection of all.slice(wave * 30, (wave + 1) * 30)) {
        void presence.track(connection, 'room', connection.id, { name: 'Ada' });
      }
      await nextTick();
      await nextTick();
    }
    expect(await presence.count('room')).toBe(300);
    const received = { presence_state: 0, presence_diff: 0, presence_count: 0 };
    let metas = 0;
    let bytes = 0;
    for (const client of clients) {
      // Each gets the last count, after what went before.
      for (let last = false; !last;) {
        const text = (await client.next()).toString();
        const { event, payload } = JSON.parse(text) as { event: keyof typeof received; payload: { count?: number } };
        received[event]++;
        metas += text.split('"phx_ref"').length - 1;
        bytes += text.length;
        last = payload.count === 300;
      }
    }
    // Three waves are listed: each brings a state to who comes and one diff to who is there. The fourth is above the limit.
    expect(received.presence_state).toBe(90);
    expect(received.presence_diff).toBe(30 + 60);
    expect(metas).toBe(30 * (30 + 60 + 90) + 30 * 30 + 60 * 30);
    // A count to who comes, and to all one at once and one a second.
    const seconds = Math.floor((performance.now() - start) / 1000);
    expect(received.presence_count).toBeLessThanOrEqual(210 + 300 * (1 + seconds));
    expect(bytes).toBeLessThan(300 * 300 * 10);
  });
});
