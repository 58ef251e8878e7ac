/** The code of docs/errors.md, run; its tables are held by errors-doc.spec.ts. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, WebSocket, type App, type Class } from 'halyard';
import { testApp } from 'halyard/testing';
import { Document } from '../support/document.js';

let doc: Document;

beforeAll(() => {
  doc = new Document('docs/errors.md', {
    'store.ts': `
      export class NotFoundInDatabase extends Error {
        constructor(readonly key: string) {
          super(key);
        }
      }
      export class SessionExpired extends Error {}`,
    'room.controller.ts': `export { RoomController } from './errors-of-your-own.js';`,
  });
}, 60_000);
afterAll(() => doc?.close());

describe('docs/errors.md', () => {
  it('has an error of your own', async () => {
    const { RoomController } = await doc.module<{ RoomController: Class }>('Errors of your own');
    const app = await testApp({ controllers: [RoomController] });
    const client = await app.connect('/rooms');
    for (const name of ['Ada', 'Bob', 'Eve']) client.send({ event: 'sit', payload: name, ref: 3 });
    expect([await client.json(), await client.json()]).toMatchObject([{ payload: 1 }, { payload: 2 }]);
    const [, shown] = /^← (\{.*"ROOM_FULL".*\})$/m.exec(doc.text)!;
    expect(await client.next()).toBe(shown);
  });

  it('has a catcher', async () => {
    const { app, StoreErrors } = await doc.module<{ app: App; StoreErrors: Class }>('Catchers');
    await app.close();
    const store =
      await doc.given<Record<'NotFoundInDatabase' | 'SessionExpired', new (key?: string) => Error>>('store.ts');
    @Controller('rows')
    class Rows {
      @WebSocket({ event: 'missing' })
      missing(): never {
        throw new store.NotFoundInDatabase('row 7');
      }
      @WebSocket({ event: 'expired' })
      expired(): never {
        throw new store.SessionExpired();
      }
      @Get()
      page(): never {
        throw new store.SessionExpired();
      }
    }
    const rows = await testApp({ controllers: [Rows], use: [StoreErrors] });
    const client = await rows.connect('/rows');
    client.send({ event: 'missing' });
    const payload = { code: 'NO_SUCH_ROW', message: 'there is no row 7' };
    expect(await client.json()).toEqual({ event: 'error', payload });
    client.send({ event: 'expired' });
    expect(await client.closed()).toMatchObject({ code: 4401, reason: 'sign in again' });
    expect(await rows.request('/rows')).toMatchObject({ status: 401, body: { signIn: '/login' } });
  });

  it('has no code that is not run', () => {
    expect(doc.untaken).toEqual([]);
  });
});
