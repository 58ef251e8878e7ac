import { randomBytes } from 'node:crypto';
import { constants, createDeflateRaw, type DeflateRaw } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Connection, Controller, Message, OnConnect, WebSocket } from 'halyard';
import { frame, testApp, type RawClient, type TestApp } from 'halyard/testing';
import { Ledger } from '../support/ledger.js';
import { content, deflate, expectClosed, expectMessage, inflate } from './endpoints.js';

@Controller('', { maxPayload: '64kb', closeTimeout: 500 })
class Compressed {
  @WebSocket('echo', { compression: true })
  echo(message: Message): string | Buffer {
    return message.isBinary ? message.bytes() : message.text();
  }
  @WebSocket('plain')
  plain(message: Message): string {
    return message.text();
  }
}

/** All who connect are in one channel; a text of `n x` answers with a text and publishes `n` of them. */
@Controller('news/:kind', { compression: true, maxPayload: '1mb' })
class News {
  @OnConnect()
  async enter(connection: Connection): Promise<string> {
    await connection.join('news');
    return 'joined';
  }
  @WebSocket({ event: 'publish' })
  publish(@Body(String) text: string, connection: Connection): void {
    void connection.publish('news', text);
  }
  @WebSocket({ event: 'mixed' })
  async mixed(@Body(String) text: string, connection: Connection): Promise<void> {
    for (let n = 0; n < 20; n++) {
      await connection.publish('news', `${n} ${text}`);
      void connection.send(`reply ${n} ${n % 3 === 0 ? text.repeat(20) : text}`);
    }
  }
}

let app: TestApp;
const ledger = new Ledger();
beforeAll(async () => void (app = await testApp({ controllers: [Compressed, News], use: [ledger] })));

/** A client that offers extensions, and what it got. */
async function offer(
  path: string,
  extensions: string | readonly string[],
): Promise<{ client: RawClient; got?: string }> {
  const client = await app.raw();
  const { status, headers } = await client.handshake(path, { headers: { 'sec-websocket-extensions': extensions } });
  expect(status).toBe(101);
  const got = headers['sec-websocket-extensions'];
  return got === undefined ? { client } : { client, got };
}

const agreed = 'permessage-deflate; server_no_context_takeover';

describe('negotiating permessage-deflate', () => {
  it.each<[offered: string | string[], got: string | undefined]>([
    ['permessage-deflate', agreed],
    ['Permessage-Deflate', undefined],
    ['permessage-deflate; server_no_context_takeover', agreed],
    ['permessage-deflate; client_no_context_takeover', `${agreed}; client_no_context_takeover`],
    ['permessage-deflate; client_max_window_bits', agreed],
    ['permessage-deflate; client_max_window_bits=9', agreed],
    ['permessage-deflate; client_max_window_bits="15"', agreed],
    ['permessage-deflate; server_max_window_bits=15', `${agreed}; server_max_window_bits=15`],
    ['permessage-deflate; server_max_window_bits=9', `${agreed}; server_max_window_bits=9`],
    // A window that zlib cannot keep, and what is no offer at all, are declined; the next one may do.
    ['permessage-deflate; server_max_window_bits=8', undefined],
    ['permessage-deflate; server_max_window_bits=8, permessage-deflate', agreed],
    ['permessage-deflate; server_max_window_bits', undefined],
    ['permessage-deflate; server_max_window_bits=7', undefined],
    ['permessage-deflate; server_max_window_bits=16', undefined],
    ['permessage-deflate; server_max_window_bits=010', undefined],
    ['permessage-deflate; server_max_window_bits=10; server_max_window_bits=10', undefined],
    ['permessage-deflate; client_max_window_bits=16', undefined],
    ['permessage-deflate; client_max_window_bits=x', undefined],
    ['permessage-deflate; client_no_context_takeover=true', undefined],
    ['permessage-deflate; server_no_context_takeover=1', undefined],
    ['permessage-deflate; unknown', undefined],
    ['permessage-deflate; __proto__', undefined],
    [
      'permessage-deflate; unknown=1, permessage-deflate; server_max_window_bits=12',
      `${agreed}; server_max_window_bits=12`,
    ],
    [['x-other', 'permessage-deflate'], agreed],
    ['x-other; a=b, permessage-deflate', agreed],
    ['__proto__', undefined],
    ['x-other', undefined],
  ])('R-rfc-deflate answers %j with %j', async (offered, got) => {
    const { client, got: answered } = await offer('/echo', offered);
    expect(answered).toBe(got);
    // What was not agreed on is not used.
    client.write(frame('text', deflate('hello'), { rsv: 4 }));
    if (got === undefined) await expectClosed(client, 1002);
    else await expectMessage(client, 'hello');
    client.reset();
  });

  it.each(['permessage-deflate; =', 'permessage-deflate;', ';', ',', 'a b', 'permessage-deflate; x="'])(
    'R-rfc-deflate refuses a header that is no list of extensions: %s',
    async (offered) => {
      const client = await app.raw();
      const { status } = await client.handshake('/echo', { headers: { 'sec-websocket-extensions': offered } });
      expect(status).toBe(400);
    },
  );

  it('R-rfc-deflate agrees on nothing where a path does not ask for it', async () => {
    expect((await offer('/plain', 'permessage-deflate')).got).toBeUndefined();
    expect((await offer('/plain', 'permessage-deflate; =')).got).toBeUndefined();
  });
});

/** A client's compressor that keeps its window from message to message. */
class Deflater {
  readonly #deflate: DeflateRaw = createDeflateRaw({ flush: constants.Z_SYNC_FLUSH });

  async compress(text: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    const collect = (chunk: Buffer): void => void chunks.push(chunk);
    this.#deflate.on('data', collect);
    await new Promise<void>((resolve, reject) =>
      this.#deflate.write(text, (error) => (error ? reject(error) : resolve())),
    );
    this.#deflate.off('data', collect);
    return Buffer.concat(chunks).subarray(0, -4);
  }
}

describe('compressed messages', () => {
  it('R-rfc-deflate reads compressed and plain messages in any order, of a client that keeps its window', async () => {
    const { client } = await offer('/echo', 'permessage-deflate');
    const deflater = new Deflater();
    for (let n = 0; n < 10; n++) {
      const text = `message ${n} ${'with much in common '.repeat(5)}`;
      client.write(frame('text', await deflater.compress(text), { rsv: 4 }));
      await expectMessage(client, text);
      client.write(frame('text', text));
      await expectMessage(client, text);
    }
  });

  it('R-rfc-deflate reads compressed messages in fragments: the bit is on the first one only', async () => {
    const { client } = await offer('/echo', 'permessage-deflate');
    const text = 'in fragments '.repeat(20);
    const payload = deflate(text);
    for (let at = 0; at <= payload.length; at++) {
      client.write(
        Buffer.concat([
          frame('text', payload.subarray(0, at), { rsv: 4, fin: false }),
          frame('ping', 'between'),
          frame('continuation', payload.subarray(at)),
        ]),
      );
      expect((await client.nextFrame()).payload.toString()).toBe('between');
      await expectMessage(client, text);
    }
    client.write(frame('text', payload, { rsv: 4, fin: false }));
    client.write(frame('continuation', '', { rsv: 4 }));
    await expectClosed(client, 1002);
  });

  it('R-rfc-deflate reads an empty message, as one byte or as none', async () => {
    const { client } = await offer('/echo', 'permessage-deflate');
    client.write(frame('text', Buffer.from([0]), { rsv: 4 }));
    await expectMessage(client, '');
    client.write(frame('text', '', { rsv: 4 }));
    await expectMessage(client, '');
  });

  it('R-err-utf8 refuses what cannot be inflated, and a text that is not UTF-8 once it is', async () => {
    const before = ledger.closings.length;
    for (const payload of [Buffer.alloc(20, 0xff), deflate(Buffer.from([0xff, 0xfe]))]) {
      const { client } = await offer('/echo', 'permessage-deflate');
      client.write(frame('text', payload, { rsv: 4 }));
      await expectClosed(client, 1007);
    }
    expect(await ledger.lastClosing(before + 2)).toMatchObject({ code: 1007 });
    expect(ledger.failures.map(({ error }) => (error as { code: string }).code).slice(-2)).toEqual([
      'HALYARD_DATA_INVALID',
      'HALYARD_DATA_INVALID',
    ]);
  });

  it('R-err-size counts what a message inflates to, and does not inflate more than that', async () => {
    const { client } = await offer('/echo', 'permessage-deflate');
    client.write(frame('text', deflate('x'.repeat(65_536)), { rsv: 4 }));
    await expectMessage(client, 'x'.repeat(65_536));
    // 50 MB in 50 KB.
    const bomb = deflate(Buffer.alloc(50_000_000));
    const before = process.memoryUsage().rss;
    client.write(frame('binary', bomb, { rsv: 4 }));
    await expectClosed(client, 1009);
    expect(process.memoryUsage().rss - before).toBeLessThan(40_000_000);
  });

  it('R-rfc-deflate sends short messages as they are, and each longer one so that it stands for itself', async () => {
    const { client } = await offer('/echo', 'permessage-deflate; server_max_window_bits=10');
    for (const [text, rsv] of [
      ['x'.repeat(1023), 0],
      ['x'.repeat(1024), 4],
      ['ä'.repeat(512), 4],
      [randomBytes(30_000).toString('base64'), 4],
    ] as const) {
      for (let n = 0; n < 2; n++) {
        client.write(frame('text', text));
        const received = await client.nextFrame();
        expect(received.rsv).toBe(rsv);
        // In a window no larger than was asked for.
        expect((rsv === 0 ? received.payload : inflate(received.payload, 10)).toString()).toBe(text);
      }
    }
  });
});

describe('a publication to compressed connections', () => {
  async function subscribe(extensions: string): Promise<RawClient> {
    const { client } = await offer('/news/any', extensions);
    await expectMessage(client, 'joined');
    return client;
  }

  it('R-rfc-deflate is compressed once for all with the same window, and can be read by all', async () => {
    const windows = [15, 15, 15, 9, 9, 12];
    const clients = await Promise.all(
      windows.map((bits) => subscribe(`permessage-deflate; server_max_window_bits=${bits}`)),
    );
    const plain = await subscribe('x-none');
    const text = `${randomBytes(2000).toString('base64')} and again `.repeat(3);
    for (let round = 0; round < 3; round++) {
      plain.write(frame('text', JSON.stringify({ event: 'publish', payload: text })));
      await expectMessage(plain, text);
      const received = await Promise.all(clients.map((client) => client.nextFrame()));
      for (const [index, { rsv, payload }] of received.entries()) {
        expect(rsv).toBe(4);
        expect(inflate(payload, windows[index]).toString()).toBe(text);
      }
      const [a, b, c, d, e, f] = received.map(({ payload }) => payload.toString('base64'));
      expect([b, c, e]).toEqual([a, a, d]);
      // With a smaller window the repetitions are out of reach: these are other bytes, and more of them.
      expect(d!.length).toBeGreaterThan(a!.length);
      expect(f!.length).toBeGreaterThanOrEqual(a!.length);
    }
  });

  it('R-rfc-deflate keeps the order of publications and of replies, also of those that are compressed on another thread', async () => {
    const client = await subscribe('permessage-deflate');
    const text = randomBytes(3000).toString('base64');
    client.write(frame('text', JSON.stringify({ event: 'mixed', payload: text })));
    const received: string[] = [];
    while (received.length < 40) {
      const next = await client.nextFrame();
      const body = next.rsv === 4 ? content(next).toString() : next.payload.toString();
      received.push(body.startsWith('reply') ? body.split(' ').slice(0, 2).join(' ') : body.split(' ')[0]!);
    }
    const numbers = (of: RegExp): number[] =>
      received.filter((one) => of.test(one)).map((one) => Number(/\d+/.exec(one)));
    const all = Array.from({ length: 20 }, (_, index) => index);
    expect(numbers(/^reply/)).toEqual(all);
    expect(numbers(/^\d/)).toEqual(all);
    await expectSilence(client);
  });

  it('R-rfc-deflate sends what a client without compression gets as it is', async () => {
    const { client, got } = await offer('/news/any', 'x-none');
    expect(got).toBeUndefined();
    await expectMessage(client, 'joined');
    client.write(frame('text', JSON.stringify({ event: 'publish', payload: 'x'.repeat(5000) })));
    expect(await client.nextFrame()).toMatchObject({ rsv: 0, opcode: 1 });
  });
});

/** Nothing else has come: the next frame is the pong. */
async function expectSilence(client: RawClient): Promise<void> {
  client.write(frame('ping', 'silence'));
  expect(await client.nextFrame()).toMatchObject({ opcode: 10 });
}
