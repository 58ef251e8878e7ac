import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import {
  All,
  Body,
  Context,
  Controller,
  Get,
  Head,
  HttpCode,
  HttpError,
  Param,
  Post,
  Put,
  Query,
  Redirect,
  Reply,
  Request,
  SetHeader,
  WebSocket,
} from 'halyard';
import { testApp } from 'halyard/testing';
import { Journal } from './journal.js';

describe('what an endpoint returns', () => {
  @Controller('values')
  class Values {
    @Get('nothing') nothing() {}
    @Get('text') text() {
      return 'grüße';
    }
    @Get('bytes') bytes() {
      return Buffer.from([1, 2, 255]);
    }
    @Get('floats') floats() {
      return new Float32Array([1]);
    }
    @Get('json') async json() {
      return { a: [1, null] };
    }
    @Get('null') null() {
      return null;
    }
    @Post('created') created() {
      return { id: 1 };
    }
    @Post('silent') silent() {}
    @Get('file') file() {
      return Readable.from([Buffer.from('one '), Buffer.from('two')], { objectMode: false });
    }
    @Get('web') web() {
      return new Blob(['from the web']).stream();
    }
    @Get('missing') missing() {
      return createReadStream('/there/is/no/such/file');
    }
  }

  it('R-http-status undefined is 204, POST is 201, anything else 200', async () => {
    const app = await testApp({ controllers: [Values] });
    expect((await app.request('/values/nothing')).status).toBe(204);
    expect((await app.request('/values/created', { method: 'POST' })).status).toBe(201);
    expect((await app.request('/values/silent', { method: 'POST' })).status).toBe(204);
    expect((await app.request('/values/null')).status).toBe(200);
  });

  it('has the content type of its kind', async () => {
    const app = await testApp({ controllers: [Values] });
    expect(await app.request('/values/text')).toMatchObject({
      headers: { 'content-type': 'text/plain; charset=utf-8', 'content-length': '7' },
      body: 'grüße',
    });
    expect(await app.request('/values/json')).toMatchObject({
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: { a: [1, null] },
    });
    expect((await app.request('/values/null')).body).toBeNull();
    for (const [path, bytes] of [
      ['bytes', [1, 2, 255]],
      ['floats', [0, 0, 128, 63]],
    ] as const) {
      const response = await fetch(`${app.url}/values/${path}`);
      expect(response.headers.get('content-type')).toBe('application/octet-stream');
      expect([...new Uint8Array(await response.arrayBuffer())]).toEqual(bytes);
    }
  });

  it('streams of bytes are piped', async () => {
    const app = await testApp({ controllers: [Values] });
    expect(await app.request('/values/file')).toMatchObject({
      headers: { 'content-type': 'application/octet-stream' },
      body: 'one two',
    });
    expect((await app.request('/values/web')).body).toBe('from the web');
  });

  it('a stream of bytes that cannot be opened is an error with a status', async () => {
    const journal = new Journal();
    const app = await testApp({ controllers: [Values], use: [journal] });
    expect(await app.request('/values/missing')).toMatchObject({
      status: 500,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: { code: 'INTERNAL', message: 'internal error' },
    });
    expect(journal.lines).toContainEqual(expect.stringMatching(/^failed send: ENOENT/));
  });

  it('HEAD is answered by the GET, without a body', async () => {
    const app = await testApp({ controllers: [Values] });
    expect(await app.request('/values/text', { method: 'HEAD' })).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/plain; charset=utf-8', 'content-length': '7' },
      body: '',
    });
    const piped = await app.request('/values/file', { method: 'HEAD' });
    expect(piped).toMatchObject({ status: 200, body: '' });
    expect(piped.headers['content-length']).toBeUndefined();
  });

  it('what HTTP or JSON cannot hold is 500, and logged', async () => {
    @Controller()
    class Unsendable {
      @Get('circle') circle() {
        const circle: Record<string, unknown> = {};
        circle['self'] = circle;
        return circle;
      }
      @Get('header') header(reply: Reply) {
        reply.header('x-text', 'one\r\nset-cookie: two');
        return 'text';
      }
      @Get('status') status(reply: Reply) {
        reply.status(42);
        return 'text';
      }
      @Get('details') details() {
        throw new HttpError(409, 'too many', { code: 'MANY', details: { count: 10n } });
      }
      @Get('error-status') errorStatus() {
        throw new HttpError(700, 'beyond');
      }
      @Get('error-header') errorHeader() {
        throw new HttpError(401, 'who?', { headers: { 'www-authenticate': 'a\nb' } });
      }
    }
    const journal = new Journal();
    const app = await testApp({ controllers: [Unsendable], use: [journal] });
    for (const path of ['circle', 'header', 'status', 'details', 'error-status', 'error-header']) {
      const { status, headers, body } = await app.request(`/${path}`);
      expect({ path, status, body }).toEqual({
        path,
        status: 500,
        body: { code: 'INTERNAL', message: 'internal error' },
      });
      expect(headers['set-cookie']).toBeUndefined();
    }
    expect(journal.lines.filter((line) => line.startsWith('failed send'))).toHaveLength(6);
  });
});

describe('replies', () => {
  @Controller('reply')
  class Replies {
    @HttpCode(202) @SetHeader('x-a', 'one') @SetHeader('x-b', 'two') @Post('shaped') shaped() {
      return 'later';
    }
    @SetHeader('cache-control', 'no-store') @Get('own') own(reply: Reply) {
      reply.status(203).header('cache-control', 'max-age=5').cookie('a', '1').cookie('b', '2', { httpOnly: true });
      return 'own';
    }
    @HttpCode(200) @Get('empty') empty() {}
    @Redirect('/reply/own') @Get('away') away() {}
    @Redirect('/reply/own', 301) @Get('elsewhere') elsewhere(@Query('to') to: string) {
      return { url: to, status: 307 };
    }
    @Get('failed') failed(reply: Reply) {
      reply.status(203).header('content-type', 'text/csv').header('x-a', 'one').cookie('a', '1');
      throw new HttpError(401, 'who are you?', { headers: { 'www-authenticate': 'Bearer' } });
    }
  }

  it('R-dec-reply @HttpCode, @SetHeader and @Redirect shape them', async () => {
    const app = await testApp({ controllers: [Replies] });
    expect(await app.request('/reply/shaped', { method: 'POST' })).toMatchObject({
      status: 202,
      headers: { 'x-a': 'one', 'x-b': 'two' },
      body: 'later',
    });
    expect(await app.request('/reply/empty')).toMatchObject({ status: 200, body: '' });
    expect(await app.request('/reply/away')).toMatchObject({ status: 302, headers: { location: '/reply/own' } });
    expect(await app.request('/reply/elsewhere?to=/caf%C3%A9%0D%0Ax')).toMatchObject({
      status: 307,
      headers: { location: '/caf%C3%A9%0D%0Ax' },
    });
  });

  it('a bound Reply sets status, headers and cookies', async () => {
    const app = await testApp({ controllers: [Replies] });
    expect(await app.request('/reply/own')).toMatchObject({
      status: 203,
      headers: { 'cache-control': 'max-age=5', 'set-cookie': ['a=1; Path=/', 'b=2; Path=/; HttpOnly'] },
    });
  });

  it('an error keeps headers and cookies, and not what described the body', async () => {
    const app = await testApp({ controllers: [Replies] });
    expect(await app.request('/reply/failed')).toMatchObject({
      status: 401,
      headers: {
        'www-authenticate': 'Bearer',
        'content-type': 'application/json; charset=utf-8',
        'x-a': 'one',
        'set-cookie': ['a=1; Path=/'],
      },
      body: { code: 'UNAUTHORIZED', message: 'who are you?' },
    });
  });
});

describe('routes', () => {
  @Controller('things')
  class Things {
    @Get(':id') get(@Param('id') id: string) {
      return `get ${id}`;
    }
    @Head(':id') head(reply: Reply) {
      reply.header('x-head', 'declared');
      return '';
    }
    @Put(':id') put(@Param('id') id: string) {
      return `put ${id}`;
    }
    @All(':any') all(@Param('any') any: string, request: Request) {
      return `${request.method} ${any}`;
    }
  }

  it('R-dec-http every method has its endpoint, @All takes the others', async () => {
    const app = await testApp({ controllers: [Things] });
    const ask = (method: string) => app.request('/things/%C3%BC%2F1', { method });
    expect((await ask('GET')).body).toBe('get ü/1');
    expect((await ask('PUT')).body).toBe('put ü/1');
    expect((await ask('DELETE')).body).toBe('DELETE ü/1');
    expect((await ask('OPTIONS')).body).toBe('OPTIONS ü/1');
    expect((await ask('HEAD')).headers['x-head']).toBe('declared');
  });

  it('what is not routed is 404 in our shape, before its body is read', async () => {
    const app = await testApp({ controllers: [Things] });
    const body = { code: 'NOT_FOUND', message: 'nothing is routed here' };
    expect(await app.request('/nowhere')).toMatchObject({ status: 404, body });
    expect(await app.request('/things/1/2', { method: 'DELETE' })).toMatchObject({ status: 404, body });
    const headers = { 'content-type': 'application/json', 'content-length': 1e9 };
    const client = await app.raw();
    client.write(
      `POST /nowhere HTTP/1.1\r\nhost: a\r\n${Object.entries(headers)
        .map((header) => header.join(': '))
        .join('\r\n')}\r\n\r\n`,
    );
    expect((await client.head()).status).toBe(404);
  });

  it('a path that cannot be decoded is 400', async () => {
    const app = await testApp({ controllers: [Things] });
    expect(await app.request('/things/%zz')).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } });
  });

  it('R-path-426 a plain GET on a WebSocket path says what is spoken there', async () => {
    @Controller('chat')
    class Chat {
      @WebSocket() echo(@Body() text: string) {
        return text;
      }
      @WebSocket('both') both() {}
      @Get('both') plain() {
        return 'http';
      }
    }
    const app = await testApp({ controllers: [Chat] });
    expect(await app.request('/chat')).toMatchObject({
      status: 426,
      headers: { upgrade: 'websocket', connection: 'Upgrade' },
      body: { code: 'UPGRADE_REQUIRED' },
    });
    expect((await app.request('/chat', { method: 'POST' })).status).toBe(404);
    expect((await app.request('/chat/both')).body).toBe('http');
  });

  it('a query that names __proto__ reaches no prototype', async () => {
    @Controller()
    class Queries {
      @Get('query') query(@Query() query: Record<string, unknown>) {
        return { keys: Object.keys(query), polluted: ({} as Record<string, unknown>)['a'] ?? null };
      }
    }
    const app = await testApp({ controllers: [Queries] });
    const path = '/query?__proto__=1&__proto__=2&constructor=3&prototype=4&a=5&a=6';
    expect((await app.request(path)).body).toEqual({ keys: ['a'], polluted: null });
  });

  it('a request has the id, address and protocol that a trusted proxy says', async () => {
    @Controller()
    class Who {
      @Get('who') who(c: Context) {
        const { ip, host, protocol, id } = c.request;
        return { ip, host, protocol, id, context: c.id };
      }
    }
    const headers = {
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-host': 'example.org',
      'x-forwarded-proto': 'https',
      'x-request-id': 'abc-1',
    };
    const trusting = await testApp({ controllers: [Who], trustProxy: 'loopback' });
    expect((await trusting.request('/who', { headers })).body).toEqual({
      ip: '203.0.113.9',
      host: 'example.org',
      protocol: 'https',
      id: 'abc-1',
      context: 'abc-1',
    });
    const { body } = await (await testApp({ controllers: [Who] })).request('/who', { headers });
    expect(body).toMatchObject({ ip: '127.0.0.1', protocol: 'http', id: expect.stringMatching(/^[\w-]{22}$/) });
  });
});
