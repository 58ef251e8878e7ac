import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Connection, Controller, Get, Request, WebSocket } from 'halyard';
import { testApp } from 'halyard/testing';

@Controller('who')
class Who {
  @Get()
  http({ ip, host, protocol, id }: Request): unknown {
    return { ip, host, protocol, id };
  }
  @WebSocket()
  socket({ request: { ip, host, protocol, id }, remoteAddress }: Connection): unknown {
    return { ip, host, protocol, id, remoteAddress };
  }
}

const headers = {
  host: 'inner.example',
  'x-forwarded-for': '203.0.113.7, 10.1.1.1',
  'x-forwarded-host': 'outer.example',
  'x-forwarded-proto': 'https',
  'x-request-id': 'request-1',
};

interface Facts {
  ip: string;
  host: string;
  protocol: string;
  id: string;
  remoteAddress?: string;
}

describe('a proxy', () => {
  it.each([
    [false, { ip: '127.0.0.1', host: 'inner.example', protocol: 'http', id: expect.stringMatching(/^[\w-]{22}$/) }],
    [
      '10.0.0.0/8',
      { ip: '127.0.0.1', host: 'inner.example', protocol: 'http', id: expect.stringMatching(/^[\w-]{22}$/) },
    ],
    ['loopback', { ip: '10.1.1.1', host: 'outer.example', protocol: 'https', id: 'request-1' }],
    ['loopback, 10.0.0.0/8', { ip: '203.0.113.7', host: 'outer.example', protocol: 'https', id: 'request-1' }],
    [true, { ip: '203.0.113.7', host: 'outer.example', protocol: 'https', id: 'request-1' }],
    [1, { ip: '10.1.1.1', host: 'outer.example', protocol: 'https', id: 'request-1' }],
    [(address: string) => address === '127.0.0.1', { ip: '10.1.1.1', host: 'outer.example', id: 'request-1' }],
  ])('R-set-trust-proxy is believed where it is trusted: %s', async (trustProxy, expected) => {
    const app = await testApp({ controllers: [Who], trustProxy });
    const client = await app.connect('/who', { headers });
    client.send('who?');
    const socket = await client.json<Facts>();
    expect(socket).toMatchObject(expected);
    expect(socket.remoteAddress).toBe(socket.ip);
    expect((await app.request('/who', { headers })).body).toMatchObject(expected);
  });

  it('R-set-trust-proxy takes no request id that is too long or no text', async () => {
    const app = await testApp({ controllers: [Who], trustProxy: true });
    for (const id of ['x'.repeat(129), 'with space', 'é']) {
      const { body } = await app.request('/who', { headers: { 'x-request-id': id } });
      expect((body as Facts).id).toMatch(/^[\w-]{22}$/);
    }
  });

  it('R-set-tls `https` options give wss', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'halyard-'));
    try {
      const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
      const subject = ['-subj', '/CN=localhost', '-days', '2', '-nodes'];
      const args = ['req', '-x509', '-newkey', 'rsa:2048', '-keyout', key, '-out', cert, ...subject];
      execFileSync('openssl', args, { stdio: 'ignore' });
      const app = await testApp({ controllers: [Who], https: { key: readFileSync(key), cert: readFileSync(cert) } });
      expect(app.url).toMatch(/^https:/);
      const client = await app.connect('/who');
      client.send('who?');
      expect(await client.json()).toMatchObject({ protocol: 'https', ip: '127.0.0.1' });
      expect((await app.request('/who')).body).toMatchObject({ protocol: 'https' });
      expect(await app.refused('/nowhere')).toMatchObject({ status: 404 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
