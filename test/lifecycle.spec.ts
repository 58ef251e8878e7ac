import { describe, expect, it } from '@jest/globals';
import {
  answer,
  Body,
  Channels,
  CleanUp,
  CloseInfo,
  Connection,
  Connections,
  Controller,
  DROP,
  each,
  Get,
  HttpError,
  Injectable,
  OnConnect,
  OnDisconnect,
  Param,
  Post,
  Query,
  refuse,
  Use,
  UseGuards,
  UseInterceptors,
  UseCatchers,
  UsePipes,
  WebSocket,
  type Answer,
  type Catcher,
  type Context,
  type Guard,
  type HttpContext,
  type Interceptor,
  type Middleware,
  type Observer,
  type Pipe,
  type UpgradeContext,
} from 'halyard';
import { testApp } from 'halyard/testing';

/** Components that write down what they see, at one level of the app. */
class Level implements Observer, Middleware, Guard, Interceptor, Pipe, Catcher {
  constructor(
    private readonly log: string[],
    private readonly name: string,
  ) {}
  opened(): void {
    this.log.push(`${this.name} opened`);
  }
  closed(_c: Context, info: CloseInfo): void {
    this.log.push(`${this.name} closed ${info.code}`);
  }
  use(c: HttpContext | UpgradeContext): void {
    this.log.push(`${this.name} use ${c.kind}`);
  }
  canActivate(c: Context): boolean {
    this.log.push(`${this.name} guard ${c.kind}`);
    return true;
  }
  pre(c: Context): void {
    this.log.push(`${this.name} pre ${c.kind}`);
  }
  post(c: Context, value: unknown): unknown {
    this.log.push(`${this.name} post ${c.kind}`);
    return `${this.name}(${String(value)})`;
  }
  transform(value: unknown): unknown {
    this.log.push(`${this.name} pipe ${String(value)}`);
    return value;
  }
  catch(): undefined {
    this.log.push(`${this.name} catch`);
  }
}

describe('the lifecycle', () => {
  it('R-life-upgrade R-life-loop R-life-order runs every stage in order, app → controller → method, and back', async () => {
    const log: string[] = [];
    @Controller('rooms/:room')
    @Use(new Level(log, 'controller'))
    class Rooms {
      @WebSocket()
      @Use(new Level(log, 'method'))
      echo(@Param('room') room: string, @Body() text: string): string {
        log.push(`endpoint ${room}`);
        if (text === 'fail') throw new HttpError(400, 'no');
        return text;
      }
    }
    const app = await testApp({ controllers: [Rooms], use: [new Level(log, 'app')] });
    const client = await app.connect('/rooms/a');
    expect(log.splice(0)).toEqual([
      'app opened',
      'controller opened',
      'method opened',
      'app use upgrade',
      'controller use upgrade',
      'method use upgrade',
      'app guard upgrade',
      'controller guard upgrade',
      'method guard upgrade',
      'app pipe a',
      'controller pipe a',
      'method pipe a',
    ]);
    client.send('hi');
    expect(await client.next()).toBe('app(controller(method(hi)))');
    expect(log.splice(0)).toEqual([
      'app pre message',
      'controller pre message',
      'method pre message',
      'app pipe hi',
      'controller pipe hi',
      'method pipe hi',
      'endpoint a',
      'method post message',
      'controller post message',
      'app post message',
    ]);
    client.send('fail');
    await client.next();
    expect(log.splice(0).slice(-4)).toEqual(['endpoint a', 'method catch', 'controller catch', 'app catch']);
    await client.close(4000, 'bye');
    await app.close();
    expect(log).toEqual(['app closed 4000', 'controller closed 4000', 'method closed 4000']);
  });

  it('R-dec-use the decorator of one role takes a component in that role alone', async () => {
    const log: string[] = [];
    @Controller('room')
    @UseGuards(new Level(log, 'guard'))
    @UseInterceptors(new Level(log, 'interceptor'))
    class Room {
      @WebSocket()
      echo(@Body() text: string): string {
        return text;
      }
    }
    const app = await testApp({ controllers: [Room] });
    const client = await app.connect('/room');
    client.send('hi');
    expect(await client.next()).toBe('interceptor(hi)');
    expect(log).toEqual(['guard guard upgrade', 'interceptor pre message', 'interceptor post message']);
  });

  it('R-life-http runs the same stages for an HTTP request', async () => {
    const log: string[] = [];
    @Controller('rooms/:room')
    @Use(new Level(log, 'controller'))
    class Rooms {
      @Post()
      echo(@Param('room') room: string, @Body() text: string): string {
        log.push(`endpoint ${room}`);
        return text;
      }
    }
    const app = await testApp({ controllers: [Rooms], use: [new Level(log, 'app')] });
    expect((await app.request('/rooms/a', { body: 'hi' })).body).toBe('app(controller(hi))');
    await app.close();
    expect(log).toEqual([
      'app opened',
      'controller opened',
      'app use http',
      'controller use http',
      'app guard http',
      'controller guard http',
      'app pipe a',
      'controller pipe a',
      'app pre http',
      'controller pre http',
      'app pipe hi',
      'controller pipe hi',
      'endpoint a',
      'controller post http',
      'app post http',
      'app closed 201',
      'controller closed 201',
    ]);
  });

  it('R-life-close takes the connection out of everything before @OnDisconnect, and reports last', async () => {
    const log: string[] = [];
    @Injectable({ scope: 'connection' })
    class Session {
      [Symbol.asyncDispose](): Promise<void> {
        log.push('scope disposed');
        return Promise.resolve();
      }
    }
    @Controller('room')
    class Room {
      constructor(
        private readonly channels: Channels,
        private readonly connections: Connections,
      ) {}
      @OnConnect()
      async enter(connection: Connection, cleanUp: CleanUp, session: Session): Promise<string> {
        cleanUp.add(() => void log.push(`clean up ${session.constructor.name}`));
        cleanUp.add(() => void log.push('clean up first'));
        await connection.join('room');
        return 'in';
      }
      @WebSocket()
      message(): void {
        log.push('message');
      }
      @OnDisconnect()
      async left(connection: Connection, info: CloseInfo): Promise<void> {
        const joined = await this.channels.count('room');
        log.push(`disconnect ${info.code} ${joined} ${this.connections.count()} ${connection.channels.size}`);
      }
    }
    const observer: Observer = { closed: (_c, info) => log.push(`closed ${info.code} ${info.reason}`) };
    const app = await testApp({ controllers: [Room], providers: [Session], use: [observer] });
    const client = await app.connect('/room');
    await client.next();
    await client.close(1000, 'done');
    await app.close();
    expect(log).toEqual([
      'disconnect 1000 0 0 0',
      'clean up first',
      'clean up Session',
      'scope disposed',
      'closed 1000 done',
    ]);
  });

  it('R-life-refuse-http R-err-guard answers a refusal over HTTP, with headers and body', async () => {
    class Locked implements Guard {
      canActivate(): boolean {
        throw new HttpError(401, 'sign in first', {
          code: 'SIGN_IN',
          details: { at: '/login' },
          headers: { 'x-a': 'b' },
        });
      }
    }
    @Controller('locked')
    @UseGuards(Locked)
    class Room {
      @WebSocket()
      message(): void {
        // never reached
      }
    }
    @Controller('closed')
    @UseGuards({ canActivate: () => false })
    class Closed {
      @WebSocket()
      message(): void {
        // never reached
      }
    }
    const app = await testApp({ controllers: [Room, Closed] });
    const refused = await app.refused('/locked');
    expect(refused.status).toBe(401);
    expect(refused.headers['x-a']).toBe('b');
    expect(refused.body).toEqual({ code: 'SIGN_IN', message: 'sign in first', details: { at: '/login' } });
    expect(await app.refused('/closed')).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN', message: 'not allowed' },
    });
    expect(app.app.metrics()).toMatchObject({ connections: 0, handshakes: { SIGN_IN: 1, FORBIDDEN: 1 } });
  });

  it('R-life-refuse-close completes the 101 and closes with 4000 + status; no hook and no endpoint runs', async () => {
    const log: string[] = [];
    @Controller('room', { refuse: 'close' })
    @UseGuards({ canActivate: () => false })
    class Room {
      @OnConnect()
      enter(): void {
        log.push('connect');
      }
      @WebSocket()
      message(): void {
        log.push('message');
      }
      @OnDisconnect()
      left(): void {
        log.push('disconnect');
      }
    }
    const app = await testApp({ controllers: [Room] });
    const client = await app.connect('/room');
    client.send('hello?');
    expect(await client.closed()).toMatchObject({ code: 4403, reason: 'FORBIDDEN' });
    await app.close();
    expect(log).toEqual([]);
  });

  it('R-life-method-guard refuses the message, not the connection, where a path has several endpoints', async () => {
    class Admin implements Guard {
      canActivate(c: Context): boolean {
        return c.kind === 'message' && c.text().includes('please');
      }
    }
    @Controller('room')
    class Room {
      @WebSocket({ event: 'kick' })
      @UseGuards(Admin)
      kick(@Body() how: string): string {
        return `kicked, ${how}`;
      }
      @WebSocket({ event: 'say' })
      say(): string {
        return 'said';
      }
    }
    const app = await testApp({ controllers: [Room] });
    const client = await app.connect('/room');
    client.send({ event: 'kick', payload: 'now', ref: 1 });
    client.send({ event: 'kick', payload: 'please', ref: 2 });
    client.send({ event: 'say', ref: 3 });
    expect(await client.json()).toEqual({
      event: 'error',
      payload: { code: 'FORBIDDEN', message: 'not allowed' },
      ref: 1,
    });
    expect(await client.json()).toEqual({ event: 'reply', ref: 2, payload: 'kicked, please' });
    expect(await client.json()).toEqual({ event: 'reply', ref: 3, payload: 'said' });
  });

  it('R-life-each runs a guard at the upgrade and for every message', async () => {
    const seen: string[] = [];
    class Counting implements Guard {
      canActivate(c: Context): boolean {
        seen.push(c.kind);
        return c.kind !== 'message' || c.text() !== 'no';
      }
    }
    @Controller('room')
    @UseGuards(each('message', Counting))
    class Room {
      @WebSocket()
      echo(@Body() text: string): string {
        return text;
      }
    }
    const app = await testApp({ controllers: [Room] });
    const client = await app.connect('/room');
    client.send('yes');
    client.send('no');
    expect(await client.next()).toBe('yes');
    expect(await client.json()).toMatchObject({ payload: { code: 'FORBIDDEN' } });
    expect(seen).toEqual(['upgrade', 'message', 'message']);
  });

  it('R-life-connect runs interceptors and catchers for @OnConnect and triggerOnConnect, and sends what they return', async () => {
    class Stamp implements Interceptor {
      post(c: Context, value: unknown): unknown {
        return `${c.kind}: ${String(value)}`;
      }
    }
    @Controller('room')
    @UseInterceptors(Stamp)
    class Room {
      @OnConnect()
      enter(): string {
        return 'welcome';
      }
      @WebSocket({ triggerOnConnect: true })
      echo(@Body(String) text: string | null): string {
        return text ?? 'nothing yet';
      }
    }
    class Polite implements Catcher {
      catch(error: unknown): Answer {
        return answer(`sorry, ${(error as Error).message}`);
      }
    }
    @Controller('broken')
    @UseCatchers(Polite)
    class Broken {
      @OnConnect()
      enter(): void {
        throw new HttpError(403, 'not today');
      }
    }
    const app = await testApp({ controllers: [Room, Broken] });
    const client = await app.connect('/room');
    expect(await client.next()).toBe('connect: welcome');
    expect(await client.next()).toBe('connect: nothing yet');
    client.send('hi');
    expect(await client.next()).toBe('message: hi');
    const broken = await app.connect('/broken');
    expect(await broken.next()).toBe('sorry, not today');
    expect(await broken.closed()).toMatchObject({ code: 1008 });
  });

  it('R-life-bind-once evaluates request bindings and their pipes once per connection, before the 101', async () => {
    let runs = 0;
    const counting: Pipe<unknown, string> = {
      transform: (value) => {
        runs++;
        if (value === 'bad') throw new HttpError(422, 'bad lang');
        return String(value).toUpperCase();
      },
    };
    @Controller('room')
    class Room {
      @WebSocket()
      lang(@Query('lang', counting) lang: string): string {
        return lang;
      }
    }
    const app = await testApp({ controllers: [Room] });
    const client = await app.connect('/room?lang=de');
    expect(runs).toBe(1);
    for (const message of ['1', '2', '3']) client.send(message);
    for (let i = 0; i < 3; i++) expect(await client.next()).toBe('DE');
    expect(runs).toBe(1);
    expect(await app.refused('/room?lang=bad')).toMatchObject({ status: 422 });
  });

  it('R-life-context gives each message a context of its own; data lives with the connection', async () => {
    const ids: string[] = [];
    class Tracing implements Guard, Interceptor {
      canActivate(c: Context): boolean {
        c.data['seenBy'] = c.kind;
        return true;
      }
      pre(c: Context): void {
        ids.push(c.id);
        c.state['n'] = ((c.state['n'] as number | undefined) ?? 0) + 1;
      }
      post(c: Context, value: unknown): unknown {
        return { value, n: c.state['n'], data: c.data['seenBy'] };
      }
    }
    @Controller('room')
    @Use(Tracing)
    class Room {
      @WebSocket()
      async who(connection: Connection): Promise<unknown> {
        await new Promise(setImmediate);
        return { id: connection.id, data: connection.data['seenBy'] };
      }
    }
    const app = await testApp({ controllers: [Room] });
    const client = await app.connect('/room');
    client.send('1');
    client.send('2');
    const first = (await client.json()) as { value: { id: string; data: string }; n: number; data: string };
    const second = (await client.json()) as typeof first;
    expect(first).toEqual({ value: { id: first.value.id, data: 'upgrade' }, n: 1, data: 'upgrade' });
    expect(second.n).toBe(1);
    expect(ids).toEqual([`${first.value.id}.1`, `${first.value.id}.2`]);
    expect(first.value.id).toMatch(/^[\w-]{22}$/);
  });

  it('R-life-middleware continues, refuses, or throws; HTTP and upgrade alike', async () => {
    const gate: Middleware = {
      use: (c) => {
        if (c.request.query['how'] === 'refuse') return refuse(451, 'not here', { headers: { 'x-why': 'law' } });
        if (c.request.query['how'] === 'throw') throw new HttpError(418);
        return undefined;
      },
    };
    @Controller('room')
    class Room {
      @WebSocket()
      echo(@Body() text: string): string {
        return text;
      }
      @Get()
      page(): string {
        return 'page';
      }
    }
    const app = await testApp({ controllers: [Room], use: [gate] });
    const refused = { status: 451, body: { code: 'UNAVAILABLE_FOR_LEGAL_REASONS', message: 'not here' } };
    expect(await app.refused('/room?how=refuse')).toMatchObject({ ...refused, headers: { 'x-why': 'law' } });
    expect(await app.request('/room?how=refuse')).toMatchObject({ ...refused, headers: { 'x-why': 'law' } });
    expect(await app.refused('/room?how=throw')).toMatchObject({ status: 418 });
    const client = await app.connect('/room');
    client.send('in');
    expect(await client.next()).toBe('in');
  });

  it('R-life-answer replies in the endpoint’s place; the interceptors around it still see the reply', async () => {
    let reached = false;
    const done: string[] = [];
    const outer: Interceptor = {
      post: (_c, value) => `outer(${String(value)})`,
      done: (_c, { status }) => void done.push(`outer ${status}`),
    };
    const cache: Interceptor = {
      pre: (c) => (c.kind === 'message' && c.text() === 'cached' ? answer('from the cache') : undefined),
      post: (_c, value) => `cache(${String(value)})`,
      done: (_c, { status }) => void done.push(`cache ${status}`),
    };
    @Controller('room')
    @UseInterceptors(outer, cache)
    class Room {
      @WebSocket()
      echo(@Body() text: string): string {
        reached = true;
        return text;
      }
    }
    const app = await testApp({ controllers: [Room] });
    const client = await app.connect('/room');
    client.send('cached');
    expect(await client.next()).toBe('outer(from the cache)');
    expect(reached).toBe(false);
    client.send('fresh');
    expect(await client.next()).toBe('outer(cache(fresh))');
    // The one that has answered is told of the end as well: what its `pre` began, its `done` ends.
    expect(done).toEqual(['cache ok', 'outer ok', 'cache ok', 'outer ok']);
  });

  it('R-life-drop sends nothing where post returns DROP; a ref is still answered', async () => {
    const quiet: Interceptor = { post: (_c, value) => (value === 'secret' ? DROP : undefined) };
    @Controller('room')
    @UseInterceptors(quiet)
    class Room {
      @WebSocket({ event: 'say' })
      say(@Body() text: string): string {
        return text;
      }
    }
    const app = await testApp({ controllers: [Room] });
    const client = await app.connect('/room');
    client.send({ event: 'say', payload: 'secret' });
    client.send({ event: 'say', payload: 'secret', ref: 'r' });
    client.send({ event: 'say', payload: 'open' });
    expect(await client.json()).toEqual({ event: 'reply', ref: 'r', payload: null });
    expect(await client.next()).toBe('open');
    expect(app.app.metrics().drops).toEqual({ interceptor: 2 });
  });

  it('R-life-observer that throws harms nobody, also when it rejects', async () => {
    const thrower = (): never => {
      throw new Error('a bad observer');
    };
    const bad = {
      opened: thrower,
      handled: (): Promise<void> => Promise.reject(new Error('a late one')),
      failed: thrower,
      dropped: thrower,
      closed: thrower,
    } as unknown as Observer;
    @Controller('room')
    class Room {
      @WebSocket()
      echo(@Body() text: string): string {
        if (text === 'fail') throw new Error('failed');
        return text;
      }
    }
    const app = await testApp({ controllers: [Room], use: [bad] });
    const client = await app.connect('/room');
    client.send('fail');
    client.send('hi');
    expect(await client.json()).toMatchObject({ event: 'error', payload: { code: 'INTERNAL' } });
    expect(await client.next()).toBe('hi');
  });

  it('R-life-reply puts headers and cookies on the 101, and on the refusal', async () => {
    const marker: Middleware = {
      use: (c) => {
        c.reply.header('x-served-by', 'node-1').cookie('seen', 'yes', { httpOnly: true });
      },
    };
    @Controller('room')
    @UseGuards({ canActivate: (c: Context) => c.request.query['deny'] === undefined })
    class Room {
      @WebSocket()
      @UsePipes({ transform: (value: unknown) => value })
      message(): void {
        // nothing to say
      }
    }
    const app = await testApp({ controllers: [Room], use: [marker] });
    const raw = await app.raw();
    const head = await raw.handshake('/room');
    expect(head.status).toBe(101);
    expect(head.headers['x-served-by']).toBe('node-1');
    expect(head.headers['set-cookie']).toContain('seen=yes; Path=/; HttpOnly');
    const refused = await app.refused('/room?deny=1');
    expect(refused.headers['x-served-by']).toBe('node-1');
    expect(refused.headers['set-cookie']).toEqual(['seen=yes; Path=/; HttpOnly']);
  });

  it('tells observers which hook failed', async () => {
    const stages: string[] = [];
    @Controller('room')
    class Room {
      @OnConnect()
      enter(@Query('how') how: string): void {
        if (how === 'badly') throw new Error('no entry');
      }
      @OnDisconnect()
      leave(): Promise<void> {
        return Promise.reject(new Error('no exit'));
      }
    }
    const observer: Observer = { failed: (error, _c, stage) => stages.push(`${stage} ${(error as Error).message}`) };
    const app = await testApp({ controllers: [Room], use: [observer] });
    await (await app.connect('/room?how=well')).close();
    await (await app.connect('/room?how=badly')).closed();
    await app.close();
    expect(stages).toEqual(['disconnect no exit', 'connect no entry', 'disconnect no exit']);
  });
});
