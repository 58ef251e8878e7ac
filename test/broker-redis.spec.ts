/** What only the broker over Redis has: two connections, of which one can fail, and which can be on two servers. */
import { expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Broker } from 'halyard';
import { redisBroker, type RedisBrokerOptions } from 'halyard/redis';
import { until } from 'halyard/testing';
import { closeLater } from '#internal/testing/closing.js';
import { describeWith, startEngine, type EngineProcess } from './support/engines.js';
import { LinkLog } from './support/link-log.js';
import { startProxy } from './support/proxy.js';

const minute = 60_000;
const long = { timeout: 20_000 };

describeWith('redis')('redisBroker', () => {
  async function openBroker(options: RedisBrokerOptions): Promise<{ broker: Broker; link: LinkLog; got: string[] }> {
    const broker = redisBroker(options);
    closeLater({ abandon: () => broker.close() });
    const link = new LinkLog(broker);
    await link.is('up');
    link.events.length = 0;
    const got: string[] = [];
    await broker.subscribe('s', (data) => got.push(Buffer.from(data).toString()));
    return { broker, link, got };
  }

  /** Sends commands of the test's own to a server. */
  function adminOf({ port }: EngineProcess): Redis {
    const admin = new Redis(port, { connectionName: 'admin' });
    closeLater({ abandon: () => admin.disconnect() });
    return admin;
  }

  async function killByName(admin: Redis, name: string): Promise<void> {
    const list = (await admin.client('LIST')) as string;
    const ids = list
      .split('\n')
      .flatMap((line) => (line.includes(` name=${name} `) ? [/id=(\d+)/.exec(line)![1]!] : []));
    expect(ids).toHaveLength(1);
    await admin.call('CLIENT', 'KILL', 'ID', ids[0]!);
  }

  it('R-broker-publisher when only the publisher is cut off the link is down until it is back, and nothing is lost that was subscribed to', async () => {
    const engine = await startEngine('redis');
    const { broker, link, got } = await openBroker({ url: engine.url });
    const { broker: other } = await openBroker({ url: engine.url, prefix: 'halyard:' });
    const admin = adminOf(engine);
    await other.close();
    await killByName(admin, 'halyard-publisher');
    await link.is('down');
    await admin.publish('halyard:s', 'meanwhile');
    await broker.publish('s', Buffer.from('queued'));
    await until(() => got.length === 2, long);
    expect(got).toEqual(['meanwhile', 'queued']);
    expect(link.states).toEqual(['down', 'up']);
  });

  it('R-broker-subscriber when only the subscriber is cut off the link is down until all is subscribed to again', async () => {
    const engine = await startEngine('redis');
    const { broker, link, got } = await openBroker({ url: engine.url });
    const admin = adminOf(engine);
    for (let round = 1; round <= 5; round++) {
      await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await until(() => link.events.length >= 2 * round - 1, long);
      // It waits until those who are to hear it do.
      await broker.publish('s', Buffer.from(`${round}`));
      await until(() => got.length === round, long);
    }
    expect(got).toEqual(['1', '2', '3', '4', '5']);
    expect(link.states).toEqual(Array.from({ length: 5 }, () => ['down', 'up']).flat());
  });

  it(
    'R-broker-probe two healthy connections to two servers, as after a failover, are no link: what is published must come back',
    async () => {
      const [engine, elsewhere] = [await startEngine('redis'), await startEngine('redis')];
      const proxy = await startProxy(engine.port);
      const { broker, link, got } = await openBroker({ url: `redis://127.0.0.1:${proxy.port}` });
      proxy.targetPort = elsewhere.port;
      await adminOf(engine).call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await link.is('down');
      const there = adminOf(elsewhere);
      await until(async () => (await there.pubsub('NUMSUB', 'halyard:s'))[1] === 1, long);
      await expect(broker.publish('s', Buffer.from('lost'))).rejects.toMatchObject({ outcome: 'rejected' });
      expect(broker.health().link).toBe('down');
      // Both are left, and made again: to the new server now.
      await link.is('up');
      await broker.publish('s', Buffer.from('found'));
      await until(() => got.length > 0, long);
      expect(got).toEqual(['found']);
      expect(link.states).toEqual(['down', 'up']);
      expect(await there.pubsub('NUMSUB', 'halyard:s')).toEqual(['halyard:s', 1]);
    },
    minute,
  );

  it('R-broker-client a client that it is given gives its settings, and stays as it is', async () => {
    const engine = await startEngine('redis', ['--requirepass', 'secret']);
    const client = new Redis({ port: engine.port, password: 'secret', lazyConnect: true, keyPrefix: 'app:', db: 3 });
    closeLater({ abandon: () => client.disconnect() });
    const { broker, got } = await openBroker({ client, prefix: 'chat/' });
    expect(client.status).toBe('wait');
    await client.connect();
    expect(await client.publish('chat/s', 'from outside')).toBe(1);
    await broker.publish('s', Buffer.from('x'));
    await until(() => got.length === 2, long);
    expect(got).toEqual(['from outside', 'x']);
    await broker.close();
    expect(await client.ping()).toBe('PONG');
  });

  /** A user who may do all, on some channels. */
  async function permit(admin: Redis, ...channels: readonly string[]): Promise<void> {
    const patterns = ['probe:*', ...channels].map((channel) => `&halyard:${channel}`);
    await admin.call('ACL', 'SETUSER', 'ada', 'on', '>pw', '+@all', '~*', 'resetchannels', ...patterns);
  }

  it('R-broker-refused what the server refuses is refused, and said; the rest goes on', async () => {
    const engine = await startEngine('redis');
    await permit(adminOf(engine), 's', 'open:*');
    const { broker, link, got } = await openBroker({ url: engine.url.replace('://', '://ada:pw@') });
    const refused = {
      code: 'HALYARD_BROKER_UNAVAILABLE',
      outcome: 'rejected',
      cause: { message: expect.stringMatching('NOPERM') },
    };
    await expect(broker.publish('closed', Buffer.from('x'))).rejects.toMatchObject(refused);
    // In one tick with others.
    const subjects = ['open:1', 'open:2', 'closed', 'open:3'];
    const made = subjects.map((subject) => broker.subscribe(subject, () => got.push(subject)));
    await expect(made[2]).rejects.toMatchObject(refused);
    await Promise.all(made.filter((_, at) => at !== 2));
    for (const subject of ['open:1', 'open:2', 'open:3']) await broker.publish(subject, Buffer.from('x'));
    await until(() => got.length === 3, long);
    expect(got).toEqual(['open:1', 'open:2', 'open:3']);
    expect(link.states).toEqual([]);
  });

  it(
    'R-broker-denied what the server refuses from now on holds up nothing else, is said, and is asked for until it is a gap like others',
    async () => {
      const engine = await startEngine('redis');
      const admin = adminOf(engine);
      await permit(admin, 's', 'closed');
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
      closeLater({ abandon: () => warn.mockRestore() });
      const { broker, link, got } = await openBroker({ url: engine.url.replace('://', '://ada:pw@') });
      await broker.subscribe('closed', () => got.push('closed'));
      // It cuts those who were subscribed to more.
      await permit(admin, 's');
      await link.recovers(0);
      await broker.publish('s', Buffer.from('x'));
      await until(() => got.length === 1, long);
      await until(() => warn.mock.calls.length > 0, long);
      expect(warn.mock.calls[0]).toEqual([
        expect.stringMatching(/^subjects for which nothing arrives, as the engine refuses them: 1\. closed: NOPERM/),
        { code: 'HALYARD_BROKER_REFUSED' },
      ]);
      await expect(broker.subscribe('closed', () => undefined)).rejects.toMatchObject({ outcome: 'rejected' });
      expect(link.states).toEqual(['down', 'up']);
      await permit(admin, 's', 'closed');
      await until(() => link.events.length === 4, long);
      await broker.publish('closed', Buffer.from('x'));
      await until(() => got.length === 2, long);
      expect(got).toEqual(['x', 'closed']);
      expect(link.states).toEqual(['down', 'up', 'down', 'up']);
    },
    minute,
  );
});
