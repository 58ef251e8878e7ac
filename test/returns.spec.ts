import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Channels,
  Connection,
  Controller,
  HttpError,
  OnConnect,
  OnDisconnect,
  WebSocket,
  WebSocketMode,
  type Context,
  type Dropped,
  type Observer,
} from 'halyard';
import { testApp, until } from 'halyard/testing';
import { map, of } from 'rxjs';

/** Not a promise, and awaited like one: a query builder is such. */
class Later {
  // oxlint-disable-next-line unicorn/no-thenable
  then(resolve: (value: unknown) => void): void {
    resolve('thenable');
  }
}

/** JSON has nothing to show of them. */
const emptied: Record<string, () => unknown> = {
  map: () => new Map([['a', 1]]),
  set: () => new Set([1]),
  error: () => new TypeError('of no use'),
  observable: () => of(1),
  'piped observable': () => of(1).pipe(map(String)),
};

/** Not an Observable. */
class Feed {
  source = { a: 1 };

  subscribe(): void {
    // Of no use here.
  }
}

const values: Record<string, () => unknown> = {
  void: () => undefined,
  text: () => '{"not": parsed',
  empty: () => '',
  buffer: () => Buffer.from([1, 2]),
  view: () => new Uint16Array([0x0201, 0x0403]).subarray(1),
  data: () => new DataView(new Uint8Array([7, 8, 9]).buffer, 1, 1),
  array: () => new Uint8Array([5]).buffer,
  null: () => null,
  zero: () => 0,
  false: () => false,
  list: () => [1, 'a', null],
  object: () => ({ a: { b: [] }, gone: undefined }),
  date: () => new Date(0),
  promise: async () => Promise.resolve({ late: true }),
  thenable: () => new Later(),
  function: () => () => 1,
  bigint: () => 1n,
  circle: () => {
    const circle: Record<string, unknown> = {};
    return Object.assign(circle, { circle });
  },
  ...emptied,
  nothing: () => ({}),
  'own JSON': () => Object.assign(new Map(), { toJSON: () => ({}) }),
  feed: () => new Feed(),
};

@Controller('returns')
class Returns {
  @WebSocket()
  take(@Body() name: string): unknown {
    return values[name]!();
  }
}

/** Writes down what was dropped. */
class Drops implements Observer {
  readonly seen: string[] = [];
  dropped(_c: Context, { reason, count }: Dropped): void {
    this.seen.push(`${reason} ${count}`);
  }
}

describe('what an endpoint returns', () => {
  const cases = async (expected: Record<string, unknown>): Promise<void> => {
    const app = await testApp({ controllers: [Returns] });
    const client = await app.connect('/returns');
    for (const [name, frame] of Object.entries(expected)) {
      client.send(name);
      expect([name, await client.next()]).toEqual([name, frame]);
    }
  };

  it('R-ret-text a string is a text frame, as it is', async () => {
    await cases({ text: '{"not": parsed', empty: '' });
  });

  it('R-ret-binary bytes of any kind are a binary frame, also where they are a part of a buffer', async () => {
    await cases({
      buffer: Buffer.from([1, 2]),
      view: Buffer.from([3, 4]),
      data: Buffer.from([8]),
      array: Buffer.from([5]),
    });
  });

  it('R-ret-json anything else is JSON, arrays too, which are no streams', async () => {
    await cases({
      null: 'null',
      zero: '0',
      false: 'false',
      list: '[1,"a",null]',
      object: '{"a":{"b":[]}}',
      date: '"1970-01-01T00:00:00.000Z"',
      nothing: '{}',
      'own JSON': '{}',
      feed: '{"source":{"a":1}}',
    });
  });

  it('R-ret-promise a promise, and whatever has a then, is its value', async () => {
    await cases({ promise: '{"late":true}', thenable: 'thenable' });
  });

  it('R-ret-void undefined sends nothing', async () => {
    const app = await testApp({ controllers: [Returns] });
    const client = await app.connect('/returns');
    client.send('void');
    client.send('zero');
    expect(await client.next()).toBe('0');
    await client.idle();
  });

  it('R-ret-json what JSON cannot say is an error, and the connection stays', async () => {
    const app = await testApp({ controllers: [Returns] });
    const client = await app.connect('/returns');
    for (const name of ['function', 'bigint', 'circle', ...Object.keys(emptied)]) {
      client.send(name);
      expect(await client.json()).toEqual({ event: 'error', payload: { code: 'INTERNAL', message: 'internal error' } });
    }
    client.send('zero');
    expect(await client.next()).toBe('0');
  });

  it('R-ret-json of what would arrive as an empty object the error says what to send, also in a publication', async () => {
    const app = await testApp({ controllers: [Returns] });
    const published = async (name: string): Promise<string> => {
      const [result] = await Promise.allSettled([app.get(Channels).publish('news', values[name]!())]);
      return result.status === 'rejected' ? (result.reason as Error).message : 'published';
    };
    expect(await published('map')).toContain('a Map: send an object');
    expect(await published('set')).toContain('a Set: send an array');
    expect(await published('error')).toContain('an Error: throw it');
    for (const name of ['observable', 'piped observable']) {
      expect(await published(name)).toContain('an Observable: return an async iterable');
    }
    const unawaited = Promise.resolve();
    await expect(app.get(Channels).publish('news', unawaited)).rejects.toMatchObject({
      code: 'HALYARD_SEND_VALUE',
      message: 'JSON shows nothing of a promise: await it first',
    });
  });

  it('R-ret-stream an iterable or generator sends a frame a value', async () => {
    @Controller('streams')
    class Streams {
      @WebSocket('async')
      async *async(): AsyncGenerator<unknown> {
        yield 1;
        yield Promise.resolve('two');
        yield Buffer.from([3]);
        await Promise.resolve();
        yield null;
      }
      @WebSocket('sync')
      *sync(): Generator<unknown> {
        yield { n: 1 };
        yield { n: 2 };
      }
      @WebSocket('iterable')
      iterable(): AsyncIterable<number> {
        return { [Symbol.asyncIterator]: () => [1, 2].values() as unknown as AsyncIterator<number> };
      }
    }
    const app = await testApp({ controllers: [Streams] });
    const frames = async (path: string, count: number): Promise<unknown[]> => {
      const client = await app.connect(path);
      client.send('');
      const received: unknown[] = [];
      while (received.length < count) received.push(await client.next());
      await client.idle();
      return received;
    };
    expect(await frames('/streams/async', 4)).toEqual(['1', 'two', Buffer.from([3]), 'null']);
    expect(await frames('/streams/sync', 2)).toEqual(['{"n":1}', '{"n":2}']);
    expect(await frames('/streams/iterable', 2)).toEqual(['1', '2']);
  });

  it('R-ret-stream is pulled only as fast as the client reads, and returned when the client goes', async () => {
    const state = { pulled: 0, returned: false, aborted: false };
    const chunk = Buffer.alloc(64 * 1024);
    @Controller('streams')
    class Streams {
      @WebSocket()
      async *stream(signal: AbortSignal): AsyncGenerator<Buffer> {
        signal.addEventListener('abort', () => (state.aborted = true));
        try {
          for (;;) {
            state.pulled++;
            yield await Promise.resolve(chunk);
          }
        } finally {
          state.returned = true;
        }
      }
    }
    const app = await testApp({ controllers: [Streams] });
    const client = await app.connect('/streams');
    client.send('');
    await client.next();
    client.pause();
    // It comes to rest: the count stays where it is while other connections come and go.
    let before = -1;
    await until(async () => {
      const still = state.pulled === before;
      before = state.pulled;
      const other = await app.connect('/streams');
      await other.ping();
      await other.close();
      return still;
    });
    expect(state).toMatchObject({ returned: false, aborted: false });
    expect(app.app.metrics().queuedBytes).toBeLessThan(2 * 1024 ** 2);
    client.terminate();
    await until(() => state.returned);
    expect(state.aborted).toBe(true);
  });

  it('R-ret-receive-only in receiveOnly it is dropped and counted; errors and publications still go out', async () => {
    const drops = new Drops();
    @Controller('in', { mode: WebSocketMode.receiveOnly })
    class In {
      @OnConnect()
      async enter(connection: Connection): Promise<string> {
        await connection.join('news');
        return 'dropped as well';
      }
      @WebSocket()
      take(@Body() text: string): unknown {
        if (text === 'fail') throw new HttpError(409, 'full', { code: 'ROOM_FULL' });
        return text === 'void' ? undefined : { taken: text };
      }
    }
    const app = await testApp({ controllers: [In], use: [drops] });
    const client = await app.connect('/in');
    for (const text of ['a', 'void', 'fail']) client.send(text);
    expect(await client.json()).toEqual({ event: 'error', payload: { code: 'ROOM_FULL', message: 'full' } });
    await app.get(Channels).publish('news', 'published');
    expect(await client.next()).toBe('published');
    expect(drops.seen).toEqual(['receive-only 1', 'receive-only 1']);
    expect(app.app.metrics().drops).toEqual({ 'receive-only': 2 });
  });

  it('R-ret-send-only in sendOnly the endpoint runs once at connect, and its end is the end', async () => {
    const drops = new Drops();
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    const gone: number[] = [];
    @Controller('out', { mode: 'sendOnly' })
    class Out {
      @WebSocket('value')
      value(): unknown {
        return { once: true };
      }
      @WebSocket('stream')
      async *stream(): AsyncGenerator<number> {
        yield 1;
        await released;
        yield 2;
      }
      @WebSocket('void')
      nothing(): void {}
      @OnDisconnect('stream')
      left({ id }: Connection): void {
        gone.push(id.length);
      }
    }
    const app = await testApp({ controllers: [Out], use: [drops] });
    const value = await app.connect('/out/value');
    expect(await value.json()).toEqual({ once: true });
    expect(await value.closed()).toEqual({ code: 1000, reason: '', wasClean: true });
    const nothing = await app.connect('/out/void');
    expect(await nothing.closed()).toMatchObject({ code: 1000 });
    const stream = await app.connect('/out/stream');
    expect(await stream.next()).toBe('1');
    stream.send('to nobody');
    stream.send('{"event":"error"}');
    await stream.ping();
    expect(drops.seen).toEqual(['send-only 1', 'send-only 1']);
    release();
    expect(await stream.next()).toBe('2');
    expect(await stream.closed()).toMatchObject({ code: 1000 });
    await until(() => gone.length === 1);
  });

  it('R-ret-observed not awaiting join, leave, publish or send is safe: a failure reaches the observer', async () => {
    const failures: string[] = [];
    class Failures implements Observer {
      failed(error: unknown, _c: Context, stage: string): void {
        failures.push(`${stage} ${(error as { code: string }).code}`);
      }
    }
    @Controller('careless')
    class Careless {
      @WebSocket()
      take(connection: Connection): string {
        void connection.join('');
        void connection.publish('x'.repeat(201), 1);
        void connection.publish('news', 1, { event: 'reply' });
        void connection.send(1n);
        void connection.leave('never joined');
        return 'done';
      }
    }
    const app = await testApp({ controllers: [Careless], use: [Failures] });
    const client = await app.connect('/careless');
    client.send('');
    expect(await client.next()).toBe('done');
    await until(() => failures.length === 4);
    expect(failures.map((failure) => failure.split(' ')[1]!).sort((a, b) => a.localeCompare(b))).toEqual([
      'HALYARD_CHANNEL_NAME',
      'HALYARD_CHANNEL_NAME',
      'HALYARD_EVENT_RESERVED',
      'HALYARD_SEND_VALUE',
    ]);
    client.send('');
    expect(await client.next()).toBe('done');
  });
});
