/** Who is in a channel, where the broker is slow to subscribe, or refuses: as many subscriptions as are needed, and no more. */
import { describe, expect, it } from '@jest/globals';
import { BrokerUnavailableError } from 'halyard';
import { until } from 'halyard/testing';
import { Channels } from '#internal/channels/channels.js';
import type { Subscriber } from '#internal/channels/subscriber.js';
import { Membership } from '#internal/nodes/membership.js';
import { Questions } from '#internal/nodes/questions.js';
import { plain } from '#internal/protocol/plain.js';
import { alone } from './support/alone.js';
import { FaultyEngine, type FaultyBroker } from './support/faulty-broker.js';
import { Gate } from './support/gate.js';
import { seededRandom } from './support/random.js';

/** A connection that keeps what it gets. */
class Device implements Subscriber {
  readonly user = undefined;
  readonly protocol = plain;
  joined: Set<string> | undefined = undefined;
  readonly got: string[] = [];
  readonly failures: unknown[] = [];
  constructor(readonly id: string) {}
  requireOpen(): void {
    // It is.
  }
  failed(error: unknown): void {
    this.failures.push(error);
  }
  deliver({ data }: { data: string | Uint8Array }): void {
    this.got.push(data as string);
  }
  missed(channel: string): void {
    this.got.push(`gap in ${channel}`);
  }
  deliverState(): void {
    // Nobody watches.
  }
  deliverChange(): boolean {
    return true;
  }
  caughtUp(): Promise<void> {
    return Promise.resolve();
  }
}

const lingerMs = 1;

async function open() {
  const broker = new FaultyEngine().node();
  const members = new Membership(broker, { heartbeatMs: 60_000, warn: () => undefined });
  const failures: unknown[] = [];
  const channels = new Channels({
    broker,
    members,
    questions: new Questions(members, 1000),
    presence: alone(),
    channelsPerConnection: 100,
    lingerMs,
    find: () => undefined,
    failed: (error) => failures.push(error),
  });
  await members.start();
  const close = async (): Promise<void> => {
    await channels.close();
    await members.close();
  };
  return { broker, channels, failures, close };
}

async function withHub(test: (hub: Awaited<ReturnType<typeof open>>) => Promise<void>): Promise<void> {
  const made = await open();
  try {
    await test(made);
  } finally {
    await made.close();
  }
}

/** What a promise came to. */
function outcomeOf(promise: Promise<void>): Promise<'joined' | 'refused'> {
  return promise.then(
    () => 'joined',
    () => 'refused',
  );
}

const refuse = (): Promise<void> => Promise.reject(new BrokerUnavailableError('rejected'));

describe('a join', () => {
  it('R-chan-broker that the broker refuses is taken back for all who wait for it, and the next one asks anew', () =>
    withHub(async ({ broker, channels }) => {
      const [one, two] = [new Device('one'), new Device('two')];
      const gate = new Gate();
      broker.beforeSubscribe = () => gate.wait();
      const joins = [channels.join(one, 'room'), channels.join(two, 'room'), channels.join(one, 'room')].map(outcomeOf);
      gate.fail(new BrokerUnavailableError('rejected'));
      expect(await Promise.all(joins)).toEqual(['refused', 'refused', 'refused']);
      expect([one.joined?.size, two.joined?.size, channels.size]).toEqual([0, 0, 0]);
      expect(gate.waiting).toBe(1);
      broker.beforeSubscribe = () => Promise.resolve();
      await channels.join(one, 'room');
      await channels.publish('room', 'x');
      await until(() => one.got.length === 1);
      expect(two.got).toEqual([]);
    }));

  it('R-chan-broker that fails after it was left does not take away the one that came after it', () =>
    withHub(async ({ broker, channels }) => {
      const device = new Device('one');
      const gate = new Gate();
      broker.beforeSubscribe = () => gate.wait();
      const first = outcomeOf(channels.join(device, 'room'));
      await channels.leave(device, 'room');
      // A timer of the same length, begun later, ends later: the next one subscribes for itself.
      await new Promise((resolve) => setTimeout(resolve, lingerMs));
      broker.beforeSubscribe = () => Promise.resolve();
      await channels.join(device, 'room');
      gate.fail(new BrokerUnavailableError('rejected'));
      expect(await first).toBe('refused');
      await channels.publish('room', 'x');
      await until(() => device.got.length === 1);
      expect(channels.local('room')).toEqual(['one']);
    }));

  it('R-chan-broker in an outage is refused also where others are in the channel, and they stay', () =>
    withHub(async ({ broker, channels }) => {
      const [one, two] = [new Device('one'), new Device('two')];
      await channels.join(one, 'room');
      broker.cut();
      expect(await outcomeOf(channels.join(two, 'room'))).toBe('refused');
      expect(two.failures).toMatchObject([{ code: 'HALYARD_BROKER_UNAVAILABLE' }]);
      broker.mend();
      await channels.publish('room', 'x');
      await until(() => one.got.length === 1);
      expect([two.got, channels.local('room')]).toEqual([[], ['one']]);
      await channels.join(two, 'room');
      await until(() => broker.subscriptions('c:room') === 1);
    }));

  it('R-chan-broker in an outage fails for itself alone, not for one after the outage', () =>
    withHub(async ({ broker, channels }) => {
      const [one, two] = [new Device('one'), new Device('two')];
      await channels.join(one, 'room');
      const gate = new Gate();
      broker.beforeSubscribe = () => gate.wait();
      broker.cut();
      const first = outcomeOf(channels.join(two, 'room'));
      await channels.leave(two, 'room');
      broker.mend();
      await channels.join(two, 'room');
      gate.fail(new BrokerUnavailableError('rejected'));
      expect(await first).toBe('refused');
      expectConsistent(channels, [one, two], ['room']);
      expect(channels.local('room')).toEqual(['one', 'two']);
    }));

  it('R-chan-broker a subscription that cannot be taken back is told of once, and tried again', () =>
    withHub(async ({ broker, channels, failures }) => {
      const device = new Device('one');
      await channels.join(device, 'room');
      let attempts = 0;
      broker.beforeUnsubscribe = () => (++attempts < 4 ? refuse() : Promise.resolve());
      await channels.leave(device, 'room');
      await until(() => attempts === 4);
      await until(() => broker.subscriptions('c:room') === 0);
      expect(failures).toMatchObject([{ code: 'HALYARD_BROKER_UNAVAILABLE' }]);
    }));

  it('R-chan-counted joins and leaves race slow and failing subscriptions: as a model says, each is in or out', async () => {
    const random = seededRandom();
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
    const turns = async (most: number): Promise<void> => {
      for (let n = Math.floor(random() * most); n > 0; n--) await new Promise((resolve) => setImmediate(resolve));
    };
    const unsure = async (): Promise<void> => {
      const fails = random() < 0.3;
      await turns(6);
      if (fails) await refuse();
    };
    const names = ['a', 'b', '__proto__'];
    let refused = 0;
    for (let round = 0; round < 10; round++) {
      await withHub(async ({ broker, channels }) => {
        const devices = ['one', 'two', 'three', 'four'].map((id) => new Device(id));
        /** The last join of a device and channel that was not followed by a leave. */
        const last = new Map<string, Promise<'joined' | 'refused'>>();
        const step = async (): Promise<void> => {
          const [device, name, what] = [pick(devices), pick(names), random()];
          const key = `${device.id} ${name}`;
          if (what < 0.5) {
            last.set(key, outcomeOf(channels.join(device, name)));
          } else if (what < 0.85) {
            last.delete(key);
            await channels.leave(device, name);
          } else if (what < 0.9) {
            channels.leaveAll(device);
            for (const each of names) last.delete(`${device.id} ${each}`);
          } else if (what < 0.95) broker.cut();
          else broker.mend();
        };
        broker.beforeSubscribe = unsure;
        broker.beforeUnsubscribe = unsure;
        for (let n = 0; n < 200; n++) {
          await step();
          expectConsistent(channels, devices, names);
          await turns(3);
        }
        broker.mend();
        const outcomes = new Map<string, 'joined' | 'refused'>();
        for (const [key, outcome] of last) outcomes.set(key, await outcome);
        refused += [...outcomes.values()].filter((outcome) => outcome === 'refused').length;
        expectConsistent(channels, devices, names);
        broker.beforeUnsubscribe = () => Promise.resolve();
        await expectModel(broker, channels, devices, names, outcomes);
      });
    }
    expect(refused).toBeGreaterThan(0);
  }, 60_000);
});

/** A device knows of its channels what these know of it. */
function expectConsistent(channels: Channels, devices: readonly Device[], names: readonly string[]): void {
  for (const { id, joined } of devices) {
    expect([id, [...(joined ?? [])].sort()]).toEqual([
      id,
      names.filter((name) => channels.local(name).includes(id)).sort(),
    ]);
  }
}

/** Each device gets exactly what the model says, once, over one subscription of each channel that anybody is in. */
async function expectModel(
  broker: FaultyBroker,
  channels: Channels,
  devices: readonly Device[],
  names: readonly string[],
  outcomes: ReadonlyMap<string, 'joined' | 'refused'>,
): Promise<void> {
  const isIn = (device: Device, name: string): boolean => outcomes.get(`${device.id} ${name}`) === 'joined';
  for (const name of names) {
    const wanted = devices.some((device) => isIn(device, name)) ? 1 : 0;
    await until(() => broker.subscriptions(`c:${name}`) === wanted);
  }
  for (const device of devices) device.got.length = 0;
  for (const name of names) await channels.publish(name, `last in ${name}`);
  // What is behind it in the engine has come: so has all before it.
  const control = new Device('control');
  await until(() =>
    channels.join(control, 'control').then(
      () => true,
      () => false,
    ),
  );
  await channels.publish('control', 'x');
  await until(() => control.got.length === 1);
  for (const device of devices) {
    const expected = names.filter((name) => isIn(device, name)).map((name) => `last in ${name}`);
    expect([device.id, device.got]).toEqual([device.id, expected]);
  }
}
