/**
 * What both clients that exist make of our frames: Phoenix's own `Presence`, and the snippet of seed 001. `SEEDS=20` runs
 * it with twenty seeds.
 */
import { describe, expect, it } from '@jest/globals';
import { Presence as PhoenixPresence } from 'phoenix';
import { plain } from '#internal/protocol/plain.js';
import type { SharedFrame } from '#internal/protocol/protocol.js';
import { Presence } from '#internal/presence/presence.js';
import type { Watcher } from '#internal/presence/watcher.js';
import { alone } from './support/alone.js';
import { randomSeeds, seededRandom } from './support/random.js';

interface Metas {
  metas: { phx_ref: string }[];
}
interface Frame {
  event: string;
  channel: string;
  payload: unknown;
}
type List = Record<string, Metas>;

/** The shim of docs/presence.md: one for each socket. */
function phoenixOf(): { presence: PhoenixPresence; receive(frame: Frame): void } {
  const listeners = new Map<string, (payload: unknown) => void>();
  const presence = new PhoenixPresence({
    on: (event: string, listener: (payload: unknown) => void) => void listeners.set(event, listener),
    joinRef: () => '1',
  });
  return { presence, receive: ({ event, payload }) => listeners.get(event)?.(payload) };
}

/** What seed 001 shows its readers; a `Map`, for an object has no key `__proto__`. */
class Snippet {
  presences = new Map<string, Metas>();
  receive({ event, payload }: Frame): void {
    if (event === 'presence_state') {
      this.presences = new Map(Object.entries(payload as List));
    } else if (event === 'presence_diff') {
      const { joins, leaves } = payload as { joins: List; leaves: List };
      for (const [key, present] of Object.entries(joins)) this.presences.set(key, present);
      for (const key of Object.keys(leaves)) this.presences.delete(key);
    }
  }
}

/** A connection, and both clients behind it. Now and then it reads too slowly. */
class Client implements Watcher {
  readonly user = undefined;
  readonly protocol = plain;
  readonly phoenix = phoenixOf();
  readonly snippet = new Snippet();
  states = 0;
  frames = 0;
  isOpen = true;
  slow = false;
  #caughtUp: (() => void)[] = [];
  readonly #online = new Set<string>();

  constructor(readonly id: string) {
    const { presence } = this.phoenix;
    // Phoenix's own callbacks must add up as well.
    presence.onJoin((key?: string, current?: Metas) => {
      if (!current || current.metas.length === 0) this.#online.add(key!);
    });
    presence.onLeave((key?: string, current?: Metas) => {
      if (current!.metas.length === 0) this.#online.delete(key!);
    });
  }
  requireOpen(): void {
    if (!this.isOpen) throw new Error('closed');
  }
  failed(error: unknown): void {
    throw error;
  }
  deliverState(frame: SharedFrame): void {
    this.states++;
    this.#receive(frame);
  }
  deliverChange(frame: SharedFrame): boolean {
    if (this.slow) return false;
    this.#receive(frame);
    return true;
  }
  caughtUp(): Promise<void> {
    return new Promise((resolve) => this.#caughtUp.push(resolve));
  }
  catchUp(): void {
    this.slow = false;
    for (const resolve of this.#caughtUp.splice(0)) resolve();
  }
  get online(): string[] {
    return [...this.#online].sort();
  }
  #receive({ data }: SharedFrame): void {
    this.frames++;
    if ((data as string).includes('connection-')) throw new Error(`a connection id went out: ${data as string}`);
    this.phoenix.receive(JSON.parse(data as string) as Frame);
    this.snippet.receive(JSON.parse(data as string) as Frame);
  }
}

const nextTick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What the server lists, as clients see it. */
async function listed(presence: Presence): Promise<Map<string, unknown[]>> {
  const list = await presence.list('room');
  return new Map(
    list.map(({ key, metas }) => [
      key,
      // In the order of the frames: equal texts are compared much faster than equal objects.
      metas.map(({ connectionId: _connectionId, joinedAt: _joinedAt, phx_ref, ...meta }) => ({ phx_ref, ...meta })),
    ]),
  );
}

/** As `toEqual`, which takes its time. */
function same(actual: unknown, expected: { readonly value: unknown; readonly json: string }): void {
  if (JSON.stringify(actual) !== expected.json) expect(actual).toEqual(expected.value);
}

function known(value: unknown): { value: unknown; json: string } {
  return { value, json: JSON.stringify(value) };
}

function sorted(map: Iterable<readonly [string, unknown]>): unknown[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

describe('clients of presence', () => {
  it.each(randomSeeds(3))(
    'R-pres-clients list what the server lists after each of 2000 random ticks (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
      const presence = alone();
      const keys = ['ada', 'bob', 'eve', 'dan', '__proto__', 'constructor', 'toString', '1', ''].map(
        (key) => key || ' ',
      );
      const clients = new Set<Client>();
      const spectators = new Set<Client>();
      let made = 0;
      const connect = (): Client => new Client(`connection-${++made}`);
      const tracked = new Map<Client, string>();

      const act = (): void => {
        const what = random();
        if (what < 0.3 || clients.size < 3) {
          const client = connect();
          const key = pick(keys);
          clients.add(client);
          tracked.set(client, key);
          void presence.track(client, 'room', key, { n: made }, random() < 0.03 ? { leaveDelay: '1h' } : {});
        } else if (what < 0.6) {
          const client = pick([...tracked.keys()]);
          const change = { n: Math.floor(random() * 5), state: pick(['online', 'typing', 'away']) };
          if (client) void presence.update(client, 'room', random() < 0.5 ? change : () => change);
        } else if (what < 0.7) {
          const client = pick([...clients]);
          const key = pick(keys);
          tracked.set(client, key);
          void presence.track(client, 'room', key, { moved: true });
        } else if (what < 0.8) {
          const client = pick([...tracked.keys()]);
          if (!client) return;
          tracked.delete(client);
          void presence.untrack(client, 'room');
        } else if (what < 0.9) {
          // A reconnect: gone, and there again under the same key.
          const client = pick([...clients]);
          const key = tracked.get(client);
          drop(client);
          if (key === undefined) return;
          const next = connect();
          clients.add(next);
          tracked.set(next, key);
          void presence.track(next, 'room', key, { again: true });
        } else if (what < 0.95) {
          drop(pick([...clients]));
        } else if (random() < 0.5 && spectators.size < 4) {
          const spectator = connect();
          spectators.add(spectator);
          void presence.watch(spectator, 'room');
        } else {
          const client = pick([...clients, ...spectators]);
          if (client.slow) client.catchUp();
          else client.slow = true;
        }
      };
      const drop = (client: Client): void => {
        client.isOpen = false;
        clients.delete(client);
        tracked.delete(client);
        presence.leaveAll(client);
      };

      let compared = 0;
      try {
        for (let tick = 0; tick < 2000; tick++) {
          const changes = 1 + Math.floor(random() * 6);
          for (let change = 0; change < changes; change++) act();
          while (clients.size > 12) drop(pick([...clients]));
          await nextTick();
          await nextTick();
          const server = await listed(presence);
          expect(server.size).toBe(await presence.count('room'));
          const expected = known(sorted(server));
          const online = known([...server.keys()].sort());
          for (const client of [...clients, ...spectators]) {
            if (client.slow) continue;
            compared++;
            const phoenix = client.phoenix.presence.list((key: string, { metas }: Metas) => [key, metas] as const);
            const snippet = [...client.snippet.presences].map(([key, { metas }]) => [key, metas] as const);
            same(sorted(phoenix), expected);
            same(sorted(snippet), expected);
            same(client.online, online);
          }
        }
        expect(compared).toBeGreaterThan(5000);
        expect(presence.metrics().channels).toBe(1);
      } finally {
        await presence.close();
      }
    },
    60_000,
  );
});
