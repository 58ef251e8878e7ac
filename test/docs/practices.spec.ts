/** The code of docs/practices.md, run. */
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  Connection,
  Connections,
  Controller,
  createApp,
  Message,
  OnConnect,
  WebSocket,
  type App,
  type Class,
} from 'halyard';
import { testApp, until, type TestApp } from 'halyard/testing';
import type { Browser, Page } from 'playwright-core';
import { describeInBrowser, startBrowser } from '../browser.js';
import { BlankPage, openBlank } from '../support/blank-page.js';
import { Document } from '../support/document.js';

/** Apps of the page run on a free port, and are closed after the test. */
const onFreePort = `import { testApp as createApp } from 'halyard/testing';`;

const given = {
  'Keep handlers short': `
    @Injectable()
    class Reports {
      readonly started: number[] = [];
      readonly aborted: number[] = [];
      finish: () => void = () => undefined;
      build(year: number, signal?: AbortSignal): Promise<string> {
        this.started.push(year);
        return new Promise((resolve, reject) => {
          this.finish = () => resolve('report of ' + year);
          signal?.addEventListener('abort', () => {
            this.aborted.push(year);
            reject(signal.reason);
          });
        });
      }
    }`,
  'Name channels by what they are': `
    @Injectable()
    class Members {
      has(room: string, user: string | undefined): Promise<boolean> {
        return Promise.resolve(room === '7');
      }
    }`,
  'Leave the cleaning to the end': `
    @Injectable()
    class Ticker {
      readonly listeners = new Map<string, (price: number) => void>();
      subscribe(symbol: string, listener: (price: number) => void): () => void {
        this.listeners.set(symbol, listener);
        return () => void this.listeners.delete(symbol);
      }
    }`,
  'Keep presence small': `
    @Injectable()
    class Profiles {
      of(name: string): object {
        return { name, avatar: 'large.png' };
      }
    }`,
  'Limit and watch connections': onFreePort,
  'Limit the rate': onFreePort,
};

/** Signs in whoever the query names. */
const signIn = {
  canActivate(c: { user?: string; request: { query: Record<string, unknown> } }): boolean {
    c.user = String(c.request.query['user']);
    return true;
  },
};

// A browser takes its time.
jest.setTimeout(20_000);

let doc: Document;

beforeAll(() => {
  doc = new Document('docs/practices.md', given);
}, 60_000);
afterAll(() => doc?.close());

describe('docs/practices.md', () => {
  it('keeps handlers short', async () => {
    const { Reports, ReportController } = await doc.module<{
      Reports: Class<{ started: number[]; aborted: number[]; finish(): void }>;
      ReportController: Class;
    }>('Keep handlers short');
    const app = await testApp({ controllers: [ReportController], providers: [Reports], use: [signIn] });
    const reports = app.get(Reports);
    const client = await app.connect('/reports?user=ada');
    client.send({ event: 'build', payload: 2024, ref: 1 });
    client.send('meanwhile');
    expect(await client.next()).toBe('meanwhile');
    reports.finish();
    expect(await client.json()).toEqual({ event: 'reply', ref: 1, payload: 'report of 2024' });
    client.send({ event: 'build', payload: 2025 });
    client.send({ event: 'order', payload: 2026 });
    expect(await client.next()).toBe('ordered');
    client.terminate();
    await until(() => reports.aborted.length === 1);
    expect(reports).toMatchObject({ started: [2024, 2025, 2026], aborted: [2025] });
    const again = await app.connect('/reports?user=ada');
    reports.finish();
    expect(await again.json()).toEqual({ event: 'report', payload: 'report of 2026' });
  });

  it('checks what comes in', async () => {
    const heading = 'Check what comes in';
    const { GameController } = await doc.module<{ GameController: Class }>(heading);
    const app = await testApp({ controllers: [GameController] });
    const client = await app.connect('/game');
    client.send({ event: 'move', payload: { column: 3, direction: 'up', admin: true } });
    expect(await client.next()).toBe('3 up');
    client.send({ event: 'move', payload: { column: 9, direction: 'up' } });
    expect(await client.json()).toEqual(doc.frames(heading)[0]);
  });

  it('sends to those who need it', async () => {
    const { OrderController } = await doc.module<{ OrderController: Class }>('Send to those who need it');
    const app = await testApp({ controllers: [OrderController], use: [signIn] });
    const ada = await app.connect('/orders/7?user=ada');
    const bob = await app.connect('/orders/8?user=bob');
    await until(() => app.app.metrics().channels === 2);
    await app.request('/orders/7/shipped?user=shop', { body: { customer: 'bob' } });
    expect(await bob.json()).toEqual({ event: 'shipped', payload: '7' });
    expect(await ada.json()).toEqual({ event: 'state', channel: 'order:7', payload: 'shipped' });
    await app.request('/orders/8/everybody?user=shop', { body: 'closed on Monday' });
    expect([await ada.next(), await bob.next()]).toEqual(['closed on Monday', 'closed on Monday']);
  });

  it('names channels by what they are', async () => {
    const { Members, RoomsController } = await doc.module<{ Members: Class; RoomsController: Class }>(
      'Name channels by what they are',
    );
    const app = await testApp({ controllers: [RoomsController], providers: [Members] });
    const client = await app.connect('/rooms');
    client.send({ event: 'open', payload: '8', ref: 1 });
    expect(await client.json()).toMatchObject({ event: 'error', payload: { message: 'not a member of this room' } });
    client.send({ event: 'open', payload: '7', ref: 2 });
    expect(await client.json()).toEqual({ event: 'reply', ref: 2, payload: null });
    const [connection] = app.get(Connections);
    expect([...connection!.channels]).toEqual(['room:7']);
  });

  it('leaves the cleaning to the end', async () => {
    const { Ticker, PriceController } = await doc.module<{
      Ticker: Class<{ listeners: Map<string, (price: number) => void> }>;
      PriceController: Class;
    }>('Leave the cleaning to the end');
    const app = await testApp({ controllers: [PriceController], providers: [Ticker] });
    const { listeners } = app.get(Ticker);
    const client = await app.connect('/prices?symbol=X');
    const tell = (await until(() => listeners.get('X')))!;
    tell(42);
    expect(await client.next()).toBe('42');
    client.terminate();
    await until(() => listeners.size === 0);
    tell(43);
  });

  it('bounds what a client can send', async () => {
    const { CursorController } = await doc.module<{ CursorController: Class }>('Bound what a client can send');
    const app = await testApp({ controllers: [CursorController] });
    const [a, b] = [await app.connect('/cursor'), await app.connect('/cursor')];
    await until(() => [...app.get(Connections)].every(({ channels }) => channels.has('cursors')));
    a.send([1, 2]);
    expect(await b.json()).toEqual([1, 2]);
    a.send('x'.repeat(1025));
    expect(await a.closed()).toMatchObject({ code: 1009 });
  });

  it('sends bytes as bytes', async () => {
    const { BoardController } = await doc.module<{ BoardController: Class }>('Send bytes as bytes');
    const app = await testApp({ controllers: [BoardController] });
    const [a, b] = [await app.connect('/board'), await app.connect('/board')];
    await until(() => [...app.get(Connections)].every(({ channels }) => channels.has('strokes')));
    a.send(Buffer.from([1, 2, 3]));
    expect(await b.next()).toEqual(Buffer.from([1, 2, 3]));
    await a.idle();
  });

  it('keeps presence small', async () => {
    const { LobbyController, Profiles } = await doc.module<{ LobbyController: Class; Profiles: Class }>(
      'Keep presence small',
    );
    const app = await testApp({ controllers: [LobbyController], providers: [Profiles] });
    const client = await app.connect('/lobby?name=ada');
    const state = await client.json<{ payload: { ada: { metas: object[] } } }>();
    expect(state.payload.ada.metas).toMatchObject([{ name: 'ada', state: 'online' }]);
    client.send({ event: 'state', payload: 'online', ref: 1 });
    expect(await client.json()).toMatchObject({ event: 'reply', ref: 1 });
    client.send({ event: 'state', payload: 'away' });
    expect(await client.json()).toMatchObject({
      event: 'presence_diff',
      payload: { joins: { ada: { metas: [{ name: 'ada', state: 'away' }] } } },
    });
    expect((await app.request('/lobby/profiles/ada')).body).toEqual({ name: 'ada', avatar: 'large.png' });
  });

  it('limits and watches connections', async () => {
    const { app } = await doc.module<{ app: TestApp }>('Limit and watch connections');
    const first = await app.connect('/admin/console?user=ada');
    await app.connect('/admin/console?user=bob');
    await app.connect('/admin/console?user=ada');
    expect(await first.closed()).toMatchObject({ code: 4409, reason: 'signed in elsewhere' });
    await until(() => app.get(Connections).count() === 2);
    const { body } = await app.request('/admin/connections');
    expect((body as { user: string }[]).map(({ user }) => user)).toEqual(['bob', 'ada']);
    expect(app.app.metrics()).toMatchObject({ connections: 2, closes: { 4409: 1 } });
  });

  it('lets errors be answered', async () => {
    const { Alarm, DocumentController } = await doc.module<{
      Alarm: Class<{ seen: string[] }>;
      DocumentController: Class;
    }>('Let errors be answered');
    const app = await testApp({ controllers: [DocumentController], use: [Alarm] });
    const client = await app.connect('/documents');
    client.send({ event: 'rename', payload: 'plan' });
    expect(await client.json()).toEqual({ event: 'error', payload: { code: 'NAME_TAKEN', message: 'plan exists' } });
    client.send({ event: 'print' });
    const { payload } = await client.json<{ payload: { code: string; message: string } }>();
    expect(payload.code).toBe('INTERNAL');
    expect(payload.message).not.toContain('10.0.0.7');
    client.send({ event: 'save' });
    expect(await client.closed()).toMatchObject({ code: 4401, reason: 'sign in again' });
    expect(app.get(Alarm).seen[1]).toBe(
      'DocumentController.print failed in endpoint: Error: the printer at 10.0.0.7 is on fire',
    );
  });

  it('limits the rate', async () => {
    const heading = 'Limit the rate';
    const { limited } = await doc.module<{ limited: TestApp }>(heading);
    const client = await limited.connect('/search');
    for (let ref = 1; ref <= 5; ref++) client.send({ event: 'search', payload: 'x', ref });
    const frames: { ref: number; payload: { details?: { retryAfterMs: number } } }[] = [];
    while (frames.length < 5) frames.push(await client.json());
    const refused = frames.find(({ ref }) => ref === 5)!;
    const { retryAfterMs } = refused.payload.details!;
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(250);
    refused.payload.details!.retryAfterMs = 250;
    expect(refused).toEqual(doc.frames(heading)[0]);
    expect(frames.find(({ ref }) => ref === 1)!.payload).toBe('results for x');
  });

  it('ends what the handshake said in time', async () => {
    const { BankController } = await doc.module<{ BankController: Class }>('What the handshake said stays as it was');
    const app = await testApp({ controllers: [BankController] });
    const client = await app.connect('/bank?ttl=1');
    expect(await client.closed()).toMatchObject({ code: 4401, reason: 'the token has expired' });
  });

  it('has catching up', async () => {
    const { NewsController, Posts } = await doc.module<{ NewsController: Class; Posts: Class }>(
      'Catch up after an absence',
    );
    const app = await testApp({ controllers: [NewsController], providers: [Posts] });
    const writer = await app.connect('/news?after=0');
    expect(await writer.json()).toEqual({ event: 'history', payload: [] });
    for (const text of ['one', 'two']) writer.send({ event: 'post', payload: text });
    expect(await writer.json()).toEqual({ event: 'post', channel: 'news', payload: { id: 1, text: 'one' } });
    const late = await app.connect('/news?after=1');
    expect(await late.json()).toEqual({ event: 'history', payload: [{ id: 2, text: 'two' }] });
  });
});

describeInBrowser('docs/practices.md in a browser', () => {
  let browser: Browser | undefined;
  const apps: App[] = [];
  const pages: Page[] = [];

  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterEach(async () => {
    await Promise.all([...pages.splice(0), ...apps.splice(0)].map((opened) => opened.close()));
  });
  afterAll(() => browser?.close());

  /** On a port of its own, to come back to. */
  async function listen(controllers: Class[], port = 0): Promise<{ app: App; url: string; port: number }> {
    const app = await createApp({ controllers: [BlankPage, ...controllers], logger: false, signals: false });
    apps.push(app);
    return { app, ...(await app.listen({ port, host: '127.0.0.1' })) };
  }

  async function open(url: string): Promise<Page> {
    const { page, errors } = await openBlank(browser!, url);
    pages.push(page);
    await page.addScriptTag({ content: doc.script('Come back') });
    expect(errors).toEqual([]);
    return page;
  }

  it('comes back after a stop, a cut and a failure, and not after a refusal', async () => {
    const connections: Connection[] = [];
    @Controller('door')
    class Door {
      @OnConnect()
      enter(connection: Connection): string {
        connections.push(connection);
        return 'welcome';
      }
      @WebSocket()
      echo(message: Message): string {
        return message.text();
      }
    }
    const first = await listen([Door]);
    const page = await open(first.url);
    const lines: string[] = [];
    await page.exposeFunction('log', (line: string) => void lines.push(line));
    // Waits are random: here they are short ones.
    await page.evaluate(`
      Math.random = () => 0.1;
      globalThis.client = stayConnected(() => location.origin.replace('http', 'ws') + '/door', {
        onOpen: () => log('open'),
        onMessage: (data) => log(data),
        onEnd: (code, reason) => log('end ' + code + ' ' + reason),
      });`);
    /** What the page tells of next. */
    const told = async (...expected: string[]): Promise<void> => {
      await until(() => lines.length >= expected.length);
      expect(lines.splice(0)).toEqual(expected);
    };
    await told('open', 'welcome');
    expect(await page.evaluate('client.send({ n: 1 })')).toBe(true);
    await told('{"n":1}');
    // The app stops, and another one takes its place.
    await first.app.close();
    expect(await page.evaluate('client.send({ n: 2 })')).toBe(false);
    await listen([Door], first.port);
    await told('open', 'welcome');
    // The network is cut.
    connections.at(-1)!.request.raw.socket.destroy();
    await told('open', 'welcome');
    connections.at(-1)!.close(1011, 'INTERNAL');
    await told('open', 'welcome');
    connections.at(-1)!.close(4401, 'UNAUTHORIZED');
    await told('end 4401 UNAUTHORIZED');
    expect(connections.length).toBe(4);
  });

  it('ends when it is told to, also while it waits', async () => {
    @Controller('door')
    class Door {
      @OnConnect()
      enter(connection: Connection): void {
        connection.close(1001, 'retry-after=600000');
      }
    }
    const { app, url } = await listen([Door]);
    const page = await open(url);
    await page.evaluate(`
      globalThis.opened = 0;
      globalThis.client = stayConnected(() => location.origin.replace('http', 'ws') + '/door', {
        onOpen: () => opened++,
      });`);
    await until(() => app.metrics().closes[1001] === 1);
    await page.evaluate('client.close()');
    expect(await page.evaluate('opened')).toBe(1);
  });

  it('waits as long as the close says', async () => {
    const { url } = await listen([]);
    const page = await open(url);
    const asked = [
      [1001, 'retry-after=120', 7],
      [1008, 'RATE_LIMITED', 0],
      ...[1000, 1002, 1007, 1008, 3000, 4401, 4403, 4409].map((code) => [code, '', 0]),
    ];
    const passing = [1001, 1006, 1009, 1011, 1013, 4429, 4503].flatMap((code) => [0, 3, 50].map((n) => [code, '', n]));
    const waits = (asking: unknown[]): Promise<(number | undefined)[]> =>
      page.evaluate(`${JSON.stringify(asking)}.map((close) => waitBeforeReturning(...close))`);
    expect(await waits(asked)).toEqual([120, 60_000, ...Array<undefined>(8).fill(undefined)]);
    for (const [n, ms] of (await waits(passing)).entries()) {
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThan([500, 4000, 30_000][n % 3]!);
    }
  });

  it('catches up after an absence, whatever comes twice', async () => {
    const heading = 'Catch up after an absence';
    const { NewsController, Posts } = await doc.module<{
      NewsController: Class;
      Posts: Class<{ add(text: string): object }>;
    }>(heading);
    const app = await testApp({ controllers: [NewsController, BlankPage], providers: [Posts] });
    const posts = app.get(Posts);
    posts.add('before');
    const page = await open(app.url);
    await page.addScriptTag({ content: doc.script(heading) });
    const shown = (count: number): Promise<unknown> =>
      until(async () => (await page.evaluate('posts.size')) === count && page.evaluate('[...posts.keys()]'));
    expect(await shown(1)).toEqual([1]);
    expect(await page.evaluate(`news.send({ event: 'post', payload: 'mine' })`)).toBe(true);
    expect(await shown(2)).toEqual([1, 2]);
    const [connection] = app.get(Connections);
    connection!.request.raw.socket.destroy();
    posts.add('while it is away');
    expect(await shown(3)).toEqual([1, 2, 3]);
    expect(await page.evaluate('after')).toBe(3);
    expect(app.app.metrics().closes).toEqual({ 1006: 1 });
  });

  // The last one of this file: what the ones above have not asked for nobody runs.
  it('has no code that is not run', () => {
    expect(doc.untaken).toEqual([]);
  });
});
