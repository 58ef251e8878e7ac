/** The code of docs/coming-from.md, run; its tables of calls are in coming-from-tables.spec.ts. */
import type { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runInNewContext } from 'node:vm';
import { Module, type INestApplication, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Connections, type Class, type Outcome } from 'halyard';
import { testApp, TestClient, until } from 'halyard/testing';
import { Document } from '../support/document.js';

let doc: Document;

beforeAll(() => {
  process.env['PORT'] = '0';
  doc = new Document('docs/coming-from.md', {
    'new-message.ts': `
      export class NewMessage {
        @IsString()
        @Length(1, 500)
        text!: string;
      }`,
    'users.ts': `
      @Injectable()
      export class Users {
        byToken(token: string | undefined): Promise<string | undefined> {
          return Promise.resolve(token?.startsWith('Bearer ') ? token.slice(7) : undefined);
        }
      }`,
    'feed.ts': `
      import { EventEmitter } from 'node:events';
      @Injectable()
      export class Feed extends EventEmitter {}`,
    'app.module.ts': `
      import { Logger, Module } from '@nestjs/common';
      import { Users } from './users.js';
      Logger.overrideLogger(false);
      @Module({ providers: [Users] })
      export class AppModule {}`,
    'chat.controller.ts': `
      export { ChatController } from './the-same-in-halyard.js';`,
  });
}, 60_000);
afterAll(() => doc?.close());

const signedIn = { headers: { authorization: 'Bearer ada' } };

describe('docs/coming-from.md', () => {
  it('has a gateway that works in NestJS', async () => {
    const { ChatGateway } = await doc.module<{ ChatGateway: Type }>('A gateway in NestJS');
    const { Users } = await doc.given<{ Users: Type }>('users.ts');
    class AppModule {}
    Module({ providers: [ChatGateway, Users] })(AppModule);
    const nest = await NestFactory.create(AppModule, { logger: false });
    try {
      nest.useWebSocketAdapter(new WsAdapter(nest));
      await nest.listen(0, '127.0.0.1');
      const [ada, bob] = [await connect(nest, signedIn), await connect(nest, signedIn)];
      ada.send({ event: 'say', data: { text: 'hello' } });
      expect(await bob.json()).toEqual({ event: 'said', data: 'hello' });
      expect(await ada.json()).toEqual({ event: 'accepted', data: 'hello' });
      // Whom it does not know has been let in before it is sent away.
      expect(await (await connect(nest, {})).closed()).toMatchObject({ code: 4401 });
    } finally {
      await nest.close();
    }
  });

  it('has the same in Halyard, and its client', async () => {
    const { ChatController } = await doc.module<{ ChatController: Class }>('The same in Halyard');
    const { Users } = await doc.given<{ Users: Class }>('users.ts');
    const app = await testApp({ controllers: [ChatController], providers: [Users] });
    const [ada, bob] = [await app.connect('/chat', signedIn), await app.connect('/chat', signedIn)];
    await until(() => [...app.get(Connections)].every(({ channels }) => channels.has('chat')));
    const client = doc.script('What to change in the client');
    runInNewContext(client, { socket: ada.socket });
    expect(await bob.json()).toEqual({ event: 'said', channel: 'chat', payload: 'hello' });
    expect(await ada.next()).toBe(/^\/\/ ← (\{.*?\}\}), or/m.exec(client)![1]);
    ada.send({ event: 'say', payload: { text: '' }, ref: 1 });
    expect(await ada.json()).toMatchObject({ event: 'error', ref: 1, payload: { code: 'VALIDATION_FAILED' } });
    ada.send({ event: 'say', payload: { text: 'hello' } });
    expect(await ada.next()).toBe('{"event":"accepted","payload":"hello"}');
    expect(await app.refused('/chat')).toMatchObject({ status: 401, body: { message: 'who are you?' } });
  });

  it('has generators in the place of observables', async () => {
    const { PriceController, Timing } = await doc.module<{
      PriceController: Class;
      Timing: Class<{ done(context: unknown, outcome: Outcome): void }>;
    }>('From RxJS');
    const { Feed } = await doc.given<{ Feed: Class<EventEmitter> }>('feed.ts');
    const app = await testApp({ controllers: [PriceController], providers: [Feed], use: [Timing] });
    const feed = app.get(Feed);
    const client = await app.connect('/prices');
    client.send('X');
    await until(() => feed.listenerCount('X') === 1);
    feed.emit('X', 42);
    expect(await client.json()).toEqual({ value: 42, at: expect.any(Number) });
    client.send('Y');
    await until(() => feed.listenerCount('X') === 0 && feed.listenerCount('Y') === 1);
    feed.emit('Y', 7);
    expect(await client.json()).toMatchObject({ value: 7 });
    client.terminate();
    await until(() => feed.listenerCount('Y') === 0);
  });

  it('has both in one process', async () => {
    const { nest, stop } = await doc.module<{ nest: INestApplication; stop(): Promise<void> }>('Both in one process');
    try {
      const client = await connect(nest, signedIn);
      client.send({ event: 'say', payload: { text: 'hello' }, ref: 1 });
      expect(await client.json()).toMatchObject({ event: 'reply', ref: 1 });
      await client.close();
    } finally {
      await stop();
    }
  });

  it('has the handler of Revali', async () => {
    const { ExampleController } = await doc.module<{ ExampleController: Class }>('Revali');
    const app = await testApp({ controllers: [ExampleController] });
    const client = await app.connect('/example/websocket');
    expect(await client.next()).toBe('Hello World');
    client.send('hi');
    expect(await client.next()).toBe('Echo: hi');
    client.send('bye');
    expect(await client.closed()).toMatchObject({ code: 1000, reason: 'Normal Closure' });
  });

  it('is all run', () => {
    expect(doc.untaken).toEqual([]);
  });
});

function connect(nest: INestApplication, options: object): Promise<TestClient> {
  const { port } = (nest.getHttpServer() as Server).address() as AddressInfo;
  return new TestClient(`ws://127.0.0.1:${port}/chat`, options, 3000).opened();
}
