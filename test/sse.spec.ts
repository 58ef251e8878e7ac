import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { eventStream } from '#internal/http/sse.js';
import { ValueStream } from '#internal/http/value-stream.js';
import {
  Context,
  Controller,
  DROP,
  HalyardError,
  Header,
  HttpError,
  Param,
  Reply,
  Sse,
  SseEvent,
  UseInterceptors,
  type Interceptor,
} from 'halyard';
import { testApp, type TestApp } from 'halyard/testing';
import { Journal } from './journal.js';

/** Reads an event stream as a browser would, without reconnecting. */
class EventReader {
  #received = '';
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();

  private constructor(readonly response: Response) {
    this.#reader = response.body!.getReader();
  }

  static async open(app: TestApp, path: string, headers: Record<string, string> = {}): Promise<EventReader> {
    return new EventReader(await fetch(app.url + path, { headers }));
  }

  /** The lines of the next event, comments left out; `undefined` at the end of the stream. */
  async next(): Promise<string[] | undefined> {
    for (;;) {
      const end = this.#received.indexOf('\n\n');
      if (end === -1) {
        const { done, value } = await this.#reader.read();
        if (done) return undefined;
        this.#received += this.#decoder.decode(value, { stream: true });
        continue;
      }
      const lines = this.#received.slice(0, end).split('\n');
      this.#received = this.#received.slice(end + 2);
      const fields = lines.filter((line) => !line.startsWith(':'));
      if (fields.length > 0) return fields;
    }
  }

  async rest(): Promise<string[][]> {
    const events: string[][] = [];
    for (let event = await this.next(); event; event = await this.next()) events.push(event);
    return events;
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

class Shout implements Interceptor {
  post(_c: Context, value: unknown): unknown {
    return value === 'psst' ? DROP : typeof value === 'string' ? value.toUpperCase() : undefined;
  }
}

@Controller('events')
class Events {
  static journal = new Journal();

  @Sse('kinds') *kinds() {
    yield 'text';
    yield 'two\nlines\r\nor three\r';
    yield { a: 1 };
    yield null;
    yield undefined;
    yield new SseEvent({ event: 'tick', id: '7', retry: 250, data: [1, 2] });
    yield new SseEvent({ id: '8' });
  }
  @UseInterceptors(Shout)
  @Sse('intercepted')
  async *intercepted() {
    yield 'hello';
    yield 'psst';
    yield { a: 1 };
  }
  @Sse('since') *since(@Header('last-event-id', String) id: string) {
    yield `since ${id}`;
  }
  @Sse('one') one() {
    return { only: true };
  }
  @Sse('nothing') nothing() {}
  @Sse('refused')
  // oxlint-disable-next-line require-yield
  *refused(): Generator<never> {
    throw new HttpError(403, 'not for you');
  }
  @Sse('broken') async *broken() {
    yield 1;
    throw new HttpError(409, 'it broke', { code: 'BROKEN' });
  }
  @Sse('internal') async *internal() {
    yield 1;
    throw new Error('secret');
  }
  @Sse('bytes') *bytes() {
    yield Buffer.from('x');
  }
  @Sse('waiting/:name') async *waiting(@Param('name') name: string, signal: AbortSignal) {
    try {
      Events.journal.note(`waiting ${name}`);
      await once(signal, 'abort');
      yield 'too late';
    } finally {
      Events.journal.note(`left ${name}`);
    }
  }
  /** Neither listens to its signal nor can be returned. */
  @Sse('deaf') async *deaf() {
    yield 'here';
    Events.journal.note('deaf');
    await new Promise(() => undefined);
  }
  @Sse('reply') async *reply(reply: Reply) {
    reply.header('x-a', 'one').header('cache-control', 'private, no-cache').cookie('a', '1');
    yield 1;
  }
}

describe('an @Sse endpoint', () => {
  it('R-dec-sse answers text/event-stream, an event a value', async () => {
    const app = await testApp({ controllers: [Events] });
    const reader = await EventReader.open(app, '/events/kinds');
    expect(reader.response.status).toBe(200);
    expect(Object.fromEntries(reader.response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      connection: 'keep-alive',
    });
    expect(await reader.rest()).toEqual([
      ['data: text'],
      ['data: two', 'data: lines', 'data: or three', 'data: '],
      ['data: {"a":1}'],
      ['data: null'],
      ['data: null'],
      ['event: tick', 'id: 7', 'retry: 250', 'data: [1,2]'],
      ['id: 8'],
    ]);
  });

  it('sends its values through the interceptors', async () => {
    const app = await testApp({ controllers: [Events] });
    expect(await (await EventReader.open(app, '/events/intercepted')).rest()).toEqual([
      ['data: HELLO'],
      ['data: {"a":1}'],
    ]);
  });

  it('reads Last-Event-ID, and sets headers and cookies before the first value', async () => {
    const app = await testApp({ controllers: [Events] });
    const reader = await EventReader.open(app, '/events/since', { 'last-event-id': '41' });
    expect(await reader.next()).toEqual(['data: since 41']);
    const { response } = await EventReader.open(app, '/events/reply');
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-a': 'one',
      'cache-control': 'private, no-cache',
      'set-cookie': 'a=1; Path=/',
    });
  });

  it('may return a value, which is the only event, or nothing, which tells the browser not to come back', async () => {
    const app = await testApp({ controllers: [Events] });
    expect(await (await EventReader.open(app, '/events/one')).rest()).toEqual([['data: {"only":true}']]);
    expect((await app.request('/events/nothing')).status).toBe(204);
  });

  it('has a status where it fails at once, and ends with an error event where later', async () => {
    const app = await testApp({ controllers: [Events] });
    expect(await app.request('/events/refused')).toMatchObject({
      status: 403,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: { code: 'FORBIDDEN', message: 'not for you' },
    });
    const error = (code: string, message: string) => ['event: error', `data: ${JSON.stringify({ code, message })}`];
    const broken = await EventReader.open(app, '/events/broken');
    expect(await broken.rest()).toEqual([['data: 1'], error('BROKEN', 'it broke')]);
    const internal = await EventReader.open(app, '/events/internal');
    expect(await internal.rest()).toEqual([['data: 1'], error('INTERNAL', 'internal error')]);
    const bytes = await EventReader.open(app, '/events/bytes');
    expect(await bytes.rest()).toEqual([error('INTERNAL', 'internal error')]);
  });

  it('lets the client know that it is connected before there is an event', async () => {
    const app = await testApp({ controllers: [Events] });
    const reader = await EventReader.open(app, '/events/waiting/first');
    expect(reader.response.status).toBe(200);
    await reader.cancel();
    await Events.journal.saw('left first');
  });

  it('is returned when the client goes, its signal aborted', async () => {
    const journal = new Journal();
    const app = await testApp({ controllers: [Events], use: [journal] });
    const client = await app.raw();
    client.write('GET /events/waiting/second HTTP/1.1\r\nhost: a\r\n\r\n');
    await client.head();
    client.reset();
    await Events.journal.saw('left second');
    await journal.saw('closed 200 early');
    expect(journal.lines).toEqual(['opened /events/waiting/second', 'handled gone', 'closed 200 early']);
  });

  it('R-err-stop ends when the app stops, also where it does not listen', async () => {
    const app = await testApp({ controllers: [Events], shutdown: { timeout: '10s' } });
    const waiting = await EventReader.open(app, '/events/waiting/third');
    const deaf = await EventReader.open(app, '/events/deaf');
    expect(await deaf.next()).toEqual(['data: here']);
    await Events.journal.saw('deaf');
    const closing = app.close();
    expect(await waiting.next()).toBeUndefined();
    expect(await deaf.next()).toBeUndefined();
    await closing;
    expect(Events.journal.lines).toContain('left third');
  });
});

describe('the stream itself', () => {
  it('is kept alive by a comment while there is nothing to send', async () => {
    const stream = new ValueStream(eventStream, 5).setEncoding('utf8');
    const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<string>;
    for (let i = 0; i < 3; i++) expect((await chunks.next()).value).toMatch(/^(?::\n\n)+$/);
    stream.destroy();
  });

  it('holds one value at a time', async () => {
    const stream = new ValueStream(eventStream, 60_000);
    let sent = 0;
    const sending = (async () => {
      for (; sent < 5; sent++) await stream.send(sent);
      stream.finish();
    })();
    for (let turn = 0; turn < 10; turn++) await nextTurn();
    expect(sent).toBe(0);
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
    await sending;
    expect(text.replaceAll('data: ', '')).toBe(':\n\n0\n\n1\n\n2\n\n3\n\n4\n\n');
  });

  it('lets go of who waits to send, when it is destroyed', async () => {
    const stream = new ValueStream(eventStream, 60_000);
    const sending = stream.send('unread');
    stream.destroy();
    await sending;
    await stream.send('ignored');
  });
});

describe('SseEvent', () => {
  it('refuses what would break out of its line', () => {
    expect(() => new SseEvent({ event: 'a\ndata: b' })).toThrow(HalyardError);
    expect(() => new SseEvent({ id: 'a\rb' })).toThrow(HalyardError);
    expect(() => new SseEvent({ id: 'a\0b' })).toThrow(HalyardError);
    expect(() => new SseEvent({ retry: 1.5 })).toThrow(HalyardError);
  });
});
