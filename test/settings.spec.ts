import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Body, Connection, Controller, DROP, HttpError, WebSocket, type AppOptions } from 'halyard';
import { testApp, until } from 'halyard/testing';
import { problemsOf } from './boot-problems.js';

@Controller('room')
class Room {
  @WebSocket()
  async take(@Body() text: string, connection: Connection): Promise<string> {
    if (text === 'fail') throw new TypeError('inner');
    if (text === 'refuse') throw new HttpError(409, 'full', { code: text });
    await connection.join('news');
    return text;
  }
  @WebSocket({ event: 'ring' })
  ring(): void {}
}

const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

describe('settings', () => {
  it('R-set-units durations are milliseconds or text, sizes bytes or text', async () => {
    const durations = [0, 250, '250', '250ms', '0.5s', '25s', '25 s', '5M', '1h', ' 5m '];
    for (const maxPause of durations) expect(await problemsOf({ maxPause })).toEqual([]);
    for (const maxPayload of [1, '512b', '64kb', '1.5MB', '64 KB'])
      expect(await problemsOf({ maxPayload })).toEqual([]);
    const app = await testApp({ controllers: [Room], maxPayload: '0.5kb' });
    const client = await app.connect('/room');
    client.send('x'.repeat(512));
    expect(await client.next()).toHaveLength(512);
    client.send('x'.repeat(513));
    expect(await client.closed()).toMatchObject({ code: 1009 });
  });

  it.each<[option: string, setting: AppOptions, fix: string]>([
    ['ping', { ping: '25 parsecs' }, "milliseconds, or '250ms', '25s', '5m'"],
    ['ping', { ping: 0 }, "milliseconds, or '250ms', '25s', '5m'"],
    ['ping', { ping: -1 }, "milliseconds, or '250ms', '25s', '5m'"],
    ['timeout', { timeout: '60d' }, "milliseconds, or '250ms', '25s', '5m'"],
    ['timeout', { timeout: Number.NaN }, "milliseconds, or '250ms', '25s', '5m'"],
    ['handshake', { handshake: '9999h' }, "milliseconds, or '250ms', '25s', '5m'"],
    ['closeTimeout', { closeTimeout: '' }, "milliseconds, or '250ms', '25s', '5m'"],
    ['shutdown.timeout', { shutdown: { timeout: '10 sec' } }, "milliseconds, or '250ms', '25s', '5m'"],
    ['maxPayload', { maxPayload: '64 apples' }, "bytes, or '64kb', '1mb'"],
    ['maxPayload', { maxPayload: '0.3b' }, "bytes, or '64kb', '1mb'"],
    ['outbound', { outbound: Number.POSITIVE_INFINITY }, "bytes, or '64kb', '1mb'"],
    ['maxQueue', { maxQueue: 0 }, 'an integer from 1'],
    [
      'origins',
      { origins: 'https://here.example' as never },
      "'same-host', '*', a list such as ['https://example.org'], or a function",
    ],
    ['compression', { compression: 'yes' as never }, 'one of true, false'],
    ['limits.connections', { limits: { connections: 1.5 } }, 'an integer from 1'],
    ['rateLimit.messages', { rateLimit: { messages: 0 } }, 'an integer from 1'],
    ['rateLimit.by', { rateLimit: { messages: 1, by: 'mood' as never } }, 'one of connection, user, ip'],
    [
      'trustProxy',
      { trustProxy: 'no address' },
      "true, a number of hops, addresses such as 'loopback' or '10.0.0.0/8', or a function",
    ],
  ])('R-set-units %s is a boot error where it is none: %j', async (where, setting, fix) => {
    expect(await problemsOf(setting)).toMatchObject([{ code: 'HALYARD_BOOT_SETTING', where, fix }]);
  });

  it('R-set-globs controllers takes globs of modules, each controller once', async () => {
    const app = await testApp({ controllers: [fixture('*.controller.js'), fixture('red.*.js')] });
    expect((await app.request('/red')).body).toBe('red');
    expect((await app.request('/blue')).body).toBe('blue');
    expect(app.app.routes().map(({ handler }) => handler)).toEqual(['BlueController.color', 'RedController.color']);
  });

  it('R-set-globs one that matches no file, or a module that cannot be loaded, is a boot error', async () => {
    const [none, broken, circle] = [fixture('*.nothing.js'), fixture('broken.*.js'), fixture('circle/e*.js')];
    expect(await problemsOf({ controllers: [none, broken, circle] })).toEqual([
      {
        code: 'HALYARD_BOOT_SETTING',
        where: `controllers: ${none}`,
        reason: 'no file matches',
        fix: 'globs are relative to the working directory, and name built files',
      },
      {
        code: 'HALYARD_BOOT_SETTING',
        where: `controllers: ${broken}`,
        reason: `${fixture('broken.module.js')} cannot be loaded: this module cannot be loaded`,
        fix: 'mend the module',
      },
      {
        code: 'HALYARD_BOOT_SETTING',
        where: `controllers: ${circle}`,
        reason: `${fixture('circle/egg.js')} cannot be loaded: Cannot access 'Egg' before initialization`,
        fix: 'two files import each other: move what both need into a third',
      },
    ]);
  });

  it('R-set-metrics app.metrics() counts connections, handshakes, messages, drops, closes and queued bytes', async () => {
    @Controller('out', { mode: 'sendOnly' })
    class Out {
      @WebSocket()
      async *stream(): AsyncGenerator<Buffer> {
        for (;;) yield await Promise.resolve(Buffer.alloc(64 * 1024));
      }
    }
    const app = await testApp({ controllers: [Room, Out] });
    expect(app.app.metrics()).toEqual({
      connections: 0,
      pendingHandshakes: 0,
      handshakes: {},
      messages: {},
      drops: {},
      closes: {},
      queuedBytes: 0,
      channels: 0,
      linkLosses: 0,
    });
    const [one, two] = [await app.connect('/room'), await app.connect('/room')];
    await app.refused('/room', { protocols: 'none' });
    for (const message of ['a', 'b', '{"event":"ring"}', '{"event":"ring","ref":[]}']) one.send(message);
    await one.ping();
    await two.close(3000);
    const out = await app.connect('/out');
    out.pause();
    await until(() => app.app.metrics().queuedBytes > 0);
    out.socket.send('nobody listens', {});
    await until(() => app.app.metrics().drops['send-only'] === 1);
    expect(app.app.metrics()).toEqual({
      connections: 2,
      pendingHandshakes: 0,
      handshakes: { accepted: 3, SUBPROTOCOL: 1 },
      messages: { '/room': 2, '/room ring': 1, '/room !': 1 },
      drops: { 'send-only': 1 },
      closes: { 3000: 1 },
      queuedBytes: expect.any(Number) as unknown,
      channels: 1,
      linkLosses: 0,
    });
    out.terminate();
    await until(() => app.app.metrics().connections === 1);
    expect(app.app.metrics()).toMatchObject({ closes: { 1006: 1, 3000: 1 }, queuedBytes: 0 });
  });
});

describe('monitoring', () => {
  const subscribed: [string, (message: unknown) => void][] = [];
  afterEach(() => {
    for (const [name, listener] of subscribed.splice(0)) unsubscribe(name, listener);
  });

  it('R-set-diagnostics diagnostics_channel carries opens, messages, errors, drops and closes', async () => {
    const seen: string[] = [];
    const listen = (name: string, describeMessage: (message: never) => string): void => {
      const listener = (message: unknown): void => void seen.push(`${name} ${describeMessage(message as never)}`);
      subscribed.push([name, listener]);
      subscribe(name, listener);
    };
    const ids: string[] = [];
    listen('halyard.connection.open', ({ connection }: { connection: Connection }) => {
      ids.push(connection.id);
      return connection.url;
    });
    listen('halyard.message', ({ context }: { context: { id: string } }) => context.id.replace(ids[0]!, '#'));
    listen('halyard.error', ({ error, stage }: { error: Error; stage: string }) => `${stage} ${error.message}`);
    listen(
      'halyard.drop',
      ({ dropped }: { dropped: { reason: string; count: number } }) => `${dropped.reason} ${dropped.count}`,
    );
    listen('halyard.connection.close', ({ info }: { info: { code: number } }) => String(info.code));
    class Silence {
      post(_c: unknown, value: unknown): unknown {
        return value === 'hush' ? DROP : value;
      }
    }
    const app = await testApp({ controllers: [Room], use: [Silence] });
    const client = await app.connect('/room');
    client.send('fail');
    expect(await client.json()).toMatchObject({ event: 'error' });
    client.send('hush');
    await until(() => seen.length === 5);
    client.send('b');
    expect(await client.next()).toBe('b');
    await client.close(3001);
    await until(() => seen.length === 7);
    expect(seen).toEqual([
      'halyard.connection.open /room',
      'halyard.message #.1',
      'halyard.error endpoint inner',
      'halyard.message #.2',
      'halyard.drop interceptor 1',
      'halyard.message #.3',
      'halyard.connection.close 3001',
    ]);
  });

  it('R-set-log what a client sends is escaped and cut where it is logged', async () => {
    @Controller('log')
    class Log {
      @WebSocket()
      take(@Body() text: string): void {
        throw new TypeError(text);
      }
    }
    const lines: string[] = [];
    const keep = (line: string): string => {
      lines.push(line);
      return '';
    };
    const app = await testApp({
      controllers: [Log],
      origins: ['https://here.example'],
      logger: { level: 'debug', hooks: { streamWrite: keep } },
    });
    const client = await app.connect('/log');
    const hostile = `one\n{"level":60}\u001b[31m\u2028"two" ${'x'.repeat(20_000)}`;
    client.send(hostile);
    await client.next();
    const origin = `https://evil.example/${'y'.repeat(4000)}`;
    expect((await app.refused('/log', { origin })).status).toBe(403);
    const failed = lines.find((line) => line.includes('a handler or component failed'))!;
    expect([failed.indexOf('\n'), failed.includes('\u001b')]).toEqual([failed.length - 1, false]);
    const { err } = JSON.parse(failed) as { err: { message: string; stack: string } };
    expect(err.message).toBe(`${hostile.slice(0, 1000)}…`);
    expect(err.stack.length).toBeLessThanOrEqual(8000);
    const refused = JSON.parse(lines.find((line) => line.includes('origin refused'))!) as {
      origin: string;
      msg: string;
    };
    expect([refused.origin.length, refused.msg]).toEqual([
      256,
      `origin refused; to allow it: origins: ["${origin.slice(0, 256)}"]`,
    ]);
    expect(lines.every((line) => line.length < 12_000)).toBe(true);
  });
});
