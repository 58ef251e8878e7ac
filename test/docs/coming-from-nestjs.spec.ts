/** Each row of the table of NestJS' names in docs/coming-from.md, done with the names that Halyard has. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { IsInt } from 'class-validator';
import {
  answer,
  App,
  Body,
  Catch,
  Channels,
  CloseInfo,
  connect,
  Connection,
  ConnectionError,
  Connections,
  Context,
  Controller,
  createParamDecorator,
  each,
  Get,
  HttpError,
  Inject,
  Injectable,
  OnConnect,
  OnDisconnect,
  OnError,
  Param,
  refuse,
  SetMetadata,
  UseCatchers,
  UseGuards,
  UseInterceptors,
  UseMiddleware,
  UsePipes,
  WebSocket,
  type Answer,
  type Catcher,
  type Guard,
  type Interceptor,
  type Middleware,
  type Outcome,
  type Pipe,
  type Refusal,
} from 'halyard';
import { TestClient, testApp, until } from 'halyard/testing';
import { of } from 'rxjs';
import { z } from 'zod';
import { showTable, type Rows } from '../support/table.js';

class Move {
  @IsInt()
  x!: number;
}

const rows: Rows = {
  async '`@WebSocketGateway({ path })`'() {
    @Controller('chat')
    class Chat {
      @WebSocket()
      hello(): string {
        return 'hello';
      }
    }
    @Controller('rooms/:room')
    class Rooms {
      @WebSocket()
      which(@Param('room') room: string): string {
        return room;
      }
    }
    const app = await testApp({ controllers: [Chat, Rooms] });
    expect(await reply(await app.connect('/chat'), '')).toBe('hello');
    expect(await reply(await app.connect('/rooms/7'), '')).toBe('7');
  },

  async "`@SubscribeMessage('say')`"() {
    @Controller('chat')
    class Chat {
      @WebSocket({ event: 'say' })
      say(@Body() text: string): string {
        return `you say ${text}`;
      }
    }
    @Controller('open')
    class Open extends Chat {
      @WebSocket()
      rest(@Body() text: string): string {
        return `what is ${text}`;
      }
    }
    const app = await testApp({ controllers: [Chat, Open] });
    const client = await app.connect('/chat');
    expect(await reply(client, { event: 'say', payload: 'hi' })).toBe('you say hi');
    for (const other of [{ event: 'shout', payload: 'hi' }, '{"event":']) {
      expect(JSON.parse(await reply(client, other))).toMatchObject({
        event: 'error',
        payload: { code: 'UNKNOWN_EVENT' },
      });
    }
    expect(await reply(await app.connect('/open'), 'this')).toBe('what is this');
  },

  async "`@MessageBody()`, `@MessageBody('a')`"() {
    @Controller('chat')
    class Chat {
      @WebSocket({ event: 'class' })
      whole(@Body() { x }: Move): number {
        return x;
      }
      @WebSocket({ event: 'part' })
      part(@Body('a') a: string): string {
        return a;
      }
      @WebSocket({ event: 'schema' })
      schema(@Body(z.object({ x: z.int() })) { x }: { x: number }): number {
        return x;
      }
    }
    const client = await (await testApp({ controllers: [Chat] })).connect('/chat');
    expect(await reply(client, { event: 'part', payload: { a: 'b' } })).toBe('b');
    for (const event of ['class', 'schema']) {
      expect(await reply(client, { event, payload: { x: 1 } })).toBe('1');
      expect(await reply(client, { event, payload: { x: 'y' } })).toContain('VALIDATION_FAILED');
    }
  },

  async '`@ConnectedSocket()`'() {
    @Controller('chat')
    class Chat {
      @WebSocket()
      async use(@Body() name: string, connection: Connection): Promise<void> {
        connection.user = name;
        connection.data['name'] = name;
        await connection.join('room');
        await connection.send(`${typeof connection.id} ${connection.user} ${String(connection.data['name'])}`);
        await connection.publish('room', 'published');
        connection.close(4000, 'enough');
      }
    }
    const client = await (await testApp({ controllers: [Chat] })).connect('/chat');
    client.send('ada');
    expect([await client.next(), await client.next()]).toEqual(['string ada ada', 'published']);
    expect(await client.closed()).toMatchObject({ code: 4000, reason: 'enough' });
  },

  async '`@Ack()`'() {
    @Controller('chat')
    class Chat {
      @WebSocket({ event: 'double' })
      double(@Body() n: number): number {
        return n * 2;
      }
      @WebSocket({ event: 'nothing' })
      nothing(): void {}
    }
    const client = await (await testApp({ controllers: [Chat] })).connect('/chat');
    client.send({ event: 'double', payload: 2, ref: 1 });
    expect(await client.json()).toEqual({ event: 'reply', ref: 1, payload: 4 });
    client.send({ event: 'double', payload: 'two', ref: 'b' });
    expect(await client.json()).toMatchObject({ event: 'error', ref: 'b', payload: { code: 'BODY_TYPE' } });
    client.send({ event: 'nothing', ref: 3 });
    expect(await client.json()).toEqual({ event: 'reply', ref: 3, payload: null });
    await client.idle();
  },

  async '`WsResponse`, a returned value'() {
    @Controller('chat')
    class Chat {
      @WebSocket()
      say(@Body() text: string): unknown {
        return text === '' ? undefined : { event: 'said', data: text };
      }
    }
    const client = await (await testApp({ controllers: [Chat] })).connect('/chat');
    expect(await reply(client, 'hi')).toBe('{"event":"said","data":"hi"}');
    client.send('');
    await client.idle();
  },

  async 'a returned `Observable`'() {
    let ended = false;
    @Controller('count')
    class Count {
      @WebSocket({ event: 'generator' })
      async *count(signal: AbortSignal): AsyncGenerator<number> {
        try {
          yield 1;
          yield 2;
          await once(signal, 'abort');
        } finally {
          ended = true;
        }
      }
      @WebSocket({ event: 'observable' })
      observe(): unknown {
        return of(1, 2);
      }
    }
    const app = await testApp({ controllers: [Count] });
    const client = await app.connect('/count');
    client.send({ event: 'generator' });
    expect([await client.next(), await client.next()]).toEqual(['1', '2']);
    client.terminate();
    await until(() => ended);
    const refused = await reply(await app.connect('/count'), { event: 'observable' });
    expect(JSON.parse(refused)).toMatchObject({ event: 'error', payload: { code: 'INTERNAL' } });
  },

  async '`handleConnection`, `handleDisconnect`'() {
    const seen: unknown[] = [];
    @Controller('chat')
    class Chat {
      @OnConnect()
      async open(connection: Connection): Promise<string> {
        if (connection.request.query['user'] === 'eve') throw new HttpError(403, 'not you');
        await Promise.resolve();
        return 'welcome';
      }
      @WebSocket()
      fail(): never {
        throw new Error('no');
      }
      @OnError()
      error({ error }: ConnectionError): void {
        seen.push((error as Error).message);
      }
      @OnDisconnect()
      close({ code }: CloseInfo): void {
        seen.push(code);
      }
    }
    const app = await testApp({ controllers: [Chat] });
    const client = app.client('/chat');
    client.socket.once('open', () => client.send('at once'));
    expect(await client.next()).toBe('welcome');
    expect(await client.json()).toMatchObject({ event: 'error' });
    await client.close(4000);
    await until(() => seen.length === 2);
    expect(seen).toEqual(['no', 4000]);
    expect((await (await app.connect('/chat?user=eve')).closed()).code).toBe(1008);
  },

  async '`afterInit`, `@WebSocketServer()`'() {
    @Controller('chat')
    class Chat {
      constructor(
        readonly connections: Connections,
        readonly channels: Channels,
      ) {}
      @WebSocket()
      async all(connection: Connection): Promise<void> {
        await connection.join('room');
        await this.channels.publish('room', `${this.connections.count()} here`);
      }
    }
    const app = await testApp({ controllers: [Chat] });
    const client = await app.connect('/chat');
    expect(await reply(client, '')).toBe('1 here');
    await app.get(Connections).broadcast('to all');
    await app.get(Channels).publish('room', 'to the room');
    expect([await client.next(), await client.next()]).toEqual(['to all', 'to the room']);
  },

  async 'guards (messages only)'() {
    const ran: string[] = [];
    class Member implements Guard {
      canActivate({ kind, request }: Context): boolean {
        ran.push(kind);
        return request.query['user'] !== undefined;
      }
    }
    class Root implements Guard {
      canActivate({ kind, request }: Context): boolean {
        ran.push(`root: ${kind}`);
        return request.query['user'] === 'root';
      }
    }
    @Controller('chat')
    @UseGuards(Member)
    class Chat {
      @WebSocket({ event: 'say' })
      say(): string {
        return 'said';
      }
      @WebSocket({ event: 'kick' })
      @UseGuards(Root)
      kick(): string {
        return 'kicked';
      }
    }
    @Controller('checked')
    @UseGuards(each('message', Member))
    class Checked {
      @WebSocket()
      say(): string {
        return 'said';
      }
    }
    const app = await testApp({ controllers: [Chat, Checked] });
    expect(await app.refused('/chat')).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    const client = await app.connect('/chat?user=ada');
    expect(await reply(client, { event: 'say' })).toBe('said');
    expect(JSON.parse(await reply(client, { event: 'kick' }))).toMatchObject({ payload: { code: 'FORBIDDEN' } });
    expect(await reply(client, { event: 'say' })).toBe('said');
    expect(ran.splice(0)).toEqual(['upgrade', 'upgrade', 'root: message']);
    expect(await reply(await app.connect('/checked?user=ada'), '')).toBe('said');
    expect(ran).toEqual(['upgrade', 'message']);
  },

  async 'middleware (HTTP only)'() {
    const ran: string[] = [];
    class Door implements Middleware {
      use({ kind, request }: Context): Refusal | void {
        ran.push(kind);
        if (request.query['user'] === 'bob') return refuse(418, 'short and stout');
        if (request.query['user'] === 'eve') throw new HttpError(409, 'not you');
        return undefined;
      }
    }
    @Controller('chat')
    @UseMiddleware(Door)
    class Chat {
      @WebSocket()
      say(): string {
        return 'said';
      }
      @Get()
      get(): string {
        return 'got';
      }
    }
    class Note implements Middleware {
      use({ kind }: Context): void {
        ran.push(`app: ${kind}`);
      }
    }
    const express = connect((request, _response, next) => {
      ran.push(`express: ${request.url}`);
      next();
    });
    const app = await testApp({ controllers: [Chat], use: [Note, express] });
    expect(await reply(await app.connect('/chat'), '')).toBe('said');
    expect((await app.request('/chat')).body).toBe('got');
    expect(ran).toEqual(['upgrade', 'http'].flatMap((kind) => [`app: ${kind}`, 'express: /chat', kind]));
    expect((await app.refused('/chat?user=bob')).status).toBe(418);
    expect((await app.refused('/chat?user=eve')).status).toBe(409);
    expect((await app.request('/chat?user=bob')).status).toBe(418);
  },

  async 'interceptors with `next.handle()` and RxJS'() {
    const ran: unknown[] = [];
    class Around implements Interceptor {
      pre(): void {
        ran.push('pre');
      }
      post(_: Context, value: unknown): unknown {
        return `<${String(value)}>`;
      }
      done(_: Context, { status }: Outcome): void {
        ran.push(status);
      }
    }
    @Controller('chat')
    @UseInterceptors(Around)
    class Chat {
      @WebSocket({ event: 'one' })
      one(): string {
        return 'one';
      }
      @WebSocket({ event: 'many' })
      *many(): Generator<string> {
        yield 'a';
        yield 'b';
      }
    }
    const client = await (await testApp({ controllers: [Chat] })).connect('/chat');
    expect(await reply(client, { event: 'one' })).toBe('<one>');
    expect([await reply(client, { event: 'many' }), await client.next()]).toEqual(['<a>', '<b>']);
    await until(() => ran.length === 4);
    expect(ran).toEqual(['pre', 'ok', 'pre', 'ok']);
  },

  async 'pipes, `ValidationPipe`'() {
    class Trim implements Pipe<unknown, unknown> {
      transform(value: unknown): unknown {
        return typeof value === 'string' ? value.trim() : value;
      }
    }
    @Controller('chat')
    class Chat {
      @WebSocket({ event: 'text' })
      @UsePipes(Trim)
      text(@Body() text: string): string {
        return `<${text}>`;
      }
      @WebSocket({ event: 'move' })
      move(@Body() move: Move): Move {
        return move;
      }
    }
    const client = await (await testApp({ controllers: [Chat] })).connect('/chat');
    expect(await reply(client, { event: 'text', payload: ' hi ' })).toBe('<hi>');
    expect(await reply(client, { event: 'move', payload: { x: 1, y: 2 } })).toBe('{"x":1}');
    expect(await reply(client, { event: 'move', payload: { x: '1' } })).toContain('VALIDATION_FAILED');
  },

  async 'filters, `WsException`, `BaseWsExceptionFilter`'() {
    class Full extends Error {}
    @Catch(Full)
    class Waiting implements Catcher {
      catch(): Answer {
        return answer('you are on the list');
      }
    }
    class Door implements Guard {
      canActivate({ request }: Context): boolean {
        if (request.query['user'] === 'eve') throw new HttpError(401, 'not you', { code: 'EVE' });
        return true;
      }
    }
    @Controller('chat')
    @UseGuards(Door)
    @UseCatchers(Waiting)
    class Chat {
      @WebSocket({ event: 'full' })
      full(): never {
        throw new Full();
      }
      @WebSocket({ event: 'taken' })
      taken(): never {
        throw new HttpError(409, 'taken', { code: 'TAKEN' });
      }
      @Get()
      get(): never {
        return this.taken();
      }
    }
    const app = await testApp({ controllers: [Chat] });
    const client = await app.connect('/chat');
    expect(await reply(client, { event: 'full' })).toBe('you are on the list');
    const payload = { code: 'TAKEN', message: 'taken' };
    expect(JSON.parse(await reply(client, { event: 'taken' }))).toEqual({ event: 'error', payload });
    expect(await app.request('/chat')).toMatchObject({ status: 409, body: payload });
    expect(await app.refused('/chat?user=eve')).toMatchObject({ status: 401, body: { code: 'EVE' } });
  },

  async '`ExecutionContext`, `switchToWs()`, `Reflector`'() {
    const seen: Context[] = [];
    class See implements Interceptor, Guard {
      canActivate(context: Context): boolean {
        seen.push(context);
        return true;
      }
      pre(context: Context): void {
        seen.push(context);
      }
    }
    @Controller('chat')
    @SetMetadata('roles', ['member'])
    @UseGuards(See)
    @UseInterceptors(See)
    class Chat {
      @OnConnect()
      open(): void {}
      @WebSocket()
      @SetMetadata('roles', ['root'])
      say(): string {
        return 'said';
      }
      @Get()
      get(): string {
        return 'got';
      }
    }
    const app = await testApp({ controllers: [Chat] });
    await reply(await app.connect('/chat'), '');
    await app.request('/chat');
    expect(seen.map(({ kind }) => kind)).toEqual(['upgrade', 'connect', 'message', 'http', 'http']);
    const roles = new Map(seen.map(({ kind, metadata }) => [kind, metadata.get('roles')]));
    expect([roles.get('message'), roles.get('http')]).toEqual([['root'], ['member']]);
    for (const { request, data, route } of seen)
      expect([request.path, typeof data, route.path]).toEqual(['/chat', 'object', '/chat']);
  },

  async '`createParamDecorator`, `SetMetadata`, `applyDecorators`'() {
    const User = createParamDecorator(
      (key: unknown, { request }) => request.query[(key as string | undefined) ?? 'user'],
    );
    const role = (name: string): MethodDecorator => {
      const set = SetMetadata('role', name);
      const use = UseInterceptors(See);
      return (...args) => {
        set(...args);
        use(...args);
      };
    };
    let seen: unknown;
    class See implements Interceptor {
      pre({ metadata }: Context): void {
        seen = metadata.get('role');
      }
    }
    @Controller('chat')
    class Chat {
      @WebSocket()
      @role('member')
      say(@User() user: string, @User('room') room: string): string {
        return `${user} in ${room}`;
      }
    }
    const app = await testApp({ controllers: [Chat] });
    expect(await reply(await app.connect('/chat?user=ada&room=7'), '')).toBe('ada in 7');
    expect(seen).toBe('member');
  },

  async '`app.useGlobalGuards(…)` and the like'() {
    const ran: string[] = [];
    class Everywhere implements Guard, Interceptor {
      canActivate({ kind }: Context): boolean {
        ran.push(`guard: ${kind}`);
        return true;
      }
      pre({ kind }: Context): void {
        ran.push(`interceptor: ${kind}`);
      }
    }
    class Always implements Guard {
      canActivate({ kind }: Context): boolean {
        ran.push(`each: ${kind}`);
        return true;
      }
    }
    @Controller('chat')
    class Chat {
      @WebSocket()
      say(): string {
        return 'said';
      }
      @Get()
      get(): string {
        return 'got';
      }
    }
    const app = await testApp({ controllers: [Chat], use: [Everywhere, each('message', Always)] });
    await reply(await app.connect('/chat'), '');
    expect(ran.splice(0)).toEqual(['guard: upgrade', 'each: upgrade', 'each: message', 'interceptor: message']);
    await app.request('/chat');
    expect(ran).toEqual(['guard: http', 'each: http', 'interceptor: http']);
  },

  async modules() {
    class Store {
      readonly name: string = 'store';
    }
    class Fake extends Store {
      override readonly name = 'fake';
    }
    @Controller('chat')
    class Chat {
      constructor(
        private readonly store: Store,
        @Inject('url') private readonly url: string,
        @Inject('made') private readonly made: string,
        @Inject('same') private readonly same: Store,
      ) {}
      @WebSocket()
      say(): string {
        return `${this.store.name} ${this.url} ${this.made} ${String(this.same === this.store)}`;
      }
    }
    const providers = [
      { provide: Store, useClass: Fake },
      { provide: 'url', useValue: 'db://' },
      { provide: 'made', useFactory: (url: string) => `of ${url}`, inject: ['url'] },
      { provide: 'same', useExisting: Store },
    ];
    const app = await testApp({ controllers: [Chat], providers });
    expect(await reply(await app.connect('/chat'), '')).toBe('fake db:// of db:// true');
    const globs = await testApp({
      controllers: [fileURLToPath(new URL('../fixtures/*.controller.js', import.meta.url))],
    });
    expect(globs.app.routes()).not.toEqual([]);
  },

  async '`Scope.REQUEST` (not for gateways)'() {
    const ended: number[] = [];
    let made = 0;
    @Injectable({ scope: 'connection' })
    class Cart {
      readonly number = ++made;
      [Symbol.dispose](): void {
        ended.push(this.number);
      }
    }
    @Controller('shop')
    class Shop {
      @WebSocket()
      say(cart: Cart): number {
        return cart.number;
      }
      @Get()
      get(cart: Cart): number {
        return cart.number;
      }
    }
    const app = await testApp({ controllers: [Shop], providers: [Cart] });
    const client = await app.connect('/shop');
    expect([await reply(client, ''), await reply(client, '')]).toEqual(['1', '1']);
    expect(await reply(await app.connect('/shop'), '')).toBe('2');
    expect((await app.request('/shop')).body).toBe(3);
    await client.close();
    await until(() => ended.length === 2);
    expect(ended).toEqual([3, 1]);
  },

  async '`OnModuleInit`, `OnModuleDestroy`'() {
    const log: string[] = [];
    class Db {
      [Symbol.asyncDispose](): Promise<void> {
        log.push('db is closed');
        return Promise.resolve();
      }
    }
    @Injectable()
    class Store {
      constructor(db: Db) {
        log.push(`store over ${db.constructor.name}`);
      }
      [Symbol.dispose](): void {
        log.push('store is closed');
      }
    }
    const useFactory = async (): Promise<Db> => {
      await Promise.resolve();
      log.push('db');
      return new Db();
    };
    @Controller('chat')
    class Chat {
      constructor(readonly store: Store) {}
      @WebSocket()
      say(): void {}
    }
    const app = await testApp({ controllers: [Chat], providers: [Store, { provide: Db, useFactory }] });
    expect(log.splice(0)).toEqual(['db', 'store over Db']);
    await app.close();
    expect(log).toEqual(['store is closed', 'db is closed']);
  },

  async '`enableShutdownHooks()`'() {
    const script = fileURLToPath(new URL('../support/signalled-app.js', import.meta.url));
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'], env: {} });
    try {
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      const port = (await lines.next()).value as string;
      const client = await new TestClient(`ws://127.0.0.1:${port}/work`, {}, 5000).opened();
      client.send('something');
      expect((await lines.next()).value).toBe('working');
      child.kill('SIGTERM');
      expect(await client.next()).toBe('done');
      expect(await client.closed()).toMatchObject({ code: 1001, reason: expect.stringMatching(/^retry-after=\d+$/) });
      expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
    } finally {
      child.kill('SIGKILL');
    }
  },

  async '`Test.createTestingModule().overrideProvider()`'() {
    class Clock {
      now(): number {
        return Date.now();
      }
    }
    @Controller('time')
    class Time {
      constructor(private readonly clock: Clock) {}
      @WebSocket()
      now(): number {
        return this.clock.now();
      }
    }
    const app = await testApp({ controllers: [Time], providers: [Clock], override: [[Clock, { now: () => 42 }]] });
    expect(app.app).toBeInstanceOf(App);
    expect(await reply(await app.connect('/time'), '')).toBe('42');
  },

  // What its client asks first, by polling or at once by an upgrade.
  async '`IoAdapter`, `WsAdapter`, `useWebSocketAdapter`'() {
    @Controller()
    class Home {
      @WebSocket()
      say(): void {}
    }
    const app = await testApp({ controllers: [Home] });
    expect((await app.request('/socket.io/?EIO=4&transport=polling')).status).toBe(404);
    expect((await app.refused('/socket.io/?EIO=4&transport=websocket')).status).toBe(404);
  },
};

describe('the names of NestJS in docs/coming-from.md', () => {
  it(
    'are what they are said to be, row by row',
    () => showTable('docs/coming-from.md', 'NestJS gateways', rows),
    30_000,
  );
});

/** What comes first after a message. */
async function reply(client: TestClient, message: object | string): Promise<string> {
  client.send(message);
  return String(await client.next());
}
