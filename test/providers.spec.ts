import { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Channels,
  CleanUp,
  CloseInfo,
  CloseWebSocket,
  Connection,
  Connections,
  Context,
  Controller,
  Get,
  Inject,
  Injectable,
  Message,
  OnConnect,
  OnDisconnect,
  Param,
  Request,
  Sender,
  Use,
  WebSocket,
  type Interceptor,
} from 'halyard';
import { testApp, until } from 'halyard/testing';
import { ask } from './asking.js';

@Injectable()
class Store {
  readonly disposed: string[] = [];
  count = 0;
}

/** Lives with a connection or a request, and may ask for what belongs to it. */
@Injectable({ scope: 'connection' })
class Visit {
  readonly number: number;
  constructor(
    private readonly store: Store,
    readonly request: Request,
  ) {
    this.number = ++store.count;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
    this.store.disposed.push(`visit ${this.number} of ${this.request.url}`);
  }
}

@Injectable({ scope: 'transient' })
class Dice {
  readonly id = Symbol('dice');
}

@Injectable()
class Table {
  constructor(
    readonly one: Dice,
    readonly two: Dice,
    readonly store: Store,
  ) {}
}

/** A component with dependencies, one of them scoped: it lives with the connection itself. */
@Injectable({ scope: 'connection' })
class Number implements Interceptor {
  constructor(private readonly visit: Visit) {}
  post(_c: Context, value: unknown): unknown {
    return { ...(value as object), interceptor: this.visit.number };
  }
}

describe('providers', () => {
  it('R-dec-injectable are singletons, live with one connection or request, or are made anew for each that asks', async () => {
    @Controller('visits')
    @Use(Number)
    class Visits {
      constructor(readonly table: Table) {}
      @OnConnect()
      enter(visit: Visit): unknown {
        return { connect: visit.number };
      }
      @WebSocket()
      @Get()
      take(visit: Visit): unknown {
        return { endpoint: visit.number };
      }
    }
    const app = await testApp({ controllers: [Visits], providers: [Store, Visit, Dice, Table] });
    const store = app.get(Store);
    const table = app.get(Table);
    expect(table.store).toBe(store);
    expect(new Set([table.one.id, table.two.id, app.get(Dice).id, app.get(Dice).id]).size).toBe(4);
    const first = await app.connect('/visits');
    expect(await first.json()).toEqual({ connect: 1, interceptor: 1 });
    expect(await ask(first, '')).toEqual({ endpoint: 1, interceptor: 1 });
    const second = await app.connect('/visits');
    expect(await second.json()).toEqual({ connect: 2, interceptor: 2 });
    expect(await ask(first, '')).toEqual({ endpoint: 1, interceptor: 1 });
    expect((await app.request('/visits')).body).toEqual({ endpoint: 3, interceptor: 3 });
    await until(() => store.disposed.length === 1);
    await first.close();
    await until(() => store.disposed.length === 2);
    second.terminate();
    await until(() => store.disposed.length === 3);
    expect(store.disposed).toEqual(['visit 3 of /visits', 'visit 1 of /visits', 'visit 2 of /visits']);
  });

  it('R-dec-injectable of a connection are disposed where the connection is refused, too', async () => {
    class Refuse {
      canActivate(): boolean {
        return false;
      }
    }
    @Controller('visits')
    @Use(Refuse)
    class Visits {
      @WebSocket()
      take(_visit: Visit): void {}
    }
    const app = await testApp({ controllers: [Visits], providers: [Store, Visit] });
    expect((await app.refused('/visits')).status).toBe(403);
    await until(() => app.get(Store).disposed.length === 1);
  });

  it('R-dec-scope-connection a controller has one instance per connection, disposed after its last hook', async () => {
    const log: string[] = [];
    @Controller('counter', { scope: 'connection' })
    class Counter {
      #count = 0;
      constructor(
        readonly connection: Connection,
        readonly store: Store,
      ) {
        log.push('made');
      }
      @WebSocket()
      next(): unknown {
        return { count: ++this.#count, own: this.connection.state, store: ++this.store.count };
      }
      @OnDisconnect()
      gone(): void {
        log.push(`gone at ${this.#count}`);
      }
      [Symbol.dispose](): void {
        log.push('disposed');
      }
    }
    const app = await testApp({ controllers: [Counter], providers: [Store] });
    expect(log).toEqual([]);
    const first = await app.connect('/counter');
    const second = await app.connect('/counter');
    expect(await ask(first, '')).toEqual({ count: 1, own: 'open', store: 1 });
    expect(await ask(first, '')).toEqual({ count: 2, own: 'open', store: 2 });
    expect(await ask(second, '')).toEqual({ count: 1, own: 'open', store: 3 });
    await first.close();
    await until(() => log.length === 4);
    expect(log).toEqual(['made', 'made', 'gone at 2', 'disposed']);
  });

  it('R-dec-by-type what the framework has is bound by its type, and so is any provider', async () => {
    const seen: unknown[] = [];
    @Controller('types')
    class Types {
      @OnConnect()
      connect(connection: Connection, socket: CloseWebSocket, send: Sender<number>, cleanUp: CleanUp): unknown {
        void send.send(1);
        void cleanUp;
        return { connected: [connection instanceof Connection, typeof socket.close] };
      }
      @WebSocket(':id')
      take(
        connection: Connection,
        socket: CloseWebSocket,
        send: Sender<string>,
        message: Message,
        context: Context,
        channels: Channels,
        connections: Connections,
        cleanUp: CleanUp,
        signal: AbortSignal,
        raw: IncomingMessage,
        request: Request,
        store: Store,
        @Param('id') id: string,
      ): unknown {
        void send.send('first');
        if (message.text() === 'bye') socket.close(3000, 'as told');
        return {
          own: connections.get(connection.id) === connection,
          context: [context.kind, context.id === `${connection.id}.1`],
          channels: channels instanceof Channels,
          cleanUp: cleanUp instanceof CleanUp,
          aborted: signal.aborted,
          raw: [raw instanceof IncomingMessage, raw.url],
          request: request.params['id'] === id,
          store: store instanceof Store,
        };
      }
      @OnDisconnect(':id')
      gone(info: CloseInfo, connection: Connection, context: Context): void {
        seen.push([info.code, info.reason, connection.state, context.kind]);
      }
    }
    const app = await testApp({ controllers: [Types], providers: [Store] });
    const client = await app.connect('/types/7');
    expect(await client.json()).toBe(1);
    expect(await client.json()).toEqual({ connected: [true, 'function'] });
    client.send('bye');
    expect(await client.next()).toBe('first');
    expect(await client.json()).toEqual({
      own: true,
      context: ['message', true],
      channels: true,
      cleanUp: true,
      aborted: false,
      raw: [true, '/types/7'],
      request: true,
      store: true,
    });
    expect(await client.closed()).toMatchObject({ code: 3000, reason: 'as told' });
    await until(() => seen.length > 0);
    expect(seen).toEqual([[3000, 'as told', 'closed', 'disconnect']]);
  });

  it('R-dec-app-get app.get serves code outside of endpoints', async () => {
    @Controller('news')
    class News {
      @OnConnect()
      async enter(connection: Connection): Promise<string> {
        await connection.join('news');
        return 'joined';
      }
    }
    const app = await testApp({
      controllers: [News],
      providers: [Store, Visit, { provide: 'motto', useFactory: async () => Promise.resolve('onwards') }],
    });
    const client = await app.connect('/news');
    await client.next();
    await app.get(Channels).publish('news', { headline: 'hello' });
    expect(await client.json()).toEqual({ headline: 'hello' });
    expect(app.get(Connections).count()).toBe(1);
    expect(app.get('motto')).toBe('onwards');
    expect(app.get(News)).toBeInstanceOf(News);
    for (const token of ['nothing', Visit]) {
      expect(() => app.get(token as string)).toThrow(expect.objectContaining({ code: 'HALYARD_PROVIDER_MISSING' }));
    }
  });

  it('are asked for by name where there is no class', async () => {
    @Controller('named')
    class Named {
      constructor(@Inject('motto') private readonly motto: string) {}
      @WebSocket()
      take(@Inject('motto') motto: string, @Body() text: string): unknown {
        return { same: motto === this.motto, text };
      }
    }
    const app = await testApp({ controllers: [Named], providers: [{ provide: 'motto', useValue: 'onwards' }] });
    expect(await ask(await app.connect('/named'), 'a')).toEqual({ same: true, text: 'a' });
  });
});
