/** The code and the frames of docs/clients.md, run. */
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Connections, Presence, type Class } from 'halyard';
import { testApp, until, type TestApp, type TestClient } from 'halyard/testing';
import { Document } from '../support/document.js';

let doc: Document;

beforeAll(() => {
  doc = new Document('docs/clients.md');
}, 60_000);
afterAll(() => doc?.close());

async function start(): Promise<{ app: TestApp; client: TestClient }> {
  const { RoomController } = await doc.module<{ RoomController: Class }>('Clients');
  const app = await testApp({ controllers: [RoomController] });
  const client = await app.connect('/room');
  expect(await client.next()).toBe('welcome');
  return { app, client };
}

describe('docs/clients.md', () => {
  it('says what comes for what is sent, frame by frame', async () => {
    const { client } = await start();
    const rows = [...doc.text.matchAll(/^\| `(\{"event".*?\})` +\| (`.*?) +\|$/gm)].filter(
      ([, sent]) => !/"channel"/.test(sent!),
    );
    expect(rows).toHaveLength(6);
    for (const [, sent, cell] of rows) {
      client.send(sent!);
      for (const [, frame] of cell!.matchAll(/`(.*?)`/g)) expect(await client.next()).toBe(frame);
      await client.idle();
    }
  });

  it('says what comes that nobody has asked for', async () => {
    const { app, client } = await start();
    const other = await app.connect('/room');
    expect(await other.next()).toBe('welcome');
    client.send({ event: 'say', payload: 'hello' });
    expect(doc.text).toContain(`\`${String(await other.next())}\``);
    const [first] = app.get(Connections);
    await app.get(Presence).track(first!, 'room', 'ada', {});
    expect(await client.next()).toBe('5');
    expect(String(await client.next())).toMatch(/^\{"event":"presence_state",/);
  });

  it('has a client that gets answers', async () => {
    const { client } = await start();
    const context = { socket: client.socket, request: undefined as unknown };
    runInNewContext(`${doc.script('A request with an answer')}\nrequest = requests(socket);`, context);
    const request = context.request as (event: string, payload?: unknown) => Promise<unknown>;
    expect(await Promise.all([request('say', 'a'), request('say', 'ab')])).toEqual([1, 2]);
    await expect(request('say', '')).rejects.toMatchObject({ code: 'EMPTY', message: 'say something' });
    let failure: unknown;
    client.socket.close(1000);
    request('say', 'too late').catch((error: unknown) => (failure = error));
    await until(() => failure);
    expect(failure).toMatchObject({ message: 'the connection has closed' });
  });

  it('is all run', () => {
    expect(doc.untaken).toEqual([]);
  });
});
