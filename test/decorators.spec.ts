import { describe, expect, it } from '@jest/globals';
import {
  Body,
  CloseInfo,
  Connection,
  ConnectionError,
  Controller,
  Cookie,
  createParamDecorator,
  Data,
  Get,
  Header,
  Inject,
  Ip,
  OnConnect,
  OnDisconnect,
  OnError,
  Param,
  ParseIntPipe,
  Query,
  SetMetadata,
  Use,
  UseGuards,
  UsePipes,
  WebSocket,
  type Context,
  type Guard,
  type Interceptor,
  type Pipe,
} from 'halyard';
import { testApp, until } from 'halyard/testing';
import { ask } from './asking.js';

describe('decorators', () => {
  it('R-dec-controller puts endpoints below the prefix and the path, with the patterns of find-my-way', async () => {
    @Controller('/rooms/:room(^\\d+$)/')
    class Rooms {
      @WebSocket('seats/:seat')
      seat(@Param('room') room: number, @Param('seat') seat: string): unknown {
        return { room, seat };
      }
      @Get('*')
      rest(@Param('*') rest: string): unknown {
        return { rest };
      }
    }
    @Controller()
    class Root {
      @Get()
      root(): string {
        return 'root';
      }
    }
    const app = await testApp({ controllers: [Rooms, Root], prefix: 'api/v1/' });
    expect(await ask(await app.connect('/api/v1/rooms/7/seats/a'), '')).toEqual({ room: 7, seat: 'a' });
    expect((await app.request('/api/v1/rooms/7/a/b')).body).toEqual({ rest: 'a/b' });
    expect((await app.request('/api/v1')).body).toBe('root');
    for (const path of ['/rooms/7/seats/a', '/api/v1/rooms/x/seats/a', '/api/v1/rooms/7/seats']) {
      expect((await app.refused(path)).status).toBe(404);
    }
  });

  it('R-dec-websocket takes messages by event, and without one all that no other endpoint takes', async () => {
    @Controller('chat')
    class Chat {
      @WebSocket()
      other(@Body() text: string): string {
        return `other ${text}`;
      }
      @WebSocket({ event: 'say' })
      say(@Body() text: string): string {
        return `say ${text}`;
      }
      @WebSocket('quiet', { event: 'say' })
      quiet(@Body() text: string): string {
        return `quiet ${text}`;
      }
    }
    const app = await testApp({ controllers: [Chat] });
    const client = await app.connect('/chat');
    for (const [message, reply] of [
      ['hello', 'other hello'],
      ['{"event":"say","payload":"hi"}', 'say hi'],
      ['{"event":"sing"}', 'other {"event":"sing"}'],
    ]) {
      client.send(message!);
      expect(await client.next()).toBe(reply);
    }
    const quiet = await app.connect('/chat/quiet');
    quiet.send({ event: 'say', payload: 'hi' });
    expect(await quiet.next()).toBe('quiet hi');
    expect(await ask(quiet, 'hello')).toMatchObject({ event: 'error', payload: { code: 'UNKNOWN_EVENT' } });
  });

  it('R-dec-hooks cover every path of the controller, or the one that they name; CloseInfo and ConnectionError are bound', async () => {
    const seen: unknown[] = [];
    @Controller('hooks')
    class Hooks {
      @WebSocket('a')
      a(@Body() text: string): void {
        if (text === 'fail') throw new TypeError('inner');
      }
      @WebSocket('b')
      b(): void {}
      @OnConnect()
      both({ url }: Connection): void {
        seen.push(`connect ${url}`);
      }
      @OnConnect('b')
      only({ url }: Connection): void {
        seen.push(`connect b ${url}`);
      }
      @OnDisconnect('a')
      gone({ code, reason, wasClean }: CloseInfo): void {
        seen.push({ code, reason, wasClean });
      }
      @OnError()
      failed({ error }: ConnectionError, { url }: Connection): void {
        seen.push(`${url} ${String(error)}`);
      }
    }
    const app = await testApp({ controllers: [Hooks] });
    const a = await app.connect('/hooks/a');
    const b = await app.connect('/hooks/b');
    a.send('fail');
    await a.next();
    await b.close(1000, 'b');
    await a.close(3001, 'bye');
    await until(() => seen.length === 5);
    expect(seen).toEqual([
      'connect /hooks/a',
      'connect /hooks/b',
      'connect b /hooks/b',
      '/hooks/a TypeError: inner',
      { code: 3001, reason: 'bye', wasClean: true },
    ]);
  });

  it('R-dec-push-only a path with nothing but @OnConnect is a socket that only pushes', async () => {
    @Controller('clock')
    class Clock {
      @OnConnect()
      start(connection: Connection): string {
        void connection.send({ tick: 1 });
        return 'started';
      }
    }
    @Controller('zones')
    class Zones {
      @OnConnect()
      any(): string {
        return 'any';
      }
      @OnConnect('utc')
      utc(): unknown {
        return { zone: 'utc' };
      }
    }
    const app = await testApp({ controllers: [Clock, Zones] });
    const client = await app.connect('/clock');
    expect(await client.json()).toEqual({ tick: 1 });
    expect(await client.next()).toBe('started');
    expect(await ask(client, 'hello')).toMatchObject({ event: 'error', payload: { code: 'UNKNOWN_EVENT' } });
    const utc = await app.connect('/zones/utc');
    expect([await utc.next(), await utc.json()]).toEqual(['any', { zone: 'utc' }]);
    expect((await app.refused('/zones')).status).toBe(404);
  });

  it('R-dec-bindings bind what they name in endpoints and in hooks', async () => {
    const seen: unknown[] = [];
    class SignedIn implements Guard {
      canActivate({ data }: Context): boolean {
        data['user'] = 'ada';
        return true;
      }
    }
    @Controller('rooms/:room')
    @UseGuards(SignedIn)
    class Rooms {
      @OnConnect()
      enter(@Param('room') room: string, @Data('user') user: string, @Ip() ip: string): unknown {
        return { room, user, ip };
      }
      @WebSocket()
      all(
        @Param('room') room: string,
        @Query('n') n: number,
        @Header('x-team') team: string,
        @Cookie('sid') sid: string,
        @Ip() ip: string,
        @Data('user') user: string,
        @Data() data: Record<string, unknown>,
        @Inject('motto') motto: string,
        @Body() text: string,
      ): unknown {
        data['user'] = 'bob';
        return { room, n, team, sid, ip, user, motto, text };
      }
      @OnDisconnect()
      leave(@Query('n') n: number, @Data('user') user: string, @Data('nothing') nothing: unknown): void {
        seen.push({ n, user, nothing });
      }
    }
    const app = await testApp({
      controllers: [Rooms],
      providers: [{ provide: 'motto', useValue: 'onwards' }],
    });
    const client = await app.connect('/rooms/a?n=5', { headers: { 'x-team': 'red', cookie: 'sid=s1' } });
    expect(await client.json()).toEqual({ room: 'a', user: 'ada', ip: '127.0.0.1' });
    const known = { room: 'a', n: 5, team: 'red', sid: 's1', ip: '127.0.0.1', motto: 'onwards' };
    expect(await ask(client, 'hi')).toEqual({ ...known, user: 'ada', text: 'hi' });
    expect(await ask(client, 'ho')).toEqual({ ...known, user: 'bob', text: 'ho' });
    await client.close();
    await until(() => seen.length > 0);
    expect(seen).toEqual([{ n: 5, user: 'bob', nothing: undefined }]);
  });

  it('R-dec-custom-param runs for each message, connect and request, asynchronous or not, and takes pipes', async () => {
    let calls = 0;
    const Call = createParamDecorator((prefix: string, { kind }: Context) => `${prefix} ${kind} ${++calls}`);
    const Size = createParamDecorator(async (_data: void, { request }: Context) =>
      Promise.resolve(request.headers['x-size']),
    );
    class Shout implements Pipe<unknown, unknown> {
      transform(value: unknown): unknown {
        return typeof value === 'string' && value.startsWith('call') ? value.toUpperCase() : value;
      }
    }
    @Controller('custom')
    @UsePipes(Shout)
    class Custom {
      @OnConnect()
      enter(@Call('call') call: string): unknown {
        return { call };
      }
      @Get()
      @WebSocket()
      take(@Call('call') call: string, @Size(undefined, ParseIntPipe) size: number): unknown {
        return { call, size };
      }
    }
    const app = await testApp({ controllers: [Custom] });
    const client = await app.connect('/custom', { headers: { 'x-size': '5' } });
    expect(await client.json()).toEqual({ call: 'CALL CONNECT 1' });
    expect(await ask(client, 'a')).toEqual({ call: 'CALL MESSAGE 2', size: 5 });
    expect(await ask(client, 'b')).toEqual({ call: 'CALL MESSAGE 3', size: 5 });
    const { status, body } = await app.request('/custom', { headers: { 'x-size': 'large' } });
    expect([status, body]).toMatchObject([400, { code: 'PARAM_INVALID', message: 'the custom must be an integer' }]);
  });

  it('R-dec-use takes classes and instances on three levels; a class is one instance and may fill several roles', async () => {
    const made: object[] = [];
    class Everything implements Guard, Interceptor, Pipe {
      readonly #calls: string[] = [];
      constructor() {
        made.push(this);
      }
      canActivate({ kind }: Context): boolean {
        this.#calls.push(kind);
        return true;
      }
      transform(value: unknown): unknown {
        this.#calls.push('pipe');
        return value;
      }
      post(_c: Context, value: unknown): unknown {
        return [...(value as string[]), ...this.#calls.splice(0)];
      }
    }
    class Tag implements Interceptor {
      constructor(private readonly tag: string) {}
      post(_c: Context, value: unknown): unknown {
        return [...(value as string[]), this.tag];
      }
    }
    @Controller('use')
    @Use(Everything, new Tag('first'), new Tag('second'))
    class Used {
      @WebSocket('a')
      @Use(new Tag('method'), Everything)
      a(@Body() text: string): string[] {
        return [text];
      }
      @WebSocket('b')
      b(@Body() text: string): string[] {
        return [text];
      }
    }
    const app = await testApp({ controllers: [Used], use: [new Tag('app'), Everything] });
    const a = await app.connect('/use/a');
    const levels = ['upgrade', 'upgrade', 'upgrade', 'pipe', 'pipe', 'pipe'];
    expect(await ask(a, 'x')).toEqual(['x', ...levels, 'method', 'second', 'first', 'app']);
    const b = await app.connect('/use/b');
    expect(await ask(b, 'x')).toEqual(['x', 'second', 'first', 'upgrade', 'upgrade', 'pipe', 'pipe', 'app']);
    expect(made).toEqual([app.get(Everything)]);
  });

  it('R-dec-metadata @SetMetadata is read with context.metadata, method before controller', async () => {
    class Report implements Interceptor {
      post({ metadata }: Context): unknown {
        return { role: metadata.get('role'), area: metadata.get('area'), none: metadata.get('none') ?? 'none' };
      }
    }
    @Controller('meta')
    @SetMetadata('role', 'user')
    @SetMetadata('area', 'all')
    @Use(Report)
    class Meta {
      @WebSocket()
      @SetMetadata('role', 'admin')
      admin(): string {
        return '';
      }
      @Get()
      user(): string {
        return '';
      }
    }
    const app = await testApp({ controllers: [Meta] });
    expect(await ask(await app.connect('/meta'), '')).toEqual({ role: 'admin', area: 'all', none: 'none' });
    expect((await app.request('/meta')).body).toEqual({ role: 'user', area: 'all', none: 'none' });
  });
});
