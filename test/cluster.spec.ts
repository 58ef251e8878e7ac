/** What one node is told of all: how many connections and subscribers there are, and whose. */
import { describe, expect, it } from '@jest/globals';
import {
  BrokerUnavailableError,
  Channels,
  Connection,
  Connections,
  Controller,
  NodeTimeoutError,
  OnConnect,
  Presence,
  Query,
  type LimitOptions,
  type NodeOptions,
} from 'halyard';
import { testApp, until, type TestApp, type TestClient } from 'halyard/testing';
import { Questions } from '#internal/nodes/questions.js';
import { Membership } from '#internal/nodes/membership.js';
import { FaultyEngine } from './support/faulty-broker.js';

@Controller('room')
class Room {
  @OnConnect()
  async enter(@Query('user', String) user: string, connection: Connection): Promise<string> {
    connection.user = user;
    await connection.join('all');
    return connection.id;
  }
}

/** Apps over one engine, each with a broker of its own that can be broken. */
async function cluster(count: number, node: NodeOptions = {}, limits: LimitOptions = {}) {
  const engine = new FaultyEngine();
  const brokers = Array.from({ length: count }, () => engine.node());
  const apps: TestApp[] = [];
  for (const [n, broker] of brokers.entries()) {
    const settings = { broker, limits, node: { heartbeat: 20, name: `node ${n}`, ...node } };
    apps.push(await testApp({ controllers: [Room], ...settings }));
  }
  const enterAs = async (app: number, user: string): Promise<{ client: TestClient; id: string }> => {
    const client = await apps[app]!.connect(`/room?user=${user}`);
    return { client, id: (await client.next()) as string };
  };
  const enter = async (app: number, user: string): Promise<string> => (await enterAs(app, user)).id;
  const connections = apps.map((app) => app.get(Connections));
  const channels = apps.map((app) => app.get(Channels));
  return { engine, brokers, apps, enter, enterAs, connections, channels };
}

/** Has a membership alone, and questions over it. */
async function asker(engine: FaultyEngine): Promise<{ members: Membership; questions: Questions }> {
  const members = new Membership(engine.node(), { heartbeatMs: 20, leaseMs: 60_000, warn: () => undefined });
  const questions = new Questions(members, 2000);
  await members.start();
  return { members, questions };
}

describe('what is asked of all nodes', () => {
  it('R-conn-cluster count, ids and ofUser answer for all nodes', async () => {
    const { enter, connections } = await cluster(3);
    expect(await connections[0]!.count({ cluster: true })).toBe(0);
    const [ada, bo, ada2, cy] = [
      await enter(0, 'ada'),
      await enter(1, 'bo'),
      await enter(1, 'ada'),
      await enter(2, 'cy'),
    ];
    for (const of of connections) {
      expect(await of.count({ cluster: true })).toBe(4);
      expect((await of.ids({ cluster: true })).sort()).toEqual([ada, bo, ada2, cy].sort());
      expect((await of.ofUser('ada')).sort()).toEqual([ada, ada2].sort());
      expect(await of.ofUser('nobody')).toEqual([]);
    }
    expect(connections[0]!.ids()).toEqual([ada]);
    expect(connections.map((of) => of.count())).toEqual([1, 2, 1]);
  });

  it('R-chan-cluster subscribers and count answer for all nodes, local for this process', async () => {
    const { enter, channels } = await cluster(2);
    const [ada, bo] = [await enter(0, 'ada'), await enter(1, 'bo')];
    for (const of of channels) {
      expect((await of.subscribers('all')).sort()).toEqual([ada, bo].sort());
      expect(await of.count('all')).toBe(2);
      expect([await of.subscribers('another'), await of.count('another')]).toEqual([[], 0]);
      await expect(of.subscribers('')).rejects.toMatchObject({ code: 'HALYARD_CHANNEL_NAME' });
      await expect(of.count('x'.repeat(201))).rejects.toMatchObject({ code: 'HALYARD_CHANNEL_NAME' });
    }
    expect(channels.map((of) => of.local('all'))).toEqual([[ada], [bo]]);
  });

  it('R-conn-cluster an app on its own answers for itself', async () => {
    const app = await testApp({ controllers: [Room] });
    const client = await app.connect('/room?user=ada');
    const id = await client.next();
    expect(await app.get(Connections).ids({ cluster: true })).toEqual([id]);
    expect(await app.get(Channels).count('all')).toBe(1);
  });

  it('R-conn-cluster costs one question and an answer from each other node', async () => {
    const { engine, connections } = await cluster(3, { heartbeat: '1h' });
    await connections[0]!.count({ cluster: true });
    const before = engine.published;
    await connections[0]!.count({ cluster: true });
    expect(engine.published - before).toBe(3);
  });

  it('R-conn-whole where a node that is alive does not answer, the question is rejected, and a later one is answered', async () => {
    const { brokers, connections, channels } = await cluster(3, { answer: '1s', lease: '1h' });
    brokers[2]!.stop();
    const failed = (asked: Promise<unknown>): Promise<unknown> => asked.catch((error: unknown) => error);
    const asked = [failed(connections[0]!.count({ cluster: true })), failed(channels[1]!.subscribers('all'))];
    for (const error of await Promise.all(asked)) {
      expect(error).toBeInstanceOf(NodeTimeoutError);
      expect(error).toMatchObject({ code: 'HALYARD_NODE_TIMEOUT', temporary: true, nodes: ['node 2'] });
    }
    brokers[2]!.resume();
    await until(() =>
      connections[0]!.count({ cluster: true }).then(
        () => true,
        () => false,
      ),
    );
  });

  it('R-conn-whole a node that dies meanwhile, or says goodbye, is not waited for', async () => {
    const { brokers, apps, enter, connections } = await cluster(4, { answer: '1h', lease: 200 });
    await enter(0, 'ada');
    await enter(3, 'bo');
    brokers[2]!.kill();
    const asked = connections[0]!.count({ cluster: true });
    await apps[3]!.close();
    expect(await asked).toBeGreaterThanOrEqual(1);
    expect(await connections[0]!.count({ cluster: true })).toBe(1);
  });

  it('R-conn-whole while the broker is away the question is rejected at once; one that is under way as well', async () => {
    const { brokers, connections, channels } = await cluster(2, { answer: '1h', lease: '1h' });
    brokers[1]!.stop();
    const asked = connections[0]!.ofUser('ada');
    brokers[0]!.cut();
    await expect(asked).rejects.toMatchObject({ code: 'HALYARD_BROKER_UNAVAILABLE', outcome: 'unknown' });
    for (const question of [
      connections[0]!.count({ cluster: true }),
      connections[0]!.ids({ cluster: true }),
      channels[0]!.subscribers('all'),
    ]) {
      await expect(question).rejects.toMatchObject({ code: 'HALYARD_BROKER_UNAVAILABLE', outcome: 'rejected' });
    }
    brokers[1]!.resume();
    brokers[0]!.mend();
    expect(await connections[0]!.count({ cluster: true })).toBe(0);
  });

  it('R-conn-whole a node whose publications are lost cannot be sure of others, and says so', async () => {
    const { brokers, connections } = await cluster(2, { answer: 50 });
    brokers[0]!.losesPublications = true;
    await expect(connections[0]!.count({ cluster: true })).rejects.toMatchObject({
      code: 'HALYARD_BROKER_UNAVAILABLE',
      outcome: 'unknown',
    });
  });

  it('R-conn-whole once the app has closed there is no answer', async () => {
    const { apps, connections, brokers } = await cluster(2, { answer: '1h', lease: '1h' });
    brokers[1]!.stop();
    const asked = connections[0]!.count({ cluster: true }).catch((error: unknown) => error);
    await apps[0]!.close();
    expect(await asked).toMatchObject({ code: 'HALYARD_APP_STATE' });
    await expect(connections[0]!.count({ cluster: true })).rejects.toMatchObject({ code: 'HALYARD_APP_STATE' });
    brokers[1]!.resume();
  });

  it('R-conn-cluster carries an answer of a megabyte, and what another node throws', async () => {
    const engine = new FaultyEngine();
    const [one, other] = [await asker(engine), await asker(engine)];
    const many = Array.from({ length: 50_000 }, (_, n) => `id ${n} \ud800"é😀`);
    for (const { questions } of [one, other]) {
      questions.on('many', (length: number) => many.slice(0, length));
      questions.on('self', () => (questions === one.questions ? 'one' : 'other'));
    }
    other.questions.on('throws', () => {
      throw new TypeError('inner text');
    });
    one.questions.on('throws', () => 'fine');
    other.questions.on('unknown here', () => 'fine');
    try {
      const answers = await one.questions.ask<string[]>('many', 50_000);
      expect(answers).toEqual([many, many]);
      expect(await one.questions.ask('many', 0)).toEqual([[], []]);
      expect((await other.questions.ask<string>('self', undefined)).sort()).toEqual(['one', 'other']);
      for (const topic of ['throws', 'unknown here']) {
        await expect(one.questions.ask(topic, undefined)).rejects.toMatchObject({
          code: 'HALYARD_INTERNAL',
          message: 'internal error',
        });
      }
    } finally {
      await Promise.all([one.members.close(), other.members.close()]);
    }
  });
});

describe('a join and a leave by id', () => {
  it('R-chan-join-id reach a connection on another node, with its options', async () => {
    const { apps, enterAs, channels } = await cluster(3);
    const { client, id } = await enterAs(1, 'ada');
    await channels[0]!.join(id, 'far', { presence: true });
    expect(await client.json()).toMatchObject({ event: 'presence_state', channel: 'far' });
    expect(channels[1]!.local('far')).toEqual([id]);
    await channels[2]!.join(id, 'far');
    await channels[0]!.publish('far', 'hello');
    expect(await client.next()).toBe('hello');
    await channels[2]!.leave(id, 'far');
    expect(channels[1]!.local('far')).toEqual([]);
    // It watched the presence of the channel, and does no more.
    await channels[0]!.publish('far', 'unheard');
    const other = await enterAs(0, 'bo');
    await apps[0]!.get(Presence).track(apps[0]!.get(Connections).get(other.id)!, 'far', 'bo');
    expect(await other.client.json()).toMatchObject({ event: 'presence_state', channel: 'far' });
    await client.idle();
    await channels[2]!.leave(id, 'far');
    await channels[2]!.leave('nobody', 'far');
  });

  it('R-chan-join-id are the same on the own node: options count, and leaving ends the watch', async () => {
    const { apps, enterAs, channels } = await cluster(1);
    const [ada, bo] = [await enterAs(0, 'ada'), await enterAs(0, 'bo')];
    await channels[0]!.join(ada.id, 'near', { presence: true });
    expect(await ada.client.json()).toMatchObject({ event: 'presence_state', channel: 'near' });
    await channels[0]!.leave(ada.id, 'near');
    await apps[0]!.get(Presence).track(apps[0]!.get(Connections).get(bo.id)!, 'near', 'bo');
    expect(await bo.client.json()).toMatchObject({ event: 'presence_state' });
    await ada.client.idle();
  });

  it('R-chan-join-id are refused where no node has the connection, or its node refuses', async () => {
    const { brokers, enterAs, channels } = await cluster(
      2,
      { answer: '1h', lease: '1h' },
      { channelsPerConnection: 2 },
    );
    const { id } = await enterAs(1, 'ada');
    await expect(channels[0]!.join('nobody', 'room')).rejects.toMatchObject({ code: 'HALYARD_CONNECTION_CLOSED' });
    await expect(channels[0]!.join(id, '')).rejects.toMatchObject({ code: 'HALYARD_CHANNEL_NAME' });
    await channels[0]!.join(id, 'second');
    await expect(channels[0]!.join(id, 'third')).rejects.toMatchObject({
      code: 'HALYARD_CHANNEL_LIMIT',
      message: 'the connection has joined too many channels',
    });
    await channels[0]!.leave(id, 'second');
    brokers[1]!.beforeSubscribe = () => Promise.reject(new BrokerUnavailableError('rejected'));
    await expect(channels[0]!.join(id, 'fourth')).rejects.toMatchObject({
      code: 'HALYARD_BROKER_UNAVAILABLE',
      outcome: 'rejected',
    });
    expect(channels[1]!.local('all')).toEqual([id]);
    brokers[0]!.cut();
    await expect(channels[0]!.join(id, 'fifth')).rejects.toMatchObject({ code: 'HALYARD_BROKER_UNAVAILABLE' });
    await expect(channels[0]!.leave(id, 'all')).rejects.toMatchObject({ code: 'HALYARD_BROKER_UNAVAILABLE' });
  });

  it('R-chan-join-id do not wait for nodes that do not answer, once one has done it', async () => {
    const { brokers, enterAs, channels } = await cluster(3, { answer: '1h', lease: '1h' });
    const { id } = await enterAs(1, 'ada');
    brokers[2]!.stop();
    await channels[0]!.join(id, 'room');
    await channels[0]!.leave(id, 'room');
    expect(channels[1]!.local('room')).toEqual([]);
    brokers[2]!.resume();
  });
});
