import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { IsInt, IsString } from 'class-validator';
import {
  All,
  answer,
  Body,
  CleanUp,
  CloseInfo,
  closeWith,
  Context,
  Controller,
  Delete,
  DROP,
  Get,
  Head,
  HttpCode,
  HttpError,
  Injectable,
  Json,
  Param,
  Post,
  Put,
  Query,
  Redirect,
  Reply,
  Request,
  SetHeader,
  UseCatchers,
  UseGuards,
  UseInterceptors,
  WebSocket,
  type Answer,
  type Catcher,
  type CloseWith,
  type HttpContext,
  type Interceptor,
  type Observer,
  type Outcome,
  type Stage,
} from 'halyard';
import { testApp } from 'halyard/testing';

/** Writes down what it is told. */
class Journal implements Observer {
  readonly lines: string[] = [];
  readonly #waiting = new Map<string, () => void>();

  opened(c: Context): void {
    this.#write(`opened ${c.request.path}`);
  }
  handled(_c: Context, { status }: Outcome): void {
    this.#write(`handled ${status}`);
  }
  dropped(_c: Context, { reason }: { reason: string }): void {
    this.#write(`dropped ${reason}`);
  }
  failed(error: unknown, _c: Context, stage: Stage): void {
    this.#write(`failed ${stage}: ${(error as Error).message}`);
  }
  closed(_c: Context, { code, wasClean }: CloseInfo): void {
    this.#write(`closed ${code}${wasClean ? '' : ' early'}`);
  }
  note(line: string): void {
    this.#write(line);
  }

  /** Resolves when a line has been written. */
  async saw(line: string): Promise<void> {
    if (!this.lines.includes(line)) await new Promise<void>((resolve) => this.#waiting.set(line, resolve));
  }

  #write(line: string): void {
    this.lines.push(line);
    this.#waiting.get(line)?.();
  }
}

class Item {
  @IsString() name!: string;
  @IsInt() count!: number;
}

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

describe('streams of values', () => {
  class Times10 implements Interceptor {
    post(_c: Context, value: unknown): unknown {
      return value === 2 ? DROP : typeof value === 'number' ? value * 10 : undefined;
    }
  }

  @Controller()
  class Streams {
    @UseInterceptors(Times10)
    @Get('numbers')
    async *numbers() {
      yield 1;
      yield 2;
      yield 3;
    }
    @Get('texts') *texts() {
      yield 'a\nb';
      yield null;
      yield Promise.resolve({ c: 1 });
    }
    @Get('objects') objects() {
      return Readable.from([{ a: 1 }, { a: 2 }]);
    }
    @SetHeader('content-type', 'text/csv')
    @Get('csv')
    async *csv() {
      yield 'a;b\n';
      yield Buffer.from('1;2\n');
    }
    @Get('early')
    // oxlint-disable-next-line require-yield
    async *early(): AsyncGenerator<number> {
      throw new HttpError(404, 'no such list');
    }
    @Get('midway') async *midway() {
      yield 1;
      throw new HttpError(409, 'gone bad', { code: 'BAD' });
    }
    @Get('bytes') *bytes() {
      yield Buffer.from('x');
    }
    @Get('none') async *none() {}
  }

  it('are lines of JSON, through the interceptors one by one', async () => {
    const journal = new Journal();
    const app = await testApp({ controllers: [Streams], use: [journal] });
    expect(await app.request('/numbers')).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/x-ndjson', 'transfer-encoding': 'chunked' },
      body: '10\n30\n',
    });
    expect(journal.lines).toEqual(['opened /numbers', 'dropped interceptor', 'handled ok', 'closed 200']);
    expect((await app.request('/texts')).body).toBe('"a\\nb"\nnull\n{"c":1}\n');
    expect((await app.request('/objects')).body).toBe('{"a":1}\n{"a":2}\n');
    expect((await app.request('/none')).body).toBe('');
  });

  it('are sent as they are where the endpoint names a content type', async () => {
    const app = await testApp({ controllers: [Streams] });
    expect(await app.request('/csv')).toMatchObject({ headers: { 'content-type': 'text/csv' }, body: 'a;b\n1;2\n' });
  });

  it('have a status of their own where they fail before the first value, and end with the error where later', async () => {
    const app = await testApp({ controllers: [Streams] });
    expect(await app.request('/early')).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND', message: 'no such list' },
    });
    expect(await app.request('/midway')).toMatchObject({
      status: 200,
      body: '1\n{"event":"error","payload":{"code":"BAD","message":"gone bad"}}\n',
    });
    expect((await app.request('/bytes')).body).toContain('"code":"INTERNAL"');
  });

  it('are not pulled for HEAD', async () => {
    let pulled = 0;
    let returned = false;
    @Controller()
    class Counting {
      @Get('count') count() {
        const next = () => Promise.resolve({ done: false as const, value: ++pulled });
        return {
          next,
          return: () => {
            returned = true;
            return Promise.resolve({ done: true as const, value: undefined });
          },
          [Symbol.asyncIterator]() {
            return this;
          },
        };
      }
    }
    const app = await testApp({ controllers: [Counting] });
    const { status, headers } = await app.request('/count', { method: 'HEAD' });
    expect([status, headers['content-type']]).toEqual([200, 'application/x-ndjson']);
    expect([pulled, returned]).toEqual([0, true]);
  });

  it('are pulled only as fast as the client reads, and returned when it goes', async () => {
    let pulled = 0;
    const journal = new Journal();
    @Controller()
    class Endless {
      @Get('endless') async *endless() {
        try {
          for (;;) yield 'x'.repeat(64 * 1024 + ++pulled);
        } finally {
          journal.note('returned');
        }
      }
    }
    const app = await testApp({ controllers: [Endless], use: [journal] });
    const client = await app.raw();
    client.write('GET /endless HTTP/1.1\r\nhost: a\r\n\r\n');
    await client.head();
    client.socket.pause();
    // What the buffers of both sockets hold, and no more: it stands still.
    let before = -1;
    while (before !== pulled) {
      before = pulled;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(pulled).toBeLessThan(500);
    client.reset();
    await journal.saw('returned');
    await journal.saw('closed 200 early');
    expect(journal.lines).not.toContain('dropped late');
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

describe('bodies', () => {
  @Controller('bodies')
  class Bodies {
    @Post('item') item(@Body() item: Item) {
      return { is: item instanceof Item, ...item };
    }
    @Post('text') text(@Body() text: string) {
      return { text };
    }
    @Post('bytes') bytes(@Body() bytes: Buffer) {
      return { length: bytes.length };
    }
    @Post('json') json(@Body(Json) value: unknown) {
      return { value };
    }
    @Delete('json') remove(@Body(Json) value: unknown) {
      return { value };
    }
  }
  const send = (content: string, type: string) => ({
    body: content,
    headers: { 'content-type': type, 'content-length': Buffer.byteLength(content) },
  });

  it('are read by declared type, whatever their content type', async () => {
    const app = await testApp({ controllers: [Bodies] });
    const item = '{"name":"a","count":1}';
    for (const type of ['application/json', 'text/plain', 'application/vnd.api+json', 'image/png']) {
      expect(await app.request('/bodies/item', send(item, type))).toMatchObject({
        status: 201,
        body: { is: true, name: 'a', count: 1 },
      });
    }
    expect((await app.request('/bodies/text', send(item, 'application/json'))).body).toEqual({ text: item });
    expect((await app.request('/bodies/bytes', { body: Buffer.alloc(9) })).body).toEqual({ length: 9 });
    expect((await app.request('/bodies/json', { method: 'DELETE', ...send('[1]', 'application/json') })).body).toEqual({
      value: [1],
    });
    expect((await app.request('/bodies/text', { method: 'POST' })).body).toEqual({ text: '' });
  });

  it('forms are objects, and name no prototype', async () => {
    const app = await testApp({ controllers: [Bodies] });
    const type = 'application/x-www-form-urlencoded';
    expect((await app.request('/bodies/json', send('a=1&a=2&b=%C3%BC+x', type))).body).toEqual({
      value: { a: ['1', '2'], b: 'ü x' },
    });
    for (const name of ['__proto__', 'constructor', 'prototype']) {
      expect(await app.request('/bodies/json', send(`${name}=1`, type))).toMatchObject({
        status: 400,
        body: { code: 'BODY_INVALID', message: `the key "${name}" is not allowed` },
      });
    }
  });

  it("a parser of the user's keeps its type", async () => {
    const app = await testApp({
      controllers: [Bodies],
      http: (fastify) => {
        fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
          done(null, { theirs: text });
        });
        fastify.addContentTypeParser('text/lines', { parseAs: 'string' }, (_request, text, done) => {
          done(null, String(text).split('\n'));
        });
      },
    });
    expect((await app.request('/bodies/json', send('{', 'application/json'))).body).toEqual({ value: { theirs: '{' } });
    expect((await app.request('/bodies/json', send('a\nb', 'text/lines'))).body).toEqual({ value: ['a', 'b'] });
    expect((await app.request('/bodies/text', send('plain', 'text/plain'))).body).toEqual({ text: 'plain' });
  });

  it('R-http-errors what is wrong with them passes the catchers and leaves in our shape', async () => {
    const caught: unknown[] = [];
    const watch: Catcher = { catch: (error) => void caught.push((error as { wireCode: string }).wireCode) };
    const app = await testApp({ controllers: [Bodies], use: [watch], maxPayload: 100 });
    const big = 'x'.repeat(101);
    expect(await app.request('/bodies/text', send(big, 'text/plain'))).toMatchObject({
      status: 413,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: { code: 'BODY_SIZE', message: 'the body is too large' },
    });
    expect(await app.request('/bodies/json', send('{', 'application/json'))).toMatchObject({
      status: 400,
      body: { code: 'BODY_INVALID' },
    });
    expect(await app.request('/bodies/item', { body: { name: 1, count: 2 } })).toMatchObject({
      status: 400,
      body: { code: 'VALIDATION_FAILED', details: [{ path: 'name', rule: 'isString' }] },
    });
    // Chunked, so that the size is known only when it has been read.
    const chunked = await fetch(`${app.url}/bodies/text`, {
      method: 'POST',
      body: new Blob([big]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect(chunked.status).toBe(413);
    expect(caught).toEqual(['BODY_SIZE', 'BODY_INVALID', 'VALIDATION_FAILED', 'BODY_SIZE']);
  });

  it('R-http-guard-first a refusal does not wait for them', async () => {
    @Controller()
    class Guarded {
      @UseGuards({ canActivate: () => false })
      @Post('guarded')
      post(@Body() text: string) {
        return text;
      }
    }
    const app = await testApp({ controllers: [Guarded] });
    const client = await app.raw();
    client.write('POST /guarded HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\n');
    expect((await client.head()).status).toBe(403);
  });
});

describe('errors', () => {
  class Wrong extends Error {}
  class Teapot implements Catcher {
    catch(error: unknown): Answer | CloseWith | undefined {
      if (!(error instanceof Error)) return undefined;
      if (error.message === 'answer') return answer({ caught: true });
      if (error.message === 'status') return answer('short and stout', { status: 418 });
      if (error.message === 'close') return closeWith(4000, 'bye');
      return undefined;
    }
  }
  @UseCatchers(new Teapot())
  @Controller('errors')
  class Errors {
    @Get('own') own() {
      throw new HttpError(409, 'full', { code: 'ROOM_FULL', details: { room: 1 }, headers: { 'x-room': '1' } });
    }
    @Get(':message') async any(@Param('message') message: string) {
      await Promise.resolve();
      throw new Wrong(message);
    }
  }

  it('an HttpError is what it says, anything else INTERNAL without its text', async () => {
    const app = await testApp({ controllers: [Errors] });
    expect(await app.request('/errors/own')).toMatchObject({
      status: 409,
      headers: { 'x-room': '1' },
      body: { code: 'ROOM_FULL', message: 'full', details: { room: 1 } },
    });
    expect(await app.request('/errors/secret')).toMatchObject({
      status: 500,
      body: { code: 'INTERNAL', message: 'internal error' },
    });
    const open = await testApp({ controllers: [Errors], exposeErrors: true });
    expect((await open.request('/errors/secret')).body).toEqual({ code: 'INTERNAL', message: 'secret' });
  });

  it('a catcher answers; without a status of its own with that of the error', async () => {
    const app = await testApp({ controllers: [Errors] });
    expect(await app.request('/errors/answer')).toMatchObject({ status: 500, body: { caught: true } });
    expect(await app.request('/errors/status')).toMatchObject({ status: 418, body: 'short and stout' });
    expect(await app.request('/errors/close')).toMatchObject({ status: 500, body: { code: 'INTERNAL' } });
  });

  it("those of the user's plugins pass the catchers of the endpoint, and leave in our shape", async () => {
    const caught: string[] = [];
    const app = await testApp({
      controllers: [Errors],
      use: [{ catch: (error: unknown) => void caught.push((error as Error).message) }],
      http: (fastify) => {
        fastify.addHook('onRequest', async ({ headers }) => {
          if (headers['x-limit']) throw Object.assign(new Error('slow down'), { statusCode: 429 });
          if (headers['x-down']) throw Object.assign(new Error('db-7 is down'), { statusCode: 503 });
        });
        fastify.addHook('onSend', async ({ headers }, reply, payload) => {
          if (headers['x-send'] && reply.statusCode !== 500) throw new Error('cannot send');
          return payload;
        });
      },
    });
    expect(await app.request('/errors/own', { headers: { 'x-limit': '1' } })).toMatchObject({
      status: 429,
      body: { code: 'TOO_MANY_REQUESTS', message: 'slow down' },
    });
    expect(await app.request('/errors/own', { headers: { 'x-down': '1' } })).toMatchObject({
      status: 503,
      body: { code: 'SERVICE_UNAVAILABLE', message: 'Service Unavailable' },
    });
    expect(await app.request('/errors/own', { headers: { 'x-send': '1' } })).toMatchObject({
      status: 500,
      body: { code: 'INTERNAL' },
    });
    expect(caught).toEqual(['slow down', 'Service Unavailable', 'full']);
  });

  it('what is no HTTP, or has too large a head, is answered and cut off', async () => {
    const app = await testApp({ controllers: [Errors] });
    const garbage = await app.raw();
    garbage.write('this is no HTTP\r\n\r\n');
    expect((await garbage.head()).status).toBe(400);
    await garbage.ended();
    const large = await app.raw();
    large.write(`GET / HTTP/1.1\r\nx: ${'x'.repeat(17 * 1024)}\r\n\r\n`);
    expect((await large.head()).status).toBe(431);
    await large.ended();
  });

  it('a head that takes too long is 408', async () => {
    const app = await testApp({ controllers: [Errors], handshake: 50 });
    const client = await app.raw();
    client.write('GET / HTTP/1.1\r\n');
    expect((await client.head()).status).toBe(408);
    await client.ended();
  });
});

describe('the life of a request', () => {
  it('R-life-http runs in order, and ends with the response', async () => {
    const journal = new Journal();
    const note = (text: string) => () => journal.note(text);
    @Injectable({ scope: 'connection' })
    class Session {
      constructor(readonly cleanUp: CleanUp) {
        journal.note('scope opened');
      }
      [Symbol.asyncDispose](): Promise<void> {
        journal.note('scope disposed');
        return Promise.resolve();
      }
    }
    @Controller()
    class Ordered {
      @Post('ordered')
      post(@Body() text: string, session: Session, cleanUp: CleanUp) {
        expect(session.cleanUp).toBe(cleanUp);
        cleanUp.add(note('first added'));
        cleanUp.add(note('last added'));
        journal.note(`endpoint ${text}`);
        return 'done';
      }
    }
    const app = await testApp({
      controllers: [Ordered],
      providers: [Session],
      use: [
        journal,
        {
          use: note('middleware'),
          canActivate: () => {
            journal.note('guard');
            return true;
          },
          pre: note('pre'),
          post: note('post'),
          done: note('done'),
        },
      ],
      http: (fastify) => {
        fastify.addHook('onRequest', async () => journal.note('plugin'));
      },
    });
    expect(await app.request('/ordered', { body: 'text' })).toMatchObject({ status: 201, body: 'done' });
    await journal.saw('closed 201');
    expect(journal.lines).toEqual([
      'opened /ordered',
      'plugin',
      'scope opened',
      'middleware',
      'guard',
      'pre',
      'endpoint text',
      'post',
      'done',
      'handled ok',
      'last added',
      'first added',
      'scope disposed',
      'closed 201',
    ]);
  });

  it('a refused one is handled once, with its error', async () => {
    const journal = new Journal();
    @Controller()
    class Refusing {
      @UseGuards({ canActivate: () => Promise.resolve(false) })
      @Get('refused')
      get() {}
    }
    const app = await testApp({ controllers: [Refusing], use: [journal] });
    expect((await app.request('/refused')).status).toBe(403);
    await journal.saw('closed 403');
    expect(journal.lines).toEqual(['opened /refused', 'failed guard: not allowed', 'handled error', 'closed 403']);
  });

  it('R-err-gone a client that goes aborts the signal; what comes later is dropped', async () => {
    const journal = new Journal();
    @Controller()
    class Slow {
      @UseInterceptors({ done: (_c: Context, { status }: Outcome) => journal.note(`done ${status}`) })
      @Get('slow')
      async get(signal: AbortSignal, cleanUp: CleanUp) {
        cleanUp.add(() => journal.note('clean up'));
        journal.note('started');
        await once(signal, 'abort');
        return 'late';
      }
      @UseGuards({
        canActivate: async (c: Context) => {
          journal.note('guarding');
          await once(c.signal, 'abort');
          return true;
        },
      })
      @Get('guarded')
      guarded() {
        journal.note('never');
      }
    }
    const app = await testApp({ controllers: [Slow], use: [journal] });
    const client = await app.raw();
    client.write('GET /slow HTTP/1.1\r\nhost: a\r\n\r\n');
    await journal.saw('started');
    client.reset();
    await journal.saw('closed 499 early');
    expect(journal.lines).toEqual([
      'opened /slow',
      'started',
      'done gone',
      'handled gone',
      'clean up',
      'dropped late',
      'closed 499 early',
    ]);
    journal.lines.length = 0;
    const other = await app.raw();
    other.write('GET /guarded HTTP/1.1\r\nhost: a\r\n\r\n');
    await journal.saw('guarding');
    other.reset();
    await journal.saw('closed 499 early');
    expect(journal.lines).toEqual(['opened /guarded', 'guarding', 'handled gone', 'closed 499 early']);
  });

  it('a client that goes before its body has come is noticed', async () => {
    const journal = new Journal();
    @Controller()
    class Reading {
      @Post('body') post(@Body() text: string) {
        return text;
      }
    }
    const app = await testApp({ controllers: [Reading], use: [journal] });
    const client = await app.raw();
    client.write('POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n123');
    await journal.saw('opened /body');
    client.reset();
    await journal.saw('closed 499 early');
    expect(journal.lines).toEqual(['opened /body', 'closed 499 early']);
  });
});

describe('the Fastify instance', () => {
  @Controller()
  class Routes {
    @Get('a') a() {
      return 'ours';
    }
    @WebSocket('b') b() {}
  }

  it('R-http-fastify has our routes behind the plugins, which see them', async () => {
    const seen: string[] = [];
    const app = await testApp({
      controllers: [Routes],
      http: async (fastify) => {
        await fastify.register(
          Object.assign(
            async (instance: typeof fastify) => {
              await Promise.resolve();
              instance.addHook('onRoute', ({ method, url }) => seen.push(`${String(method)} ${url}`));
              instance.addHook('onRequest', async (_request, reply) => {
                reply.header('x-plugin', 'yes');
              });
              instance.get('/theirs', () => 'theirs');
            },
            { [Symbol.for('skip-override')]: true },
          ),
        );
      },
    });
    expect(seen).toEqual(expect.arrayContaining(['GET /theirs', 'GET /a', 'HEAD /a', 'GET /b', 'GET /healthz']));
    expect(await app.request('/a')).toMatchObject({ headers: { 'x-plugin': 'yes' }, body: 'ours' });
    expect(await app.request('/theirs')).toMatchObject({ headers: { 'x-plugin': 'yes' }, body: 'theirs' });
    expect(await app.request('/nowhere')).toMatchObject({ status: 404, headers: { 'x-plugin': 'yes' } });
    expect(await app.request('/b')).toMatchObject({ status: 426, headers: { 'x-plugin': 'yes' } });
  });

  it("keeps the user's not-found handler, health routes and error handler", async () => {
    const app = await testApp({
      controllers: [Routes],
      http: (fastify) => {
        fastify.setNotFoundHandler((_request, reply) => reply.code(404).send('theirs'));
        fastify.setErrorHandler((_error, _request, reply) => reply.code(500).send('their error'));
        fastify.get('/readyz', () => 'theirs');
        fastify.get('/broken', () => Promise.reject(new Error('broken')));
      },
    });
    expect(await app.request('/nowhere')).toMatchObject({ status: 404, body: 'theirs' });
    expect((await app.request('/readyz')).body).toBe('theirs');
    expect((await app.request('/healthz')).body).toEqual({ status: 'ok' });
    expect((await app.request('/broken')).body).toBe('their error');
  });

  it('a health route of a controller is the one that answers', async () => {
    @Controller('healthz')
    class Health {
      @Get() get() {
        return 'fine';
      }
    }
    const app = await testApp({ controllers: [Health] });
    expect((await app.request('/healthz')).body).toBe('fine');
    expect(await app.request('/readyz')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });
});

describe('closing', () => {
  @Controller()
  class Slow {
    static release: () => void;
    static started: Promise<void>;
    static start: () => void;
    @Get('slow') async slow() {
      await new Promise<void>((resolve) => {
        Slow.release = resolve;
        Slow.start();
      });
      return 'finished';
    }
    @Get('quick') quick() {
      return 'quick';
    }
  }
  const arm = (): void => {
    Slow.started = new Promise((resolve) => (Slow.start = resolve));
  };

  it('R-http-health readyz is 503 as soon as the app drains, and what comes then is refused', async () => {
    const { app } = await testApp({ controllers: [Slow] });
    const server = createServer((request, response) => app.handler(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
      const closing = app.close();
      expect((await fetch(`${url}/readyz`)).status).toBe(503);
      const refused = await fetch(`${url}/quick`);
      expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('connection')]).toEqual([
        503,
        '1',
        'close',
      ]);
      expect(await refused.json()).toEqual({ code: 'DRAINING', message: 'the server is going away' });
      await closing;
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it('what runs is finished', async () => {
    arm();
    const app = await testApp({ controllers: [Slow] });
    const running = app.request('/slow');
    await Slow.started;
    const closing = app.close();
    Slow.release();
    expect(await running).toMatchObject({ status: 200, headers: { connection: 'close' }, body: 'finished' });
    await closing;
  });

  it('what is not finished in time is cut off', async () => {
    arm();
    const journal = new Journal();
    const app = await testApp({ controllers: [Slow], use: [journal], shutdown: { timeout: 50 } });
    const running = app.request('/slow');
    const failed = expect(running).rejects.toThrow('socket hang up');
    await Slow.started;
    await app.close();
    await failed;
    expect(journal.lines).toContain('closed 499 early');
  });

  it('a connection that is kept alive does not hold it up', async () => {
    const app = await testApp({ controllers: [Slow] });
    const kept = await app.raw();
    kept.write('GET /quick HTTP/1.1\r\nhost: a\r\n\r\n');
    await kept.read((bytes) => bytes.includes('quick'));
    await app.close();
    await kept.ended();
  });
});

describe('types', () => {
  it('an HttpContext is what components get', async () => {
    let kind: HttpContext['kind'] | undefined;
    @Controller()
    class Kinds {
      @Get() get() {}
    }
    const app = await testApp({
      controllers: [Kinds],
      use: [{ use: (c: Context) => void (kind = c.kind === 'http' ? c.kind : undefined) }],
    });
    expect((await app.request('/')).status).toBe(204);
    expect(kind).toBe('http');
  });
});
