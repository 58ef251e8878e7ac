import { describe, expect, it } from '@jest/globals';
import { Body, CloseInfo, Controller, Json, Message, OnDisconnect, WebSocket } from 'halyard';
import { closePayload, frame, testApp, until, upgradeRequest, type TestApp } from 'halyard/testing';
import { expectSound, Ledger } from './support/ledger.js';

/** What `@OnDisconnect` was told. */
const told: CloseInfo[] = [];

@Controller('', { maxPayload: 1024, closeTimeout: 200 })
class Small {
  @WebSocket('echo')
  echo(message: Message): string | Buffer {
    return message.isBinary ? message.bytes() : message.text();
  }
  @WebSocket('json', { event: 'json' })
  json(@Body(Json) body: unknown): unknown {
    return body;
  }
  @WebSocket('compressed', { compression: true })
  compressed(message: Message): string {
    return message.text();
  }
  @OnDisconnect()
  gone(info: CloseInfo): void {
    told.push(info);
  }
}

async function start(): Promise<{ app: TestApp; ledger: Ledger }> {
  told.length = 0;
  const ledger = new Ledger();
  return { ledger, app: await testApp({ controllers: [Small], use: [ledger] }) };
}

const fragment = (opcode: 'text' | 'continuation', text: string, fin = false): Buffer => frame(opcode, text, { fin });
const manyFragments = Buffer.concat([
  fragment('text', 'a'),
  ...Array.from({ length: 200 }, () => fragment('continuation', 'b')),
]);

const broken: readonly [row: string, what: string, bytes: Buffer, code: number][] = [
  ['R-err-size', 'a frame that is too large', frame('text', 'x'.repeat(1025)), 1009],
  ['R-err-size', 'a header that promises too much', frame('text', '', { length: 2n ** 31n }), 1009],
  ['R-err-size', 'a header that promises more than a number holds', frame('text', '', { length: 2n ** 62n }), 1009],
  [
    'R-err-size',
    'fragments that are too large together',
    Buffer.concat([fragment('text', 'x'.repeat(600)), fragment('continuation', 'x'.repeat(600), true)]),
    1009,
  ],
  ['R-err-utf8', 'invalid UTF-8', frame('text', Buffer.from([0x68, 0xff, 0xfe])), 1007],
  ['R-err-utf8', 'a character cut in two', frame('text', Buffer.from('é').subarray(0, 1)), 1007],
  ['R-err-utf8', 'a surrogate', frame('text', Buffer.from([0xed, 0xa0, 0x80])), 1007],
  ['R-err-utf8', 'invalid UTF-8 in a close reason', frame('close', closePayload(1000, Buffer.from([0xff]))), 1007],
  ['R-err-frame', 'a frame that is not masked', frame('text', 'x', { mask: false }), 1002],
  ['R-err-frame', 'a reserved opcode', frame(3, 'x'), 1002],
  ['R-err-frame', 'a reserved control opcode', frame(11, 'x'), 1002],
  ['R-err-frame', 'a reserved bit', frame('text', 'x', { rsv: 2 }), 1002],
  ['R-err-frame', 'a compressed frame that nobody agreed to', frame('text', 'x', { rsv: 4 }), 1002],
  ['R-err-frame', 'a continuation of nothing', frame('continuation', 'x'), 1002],
  ['R-err-frame', 'a message within a message', Buffer.concat([fragment('text', 'a'), frame('text', 'b')]), 1002],
  ['R-err-frame', 'a fragmented ping', frame('ping', 'x', { fin: false }), 1002],
  ['R-err-frame', 'a ping that is too long', frame('ping', 'x'.repeat(126)), 1002],
  ['R-err-frame', 'a close frame of one byte', frame('close', Buffer.from([3])), 1002],
  ['R-err-frame', 'a close code that may not be sent', frame('close', closePayload(1005)), 1002],
  ['R-err-fragments', 'too many fragments', manyFragments, 1008],
];

describe('hostile input', () => {
  it.each(broken)(
    'R-err-size R-err-utf8 R-err-frame R-err-fragments closes (%s) on %s',
    async (row, _what, bytes, code) => {
      expect(row).toMatch(/^R-err-/);
      const { app, ledger } = await start();
      const client = await app.raw();
      await client.handshake('/echo');
      client.write(frame('text', 'before'));
      expect((await client.nextFrame()).payload.toString()).toBe('before');
      client.write(bytes);
      const closing = await client.nextFrame();
      expect([closing.opcode, closing.payload.readUInt16BE()]).toEqual([8, code]);
      client.write(Buffer.concat([frame('close', closing.payload), frame('text', 'after')]));
      await client.ended();
      expect(await ledger.lastClosing()).toMatchObject({ code });
      expect(told).toMatchObject([{ code }]);
      expect(app.app.metrics().closes).toEqual({ [code]: 1 });
      await expectSound(app, ledger, '/echo');
    },
  );

  it('R-err-frame ends the socket of a client that breaks the framing and does not go', async () => {
    const { app, ledger } = await start();
    const client = await app.raw();
    await client.handshake('/echo');
    client.write(frame(3, 'x'));
    expect((await client.nextFrame()).opcode).toBe(8);
    expect(await client.ended()).toBeDefined();
    expect(await ledger.lastClosing()).toMatchObject({ code: 1002 });
    await expectSound(app, ledger, '/echo');
  });

  it('R-err-frame does not change the code of a close that was sent before', async () => {
    @Controller('bye')
    class Bye {
      @WebSocket()
      close(): void {}
    }
    const ledger = new Ledger();
    const app = await testApp({ controllers: [Small, Bye], use: [ledger], shutdown: { timeout: 1000 } });
    const client = await app.raw();
    await client.handshake('/bye');
    const closed = app.app.close();
    expect((await client.nextFrame()).payload.readUInt16BE()).toBe(1001);
    client.write(frame(3, 'x'));
    expect(await ledger.lastClosing()).toMatchObject({ code: 1001 });
    client.destroy();
    await closed;
  });

  it('R-err-size counts what a compressed message inflates to', async () => {
    const { app, ledger } = await start();
    const client = await app.connect('/compressed');
    expect(client.socket.extensions).not.toBe('');
    client.send('x'.repeat(1024));
    expect(await client.next()).toBe('x'.repeat(1024));
    client.send('x'.repeat(100_000));
    expect((await client.closed()).code).toBe(1009);
    expect(await ledger.lastClosing()).toMatchObject({ code: 1009 });
    await expectSound(app, ledger, '/compressed');
  });

  it('R-err-json is answered however deep or odd the text is', async () => {
    const { app, ledger } = await start();
    const client = await app.connect('/json');
    const deep = `${'['.repeat(400)}${']'.repeat(400)}`;
    client.send(`{"event":"json","payload":${deep}}`);
    expect(await client.next()).toBe(deep);
    for (const key of ['__proto__', 'constructor', 'prototype', '\\u005f_proto__']) {
      client.send(`{"event":"json","payload":{"a":[{"${key}":{"polluted":true}}]},"ref":1}`);
      expect(await client.json()).toMatchObject({ event: 'error', payload: { code: 'BODY_INVALID' } });
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    for (const ref of ['x'.repeat(65), 1.5, 1e300, null, true, {}, []]) {
      client.send({ event: 'json', payload: 1, ref });
      expect(await client.json()).toMatchObject({ event: 'error', payload: { code: 'BODY_INVALID' } });
    }
    for (const ref of ['', 'x'.repeat(64), 0, -1, Number.MAX_SAFE_INTEGER]) {
      client.send({ event: 'json', payload: 1, ref });
      expect(await client.json()).toEqual({ event: 'reply', ref, payload: 1 });
    }
    await client.close();
    await expectSound(app, ledger, '/echo');
  });

  it('R-path-h2c another upgrade than websocket is 400', async () => {
    const { app, ledger } = await start();
    for (const upgrade of ['h2c', 'websocket2', 'h2c, websocket', 'TLS/1.0']) {
      const client = await app.raw();
      const head = await client.handshake('/echo', {
        headers: { upgrade, connection: 'Upgrade, HTTP2-Settings', 'http2-settings': 'AAMAAABkAARAAAAAAAIAAAAA' },
      });
      expect(head.status).toBe(400);
      client.end();
      await client.ended();
    }
    await expectSound(app, ledger, '/echo');
  });

  it('R-life-refuse-http answers a handshake that is none', async () => {
    const { app, ledger } = await start();
    const refused: [options: Parameters<typeof upgradeRequest>[1], status: number][] = [
      [{ headers: { 'sec-websocket-key': undefined } }, 400],
      [{ headers: { 'sec-websocket-key': 'short' } }, 400],
      [{ headers: { 'sec-websocket-version': undefined } }, 426],
      [{ headers: { 'sec-websocket-version': '8' } }, 426],
      [{ headers: { 'sec-websocket-protocol': 'a,,b' } }, 400],
      [{ headers: { 'sec-websocket-protocol': 'unknown' } }, 400],
      [{ method: 'POST' }, 400],
    ];
    for (const [options, status] of refused) {
      const client = await app.raw();
      expect((await client.handshake('/echo', options)).status).toBe(status);
      client.end();
      await client.ended();
    }
    for (const path of [
      '/%zz',
      '/echo/%c3%28',
      `/${'x'.repeat(5000)}`,
      '/echo/..',
      '//',
      '/\u0000'.slice(0, 1) + '?a=%zz',
    ]) {
      const client = await app.raw();
      expect((await client.handshake(path)).status).toBe(404);
    }
    const offered = await app.raw();
    expect(
      (await offered.handshake('/compressed', { headers: { 'sec-websocket-extensions': 'permessage-deflate; =' } }))
        .status,
    ).toBe(400);
    await expectSound(app, ledger, '/echo');
  });

  it('R-set-handshake 200 half-open handshakes keep nobody out, and do not hold up the end', async () => {
    const { app, ledger } = await start();
    const clients = await Promise.all(Array.from({ length: 200 }, () => app.raw()));
    clients.forEach((client, index) => client.write(upgradeRequest('/echo').slice(0, index % 140)));
    const client = await app.connect('/echo');
    client.send('hello');
    expect(await client.next()).toBe('hello');
    await client.close();
    expect(app.app.metrics()).toMatchObject({ connections: 0, pendingHandshakes: 0 });
    await until(() => ledger.closings.length === 1);
    await app.app.close();
    await Promise.all(clients.map((one) => one.ended()));
  });
});
