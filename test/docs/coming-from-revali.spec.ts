/** Each row of the table of Revali's names in docs/coming-from.md, done with the names that Halyard has. */
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { IsString } from 'class-validator';
import type { FastifyInstance } from 'fastify';
import {
  answer,
  Body,
  BootError,
  Catch,
  CleanUp,
  CloseInfo,
  CloseWebSocket,
  closeWith,
  ConnectionError,
  Context,
  Controller,
  Cookie,
  createApp,
  Data,
  Get,
  Header,
  HttpCode,
  HttpError,
  InvalidCloseCodeError,
  Json,
  OnConnect,
  OnDisconnect,
  OnError,
  Param,
  Post,
  Query,
  Redirect,
  refuse,
  Sender,
  SetHeader,
  SetMetadata,
  Sse,
  SseEvent,
  Use,
  UseCatchers,
  UseGuards,
  UseInterceptors,
  UseMiddleware,
  UseObservers,
  WebSocket,
  WebSocketMode,
  type Answer,
  type Catcher,
  type CloseWith,
  type Dropped,
  type Guard,
  type Interceptor,
  type Middleware,
  type Observer,
  type Outcome,
  type Pipe,
  type Refusal,
  type Stage,
} from 'halyard';
import { testApp, until, type TestClient } from 'halyard/testing';
import * as v from 'valibot';
import { z } from 'zod';
import { showTable, type Rows } from '../support/table.js';

class Named {
  @IsString()
  name!: string;
}

const rows: Rows = {
  "`@Controller('example')`": async () => {
    @Controller('example')
    class Example {
      @WebSocket('x')
      say(): string {
        return 'said';
      }
    }
    const app = await testApp({ controllers: [Example] });
    expect(await reply(await app.connect('/example/x'), '')).toBe('said');
  },

  "`@WebSocket('x', mode: WebSocketMode.sendOnly)`": async () => {
    @Controller('example')
    class Example {
      @WebSocket('x', { mode: WebSocketMode.sendOnly })
      one(): string {
        return 'one';
      }
      @WebSocket('y', { mode: 'sendOnly' })
      other(): string {
        return 'other';
      }
    }
    const app = await testApp({ controllers: [Example] });
    for (const [path, text] of [
      ['/example/x', 'one'],
      ['/example/y', 'other'],
    ] as const) {
      const client = await app.connect(path);
      expect(await client.next()).toBe(text);
      expect((await client.closed()).code).toBe(1000);
    }
  },

  "`@WebSocket.ping('x', ping: Duration(seconds: 5))`": async () => {
    @Controller('example')
    class Example {
      @WebSocket('often', { ping: '20ms' })
      often(): void {}
      @WebSocket('x', { ping: '5s' })
      seldom(): void {}
      @WebSocket('never', { ping: false })
      never(): void {}
    }
    const app = await testApp({ controllers: [Example] });
    await once((await app.connect('/example/often')).socket, 'ping');
    await app.connect('/example/x');
    await app.connect('/example/never');
  },

  '`triggerOnConnect: true`': async () => {
    @Controller('example')
    class Example {
      @WebSocket('x', { triggerOnConnect: true })
      say(@Body(String) text: string | null): string {
        return text ?? 'welcome';
      }
    }
    @Controller('hook')
    class Hook {
      @OnConnect()
      open(): string {
        return 'welcome too';
      }
    }
    @Controller('union')
    class Union {
      @WebSocket()
      say(@Body() text: string | null): unknown {
        return text;
      }
    }
    const app = await testApp({ controllers: [Example, Hook] });
    const client = await app.connect('/example/x');
    expect(await client.next()).toBe('welcome');
    expect(await reply(client, 'hi')).toBe('hi');
    expect(await (await app.connect('/hook')).next()).toBe('welcome too');
    await expect(testApp({ controllers: [Union] })).rejects.toThrow('@Body(String) text: string | null');
  },

  '– (a handler takes all messages)': async () => {
    @Controller('example')
    class Example {
      @WebSocket({ event: 'typing' })
      typing(): string {
        return 'types';
      }
      @WebSocket({ event: 'say' })
      say(): string {
        return 'says';
      }
    }
    const client = await (await testApp({ controllers: [Example] })).connect('/example');
    expect(await reply(client, { event: 'say' })).toBe('says');
    expect(await reply(client, { event: 'typing' })).toBe('types');
  },

  '–': async () => {
    const seen: unknown[] = [];
    @Controller('example')
    class Example {
      @WebSocket()
      fail(): never {
        throw new Error('no');
      }
      @OnError()
      error({ error }: ConnectionError): void {
        seen.push((error as Error).message);
      }
      @OnDisconnect()
      close({ code, reason }: CloseInfo): void {
        seen.push(`${code} ${reason}`);
      }
    }
    const client = await (await testApp({ controllers: [Example] })).connect('/example');
    await reply(client, '');
    await client.close(4000, 'enough');
    await until(() => seen.length === 2);
    expect(seen).toEqual(['no', '4000 enough']);
  },

  '`CloseWebSocket.close(code, reason)`': async () => {
    const refused: unknown[] = [];
    @Controller('example')
    class Example {
      @WebSocket()
      close(@Body() code: number, closer: CloseWebSocket): string {
        try {
          closer.close(code, 'r'.repeat(125));
        } catch (error) {
          refused.push(error);
        }
        return 'handled';
      }
    }
    const app = await testApp({ controllers: [Example] });
    for (const code of [1000, 1003, 1007, 1014, 3000, 4999]) {
      const client = await app.connect('/example');
      expect(await reply(client, code)).toBe('handled');
      expect(await client.closed()).toMatchObject({ code, reason: 'r'.repeat(123) });
    }
    const client = await app.connect('/example');
    for (const code of [999, 1004, 1006, 1015, 2999, 5000]) {
      expect(await reply(client, code)).toBe('handled');
      expect(refused.pop()).toBeInstanceOf(InvalidCloseCodeError);
    }
  },

  '`AsyncWebSocketSender<T>`': async () => {
    @Controller('example')
    class Example {
      @WebSocket()
      async send(sender: Sender<string>): Promise<void> {
        await sender.send('one');
        await sender.send('two');
      }
      @WebSocket('several')
      *several(): Generator<string> {
        yield* ['one', 'two'];
      }
    }
    const app = await testApp({ controllers: [Example] });
    for (const path of ['/example', '/example/several']) {
      const client = await app.connect(path);
      expect([await reply(client, ''), await client.next()]).toEqual(['one', 'two']);
    }
  },

  'a returned `Stream<T>`': async () => {
    @Controller('example')
    class Example {
      @WebSocket()
      async *count(): AsyncGenerator<number> {
        for (const n of [1, 2]) yield await Promise.resolve(n);
      }
      @WebSocket('iterable')
      iterable(): AsyncIterable<number> {
        return { [Symbol.asyncIterator]: () => this.count() };
      }
    }
    const app = await testApp({ controllers: [Example] });
    for (const path of ['/example', '/example/iterable']) {
      const client = await app.connect(path);
      expect([await reply(client, ''), await client.next()]).toEqual(['1', '2']);
    }
  },

  '`@Body()`, `@Param()`, `@Query()`, `@Header()`, `@Cookie()`': async () => {
    @Controller('example/:id')
    class Example {
      @WebSocket()
      all(
        @Param('id') id: number,
        @Query('q') q: string,
        @Header('x-a') a: string,
        @Cookie('sid') sid: string,
        @Body() body: Named,
      ): unknown {
        return [id, q, a, sid, body instanceof Named, body.name];
      }
      @WebSocket('zod')
      zod(@Body(z.object({ name: z.string() })) { name }: { name: string }): string {
        return name;
      }
      @WebSocket('valibot')
      valibot(@Body(v.object({ name: v.string() })) { name }: { name: string }): string {
        return name;
      }
    }
    const app = await testApp({ controllers: [Example] });
    const headers = { 'x-a': 'a', cookie: 'sid=s' };
    const client = await app.connect('/example/7?q=b', { headers });
    expect(JSON.parse(await reply(client, { name: 'ada' }))).toEqual([7, 'b', 'a', 's', true, 'ada']);
    for (const path of ['/example/7?q=b', '/example/7/zod', '/example/7/valibot']) {
      expect(await reply(await app.connect(path, { headers }), { name: 1 })).toContain('VALIDATION_FAILED');
    }
  },

  "`@Body(['data', 'email'])`": async () => {
    @Controller('example')
    class Example {
      @WebSocket()
      email(@Body('data.email') email: string): string {
        return email;
      }
    }
    const client = await (await testApp({ controllers: [Example] })).connect('/example');
    expect(await reply(client, { data: { email: 'a@b.c' } })).toBe('a@b.c');
  },

  'a binary frame of UTF-8': async () => {
    @Controller('example')
    class Example {
      @WebSocket('text')
      text(@Body() text: string): string {
        return text;
      }
      @WebSocket('class')
      class(@Body() { name }: Named): string {
        return name;
      }
      @WebSocket('schema')
      schema(@Body(z.object({ name: z.string() })) { name }: { name: string }): string {
        return name;
      }
      @WebSocket('buffer')
      buffer(@Body() bytes: Buffer): string {
        return bytes.toString('hex');
      }
      @WebSocket('bytes')
      bytes(@Body() bytes: Uint8Array): string {
        return Buffer.from(bytes).toString('hex');
      }
    }
    const app = await testApp({ controllers: [Example] });
    const sent = Buffer.from('{"name":"ada"}');
    const replies = { text: '{"name":"ada"}', class: 'ada', schema: 'ada', buffer: sent.toString('hex') };
    for (const [path, expected] of Object.entries({ ...replies, bytes: replies.buffer })) {
      expect(await reply(await app.connect(`/example/${path}`), sent)).toBe(expected);
    }
  },

  '`@Data()`, `Data`': async () => {
    class Door implements Guard {
      canActivate(context: Context): boolean {
        context.data['user'] = context.request.query['user'];
        return true;
      }
    }
    @Controller('example')
    @UseGuards(Door)
    class Example {
      @WebSocket()
      say(@Data('user') user: string, context: Context): string {
        const times = (context.data['times'] = Number(context.data['times'] ?? 0) + 1);
        return `${user} ${times}`;
      }
    }
    const client = await (await testApp({ controllers: [Example] })).connect('/example?user=ada');
    expect([await reply(client, ''), await reply(client, '')]).toEqual(['ada 1', 'ada 2']);
  },

  '`Meta`': async () => {
    let seen: unknown;
    class See implements Interceptor {
      pre({ metadata }: Context): void {
        seen = [metadata.get('a'), metadata.get('b')];
      }
    }
    @Controller('example')
    @SetMetadata('a', 'class')
    @SetMetadata('b', 'class')
    @UseInterceptors(See)
    class Example {
      @WebSocket()
      @SetMetadata('b', 'method')
      say(): string {
        return 'said';
      }
    }
    await reply(await (await testApp({ controllers: [Example] })).connect('/example'), '');
    expect(seen).toEqual(['class', 'method']);
  },

  '`CleanUp`': async () => {
    const ended: string[] = [];
    @Controller('example')
    class Example {
      @OnConnect()
      open(cleanUp: CleanUp): string {
        cleanUp.add(() => void ended.push('connection'));
        return 'open';
      }
      @Get()
      get(cleanUp: CleanUp): void {
        cleanUp.add(() => void ended.push('request'));
      }
    }
    const app = await testApp({ controllers: [Example] });
    const client = await app.connect('/example');
    await client.next();
    await app.request('/example');
    await until(() => ended.length === 1);
    client.terminate();
    await until(() => ended.length === 2);
    expect(ended).toEqual(['request', 'connection']);
  },

  '`Observer`': async () => {
    const seen: unknown[] = [];
    class See implements Observer {
      opened({ kind }: Context): void {
        seen.push(`opened ${kind}`);
      }
      handled({ kind }: Context, { status }: Outcome): void {
        if (kind === 'message') seen.push(`handled ${status}`);
      }
      dropped(_: Context, { reason, count }: Dropped): void {
        seen.push(`dropped ${count} ${reason}`);
      }
      failed(error: unknown, _: Context, stage: Stage): void {
        seen.push(`failed ${(error as Error).message} ${stage}`);
      }
      closed(_: Context, { code }: CloseInfo): void {
        seen.push(`closed ${code}`);
      }
    }
    @Controller('example')
    @UseObservers(See)
    class Example {
      @WebSocket({ mode: 'receiveOnly' })
      take(@Body() text: string): unknown {
        if (text === 'fail') throw new Error('no');
        return text === 'answer' ? 'is dropped' : undefined;
      }
    }
    const app = await testApp({ controllers: [Example] });
    const client = await app.connect('/example');
    for (const text of ['answer', 'fail']) client.send(text);
    await client.next();
    await client.close(4321);
    await until(() => seen.length === 6);
    expect(seen).toEqual([
      'opened upgrade',
      'dropped 1 receive-only',
      'handled ok',
      'failed no endpoint',
      'handled error',
      'closed 4321',
    ]);
  },

  '`Middleware`, `MiddlewareResult.next()`': async () => {
    class Door implements Middleware {
      use({ request }: Context): Refusal | undefined {
        return request.query['user'] === 'eve' ? refuse(418, 'no') : undefined;
      }
    }
    @Controller('example')
    @UseMiddleware(Door)
    class Example {
      @WebSocket()
      say(): string {
        return 'said';
      }
    }
    const app = await testApp({ controllers: [Example] });
    expect(await reply(await app.connect('/example'), '')).toBe('said');
    expect(await app.refused('/example?user=eve')).toMatchObject({ status: 418, body: { message: 'no' } });
  },

  '`Guard`, `GuardResult.pass()` and `.block()`': async () => {
    class Door implements Guard {
      canActivate({ request }: Context): boolean {
        if (request.query['user'] === undefined) throw new HttpError(401, 'who are you?');
        return request.query['user'] !== 'eve';
      }
    }
    @Controller('example')
    @UseGuards(Door)
    class Example {
      @WebSocket()
      say(): string {
        return 'said';
      }
    }
    const app = await testApp({ controllers: [Example] });
    expect(await reply(await app.connect('/example?user=ada'), '')).toBe('said');
    expect((await app.refused('/example?user=eve')).status).toBe(403);
    expect((await app.refused('/example')).status).toBe(401);
  },

  '`Interceptor`': async () => {
    const seen: string[] = [];
    class Around implements Interceptor {
      pre(): Answer | undefined {
        seen.push('pre');
        return seen.length > 3 ? answer('instead') : undefined;
      }
      post(_: Context, value: unknown): string {
        seen.push('post');
        return `<${String(value)}>`;
      }
      done(_: Context, { status }: Outcome): void {
        seen.push(`done ${status}`);
      }
    }
    @Controller('example')
    @UseInterceptors(Around)
    class Example {
      @WebSocket()
      say(): string {
        return 'said';
      }
    }
    const client = await (await testApp({ controllers: [Example] })).connect('/example');
    expect([await reply(client, ''), await reply(client, '')]).toEqual(['<said>', 'instead']);
    await until(() => seen.length === 5);
    expect(seen).toEqual(['pre', 'post', 'done ok', 'pre', 'done ok']);
  },

  '`ExceptionCatcher<T>`': async () => {
    class Full extends Error {}
    class Expired extends Error {}
    @Catch(Full, Expired)
    class Inner implements Catcher {
      catch(error: Error): Answer | CloseWith | undefined {
        if (error instanceof Expired) return closeWith(4401, 'sign in again');
        return error.message === '' ? undefined : answer(error.message);
      }
    }
    class Outer implements Catcher {
      catch(): Answer {
        return answer('the next one');
      }
    }
    @Controller('example')
    @UseCatchers(Outer)
    class Example {
      @WebSocket({ event: 'full' })
      @UseCatchers(Inner)
      full(@Body() text: string): never {
        throw new Full(text);
      }
      @WebSocket({ event: 'expired' })
      @UseCatchers(Inner)
      expired(): never {
        throw new Expired();
      }
      @WebSocket({ event: 'other' })
      @UseCatchers(Inner)
      other(): never {
        throw new Error('of no type that it takes');
      }
    }
    const client = await (await testApp({ controllers: [Example] })).connect('/example');
    expect(await reply(client, { event: 'full', payload: 'full' })).toBe('full');
    expect(await reply(client, { event: 'full', payload: '' })).toBe('the next one');
    expect(await reply(client, { event: 'other' })).toBe('the next one');
    client.send({ event: 'expired' });
    expect(await client.closed()).toMatchObject({ code: 4401, reason: 'sign in again' });
  },

  '`Pipe<T, R>`': async () => {
    class Length implements Pipe<string, number> {
      transform(value: string): number {
        return value.length;
      }
    }
    @Controller('example')
    class Example {
      @WebSocket()
      say(@Body(String, Length) length: number): number {
        return length + 1;
      }
    }
    const client = await (await testApp({ controllers: [Example] })).connect('/example');
    expect(await reply(client, 'four')).toBe('5');
  },

  '`LifecycleComponent`': async () => {
    const instances = new Set<unknown>();
    const roles: string[] = [];
    class All implements Observer, Middleware, Guard, Interceptor, Catcher {
      #is(role: string): void {
        instances.add(this);
        roles.push(role);
      }
      opened(): void {
        this.#is('observer');
      }
      use(): void {
        this.#is('middleware');
      }
      canActivate(): boolean {
        this.#is('guard');
        return true;
      }
      pre(): void {
        this.#is('interceptor');
      }
      catch(): Answer {
        this.#is('catcher');
        return answer('caught');
      }
    }
    @Controller('example')
    @Use(All)
    class Example {
      @WebSocket()
      fail(): never {
        throw new Error('no');
      }
    }
    expect(await reply(await (await testApp({ controllers: [Example] })).connect('/example'), '')).toBe('caught');
    expect(roles).toEqual(['observer', 'middleware', 'guard', 'interceptor', 'catcher']);
    expect(instances.size).toBe(1);
  },

  '`Wrapper`': async () => {
    const seen: string[] = [];
    class Around implements Interceptor {
      pre({ state }: Context): void {
        state['began'] = 'before';
      }
      done({ state }: Context): void {
        seen.push(String(state['began']), 'after');
      }
    }
    @Controller('example')
    @UseInterceptors(Around)
    class Example {
      @WebSocket()
      fail(): never {
        throw new Error('no');
      }
    }
    await reply(await (await testApp({ controllers: [Example] })).connect('/example'), '');
    await until(() => seen.length === 2);
    expect(seen).toEqual(['before', 'after']);
  },

  '`@App()`, `AppConfig`, `configureDependencies(DI)`': async () => {
    class Store {
      readonly name = 'store';
    }
    @Controller('example')
    class Example {
      constructor(private readonly store: Store) {}
      @WebSocket()
      say(): string {
        return this.store.name;
      }
    }
    @Controller('wrong')
    class Wrong {
      @WebSocket({ event: 'a' })
      a(text: string): string {
        return text;
      }
      @WebSocket({ event: 'end' })
      b(): void {}
    }
    const app = await testApp({ controllers: [Example], providers: [Store] });
    expect(await reply(await app.connect('/example'), '')).toBe('store');
    const error: unknown = await createApp({ controllers: [Example, Wrong] }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BootError);
    expect((error as BootError).problems.map(({ where }) => where)).toEqual([
      'Wrong.a',
      'Wrong.b',
      'Example.constructor',
    ]);
  },

  '`@AllowOrigins`': async () => {
    @Controller('example', { origins: ['https://example.com'] })
    class Example {
      @WebSocket()
      say(): void {}
    }
    @Controller('other')
    class Other {
      @WebSocket()
      say(): void {}
      @Get()
      get(): string {
        return 'got';
      }
    }
    const app = await testApp({ controllers: [Example, Other], origins: ['https://example.org'] });
    await app.connect('/example', { origin: 'https://example.com' });
    await app.connect('/other', { origin: 'https://example.org' });
    expect((await app.refused('/other', { origin: 'https://example.com' })).status).toBe(403);
    expect((await app.request('/other', { headers: { origin: 'https://evil.example' } })).body).toBe('got');
  },

  '`@SSE`': async () => {
    @Controller('example')
    class Example {
      @Sse()
      *events(): Generator<unknown> {
        yield 'plain';
        yield new SseEvent({ event: 'price', id: '1', data: { eur: 2 } });
      }
    }
    const { headers, body } = await (await testApp({ controllers: [Example] })).request('/example');
    expect(headers['content-type']).toContain('text/event-stream');
    expect(body).toContain('data: plain\n\nevent: price\nid: 1\ndata: {"eur":2}\n\n');
  },

  '`@StatusCode`, `@SetHeader`, `@Redirect`': async () => {
    @Controller('example')
    class Example {
      @Post()
      @HttpCode(202)
      @SetHeader('x-a', 'b')
      take(@Body(Json) body: unknown): unknown {
        return body;
      }
      @Get('old')
      @Redirect('/example/new', 301)
      old(): void {}
    }
    const app = await testApp({ controllers: [Example] });
    expect(await app.request('/example', { body: { n: 1 } })).toMatchObject({ status: 202, headers: { 'x-a': 'b' } });
    expect(await app.request('/example/old')).toMatchObject({ status: 301, headers: { location: '/example/new' } });
  },

  // What Fastify's Swagger plugin lives on: the hook that sees each route.
  'hot reload, generated clients, Swagger': async () => {
    const seen: string[] = [];
    @Controller('example')
    class Example {
      @Get(':id')
      get(connection: Context): string {
        return connection.kind;
      }
    }
    const app = await createApp({ controllers: [Example], logger: false });
    const swagger = (fastify: FastifyInstance, _options: object, done: () => void): void => {
      fastify.addHook('onRoute', ({ method, url }) => void seen.push(`${String(method)} ${url}`));
      done();
    };
    // What `fastify-plugin` does.
    app.http.register(Object.assign(swagger, { [Symbol.for('skip-override')]: true }));
    await app.ready();
    await app.close();
    expect(seen).toContain('GET /example/:id');
  },
};

describe('the names of Revali in docs/coming-from.md', () => {
  it('are what they are said to be, row by row', () => showTable('docs/coming-from.md', 'Revali', rows), 30_000);
});

/** What comes first after a message. */
async function reply(client: TestClient, message: object | string | number): Promise<string> {
  client.send(message);
  return String(await client.next());
}
