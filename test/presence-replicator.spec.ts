import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Connection, Controller, memoryBroker, Presence as PresenceService, WebSocket, type Broker } from 'halyard';
import { testApp, until } from 'halyard/testing';
import { plain } from '#internal/protocol/plain.js';
import { Questions } from '#internal/nodes/questions.js';
import { Membership, type NodeSettings } from '#internal/nodes/membership.js';
import { Replicator, type ReplicatorSettings } from '#internal/presence/replicator.js';
import type { Presence } from '#internal/presence/presence.js';
import type { Watcher } from '#internal/presence/watcher.js';
import { alone } from './support/alone.js';
import { FaultyEngine, type FaultyBroker } from './support/faulty-broker.js';
import { seededRandom } from './support/random.js';

/** A connection that nobody reads. */
class Device implements Watcher {
  readonly user = undefined;
  readonly protocol = plain;
  readonly frames: string[] = [];
  constructor(readonly id: string) {}
  requireOpen(): void {
    // It is.
  }
  failed(error: unknown): void {
    throw error;
  }
  deliverState({ data }: { data: string | Uint8Array }): void {
    this.frames.push(data as string);
  }
  deliverChange({ data }: { data: string | Uint8Array }): boolean {
    this.frames.push(data as string);
    return true;
  }
  caughtUp(): Promise<void> {
    return Promise.resolve();
  }
}

const nodes: Node[] = [];
let made = 0;

type Settings = Partial<NodeSettings & ReplicatorSettings & { readonly answerMs: number }>;

class Node {
  readonly members: Membership;
  readonly presence: Presence;
  readonly warnings: string[] = [];
  readonly watcher = new Device(`watcher ${++made}`);
  /** What it tracks, as channel, key and n. */
  readonly tracked = new Map<Device, [channel: string, key: string, n: number]>();

  constructor(
    readonly broker: Broker,
    settings: Settings = {},
  ) {
    const warn = (text: string): unknown => this.warnings.push(text);
    this.members = new Membership(broker, { heartbeatMs: 20, leaseMs: 100, warn, ...settings });
    this.presence = alone({
      questions: new Questions(this.members, settings.answerMs ?? 5000),
      channelsPerConnection: 10_000,
      replicate: (replica) => new Replicator(this.members, replica, { retryMs: 20, syncMs: 100, ...settings }),
    });
    this.presence.start();
    nodes.push(this);
  }

  watch(...channels: string[]): this {
    for (const channel of channels) void this.presence.watch(this.watcher, channel);
    return this;
  }
  track(channel: string, key: string, n = 0): Device {
    const device = new Device(`device ${++made}`);
    void this.presence.track(device, channel, key, { n });
    this.tracked.set(device, [channel, key, n]);
    return device;
  }
  update(device: Device, n: number): void {
    const [channel, key] = this.tracked.get(device)!;
    void this.presence.update(device, channel, { n });
    this.tracked.set(device, [channel, key, n]);
  }
  gone(device: Device): void {
    this.presence.leaveAll(device);
    this.tracked.delete(device);
  }
  async close(): Promise<void> {
    await this.presence.close();
    await this.members.close();
  }
  async view(channel: string): Promise<string> {
    const list = await this.presence.list(channel);
    const lines = list.flatMap(({ key, metas }) =>
      metas.map((meta) => `${meta.connectionId} ${key} ${String(meta['n'])}`),
    );
    return lines.sort().join('\n');
  }
}

function union(channel: string, live: readonly Node[]): string {
  const lines = live.flatMap(({ tracked }) =>
    [...tracked].filter(([, [on]]) => on === channel).map(([{ id }, [, key, n]]) => `${id} ${key} ${n}`),
  );
  return lines.sort().join('\n');
}

/** Waits until every node shows exactly the union of what the live ones track. */
async function converge(channels: readonly string[], live: readonly Node[]): Promise<void> {
  let last = '';
  try {
    await until(async () => {
      for (const channel of channels) {
        const expected = union(channel, live);
        for (const node of live) {
          const view = await node.view(channel);
          last = `${channel}: node ${nodes.indexOf(node)} shows\n${view}\ninstead of\n${expected}`;
          if (view !== expected) return false;
        }
      }
      return true;
    });
  } catch (error) {
    throw new Error(last, { cause: error });
  }
}

afterEach(async () => {
  // An audit that finds a difference has found a bug.
  expect(nodes.map(({ presence }) => presence.metrics().repairs)).toEqual(nodes.map(() => 0));
  await Promise.all(nodes.splice(0).map((node) => node.close()));
});

/** All that was published has arrived, or is lost. */
async function delivered(): Promise<void> {
  await setImmediate();
  await setImmediate();
}

/** Three nodes that watch a channel, each with an entry there. */
async function three(settings: Settings = {}): Promise<{ all: Node[]; brokers: FaultyBroker[] }> {
  const engine = new FaultyEngine();
  const brokers = [engine.node(), engine.node(), engine.node()];
  const all = brokers.map((broker) => new Node(broker, settings).watch('room'));
  all.forEach((node, index) => node.track('room', `user ${index}`));
  await converge(['room'], all);
  return { all, brokers };
}

describe('presence on several nodes', () => {
  it('R-pres-nodes apps that share a broker show one list, and their clients one diff for each change', async () => {
    @Controller('room')
    class Room {
      @WebSocket({ event: 'track' })
      track(connection: Connection): Promise<void> {
        return connection.track('lobby', connection.id, { from: 'here' });
      }
      @WebSocket({ event: 'watch' })
      watch(connection: Connection): Promise<void> {
        return connection.join('lobby', { presence: true });
      }
    }
    const broker = memoryBroker();
    const [one, two] = [await testApp({ controllers: [Room], broker }), await testApp({ controllers: [Room], broker })];
    const watcher = await one.connect('/room');
    watcher.send({ event: 'watch' });
    expect(await watcher.json()).toMatchObject({ event: 'presence_state', payload: {} });
    const tracked = await two.connect('/room');
    tracked.send({ event: 'track' });
    expect(Object.keys((await tracked.json<{ payload: object }>()).payload)).toHaveLength(1);
    expect(await watcher.json()).toMatchObject({ event: 'presence_diff', payload: { leaves: {} } });
    expect(await one.get(PresenceService).list('lobby')).toEqual(await two.get(PresenceService).list('lobby'));
    await two.close();
    expect(await watcher.json()).toMatchObject({ event: 'presence_diff', payload: { joins: {} } });
    await watcher.idle();
    const third = await testApp({ controllers: [Room], broker });
    expect(await third.get(PresenceService).list('lobby')).toEqual([]);
  });

  it('R-pres-sync the first presence_state of a channel has what other nodes have', async () => {
    const broker = memoryBroker();
    const one = new Node(broker);
    one.track('room', 'ada');
    const two = new Node(broker);
    two.watch('room');
    await until(() => two.watcher.frames.length > 0);
    expect(two.watcher.frames[0]).toMatch(/^{"event":"presence_state".*"ada"/);
    const told: string[] = [];
    const three = new Node(broker);
    three.presence.onJoin('room', ({ key }) => told.push(key));
    await three.presence.list('room');
    one.track('room', 'bob');
    await until(() => told.length > 0);
    expect(told).toEqual(['bob']);
    await until(() => two.watcher.frames.length > 1);
    expect(two.watcher.frames).toHaveLength(2);
  });

  it('R-pres-sync a node that does not answer delays the first presence_state by no more than 250 ms', async () => {
    const { all, brokers } = await three({ leaseMs: 60_000 });
    brokers[2]!.stop();
    all[1]!.track('later', 'ada');
    const from = performance.now();
    all[0]!.watch('later');
    await until(() => all[0]!.watcher.frames.at(-1)?.includes('later') ?? false);
    expect(performance.now() - from).toBeLessThan(1000);
    expect(all[0]!.watcher.frames.at(-1)).toContain('ada');
    brokers[2]!.resume();
  });

  it('R-pres-whole list, get and count where nobody needs the channel are whole, or an error', async () => {
    const { all, brokers } = await three({ leaseMs: 60_000, answerMs: 500 });
    const [one, two, three_] = all as [Node, Node, Node];
    two.track('elsewhere', 'ada', 1);
    two.track('elsewhere', 'ada', 2);
    three_.track('elsewhere', 'bob', 3);
    const read = async (): Promise<unknown> => {
      const [list, ada, nobody, count] = await Promise.all([
        one.presence.list('elsewhere'),
        one.presence.get('elsewhere', 'ada'),
        one.presence.get('elsewhere', 'eve'),
        one.presence.count('elsewhere'),
      ]);
      const named = (key: string): unknown => [key, list.find((each) => each.key === key)?.metas.map(({ n }) => n)];
      return [named('ada'), named('bob'), ada?.metas.length, nobody, count];
    };
    const whole = [['ada', [1, 2]], ['bob', [3]], 2, undefined, 2];
    expect(await read()).toEqual(whole);
    expect(one.presence.metrics().channels).toBe(1);
    // A node that is slow is waited for; one that does not answer in time is an error, and so is an outage.
    brokers[2]!.isStopped = true;
    const slow = read();
    await delivered();
    brokers[2]!.resume();
    expect(await slow).toEqual(whole);
    brokers[2]!.isStopped = true;
    for (const failed of [one.presence.list('elsewhere'), one.presence.count('elsewhere')]) {
      await expect(failed).rejects.toMatchObject({ code: 'HALYARD_NODE_TIMEOUT' });
    }
    brokers[2]!.resume();
    brokers[0]!.cut();
    await expect(one.presence.get('elsewhere', 'ada')).rejects.toMatchObject({ code: 'HALYARD_BROKER_UNAVAILABLE' });
    brokers[0]!.mend();
    await expect(one.presence.list('')).rejects.toMatchObject({ code: 'HALYARD_CHANNEL_NAME' });
  });

  it('R-pres-killed what a killed node tracked goes when its lease has run out, with one diff', async () => {
    const { all, brokers } = await three();
    all[2]!.track('room', 'another');
    await converge(['room'], all);
    // The list shows a change at once, its watchers are told at the end of the tick.
    await until(() => all[0]!.watcher.frames.some((frame) => frame.includes('another')));
    const frames = all[0]!.watcher.frames.length;
    brokers[2]!.kill();
    await converge(['room'], all.slice(0, 2));
    await until(() => all[0]!.watcher.frames.length > frames);
    expect(all[0]!.watcher.frames).toHaveLength(frames + 1);
    expect(all[0]!.watcher.frames.at(-1)).toMatch(/"user 2".*"another"/);
    expect(all[0]!.presence.metrics()).toMatchObject({ nodes: 1, lost: 1 });
  });

  it('R-pres-goodbye a node that stops takes its entries with it at once', async () => {
    const { all } = await three({ leaseMs: 60_000 });
    await all[2]!.close();
    await converge(['room'], all.slice(0, 2));
    expect(all[0]!.presence.metrics()).toMatchObject({ nodes: 1, lost: 0 });
  });

  it('R-pres-link while the own link is down nothing is dropped, and after it all is asked for again', async () => {
    const { all, brokers } = await three();
    brokers[0]!.cut();
    const [first] = all[0]!.tracked.keys();
    all[0]!.update(first!, 7);
    all[1]!.track('room', 'unheard');
    const before = await all[0]!.view('room');
    await until(() => all[1]!.presence.metrics().lost === 1);
    expect(await all[0]!.view('room')).toBe(before);
    expect(all[0]!.presence.metrics()).toMatchObject({ stale: true, lost: 0, nodes: 2 });
    brokers[0]!.mend();
    await converge(['room'], all);
    expect(all[0]!.presence.metrics()).toMatchObject({ stale: false });
  });

  it('R-pres-link a short cut of a publisher shows in its generation: others ask for what they have missed', async () => {
    const { all, brokers } = await three({ leaseMs: 60_000 });
    // Only what it publishes is lost, and nothing follows that would show the gap.
    brokers[0]!.losesPublications = true;
    all[0]!.track('room', 'lost');
    await delivered();
    brokers[0]!.losesPublications = false;
    brokers[0]!.cut();
    brokers[0]!.mend();
    await converge(['room'], all);
  });

  it('R-pres-stopped a node that was stopped and dropped comes back, and drops nobody itself', async () => {
    const { all, brokers } = await three();
    brokers[1]!.stop();
    await until(() => all[0]!.presence.metrics().lost === 1 && all[2]!.presence.metrics().lost === 1);
    await converge(['room'], [all[0]!, all[2]!]);
    brokers[1]!.resume();
    await converge(['room'], all);
    expect(all[1]!.presence.metrics().lost).toBe(0);
  });

  it('R-pres-gap a lost message is noticed with the next one, and asked for', async () => {
    // Nothing else may find it first.
    const { all, brokers } = await three({ leaseMs: 60_000, heartbeatMs: 60_000, retryMs: 60_000 });
    brokers[0]!.losesPublications = true;
    all[0]!.track('room', 'lost');
    await delivered();
    brokers[0]!.losesPublications = false;
    all[0]!.track('room', 'heard');
    await converge(['room'], all);
    expect(all[1]!.presence.metrics().gaps).toBe(1);
  });

  it('R-pres-gap who missed that a node left a channel shows nothing of then when it comes back to it', async () => {
    const { all, brokers } = await three({ leaseMs: 60_000, heartbeatMs: 60_000, retryMs: 60_000 });
    all[1]!.watch('brief');
    const before = all[0]!.track('brief', 'before');
    await converge(['brief'], [all[0]!, all[1]!]);
    brokers[0]!.losesPublications = true;
    all[0]!.gone(before);
    await until(() => all[0]!.presence.metrics().channels === 1);
    await delivered();
    brokers[0]!.losesPublications = false;
    all[0]!.track('brief', 'after');
    await until(async () => (await all[1]!.view('brief')).includes('after'));
    await converge(['brief'], [all[0]!, all[1]!]);
  });

  it('R-pres-link churn that ends during an outage shows everywhere after it, though nobody says any more', async () => {
    const { all, brokers } = await three({ leaseMs: 60_000, audit: false });
    const [first] = all[0]!.tracked.keys();
    for (const broker of brokers) broker.cut();
    all[0]!.gone(first!);
    for (const [n, node] of all.entries()) node.track('room', `late ${n}`, n);
    await delivered();
    for (const broker of brokers) broker.mend();
    await converge(['room'], all);
  });

  it('R-pres-link 10 000 channels are asked for again after an outage', async () => {
    const engine = new FaultyEngine();
    const brokers = [engine.node(), engine.node()];
    const settings = { leaseMs: 60_000, retryMs: 1000, audit: false, answerMs: 60_000 };
    const [one, other] = brokers.map((broker) => new Node(broker, settings)) as [Node, Node];
    const channels = Array.from({ length: 10_000 }, (_, n) => `channel ${n}`);
    const device = new Device('everywhere');
    for (const channel of channels) {
      one.presence.onLeave(channel, () => undefined);
      void other.presence.track(device, channel, 'ada');
    }
    const shown = async (): Promise<number> => {
      let sum = 0;
      for (const channel of channels) sum += await one.presence.count(channel);
      return sum;
    };
    const last = channels.at(-1)!;
    await until(async () => (await one.presence.count(last)) === 1 && (await shown()) === 10_000, { timeout: 20_000 });
    brokers[0]!.cut();
    other.presence.leaveAll(device);
    await delivered();
    expect(await shown()).toBe(10_000);
    brokers[0]!.mend();
    await until(async () => (await one.presence.count(last)) === 0 && (await shown()) === 0, { timeout: 20_000 });
  }, 60_000);

  it('R-pres-names a node that restarts under its name replaces what it was; of two that live, the older is renamed', async () => {
    const engine = new FaultyEngine();
    const brokers = [engine.node(), engine.node(), engine.node(), engine.node()];
    const slow = { leaseMs: 60_000 };
    const first = new Node(brokers[0]!, { ...slow, name: 'one' }).watch('room');
    const killed = new Node(brokers[1]!, { ...slow, name: 'two' }).watch('room');
    killed.track('room', 'ghost');
    first.track('room', 'ada');
    await converge(['room'], [first, killed]);
    brokers[1]!.kill();
    // What it said before is under way.
    await delivered();
    const restarted = new Node(brokers[2]!, { ...slow, name: 'two' }).watch('room');
    restarted.track('room', 'bob');
    await converge(['room'], [first, restarted]);
    const double = new Node(brokers[3]!, { ...slow, name: 'one' }).watch('room');
    double.track('room', 'eve');
    await converge(['room'], [first, restarted, double]);
    expect(first.warnings).toHaveLength(1);
    expect(restarted.warnings).toEqual([]);
  });

  it('R-pres-audit a loss that nothing else shows is found by comparing', async () => {
    const { all, brokers } = await three({ leaseMs: 60_000 });
    const [first] = all[0]!.tracked.keys();
    brokers[0]!.losesPublications = true;
    all[0]!.gone(first!);
    await until(async () => (await all[0]!.presence.count('room')) === 2);
    await setImmediate();
    brokers[0]!.losesPublications = false;
    await converge(['room'], all);
    expect(all[1]!.presence.metrics().audits).toBeGreaterThan(0);
  });

  it('R-pres-chaos after cuts, stops and kills under churn every node shows the union of the live', async () => {
    const random = seededRandom();
    const engine = new FaultyEngine();
    const channels = ['a', 'b', 'c', '__proto__'];
    const brokers = [engine.node(), engine.node(), engine.node(), engine.node()];
    let live = brokers.map((broker) => new Node(broker, { leaseMs: 150, audit: false }).watch(...channels));
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
    const churn = (): void => {
      for (const node of live) {
        // A process that is stopped does nothing.
        if ((node.broker as FaultyBroker).isStopped) continue;
        const what = random();
        const device = pick([...node.tracked.keys()]);
        if (what < 0.4 || !device)
          node.track(pick(channels), `user ${Math.floor(random() * 10)}`, Math.floor(random() * 9));
        else if (what < 0.7) node.update(device, Math.floor(random() * 9));
        else node.gone(device);
      }
    };
    const churnFor = async (ticks: number): Promise<void> => {
      for (let tick = 0; tick < ticks; tick++) {
        churn();
        await setImmediate();
      }
    };
    await converge(channels, live);
    for (let round = 0; round < 12; round++) {
      const [one, two] = [pick(live), pick(live)];
      const [first, second] = [one.broker as FaultyBroker, two.broker as FaultyBroker];
      first.cut();
      await churnFor(20);
      second.stop();
      await churnFor(20);
      first.mend();
      await churnFor(20);
      second.resume();
      if (round === 8) {
        first.kill();
        live = live.filter((node) => node !== one);
      }
      await converge(channels, live);
      expect(channels.map((channel) => union(channel, live)).join('')).not.toBe('');
    }
  }, 60_000);

  it('R-pres-quiet a node on its own says nothing but that it lives', async () => {
    const engine = new FaultyEngine();
    const node = new Node(engine.node(), { heartbeatMs: 60_000, retryMs: 60_000 });
    node.watch('warm');
    await until(() => node.watcher.frames.length > 0);
    const before = engine.published;
    node.watch('room');
    const device = node.track('room', 'ada');
    await until(() => node.watcher.frames.length > 1);
    for (let n = 0; n < 100; n++) node.update(device, n);
    expect((await node.view('room')).endsWith('99')).toBe(true);
    await delivered();
    // One sync for each channel.
    expect(engine.published - before).toBeLessThanOrEqual(1);
  });
});
