/** The code of docs/channels.md, run. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Connection, Controller, OnConnect, type Class } from 'halyard';
import { testApp, until, type TestApp, type TestClient } from 'halyard/testing';
import { Document } from '../support/document.js';
import { FaultyEngine } from '../support/faulty-broker.js';

let doc: Document;

beforeAll(() => {
  doc = new Document('docs/channels.md', {
    // Instead of `createApp`: a port for each, and an end after the test.
    Brokers: `
      import { testApp as createApp } from 'halyard/testing';
      import { RoomController } from './channels-and-connections.js';`,
    'From a process without a server': `
      import { RoomController } from './channels-and-connections.js';
      import { testApp } from 'halyard/testing';
      const broker = memoryBroker();
      const app = await testApp({ controllers: [RoomController], broker });
      const client = await app.connect('/rooms/lobby');
      await client.ping();
      for (const connection of app.get(Connections)) connection.user = 'ada';`,
  });
}, 60_000);
afterAll(() => doc?.close());

describe('docs/channels.md', () => {
  it('has a room whose members hear each other', async () => {
    const heading = 'Channels and connections';
    const { RoomController } = await doc.module<{ RoomController: Class }>(heading);
    const app = await testApp({ controllers: [RoomController] });
    const [ada, bob, eve] = [
      await app.connect('/rooms/lobby'),
      await app.connect('/rooms/lobby'),
      await app.connect('/rooms/cellar'),
    ];
    await until(() => app.app.metrics().channels === 2);
    ada.send('hello');
    expect(await bob.json()).toEqual(doc.frames(heading)[0]);
    const { body } = await app.request('/rooms/lobby/announce', { body: 'tea' });
    expect(body).toEqual({ announced: 2 });
    expect([await bob.next(), await bob.next()]).toEqual(['tea', 'somebody announced something']);
    expect([await ada.next(), await ada.next()]).toEqual(['tea', 'somebody announced something']);
    expect(await eve.next()).toBe('somebody announced something');
  });

  it('has apps that share a broker', async () => {
    const { one, other } = await doc.module<{ one: TestApp; other: TestApp }>('Brokers');
    const [ada, bob] = [await one.connect('/rooms/lobby'), await other.connect('/rooms/lobby')];
    await until(() => one.app.metrics().channels + other.app.metrics().channels === 2);
    ada.send('hello');
    expect(await bob.json()).toMatchObject({ event: 'chat', payload: { text: 'hello' } });
  });

  it('has a publisher that reaches an app', async () => {
    const { client } = await doc.module<{ client: TestClient }>('From a process without a server');
    expect(await client.json()).toEqual({
      event: 'notice',
      channel: 'room:lobby',
      payload: { text: 'the backup is done' },
    });
    expect(await client.next()).toBe('your export is ready');
  });

  it('has a frame that tells of an outage', async () => {
    const [gap] = doc.frames('Outages');
    @Controller('rooms/lobby')
    class Lobby {
      @OnConnect()
      async enter(connection: Connection): Promise<string> {
        await connection.join('room:lobby', { gaps: true });
        return 'welcome';
      }
    }
    const broker = new FaultyEngine().node();
    const app = await testApp({ controllers: [Lobby], broker });
    const client = await app.connect('/rooms/lobby');
    expect(await client.next()).toBe('welcome');
    broker.cut();
    broker.mend();
    expect(await client.json()).toEqual(gap);
  });

  it('has no code that is not run', () => {
    expect(doc.untaken).toEqual([]);
  });
});
