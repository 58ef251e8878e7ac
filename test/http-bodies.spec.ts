import { describe, expect, it } from '@jest/globals';
import { IsInt, IsString } from 'class-validator';
import { Body, Controller, Delete, Json, Post, UseGuards, type Catcher } from 'halyard';
import { testApp } from 'halyard/testing';

class Item {
  @IsString() name!: string;
  @IsInt() count!: number;
}

describe('bodies', () => {
  @Controller('bodies')
  class Bodies {
    @Post('item') item(@Body() item: Item) {
      return { is: item instanceof Item, item };
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

  it('R-http-json-type are read by declared type, and as JSON only where their content type says so', async () => {
    const app = await testApp({ controllers: [Bodies] });
    const item = '{"name":"a","count":1}';
    for (const type of ['text/plain', 'image/png', 'application/jsonp']) {
      expect(await app.request('/bodies/item', send(item, type))).toMatchObject({
        status: 415,
        body: { code: 'CONTENT_TYPE' },
      });
    }
    for (const type of ['application/json', 'application/json; charset=utf-8', 'application/vnd.api+json']) {
      expect(await app.request('/bodies/item', send(item, type))).toMatchObject({
        status: 201,
        body: { is: true, item: { name: 'a', count: 1 } },
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
    const headers = { 'content-type': 'text/plain', 'transfer-encoding': 'chunked' };
    expect((await app.request('/bodies/text', { body: big, headers })).status).toBe(413);
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
