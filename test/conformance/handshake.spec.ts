import { beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Message, UseGuards, WebSocket, type Context, type Guard } from 'halyard';
import {
  closePayload,
  frame,
  testApp,
  upgradeRequest,
  type TestApp,
  type UpgradeRequestOptions,
} from 'halyard/testing';
import { expectClosed, expectMessage } from './endpoints.js';

class Patient implements Guard {
  async canActivate(c: Context): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve));
    if (c.kind === 'upgrade') c.reply.header('x-injected', 'a\r\nx-evil: 1').cookie('seen', 'yes');
    return true;
  }
}

@Controller('')
class Echo {
  @WebSocket('echo')
  echo(message: Message): string {
    return message.text();
  }
  @WebSocket('guarded')
  @UseGuards(Patient)
  guarded(message: Message): string {
    return message.text();
  }
  @WebSocket('chosen', { protocols: ['chat.v2', 'chat.v1'] })
  chosen(): void {}
}

let app: TestApp;
beforeAll(async () => void (app = await testApp({ controllers: [Echo] })));

async function statusOf(options: UpgradeRequestOptions, path = '/echo'): Promise<number> {
  const client = await app.raw();
  const { status } = await client.handshake(path, options);
  client.reset();
  return status;
}

describe('the opening handshake', () => {
  it('R-rfc-handshake answers with the key that RFC 6455 has as its example', async () => {
    const client = await app.raw();
    expect(await client.handshake('/echo')).toEqual({
      status: 101,
      headers: {
        upgrade: 'websocket',
        connection: 'Upgrade',
        'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
      },
    });
  });

  it.each<[what: string, options: UpgradeRequestOptions]>([
    ['other tokens beside Upgrade', { headers: { connection: 'keep-alive, Upgrade' } }],
    ['tokens in several lines', { headers: { connection: ['keep-alive', 'Upgrade'] } }],
    ['any case', { headers: { connection: 'uPGRADE', upgrade: 'WebSocket' } }],
    ['extensions that nobody knows', { headers: { 'sec-websocket-extensions': 'x-webkit-deflate-frame, mux; a=1' } }],
    ['a key of any 16 bytes', { headers: { 'sec-websocket-key': '/+/+/+/+/+/+/+/+/+/+/w==' } }],
    ['a body of no bytes', { headers: { 'content-length': '0' } }],
  ])('R-rfc-handshake takes %s', async (_what, options) => {
    expect(await statusOf(options)).toBe(101);
  });

  it.each<[what: string, options: UpgradeRequestOptions, status: number]>([
    ['another method', { method: 'POST' }, 400],
    ['HEAD', { method: 'HEAD' }, 400],
    ['HTTP 1.0', { httpVersion: '1.0' }, 400],
    ['no key', { headers: { 'sec-websocket-key': undefined } }, 400],
    ['an empty key', { headers: { 'sec-websocket-key': '' } }, 400],
    ['a key that is too short', { headers: { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25j' } }, 400],
    ['a key that is too long', { headers: { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZTEyMw==' } }, 400],
    ['a key that is no base64', { headers: { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZ!==' } }, 400],
    ['two keys', { headers: { 'sec-websocket-key': ['dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZQ=='] } }, 400],
    ['no version', { headers: { 'sec-websocket-version': undefined } }, 426],
    ['an older version', { headers: { 'sec-websocket-version': '8' } }, 426],
    ['a version that is no number', { headers: { 'sec-websocket-version': '13a' } }, 426],
    ['two versions', { headers: { 'sec-websocket-version': ['13', '8'] } }, 426],
    ['another protocol', { headers: { upgrade: 'h2c' } }, 400],
    ['two protocols', { headers: { upgrade: 'websocket, h2c' } }, 400],
    // Without both headers it is a plain request for a path that speaks WebSocket only.
    ['no Connection', { headers: { connection: undefined } }, 426],
    ['a Connection without Upgrade', { headers: { connection: 'keep-alive' } }, 426],
    ['no Upgrade', { headers: { upgrade: undefined } }, 426],
    ['no host', { headers: { host: undefined } }, 400],
    ['subprotocols that are no tokens', { headers: { 'sec-websocket-protocol': 'a b' } }, 400],
    ['a subprotocol twice', { headers: { 'sec-websocket-protocol': ['plain', 'plain'] } }, 400],
    ['headers that are too large', { headers: { 'x-large': 'x'.repeat(20_000) } }, 431],
  ])('R-rfc-handshake refuses %s', async (_what, options, status) => {
    expect(await statusOf(options)).toBe(status);
  });

  it('R-rfc-handshake names the version that it speaks', async () => {
    const client = await app.raw();
    const { headers } = await client.handshake('/echo', { headers: { 'sec-websocket-version': '25' } });
    expect(headers).toMatchObject({ 'sec-websocket-version': '13', upgrade: 'websocket', connection: 'close' });
    await client.ended();
  });

  it('R-rfc-handshake selects one subprotocol, the first offered one that is spoken', async () => {
    for (const [offered, selected] of [
      ['chat.v1, chat.v2', 'chat.v1'],
      ['chat.v3, chat.v2', 'chat.v2'],
      ['auth.secret, plain', 'plain'],
      ['auth.secret', undefined],
    ]) {
      const client = await app.raw();
      const { status, headers } = await client.handshake('/chosen', { headers: { 'sec-websocket-protocol': offered } });
      expect([status, headers['sec-websocket-protocol']]).toEqual([101, selected]);
      client.reset();
    }
    expect(await statusOf({ headers: { 'sec-websocket-protocol': 'chat.v3' } }, '/chosen')).toBe(400);
  });

  it('R-rfc-handshake reads frames that come together with the request, also while guards decide', async () => {
    for (const path of ['/echo', '/guarded']) {
      for (const cut of [0, 3, 8]) {
        const client = await app.raw();
        const frames = Buffer.concat([frame('text', 'early'), frame('text', 'early too')]);
        client.write(Buffer.concat([Buffer.from(upgradeRequest(path)), frames.subarray(0, cut)]));
        client.write(frames.subarray(cut));
        expect((await client.head()).status).toBe(101);
        await expectMessage(client, 'early');
        await expectMessage(client, 'early too');
        client.write(frame('close', closePayload(1000)));
        await expectClosed(client, 1000);
      }
    }
  });

  it('R-life-reply lets no header value begin a line of its own', async () => {
    const client = await app.raw();
    const { status, headers } = await client.handshake('/guarded');
    expect(status).toBe(101);
    expect(headers['x-evil']).toBeUndefined();
    expect(headers['x-injected']).toBe('a x-evil: 1');
    expect(headers['set-cookie']).toBe('seen=yes; Path=/');
  });
});
