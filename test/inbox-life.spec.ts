/** How long an endpoint with an inbox runs, what ends it, and what is done with what it does not read. */
import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Catch,
  Channels,
  closeWith,
  CloseWebSocket,
  Connection,
  Controller,
  each,
  HttpError,
  Inbox,
  Message,
  OnConnect,
  OnDisconnect,
  Query,
  UseCatchers,
  UseGuards,
  UseInterceptors,
  WebSocket,
  type Catcher,
  type CloseWith,
  type Context,
  type Guard,
  type Interceptor,
  type Outcome,
  type SlowConsumer,
} from 'halyard';
import { testApp, until, type TestApp, type TestClient } from 'halyard/testing';
import { problemOf, problemsOf } from './boot-problems.js';
import { Gate, never } from './support/gate.js';
import { Ledger } from './support/ledger.js';

describe('an endpoint with an inbox', () => {
  it('R-inbox-return sends what it returns, closes 1000, and counts what it has not read', async () => {
    const ledger = new Ledger();
    const gate = new Gate();
    @Controller('two')
    class Two {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<unknown> {
        await connection.join('room');
        const first = await inbox.receive();
        await gate.wait();
        void connection.send('one more');
        return { first: first!.text() };
      }
    }
    const app = await testApp({ controllers: [Two], use: [ledger] });
    const client = await app.connect('/two');
    for (const text of ['read', 'unread', 'unread']) client.send(text);
    await until(() => gate.waiting === 1);
    await app.get(Channels).publish('room', 'unread as well');
    await client.ping();
    gate.open();
    expect(await client.next()).toBe('one more');
    expect(await client.json()).toEqual({ first: 'read' });
    expect(await client.closed()).toEqual({ code: 1000, reason: '', wasClean: true });
    await ledger.lastClosing();
    expect(ledger.drops).toEqual([{ reason: 'closing', count: 3 }]);
    expect(app.app.metrics()).toMatchObject({ connections: 0, drops: { closing: 3 }, closes: { 1000: 1 } });
  });

  it('R-inbox-throw closes like @OnConnect: 1011, for an HttpError 4xx 1008, for a temporary one 1013, or as a catcher says', async () => {
    class Moved extends Error {}
    @Catch(Moved)
    class Mover implements Catcher {
      catch(): CloseWith {
        return closeWith(4001, 'moved');
      }
    }
    const ledger = new Ledger();
    const thrown: Record<string, unknown> = {
      bug: new Error('a secret'),
      full: new HttpError(409, 'full', { code: 'ROOM_FULL' }),
      busy: new HttpError(503),
      moved: new Moved(),
    };
    @Controller('throw')
    @UseCatchers(Mover)
    class Thrower {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<void> {
        const message = await inbox.receive();
        void connection.send('sent before');
        throw thrown[message!.text()];
      }
    }
    const app = await testApp({ controllers: [Thrower], use: [ledger] });
    for (const [name, code, reason] of [
      ['bug', 1011, 'INTERNAL'],
      ['full', 1008, 'ROOM_FULL'],
      ['busy', 1013, 'SERVICE_UNAVAILABLE'],
      ['moved', 4001, 'moved'],
    ] as const) {
      const client = await app.connect('/throw');
      client.send(name);
      expect(await client.next()).toBe('sent before');
      expect(await client.closed()).toEqual({ code, reason, wasClean: true });
    }
    expect(ledger.failures.map(({ stage, kind }) => [stage, kind])).toEqual(
      Object.keys(thrown).map(() => ['endpoint', 'connect']),
    );
  });

  it.each(['closes', 'resets'] as const)(
    'R-inbox-gone its client %s: null, the signal aborts, and it is waited for before @OnDisconnect',
    async (how) => {
      const log: string[] = [];
      const gate = new Gate();
      @Controller('gone')
      class Gone {
        @WebSocket()
        async run(inbox: Inbox, signal: AbortSignal, connection: Connection): Promise<void> {
          signal.addEventListener('abort', () => log.push('aborted'));
          void connection.send('ready');
          for (const n of [1, 2]) log.push(`${n} ${(await inbox.receive()) === null}`);
          log.push(`any ${(await inbox.receiveAny()) === null} ${inbox.closed}`);
          await gate.wait();
          log.push('over');
        }
        @OnDisconnect()
        left(): void {
          log.push('left');
        }
      }
      const app = await testApp({ controllers: [Gone] });
      const client = await app.connect('/gone');
      expect(await client.next()).toBe('ready');
      if (how === 'closes') await client.close();
      else client.terminate();
      await until(() => gate.waiting === 1);
      gate.open();
      await until(() => log.includes('left'));
      expect(log.toSorted()).toEqual(['1 true', '2 true', 'aborted', 'any true true', 'left', 'over']);
      expect(log.slice(-2)).toEqual(['over', 'left']);
    },
  );

  it('R-inbox-gone still gets what a client sent before it closed, also while it was connecting', async () => {
    const got: (string | undefined)[] = [];
    const gate = new Gate();
    @Controller('gone')
    class Gone {
      @OnConnect()
      enter(): Promise<void> {
        return gate.wait();
      }
      @WebSocket()
      async run(inbox: Inbox): Promise<void> {
        for (let message = await inbox.receive(); message; message = await inbox.receive()) got.push(message.text());
        got.push(undefined);
      }
    }
    const app = await testApp({ controllers: [Gone] });
    const client = await app.connect('/gone');
    for (const text of ['a', 'b']) client.send(text);
    await client.close();
    gate.open();
    await until(() => got.length === 3);
    expect(got).toEqual(['a', 'b', undefined]);
  });

  it('R-inbox-gone does not run for a client that was gone before it started', async () => {
    let ran = false;
    const ledger = new Ledger();
    const gate = new Gate();
    @Controller('gone')
    class Gone {
      @OnConnect()
      enter(): Promise<void> {
        return gate.wait();
      }
      @WebSocket()
      run(_inbox: Inbox): void {
        ran = true;
      }
    }
    const app = await testApp({ controllers: [Gone], use: [ledger] });
    const client = await app.connect('/gone');
    client.send('never read');
    await client.ping();
    client.terminate();
    await until(() => app.app.metrics().connections === 0);
    gate.open();
    await ledger.lastClosing();
    expect(ran).toBe(false);
    expect(ledger.drops).toEqual([{ reason: 'gone', count: 1 }]);
  });

  it('R-inbox-gone is refused when it reads on and on: it keeps neither its connection nor the process', async () => {
    const ledger = new Ledger();
    let nulls = 0;
    let stopped = false;
    @Controller('deaf', { closeTimeout: 50 })
    class Deaf {
      @WebSocket()
      async run(inbox: Inbox): Promise<void> {
        try {
          for (;;) if ((await inbox.receive()) === null) nulls++;
        } finally {
          stopped = true;
        }
      }
    }
    const app = await testApp({ controllers: [Deaf], use: [ledger] });
    const client = await app.connect('/deaf');
    client.terminate();
    await ledger.lastClosing();
    await until(() => stopped);
    expect(nulls).toBeGreaterThan(0);
    await until(() => ledger.failures.length > 0);
    expect(ledger.failures.at(-1)!.error).toMatchObject({ code: 'HALYARD_CONNECTION_CLOSED' });
    expect(app.app.metrics().connections).toBe(0);
  });

  it('R-inbox-gone is not waited for beyond closeTimeout when it never looks', async () => {
    const ledger = new Ledger();
    @Controller('stuck', { closeTimeout: 50 })
    class Stuck {
      @WebSocket()
      async run(_inbox: Inbox): Promise<void> {
        await never();
      }
    }
    const app = await testApp({ controllers: [Stuck], use: [ledger] });
    (await app.connect('/stuck')).terminate();
    await ledger.lastClosing();
    expect(app.app.metrics().connections).toBe(0);
  });

  it('R-inbox-close lets it read what has come before close(), and then gives null', async () => {
    const got: unknown[] = [];
    const gate = new Gate();
    @Controller('close')
    class Closing {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection, closer: CloseWebSocket): Promise<void> {
        await connection.join('room');
        void connection.send('ready');
        await gate.wait();
        closer.close(4000, 'enough');
        expect(inbox.closed).toBe(true);
        for await (const event of inbox) got.push(event.type === 'message' ? event.message.text() : event.type);
        void connection.send('goodbye');
      }
    }
    const app = await testApp({ controllers: [Closing] });
    const client = await app.connect('/close');
    expect(await client.next()).toBe('ready');
    client.send('before');
    await client.ping();
    await app.get(Channels).publish('room', 1);
    gate.open();
    expect(await client.next()).toBe('goodbye');
    expect(await client.closed()).toEqual({ code: 4000, reason: 'enough', wasClean: true });
    expect(got).toEqual(['before', 'channel']);
  });

  it('R-inbox-stop ends with the app, in order', async () => {
    const log: string[] = [];
    @Controller('stop')
    class Stopping {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<void> {
        void connection.send('ready');
        log.push(`null: ${(await inbox.receive()) === null}`);
        await connection.send('see you');
      }
    }
    const app = await testApp({ controllers: [Stopping] });
    const client = await app.connect('/stop');
    expect(await client.next()).toBe('ready');
    const closing = app.app.close();
    expect(await client.next()).toBe('see you');
    expect(await client.closed()).toMatchObject({ code: 1001, reason: expect.stringMatching(/^retry-after=\d+$/) });
    await closing;
    expect(log).toEqual(['null: true']);
  });

  it('R-inbox-timeout has none, unless it declares one: then it closes 1013', async () => {
    const aborted = new Gate();
    @Controller('slow')
    class Slow {
      @WebSocket('free')
      async free(inbox: Inbox): Promise<string> {
        return (await inbox.receive())!.text();
      }
      @WebSocket('bounded', { timeout: 30 })
      async bounded(_inbox: Inbox, signal: AbortSignal): Promise<void> {
        signal.addEventListener('abort', () => aborted.open());
        await never();
      }
    }
    const app = await testApp({ controllers: [Slow], timeout: 20 });
    const free = await app.connect('/slow/free');
    const bounded = await app.connect('/slow/bounded');
    expect(await bounded.closed()).toMatchObject({ code: 1013, reason: 'TIMEOUT' });
    await aborted.wait();
    free.send('still here');
    expect(await free.next()).toBe('still here');
  });

  it('R-inbox-guard lets guards of each message and the rate limit have their say; interceptors are around it, once', async () => {
    const seen: string[] = [];
    class Decent implements Guard {
      canActivate(c: Context): boolean {
        return c.kind !== 'message' || c.text() !== 'rude';
      }
    }
    class Logging implements Interceptor {
      pre(c: Context): void {
        seen.push(`pre ${c.kind}`);
      }
      done(_c: Context, { status }: Outcome): void {
        seen.push(`done ${status}`);
      }
    }
    @Controller('guarded')
    @UseGuards(each('message', Decent))
    @UseInterceptors(Logging)
    class Guarded {
      @WebSocket({ rateLimit: { messages: 3, per: '1h' } })
      async run(inbox: Inbox, connection: Connection): Promise<void> {
        for (let message = await inbox.receive(); message; message = await inbox.receive()) {
          await connection.send(message.text());
        }
      }
    }
    const app = await testApp({ controllers: [Guarded] });
    const client = await app.connect('/guarded');
    for (const text of ['kind', 'rude', 'polite', 'too many']) client.send(text);
    const said = [await client.next(), await client.next(), await client.next(), await client.next()];
    expect(said.filter((text) => text === 'kind' || text === 'polite')).toEqual(['kind', 'polite']);
    const codes = said.filter((text) => String(text).startsWith('{')).map((text) => JSON.parse(String(text)) as object);
    expect(codes).toMatchObject([{ payload: { code: 'FORBIDDEN' } }, { payload: { code: 'RATE_LIMITED' } }]);
    await client.close();
    await until(() => seen.length === 2);
    expect(seen).toEqual(['pre connect', 'done ok']);
  });

  it('R-inbox-queue pauses the socket above maxQueue unread messages, and loses nothing', async () => {
    const text = 'x'.repeat(500);
    let deepest = 0;
    let read = 0;
    @Controller('queue', { maxQueue: 4, ping: 200 })
    class Queue {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<void> {
        for (let message = await inbox.receive(); message; message = await inbox.receive()) {
          deepest = Math.max(deepest, app.app.metrics().messages['/queue']! - read++);
          if (read % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
          await connection.send(message.text().slice(0, 5));
        }
      }
    }
    const ledger = new Ledger();
    const app = await testApp({ controllers: [Queue], use: [ledger] });
    const client = await app.connect('/queue');
    for (let n = 0; n < 1000; n++) client.send(String(n).padStart(5, '0') + text);
    for (let n = 0; n < 1000; n++) expect(await client.next()).toBe(String(n).padStart(5, '0'));
    // What waits, and what one read of the socket brings: 64 KiB.
    expect(deepest).toBeGreaterThan(4);
    expect(deepest).toBeLessThanOrEqual(4 + 1 + Math.ceil(65_536 / text.length));
    expect(ledger.drops).toEqual([]);
  });

  it('R-inbox-queue closes 1013 for a client that goes on sending to an endpoint that never reads', async () => {
    @Controller('queue', { maxQueue: 1 })
    class Queue {
      @WebSocket()
      run(_inbox: Inbox): Promise<void> {
        return never();
      }
    }
    const app = await testApp({ controllers: [Queue], maxPause: 50, closeTimeout: 50 });
    const client = await app.connect('/queue');
    for (let n = 0; n < 10; n++) client.send('anybody?');
    expect(await client.closed()).toMatchObject({ code: 1013, reason: 'messages are handled too slowly' });
  });

  it('R-inbox-turn keeps nobody out when it answers its own publications for ever', async () => {
    @Controller('loop')
    class Loop {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<void> {
        await connection.join('loop');
        void connection.publish('loop', 0);
        for await (const event of inbox) {
          if (event.type === 'channel') void connection.publish('loop', (event.data as number) + 1);
          else return connection.send('stopped');
        }
      }
      @WebSocket('other')
      other(@Body() text: string): string {
        return text;
      }
    }
    const app = await testApp({ controllers: [Loop] });
    const loop = await app.connect('/loop');
    const other = await app.connect('/loop/other');
    other.send('still served');
    expect(await other.next()).toBe('still served');
    loop.send('stop');
    expect(await loop.next()).toBe('stopped');
  });
});

describe('unread events', () => {
  const large = 'x'.repeat(100 * 1024);

  async function start(
    policy: SlowConsumer,
  ): Promise<{ app: TestApp; ledger: Ledger; client: TestClient; gate: Gate }> {
    const ledger = new Ledger();
    const gate = new Gate();
    @Controller('news', { slowConsumer: policy, closeTimeout: 50 })
    class News {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<void> {
        await connection.join('news');
        await connection.join('other');
        void connection.send('joined');
        await gate.wait();
        for await (const event of inbox) {
          if (event.type === 'channel') await connection.send({ ...(event.data as object), event: event.event });
          else if (event.type === 'message') await connection.send({ type: 'message' });
          else await connection.send(event);
        }
      }
    }
    const app = await testApp({ controllers: [News], use: [ledger] });
    const client = await app.connect('/news');
    expect(await client.next()).toBe('joined');
    return { app, ledger, client, gate };
  }

  it('R-inbox-slow disconnect closes 1013, and tells of what was dropped', async () => {
    const { app, ledger, client, gate } = await start('disconnect');
    const channels = app.get(Channels);
    for (let n = 0; n < 11; n++) await channels.publish('news', { n, large });
    expect(await client.closed()).toMatchObject({ code: 1013, reason: 'the client reads too slowly' });
    await ledger.lastClosing();
    expect(ledger.drops).toContainEqual({ reason: 'slow', count: 1, channel: 'news' });
    expect(ledger.dropCount('gone')).toBe(10);
    gate.open();
  });

  it('R-inbox-slow dropOldest keeps the newest and all messages, and tells the reader how many are missing', async () => {
    const { app, ledger, client, gate } = await start('dropOldest');
    const channels = app.get(Channels);
    client.send('a message');
    await client.ping();
    for (let n = 0; n < 25; n++) await channels.publish('news', { n, large });
    gate.open();
    expect(await client.json()).toEqual({ type: 'message' });
    expect(await client.json()).toEqual({ type: 'dropped', channel: 'news', count: 15 });
    for (let n = 15; n < 25; n++) expect(await client.json()).toMatchObject({ n });
    expect(ledger.dropCount('slow')).toBe(15);
    expect(app.app.metrics().drops).toEqual({ slow: 15 });
    await channels.publish('news', { n: 25 });
    expect(await client.json()).toEqual({ n: 25 });
  });

  it('R-inbox-slow conflate keeps the latest of each channel and event', async () => {
    const { app, ledger, client, gate } = await start('conflate');
    const channels = app.get(Channels);
    for (let n = 0; n < 8; n++) await channels.publish('other', { n, large }, { event: `e${n}` });
    for (let n = 8; n < 30; n++) await channels.publish('news', { n, large }, { event: n % 2 === 0 ? 'even' : 'odd' });
    gate.open();
    const got: { n?: number; event?: string; type?: string; count?: number }[] = [];
    while (got.at(-1)?.n !== 29) got.push(await client.json());
    const numbers = got.flatMap(({ n }) => (n === undefined ? [] : [n]));
    expect(numbers.filter((n) => n < 8)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(numbers.filter((n) => n >= 8)).toEqual([28, 29]);
    expect(got.filter(({ type }) => type === 'dropped')).toEqual([{ type: 'dropped', channel: 'news', count: 20 }]);
    expect(ledger.dropCount('slow')).toBe(20);
  });

  it('R-inbox-slow always accepts one event into an empty inbox, however large', async () => {
    const ledger = new Ledger();
    @Controller('news')
    class News {
      @WebSocket()
      async run(inbox: Inbox, connection: Connection): Promise<void> {
        await connection.join('news');
        void connection.send('joined');
        while ((await inbox.receive()) !== null) await connection.send((await inbox.receiveAny())!.type);
      }
    }
    const app = await testApp({ controllers: [News], use: [ledger], outbound: '1kb' });
    const client = await app.connect('/news');
    expect(await client.next()).toBe('joined');
    for (let n = 0; n < 3; n++) {
      await app.get(Channels).publish('news', large);
      client.send('next');
      expect(await client.next()).toBe('channel');
    }
    expect(ledger.drops).toEqual([]);
  });
});

describe('an endpoint with an inbox that cannot be', () => {
  it('R-inbox-boot is one that shares its path', async () => {
    @Controller('shared')
    class Shared {
      @WebSocket()
      run(_inbox: Inbox): void {}
      @WebSocket({ event: 'say' })
      say(): void {}
    }
    expect(await problemOf(Shared)).toMatchObject({
      code: 'HALYARD_BOOT_INBOX',
      where: 'Shared.run',
      parameter: 0,
      fix: 'give it a path alone',
    });
  });

  it.each([
    ['event', { event: 'say' }],
    ['events', { events: true }],
    ['order', { order: 'latest' }],
    ['triggerOnConnect', { triggerOnConnect: true }],
    ['sendOnly', { mode: 'sendOnly' }],
  ] as const)('R-inbox-boot is one with %s', async (what, options) => {
    @Controller('odd')
    class Odd {
      @WebSocket(options)
      run(_connection: Connection, _inbox: Inbox): void {}
    }
    const problem = await problemOf(Odd);
    expect(problem).toMatchObject({ code: 'HALYARD_BOOT_INBOX', where: 'Odd.run', parameter: 1 });
    expect(problem.reason).toContain(what);
  });

  it('R-inbox-boot is one with a body: messages come to the inbox', async () => {
    @Controller('body')
    class WithBody {
      @WebSocket('a')
      body(@Body() _text: string, _inbox: Inbox): void {}
      @WebSocket('b')
      message(_inbox: Inbox, _message: Message): void {}
    }
    expect(await problemsOf({ controllers: [WithBody] })).toMatchObject([
      { code: 'HALYARD_BOOT_BIND', where: 'WithBody.body', parameter: 0, fix: 'read them: await inbox.receive()' },
      { code: 'HALYARD_BOOT_BIND', where: 'WithBody.message', parameter: 1 },
    ]);
  });

  it('R-inbox-boot is a hook', async () => {
    @Controller('hook')
    class Hook {
      @OnConnect()
      open(_inbox: Inbox): void {}
    }
    expect(await problemOf(Hook)).toMatchObject({
      code: 'HALYARD_BOOT_BIND',
      where: 'Hook.open',
      reason: 'Inbox does not exist in @OnConnect',
    });
  });

  it('R-inbox-boot may have hooks and request values beside it', async () => {
    @Controller('fine')
    class Fine {
      @OnConnect()
      open(connection: Connection): Promise<void> {
        return connection.send('first');
      }
      @WebSocket()
      async run(@Query('name') name: string, inbox: Inbox): Promise<string> {
        return `${name} said ${(await inbox.receive())!.text()}`;
      }
    }
    const app = await testApp({ controllers: [Fine] });
    const client = await app.connect('/fine?name=ada');
    client.send('hello');
    expect([await client.next(), await client.next()]).toEqual(['first', 'ada said hello']);
  });
});
