/** The code of docs/presence.md, run. */
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, SetHeader, type Class } from 'halyard';
import { testApp, until, type TestApp, type TestClient } from 'halyard/testing';
import type { Browser } from 'playwright-core';
import { describeInBrowser, startBrowser } from '../browser.js';
import { BlankPage, openBlank } from '../support/blank-page.js';
import { Document } from '../support/document.js';

// A browser takes its time.
jest.setTimeout(20_000);

let doc: Document;

beforeAll(() => {
  doc = new Document('docs/presence.md', {
    'signed-in.ts': `
      export interface User {
        id: string;
        name: string;
      }
      @Injectable()
      export class SignedIn implements Guard {
        canActivate(c: HttpContext | UpgradeContext): boolean {
          const name = String(c.request.query['name']);
          c.data['user'] = { id: name.toLowerCase(), name } satisfies User;
          return true;
        }
      }`,
  });
}, 60_000);
afterAll(() => doc?.close());

async function start(options: object = {}): Promise<TestApp> {
  const { RoomController } = await doc.module<{ RoomController: Class }>('Presence');
  return testApp({ controllers: [RoomController, BlankPage, Phoenix], ...options });
}

/** Refs are random, and those of the page are not. */
function unreferenced(frame: unknown): unknown {
  return JSON.parse(JSON.stringify(frame).replaceAll(/"phx_ref":"[^"]+"/g, '"phx_ref":"*"'));
}

/** Phoenix's client, as its package has it. */
@Controller()
class Phoenix {
  @Get('phoenix.mjs')
  @SetHeader('content-type', 'text/javascript')
  source(): string {
    const main = createRequire(import.meta.url).resolve('phoenix');
    return readFileSync(new URL('phoenix.mjs', `file://${main}`), 'utf8');
  }
}

describe('docs/presence.md', () => {
  it('shows the frames that clients get', async () => {
    const frames = doc.frames('What clients get');
    const app = await start();
    const ada = await app.connect('/rooms/1?name=Ada');
    const got: unknown[] = [await ada.json()];
    const bob = await app.connect('/rooms/1?name=Bob');
    got.push(await ada.json());
    expect((await app.request('/rooms/1?name=Eve')).body).toEqual(['ada', 'bob']);
    await bob.close();
    got.push(await ada.json());
    expect(got.map(unreferenced)).toEqual(frames.slice(0, 3).map(unreferenced));
    ada.send({ event: 'state', payload: 'typing' });
    expect(await ada.json()).toMatchObject({ payload: { joins: { ada: { metas: [{ state: 'typing' }] } } } });
  });

  it('shows the count that replaces them', async () => {
    const [, , , count] = doc.frames('What clients get') as { payload: { count: number } }[];
    const app = await start({ maxPresence: 1 });
    const ada = await app.connect('/rooms/1?name=Ada');
    await ada.json();
    await app.connect('/rooms/1?name=Bob');
    expect(await ada.json()).toEqual({ ...count, payload: { count: 2 } });
  });
});

describeInBrowser('docs/presence.md in a browser', () => {
  let browser: Browser | undefined;

  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  it('has clients of both kinds that list who is there', async () => {
    const app = await start();
    const { page, errors } = await openBlank(browser!, app.url);
    await page.setContent('<script type="importmap">{"imports":{"phoenix":"/phoenix.mjs"}}</script>');
    await page.addScriptTag({
      type: 'module',
      content: `${doc.script('What clients get')}
        const socket = new WebSocket(location.origin.replace('http', 'ws') + '/rooms/1?name=Ada');
        const presence = presenceOf(socket, 'room:1');
        socket.addEventListener('message', ({ data }) => receive(JSON.parse(data)));
        globalThis.online = () => [presence.list((key) => key), [...presences.keys()]].map((keys) => keys.sort().join());
        globalThis.states = () => presence.list((key, { metas }) => metas[0].state);`,
    });
    // The tag is there before its module has run: that waits for what it imports.
    await page.waitForFunction('globalThis.states !== undefined');
    const shown = (keys: string): Promise<boolean> =>
      until(async () => {
        const online = await page.evaluate<string[]>('online()');
        return online.every((each) => each === keys);
      });
    await shown('ada');
    const bobs: TestClient[] = [await app.connect('/rooms/1?name=Bob'), await app.connect('/rooms/1?name=Bob')];
    await shown('ada,bob');
    bobs[0]!.send({ event: 'state', payload: 'away' });
    await until(async () => (await page.evaluate<string[]>('states()')).includes('away'));
    await bobs[0]!.close();
    await bobs[1]!.close();
    await shown('ada');
    expect(errors).toEqual([]);
    await page.close();
  });

  it('has no code that is not run', () => {
    expect(doc.untaken).toEqual([]);
  });
});
