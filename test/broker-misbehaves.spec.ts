/** A broker that refuses, hangs or fails to take back: what the layers above promise in spite of it. */
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import {
  BrokerUnavailableError,
  Connection,
  Connections,
  Controller,
  createApp,
  Injectable,
  OnConnect,
  Presence,
  WebSocket,
  type AppOptions,
} from 'halyard';
import { testApp, until } from 'halyard/testing';
import { closeLater } from '#internal/testing/closing.js';
import { FaultyEngine } from './support/faulty-broker.js';
import { Ledger } from './support/ledger.js';

const refuse = (): Promise<never> => Promise.reject(new BrokerUnavailableError('rejected', { message: 'not allowed' }));

@Controller('room')
class Room {
  @WebSocket({ event: 'enter' })
  enter(connection: Connection): Promise<void> {
    return connection.join('room', { presence: true });
  }
  @WebSocket({ event: 'pass' })
  pass(connection: Connection): void {
    void connection.join('room', { presence: true });
    void connection.leave('room');
  }
  @WebSocket({ event: 'leave' })
  leave(connection: Connection): Promise<void> {
    return connection.leave('room');
  }
}

@Injectable()
class Store {
  static disposals = 0;
  [Symbol.asyncDispose](): Promise<void> {
    Store.disposals++;
    return Promise.resolve();
  }
}

@Controller('greedy')
class Greedy {
  constructor(readonly store: Store) {}

  @OnConnect()
  greet(): string {
    return 'hello';
  }
}

/** The warnings and errors that an app logs. */
function logged(): { lines: string[]; logger: AppOptions['logger'] } {
  const lines: string[] = [];
  const streamWrite = (line: string): string => {
    lines.push(line);
    return '';
  };
  return { lines, logger: { level: 'warn', hooks: { streamWrite } } };
}

describe('a broker that refuses what an app needs', () => {
  it('R-broker-third an app does not start where it may not hear the other nodes', async () => {
    const broker = new FaultyEngine().node();
    broker.beforeSubscribe = (subject) => (subject === 'halyard:nodes' ? refuse() : Promise.resolve());
    const { lines, logger } = logged();
    await expect(createApp({ controllers: [Room], broker, logger: logger!, signals: false })).rejects.toMatchObject({
      code: 'HALYARD_BROKER_UNAVAILABLE',
      message: 'not allowed',
    });
    expect(lines.join('')).toContain('the broker does not let this node hear halyard:nodes: not allowed');
    expect(broker.linkListeners).toBe(0);
    expect(broker.subscriptions('halyard:nodes')).toBe(0);
  });

  it('R-broker-third what presence may not hear is warned of once', async () => {
    const broker = new FaultyEngine().node();
    let refusals = 0;
    broker.beforeSubscribe = (subject) => {
      if (!subject.startsWith('halyard:presence')) return Promise.resolve();
      refusals++;
      return refuse();
    };
    const { lines, logger } = logged();
    const app = await testApp({ controllers: [Room], broker, logger: logger! });
    const client = await app.connect('/room');
    client.send({ event: 'enter' });
    await until(() => refusals > 1);
    expect(lines.filter((line) => line.includes('halyard:presence:channel:room'))).toHaveLength(1);
  });

  it('R-broker-third a boot that fails leaves nothing at the broker', async () => {
    const broker = new FaultyEngine().node();
    class Nothing {}
    await expect(createApp({ controllers: [Nothing], broker, logger: false })).rejects.toMatchObject({
      code: 'HALYARD_BOOT',
    });
    expect(broker.linkListeners).toBe(0);
  });
});

describe('a broker that does not take back, or hangs', () => {
  it('R-broker-third the app closes whole: goodbye is said, providers are disposed, and what failed is logged', async () => {
    const engine = new FaultyEngine();
    const [broker, other] = [engine.node(), engine.node()];
    const byes: string[] = [];
    await other.subscribe('halyard:nodes', (bytes) => {
      const text = Buffer.from(bytes).toString();
      if (text.includes('"t":"bye"')) byes.push(text);
    });
    const { lines, logger } = logged();
    const app = await createApp({ controllers: [Greedy], providers: [Store], broker, logger: logger!, signals: false });
    closeLater({ abandon: () => app.close() });
    const disposals = Store.disposals;
    broker.beforeUnsubscribe = refuse;
    await app.close();
    await setImmediate();
    expect(byes).toHaveLength(1);
    expect(Store.disposals).toBe(disposals + 1);
    expect(lines.join('')).toContain('could not be closed: connections');
    expect(broker.linkListeners).toBe(0);
  });

  it('R-broker-third a subscription that never settles does not keep an app from closing', async () => {
    const broker = new FaultyEngine().node();
    const { lines, logger } = logged();
    const app = await testApp({ controllers: [Room], broker, logger: logger!, shutdown: { timeout: '1s' } });
    const client = await app.connect('/room');
    let asked = 0;
    broker.beforeSubscribe = () => {
      asked++;
      return new Promise(() => undefined);
    };
    client.send({ event: 'enter' });
    await until(() => asked === 1);
    await app.close();
    expect(lines.join('')).toContain('not closed within shutdown.timeout: channels');
  });

  it('R-broker-third a presence subscription that could not be taken back is tried again', async () => {
    const broker = new FaultyEngine().node();
    const app = await testApp({ controllers: [Room], broker, logger: false });
    const client = await app.connect('/room');
    client.send({ event: 'enter' });
    expect(await client.json()).toMatchObject({ event: 'presence_state' });
    let refusals = 0;
    broker.beforeUnsubscribe = (subject) => {
      if (!subject.startsWith('halyard:presence') || refusals > 0) return Promise.resolve();
      refusals++;
      return refuse();
    };
    client.send({ event: 'leave' });
    await until(() => refusals === 1);
    await until(() => broker.subscriptions('halyard:presence:channel:room') === 0);
  });

  it('R-broker-third what is too large for the broker is warned of, and what presence says comes in small parts', async () => {
    const engine = new FaultyEngine();
    const [one, other] = [engine.node(), engine.node()];
    const { lines, logger } = logged();
    const [first, second] = [
      await testApp({ controllers: [Room], broker: one, logger: logger! }),
      await testApp({ controllers: [Room], broker: other, logger: false }),
    ];
    const devices = await Promise.all(Array.from({ length: 60 }, () => first.connect('/room')));
    for (const [n, connection] of [...first.get(Connections)].entries()) {
      await first.get(Presence).track(connection, 'room', `user ${n}`, { text: 'x'.repeat(900) });
    }
    const presence = second.get(Presence);
    expect(await presence.count('room')).toBe(devices.length);
    presence.onLeave('room', () => undefined);
    await until(async () => (await presence.list('room')).length === devices.length);
    expect(engine.largestBytes).toBeGreaterThan(4 * 1024);
    expect(engine.largestBytes).toBeLessThan(17 * 1024);
    one.maxBytes = 100;
    await until(() => lines.some((line) => line.includes('larger')));
  });
});

describe('presence', () => {
  it('R-pres-leave who has left before its join was settled does not watch', async () => {
    const app = await testApp({ controllers: [Room], logger: false });
    const passing = await app.connect('/room');
    passing.send({ event: 'pass', ref: 1 });
    expect(await passing.json()).toMatchObject({ event: 'reply', ref: 1 });
    const staying = await app.connect('/room');
    staying.send({ event: 'enter' });
    expect(await staying.json()).toMatchObject({ event: 'presence_state' });
    const connection = [...app.get(Connections)].at(-1);
    await app.get(Presence).track(connection!, 'room', 'ada');
    expect(await staying.json()).toMatchObject({ event: 'presence_diff' });
    await passing.idle();
  });

  it('R-pres-listen an async listener that rejects is logged', async () => {
    const { lines, logger } = logged();
    const app = await testApp({ controllers: [Room], logger: logger! });
    const presence = app.get(Presence);
    presence.onJoin('room', () => Promise.reject(new Error('nobody catches it')));
    await app.connect('/room');
    const [connection] = app.get(Connections);
    await presence.track(connection!, 'room', 'ada');
    await until(() => lines.some((line) => line.includes('nobody catches it')));
  });

  it('R-pres-slow who never reads the states that it asks for is closed 1013', async () => {
    const ledger = new Ledger();
    const app = await testApp({ controllers: [Room], logger: false, outbound: '16kb', use: [ledger] });
    const crowd = await Promise.all(Array.from({ length: 40 }, () => app.connect('/room')));
    const presence = app.get(Presence);
    const connections = app.get(Connections);
    for (const [n, connection] of [...connections].entries()) {
      await presence.track(connection, 'room', `user ${n}`, { text: 'x'.repeat(900) });
    }
    for (const client of crowd) client.pause();
    const deaf = await app.connect('/room');
    const connection = [...connections].at(-1);
    await presence.track(connection!, 'room', 'deaf', { text: 'x'.repeat(900) });
    deaf.pause();
    let most = 0;
    await until(async () => {
      for (let n = 0; n < 50; n++) {
        await presence.untrack(connection!, 'room');
        await presence.unwatch(connection!, 'room');
        await setImmediate();
        if (connection!.state !== 'open') return true;
        await presence.track(connection!, 'room', 'deaf', { text: 'x'.repeat(900) });
        await setImmediate();
        most = Math.max(most, connection!.bufferedBytes);
      }
      return false;
    });
    // Sixteen times the limit, a state, and what the transport may hold.
    expect(most).toBeLessThan(1024 * 1024);
    // What the client sees depends on when its system is asked again whether it reads: up to seconds after it does.
    expect(await ledger.lastClosing()).toMatchObject({ code: 1013 });
    for (const client of [deaf, ...crowd]) client.terminate();
  });
});
