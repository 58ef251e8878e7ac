/** What only the broker over NATS has: a bound on payloads, and a client that loses what it is given while it is cut off. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, jest } from '@jest/globals';
import { connect } from '@nats-io/transport-node';
import type { Broker, BrokerUnavailableError } from 'halyard';
import { natsBroker, type NatsBrokerOptions } from 'halyard/nats';
import { until } from 'halyard/testing';
import { closeLater } from '#internal/testing/closing.js';
import { describeWith, startEngine } from './support/engines.js';
import { LinkLog } from './support/link-log.js';
import { startProxy } from './support/proxy.js';

const minute = 60_000;
const long = { timeout: 20_000 };

interface Configured {
  readonly url: string;
  /** Puts other settings in force. */
  reload(settings: string): Promise<void>;
}

describeWith('nats')('natsBroker', () => {
  async function openBroker(options: NatsBrokerOptions): Promise<{ broker: Broker; link: LinkLog; got: string[] }> {
    const broker = natsBroker(options);
    closeLater({ abandon: () => broker.close() });
    const link = new LinkLog(broker);
    await link.is('up');
    link.events.length = 0;
    const got: string[] = [];
    await broker.subscribe('s', (data) => got.push(Buffer.from(data).toString()));
    return { broker, link, got };
  }

  it('R-broker-close what was published before the close is confirmed, also where the confirmations come in pieces', async () => {
    const engine = await startEngine('nats');
    const proxy = await startProxy(engine.port);
    const broker = natsBroker({ servers: `127.0.0.1:${proxy.port}` });
    closeLater({ abandon: () => broker.close() });
    await new LinkLog(broker).is('up');
    proxy.delayMs = 20;
    proxy.pieceBytes = 'PONG\r\n'.length;
    const published = Promise.all([broker.publish('s', Buffer.from('1')), broker.publish('s', Buffer.from('2'))]);
    await Promise.all([published, broker.close()]);
  });

  it('R-broker-size a publication over the max_payload of the server is refused with a code, and the link lives', async () => {
    const engine = await startEngine('nats');
    const { broker, link, got } = await openBroker({ servers: engine.url });
    await expect(broker.publish('s', new Uint8Array(1024 ** 2 + 1))).rejects.toMatchObject({
      code: 'HALYARD_BROKER_SIZE',
      message: 'a publication of 1048577 bytes is larger than the 1048576 that the broker carries',
    });
    await broker.publish('s', new Uint8Array(1024 ** 2));
    await until(() => got.length === 1, long);
    expect(link.states).toEqual([]);
  });

  it(
    'R-broker-client a connection that it is given follows its outages, loses nothing silently, and stays open',
    async () => {
      const engine = await startEngine('nats');
      const connection = await connect({ servers: engine.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
      closeLater({ abandon: () => connection.close() });
      const { broker, link, got } = await openBroker({ connection, prefix: 'chat.v1' });
      connection.publish('chat.v1.s', 'from outside');
      await until(() => got.length === 1, long);
      const outcomes: Promise<string>[] = [];
      const publish = (n: number): void => {
        const published = broker.publish('s', Buffer.from(`${n}`));
        outcomes.push(
          published.then(
            () => 'taken',
            (error: unknown) => (error as BrokerUnavailableError).outcome,
          ),
        );
      };
      // All the time, while the server is killed twice.
      let n = 0;
      const timer = setInterval(() => publish(n++), 1);
      closeLater({ abandon: () => clearInterval(timer) });
      for (let round = 0; round < 2; round++) {
        await engine.kill();
        await link.is('down');
        await engine.start();
        await link.is('up');
      }
      clearInterval(timer);
      const taken = (await Promise.all(outcomes)).flatMap((outcome, at) => (outcome === 'taken' ? [`${at}`] : []));
      expect(taken.length).toBeGreaterThan(0);
      await until(() => got.at(-1) === taken.at(-1), long);
      expect(taken.filter((text) => !got.includes(text))).toEqual([]);
      expect(got.slice(1)).toEqual(got.slice(1).sort((a, b) => Number(a) - Number(b)));
      link.expectAlternating();
      await broker.close();
      await connection.flush();
      expect(connection.isClosed()).toBe(false);
      await connection.close();
    },
    minute,
  );

  it.each(['before', 'later'])(
    'R-broker-client a connection that it is given and that is closed %s is no link, and says so',
    async (when) => {
      const engine = await startEngine('nats');
      const connection = await connect({ servers: engine.url });
      closeLater({ abandon: () => connection.close() });
      if (when === 'before') await connection.close();
      const broker = natsBroker({ connection });
      closeLater({ abandon: () => broker.close() });
      if (when === 'later') {
        await until(() => broker.health().link === 'up', long);
        await connection.close();
      }
      const reason = 'the connection that the broker was given is closed';
      await until(() => broker.health().reason === reason, long);
      const refused = { outcome: 'rejected', cause: { message: reason } };
      await expect(broker.publish('s', Buffer.from('x'))).rejects.toMatchObject(refused);
      await expect(broker.subscribe('s', () => undefined)).rejects.toMatchObject({ outcome: 'rejected' });
      expect(broker.health()).toMatchObject({ link: 'down', reason });
    },
    minute,
  );

  /** A server with settings that have no option on its command line. */
  async function startWith(settings: string): Promise<Configured> {
    const directory = await mkdtemp(join(tmpdir(), 'halyard-nats-conf-'));
    closeLater({ abandon: () => rm(directory, { recursive: true, force: true }) });
    const path = join(directory, 'nats.conf');
    await writeFile(path, settings);
    const engine = await startEngine('nats', ['--config', path]);
    const reload = async (changed: string): Promise<void> => {
      await writeFile(path, changed);
      process.kill(engine.pid, 'SIGHUP');
    };
    return { url: engine.url, reload };
  }

  /** Settings with one user, `ada:pw`, who may do what is allowed and not denied. */
  function permitting({ publish = '', subscribe = '' }: { publish?: string; subscribe?: string }): string {
    const rules = (denied: string): string => `{ allow = ["halyard.>"], deny = [${denied}] }`;
    const permissions = `{ publish = ${rules(publish)}, subscribe = ${rules(subscribe)} }`;
    return `authorization { users = [{ user = ada, password = pw, permissions = ${permissions} }] }`;
  }

  const options = { user: 'ada', pass: 'pw' };

  function refusedWith(message: RegExp): object {
    const code = 'HALYARD_BROKER_UNAVAILABLE';
    return { code, outcome: 'rejected', cause: { message: expect.stringMatching(message) } };
  }

  it('R-broker-refused what the server refuses is refused, and said; the rest goes on', async () => {
    const engine = await startWith(permitting({ publish: '"halyard.mute"', subscribe: '"halyard.closed"' }));
    const { broker, link, got } = await openBroker({ servers: engine.url, options });
    await expect(broker.subscribe('closed', () => undefined)).rejects.toMatchObject(
      refusedWith(/permissions violation/i),
    );
    // In one tick with others.
    const published = ['s', 'mute', 's'].map((subject) => broker.publish(subject, Buffer.from('x')));
    await expect(published[1]).rejects.toMatchObject(refusedWith(/permissions violation for publish/i));
    await Promise.all([published[0], published[2]]);
    await until(() => got.length === 2, long);
    expect(link.states).toEqual([]);
  });

  it('R-broker-refused a subscription that is one too many for the server is refused, and the others are active', async () => {
    // One is of the probe, one of `openBroker`.
    const engine = await startWith('max_subscriptions: 4');
    const { broker, link } = await openBroker({ servers: engine.url });
    const got: string[] = [];
    const subscribe = (subject: string): Promise<unknown> => broker.subscribe(subject, () => got.push(subject));
    // In one tick.
    const [published, ...made] = [broker.publish('s', Buffer.from('x')), ...['1', '2', '3'].map(subscribe)];
    await Promise.all(made.slice(0, 2));
    await expect(made[2]).rejects.toMatchObject(refusedWith(/maximum subscriptions exceeded/i));
    await published;
    for (const subject of ['1', '2']) await broker.publish(subject, Buffer.from('x'));
    await until(() => got.length === 2, long);
    expect(got).toEqual(['1', '2']);
    expect(link.states).toEqual([]);
  });

  it(
    'R-broker-denied a subscription that the server ends is said, and asked for until it is a gap like others',
    async () => {
      const engine = await startWith(permitting({}));
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
      closeLater({ abandon: () => warn.mockRestore() });
      const { broker, link, got } = await openBroker({ servers: engine.url, options });
      await broker.subscribe('closed', () => got.push('closed'));
      await engine.reload(permitting({ subscribe: '"halyard.closed"' }));
      await until(() => warn.mock.calls.length > 0, long);
      expect(warn.mock.calls[0]).toEqual([
        expect.stringMatching(
          /^subjects for which nothing arrives, as the engine refuses them: 1\. closed: Permissions/,
        ),
        { code: 'HALYARD_BROKER_REFUSED' },
      ]);
      await broker.publish('s', Buffer.from('x'));
      await until(() => got.length === 1, long);
      const before = link.events.length;
      await engine.reload(permitting({}));
      await link.recovers(before);
      await broker.publish('closed', Buffer.from('x'));
      await until(() => got.length === 2, long);
      expect(got).toEqual(['x', 'closed']);
      link.expectAlternating();
    },
    minute,
  );

  it('a prefix that is no subject is refused', () => {
    for (const prefix of ['', 'a b', 'a.', '*', 'a.>', '.a']) {
      expect(() => natsBroker({ servers: 'nats://127.0.0.1', prefix })).toThrow(
        expect.objectContaining({ code: 'HALYARD_SETTING' }),
      );
    }
  });
});
