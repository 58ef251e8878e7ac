import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Connection, Controller, createPublisher, memoryBroker, OnConnect, Query, type Broker } from 'halyard';
import { redisBroker } from 'halyard/redis';
import { testApp, type TestApp, type TestClient } from 'halyard/testing';
import { describeWith, startEngine } from './support/engines.js';
import { FaultyEngine } from './support/faulty-broker.js';

@Controller('room')
class Room {
  @OnConnect()
  async enter(@Query('user', String) user: string, connection: Connection): Promise<string> {
    connection.user = user;
    await connection.join('news');
    return connection.id;
  }
}

/** Two apps over a broker, with a client each. */
async function people(
  broker: Broker,
  other: Broker = broker,
): Promise<{ app: TestApp; client: TestClient; id: string }[]> {
  const found = [];
  for (const [user, of] of [
    ['ada', broker],
    ['bo', other],
  ] as const) {
    const app = await testApp({ controllers: [Room], broker: of });
    const client = await app.connect(`/room?user=${user}`);
    found.push({ app, client, id: (await client.next()) as string });
  }
  return found;
}

describe('a publisher', () => {
  it('R-pub-channels publishes to the subscribers of all apps, with events, bytes and exceptions', async () => {
    const broker = memoryBroker();
    const [ada, bo] = await people(broker);
    const publisher = createPublisher({ broker });
    await publisher.publish('news', { n: 1 });
    await publisher.publish('news', { n: 2 }, { event: 'hot' });
    await publisher.publish('news', Buffer.from([3, 255]));
    for (const { client } of [ada!, bo!]) {
      expect(await client.json()).toEqual({ n: 1 });
      expect(await client.json()).toEqual({ event: 'hot', channel: 'news', payload: { n: 2 } });
      expect(await client.next()).toEqual(Buffer.from([3, 255]));
    }
    await publisher.publish('news', 'not for ada', { except: ada!.id });
    await publisher.publish('nobody is in here', 'x');
    expect(await bo!.client.next()).toBe('not for ada');
    await ada!.client.idle();
    const refused: [Promise<void>, string][] = [
      [publisher.publish('', 1), 'HALYARD_CHANNEL_NAME'],
      [publisher.publish('news', 1, { event: 'reply' }), 'HALYARD_EVENT_RESERVED'],
      [publisher.publish('news', 1n), 'HALYARD_SEND_VALUE'],
    ];
    for (const [published, code] of refused) await expect(published).rejects.toMatchObject({ code });
    await bo!.client.idle();
  });

  it('R-pub-connections sends to connections, users and all, and closes them', async () => {
    const broker = memoryBroker();
    const [ada, bo] = await people(broker);
    const publisher = createPublisher({ broker });
    await publisher.send(bo!.id, { to: 'bo' });
    expect(await bo!.client.json()).toEqual({ to: 'bo' });
    await publisher.sendToUser('ada', 'to ada');
    expect(await ada!.client.next()).toBe('to ada');
    await publisher.broadcast('to all');
    await publisher.broadcast('to all but ada', { except: { id: ada!.id } });
    expect([await ada!.client.next(), await bo!.client.next(), await bo!.client.next()]).toEqual([
      'to all',
      'to all',
      'to all but ada',
    ]);
    await publisher.send('nobody', 'x');
    await expect(publisher.close(ada!.id, { code: 1005 })).rejects.toMatchObject({
      code: 'HALYARD_CLOSE_CODE_INVALID',
    });
    await ada!.client.idle();
    await publisher.close(ada!.id, { code: 4000, reason: 'bye' });
    expect(await ada!.client.closed()).toMatchObject({ code: 4000, reason: 'bye' });
    await publisher.closeUser('bo');
    expect(await bo!.client.closed()).toMatchObject({ code: 1000 });
  });

  it('R-pub-outage is told what is known of what it could not publish', async () => {
    const engine = new FaultyEngine();
    const broker = engine.node();
    const [ada] = await people(engine.node());
    const publisher = createPublisher({ broker });
    broker.cut();
    for (const sent of [publisher.publish('news', 'x'), publisher.broadcast('x'), publisher.closeUser('ada')]) {
      await expect(sent).rejects.toMatchObject({ code: 'HALYARD_BROKER_UNAVAILABLE', outcome: 'rejected' });
    }
    broker.mend();
    broker.isDoubtful = true;
    await expect(publisher.publish('news', 'maybe')).rejects.toMatchObject({ outcome: 'unknown' });
    expect(await ada!.client.next()).toBe('maybe');
  });
});

describeWith('redis')('a publisher in a process of its own', () => {
  it('R-pub-channels R-pub-connections reaches apps over their engine, and ends', async () => {
    const engine = await startEngine('redis');
    const [one, other] = [redisBroker({ url: engine.url }), redisBroker({ url: engine.url })];
    const [ada, bo] = await people(one, other);
    const script = fileURLToPath(new URL('./fixtures/publishing-job.js', import.meta.url));
    const job = spawn(process.execPath, [script, engine.url, bo!.id], { stdio: ['ignore', 'inherit', 'inherit'] });
    try {
      const [code] = (await once(job, 'exit')) as [number | null];
      expect(code).toBe(0);
      for (const { client } of [ada!, bo!]) {
        expect(await client.json()).toEqual({ event: 'news', channel: 'news', payload: { hot: true } });
      }
      expect(await bo!.client.next()).toBe('from the job');
      expect(await ada!.client.closed()).toMatchObject({ code: 4001, reason: 'signed out' });
      await bo!.client.idle();
    } finally {
      job.kill('SIGKILL');
      await Promise.all([ada!.app.close(), bo!.app.close()]);
      await Promise.all([one.close(), other.close()]);
    }
  }, 60_000);
});
