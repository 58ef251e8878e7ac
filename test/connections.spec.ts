import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Channels,
  Connection,
  Connections,
  Controller,
  memoryBroker,
  OnConnect,
  Query,
  WebSocket,
} from 'halyard';
import { testApp } from 'halyard/testing';

@Controller('room')
class Room {
  @OnConnect()
  async enter(@Query('user', String) user: string, connection: Connection): Promise<string> {
    connection.user = user;
    await connection.join('all');
    return connection.id;
  }

  @WebSocket()
  async post(@Body() text: string, connection: Connection): Promise<void> {
    await connection.publish('all', text);
  }
}

async function people(count: 1 | 2 = 1) {
  const broker = memoryBroker();
  const apps = [await testApp({ controllers: [Room], broker })];
  if (count === 2) apps.push(await testApp({ controllers: [Room], broker }));
  const enter = async (app: number, user: string) => {
    const client = await apps[app]!.connect(`/room?user=${user}`);
    return { client, id: (await client.next()) as string };
  };
  return { broker, apps, enter, connections: apps[0]!.get(Connections) };
}

describe('the connections of an app', () => {
  it('R-conn-local get, ids and count are of this process and answer at once', async () => {
    const { apps, enter, connections } = await people(2);
    const ada = await enter(0, 'ada');
    const bo = await enter(1, 'bo');
    expect(connections.ids()).toEqual([ada.id]);
    expect(connections.count()).toBe(1);
    expect(connections.get(ada.id)?.user).toBe('ada');
    expect(connections.get(bo.id)).toBeUndefined();
    expect(apps[1]!.get(Connections).ids()).toEqual([bo.id]);
  });

  it('R-conn-send reaches one connection, on whichever node it is, with text, bytes or JSON', async () => {
    const { enter, connections } = await people(2);
    const [ada, bo] = [await enter(0, 'ada'), await enter(1, 'bo')];
    for (const { client, id } of [ada, bo]) {
      await connections.send(id, 'text');
      await connections.send(id, { json: true });
      await connections.send(id, Buffer.from([1, 2, 255]));
      expect(await client.next()).toBe('text');
      expect(await client.json()).toEqual({ json: true });
      expect(await client.next()).toEqual(Buffer.from([1, 2, 255]));
    }
    await connections.send('nobody', 'text');
    await expect(connections.send('nobody', 1n)).rejects.toMatchObject({ code: 'HALYARD_SEND_VALUE' });
    await ada.client.idle();
  });

  it('R-conn-user sendToUser and closeUser reach all devices of a user, and nobody else', async () => {
    const { enter, connections } = await people(2);
    const [phone, laptop, other] = [await enter(0, 'ada'), await enter(1, 'ada'), await enter(1, 'bo')];
    await connections.sendToUser('ada', { hello: 'ada' });
    for (const { client } of [phone, laptop]) expect(await client.json()).toEqual({ hello: 'ada' });
    await connections.closeUser('ada', { code: 4001, reason: 'signed out' });
    for (const { client } of [phone, laptop]) {
      expect(await client.closed()).toMatchObject({ code: 4001, reason: 'signed out' });
    }
    await other.client.idle();
  });

  it('R-conn-broadcast reaches all connections of all nodes, but the one that is left out', async () => {
    const { enter, connections } = await people(2);
    const [ada, bo, cy] = [await enter(0, 'ada'), await enter(0, 'bo'), await enter(1, 'cy')];
    await connections.broadcast('to all');
    await connections.broadcast('to all but one', { except: ada.id });
    for (const { client } of [ada, bo, cy]) expect(await client.next()).toBe('to all');
    for (const { client } of [bo, cy]) expect(await client.next()).toBe('to all but one');
    await ada.client.idle();
  });

  it('R-conn-close ends a connection on whichever node it is; a code that may not be sent is refused', async () => {
    const { enter, connections } = await people(2);
    const [ada, bo] = [await enter(0, 'ada'), await enter(1, 'bo')];
    await expect(connections.close(bo.id, { code: 1005 })).rejects.toMatchObject({
      code: 'HALYARD_CLOSE_CODE_INVALID',
    });
    await connections.close(bo.id, { code: 4000, reason: 'bye' });
    expect(await bo.client.closed()).toMatchObject({ code: 4000, reason: 'bye' });
    await connections.close(ada.id);
    expect(await ada.client.closed()).toMatchObject({ code: 1000, reason: '' });
  });

  it('R-chan-order shows publications of two nodes over one broker to all in one order', async () => {
    const { apps, enter } = await people(2);
    const [ada, bo] = [await enter(0, 'ada'), await enter(1, 'bo')];
    for (let n = 0; n < 100; n++) {
      ada.client.send(`a${n}`);
      bo.client.send(`b${n}`);
    }
    const read = async ({ client }: typeof ada): Promise<unknown[]> => {
      const got = [];
      for (let n = 0; n < 200; n++) got.push(await client.next());
      return got;
    };
    const [one, other] = await Promise.all([read(ada), read(bo)]);
    expect(one).toEqual(other);
    expect(one.filter((text) => String(text).startsWith('a'))).toEqual(Array.from({ length: 100 }, (_, n) => `a${n}`));
    expect(await apps[0]!.get(Channels).count('all')).toBe(2);
  });

  it('R-chan-broker refuses a join that the broker refuses, and takes it back', async () => {
    const { broker, apps, enter } = await people(1);
    const { id, client } = await enter(0, 'ada');
    const channels = apps[0]!.get(Channels);
    await broker.close();
    await expect(channels.join(id, 'another')).rejects.toMatchObject({ code: 'HALYARD_BROKER_CLOSED' });
    await expect(channels.publish('all', 'x')).rejects.toMatchObject({ code: 'HALYARD_BROKER_CLOSED' });
    expect([...apps[0]!.get(Connections).get(id)!.channels]).toEqual(['all']);
    await client.idle();
  });

  it('R-chan-broker does not start over a broker that is closed, and disposes what was built', async () => {
    let disposed = 0;
    class Resource {
      [Symbol.dispose](): void {
        disposed++;
      }
    }
    const broker = memoryBroker();
    await broker.close();
    await expect(testApp({ providers: [Resource], broker })).rejects.toMatchObject({ code: 'HALYARD_BROKER_CLOSED' });
    expect(disposed).toBe(1);
  });
});
