import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Message, WebSocket, type Origins } from 'halyard';
import { testApp, type TestApp } from 'halyard/testing';
import { pino } from 'pino';

@Controller('echo')
class Echo {
  @WebSocket()
  echo(message: Message): string {
    return message.text();
  }
}

const environment = process.env['NODE_ENV'];

afterEach(() => {
  process.env['NODE_ENV'] = environment;
});

async function accepts(
  app: TestApp,
  origin: string | undefined,
  headers: Record<string, string> = {},
): Promise<boolean> {
  const client = app.client('/echo', { headers: { ...headers, ...(origin === undefined ? {} : { origin }) } });
  try {
    await client.opened();
    await client.close();
    return true;
  } catch (error) {
    expect(error).toMatchObject({ status: 403, body: { code: 'ORIGIN_FORBIDDEN' } });
    return false;
  }
}

describe('the origin of a browser', () => {
  it('R-set-origin by default is the same host, the scheme ignored; a missing one is allowed', async () => {
    process.env['NODE_ENV'] = 'production';
    const app = await testApp({ controllers: [Echo] });
    const host = 'example.com:8443';
    const rows: [origin: string | undefined, allowed: boolean][] = [
      [undefined, true],
      ['https://example.com:8443', true],
      ['http://example.com:8443', true],
      ['https://example.com', false],
      ['https://example.com:8444', false],
      ['https://sub.example.com:8443', false],
      ['https://example.com.evil.org:8443', false],
      ['https://evil.org', false],
      ['https://evil.org/?example.com:8443', false],
      ['null', false],
      ['', false],
      ['not a url', false],
      ['https://example.com:8443@evil.org', false],
    ];
    for (const [origin, allowed] of rows)
      expect([origin, await accepts(app, origin, { host })]).toEqual([origin, allowed]);
    expect(await accepts(app, 'https://example.com', { host: 'example.com:443' })).toBe(true);
    expect(await accepts(app, 'https://example.com', { host: 'EXAMPLE.com' })).toBe(true);
  });

  it('R-set-origin lets localhost to localhost on any port, outside of production', async () => {
    const local = ['http://localhost:5173', 'http://127.0.0.1:5173', 'http://[::1]:5173', 'http://app.localhost'];
    const app = await testApp({ controllers: [Echo] });
    for (const origin of local) expect(await accepts(app, origin)).toBe(true);
    for (const origin of ['http://evil.org', 'http://localhost.evil.org', 'http://127.0.0.1.evil.org']) {
      expect(await accepts(app, origin)).toBe(false);
    }
    expect(await accepts(app, 'http://localhost:5173', { host: 'example.com' })).toBe(false);
    process.env['NODE_ENV'] = 'production';
    const production = await testApp({ controllers: [Echo] });
    for (const origin of local) expect(await accepts(production, origin)).toBe(false);
  });

  it('R-set-origin takes a list, a function or `*`, for the app or one controller', async () => {
    @Controller('echo', { origins: ['https://own.example'] })
    class Own {
      @WebSocket()
      message(): void {}
    }
    const settings: [origins: Origins, origin: string, allowed: boolean][] = [
      ['*', 'https://anything.example', true],
      [['https://a.example'], 'https://a.example', true],
      [['https://a.example'], 'https://b.example', false],
      [[/^https:\/\/\w+\.example$/], 'https://a.example', true],
      [[/^https:\/\/\w+\.example$/], 'https://a.example.org', false],
      [[/^https:\/\/a\.example$/g], 'https://a.example', true],
      [[/https:\/\/a\.example/y], 'https://a.example', true],
      [(origin) => origin?.endsWith('.example') ?? false, 'https://a.example', true],
      [(origin) => origin?.endsWith('.example') ?? false, 'https://a.org', false],
    ];
    for (const [origins, origin, allowed] of settings) {
      const app = await testApp({ controllers: [Echo], origins });
      // An expression that keeps its place between two tests must not alternate.
      for (let n = 0; n < 3; n++) expect([origins, await accepts(app, origin)]).toEqual([origins, allowed]);
      const own = await testApp({ controllers: [Own], origins });
      expect(await accepts(own, 'https://own.example')).toBe(true);
    }
  });

  it('R-set-origin a function that throws refuses with 500, and nobody gets in', async () => {
    const app = await testApp({
      controllers: [Echo],
      origins: () => {
        throw new Error('of the function');
      },
    });
    expect(await app.refused('/echo', { origin: 'https://a.example' })).toMatchObject({ status: 500 });
  });

  it('R-set-origin R-set-log logs a refusal with the line that would allow it, escaped and cut', async () => {
    const lines: { msg: string; origin: string; path: string }[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const app = await testApp({ controllers: [Echo], logger });
    await accepts(app, 'https://a.example');
    await accepts(app, `https://${'x'.repeat(1000)}`);
    expect(lines[0]).toMatchObject({
      origin: 'https://a.example',
      path: '/echo',
      msg: 'origin refused; to allow it: origins: ["https://a.example"]',
    });
    expect(lines[1]!.origin).toHaveLength(256);
    expect(lines[1]!.msg.length).toBeLessThan(400);
  });
});
