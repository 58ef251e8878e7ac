import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Channels,
  Connection,
  Controller,
  HttpError,
  Json,
  OnConnect,
  Sender,
  WebSocket,
  Context,
} from 'halyard';
import { testApp, type TestClient } from 'halyard/testing';
import { ask, errorFrame } from './asking.js';

@Controller('plain')
class Plain {
  @WebSocket('raw')
  raw(@Body() text: string): string {
    return text;
  }

  @WebSocket('raw/deaf')
  deaf(): string {
    return 'heard';
  }

  @WebSocket({ event: 'echo' })
  echo(@Body(Json) value: unknown): unknown {
    return value;
  }
  @WebSocket({ event: 'void' })
  void(): void {}
  @WebSocket({ event: 'fail' })
  fail(): void {
    throw new HttpError(409, 'full', { code: 'ROOM_FULL', details: { seats: 2 } });
  }
  @WebSocket({ event: 'bytes' })
  bytes(): Buffer {
    return Buffer.from([1, 2]);
  }
  @WebSocket({ event: 'count' })
  async *count(@Body() n: number): AsyncGenerator<number> {
    for (let i = 1; i <= n; i++) yield await Promise.resolve(i);
  }
  @WebSocket({ event: 'breaks' })
  *breaks(): Generator<number> {
    yield 1;
    throw new HttpError(400, 'enough');
  }
  @WebSocket({ event: 'send' })
  send(send: Sender<number>): number {
    void send.send(1);
    void send.send(2);
    return 3;
  }
  @WebSocket({ event: '__proto__' })
  proto(): string {
    return 'proto';
  }

  @WebSocket('rest', { event: 'known' })
  known(): string {
    return 'known';
  }
  @WebSocket('rest')
  rest(@Body() text: string): unknown {
    return { rest: text };
  }
}

async function clientOf(path: string): Promise<TestClient> {
  const app = await testApp({ controllers: [Plain] });
  return app.connect(path);
}

describe('the protocol plain', () => {
  it('R-plain-raw parses nothing that a binding does not ask for where a path has no events', async () => {
    const app = await testApp({ controllers: [Plain] });
    const raw = await app.connect('/plain/raw');
    for (const text of ['{"event":"echo","ref":1}', '{"event":', '{"constructor":1}', '[1', '\u0000']) {
      raw.send(text);
      expect(await raw.next()).toBe(text);
    }
    const deaf = await app.connect('/plain/raw/deaf');
    deaf.send('{"event":"error","ref":[]}');
    deaf.send(Buffer.from([0xff]));
    expect([await deaf.next(), await deaf.next()]).toEqual(['heard', 'heard']);
  });

  it('R-plain-event an envelope goes to its endpoint and its payload is the body', async () => {
    const client = await clientOf('/plain');
    expect(await ask(client, { event: 'echo', payload: { a: [1] } })).toEqual({ a: [1] });
    expect(await ask(client, ' \n\t{"payload":["last"],"event":"echo","more":1}')).toEqual(['last']);
    expect(await ask(client, '{"event":"echo","event":"void","event":"echo","payload":2}')).toBe(2);
    client.send({ event: '__proto__' });
    expect(await client.next()).toBe('proto');
  });

  it('R-plain-event anything else is UNKNOWN_EVENT, or goes to the endpoint without event', async () => {
    const app = await testApp({ controllers: [Plain] });
    const client = await app.connect('/plain');
    for (const [message, text] of [
      [{ event: 'nope' }, 'no endpoint takes the event "nope"'],
      [{ event: 'e'.repeat(500) }, `no endpoint takes the event "${'e'.repeat(64)}"`],
      [{ event: 'constructor' }, 'no endpoint takes the event "constructor"'],
      [{ event: 5 }, 'only messages of the form {"event": …} are taken here'],
      ['text', 'only messages of the form {"event": …} are taken here'],
      ['{"event":"echo"', 'only messages of the form {"event": …} are taken here'],
      ['["event"]', 'only messages of the form {"event": …} are taken here'],
      ['\uFEFF{"event":"echo"}', 'only messages of the form {"event": …} are taken here'],
      [Buffer.from('{"event":"echo"}'), 'only messages of the form {"event": …} are taken here'],
    ] as const) {
      expect(await ask(client, message)).toEqual(errorFrame('UNKNOWN_EVENT', text));
    }
    expect(await ask(client, { event: 'nope', ref: 7 })).toMatchObject({ payload: { code: 'UNKNOWN_EVENT' }, ref: 7 });
    const rest = await app.connect('/plain/rest');
    for (const text of ['text', '{"event":"nope","payload":1}', '{"constructor":1}', '{"event":5}']) {
      expect(await ask(rest, text)).toEqual({ rest: text });
    }
    rest.send({ event: 'known' });
    expect(await rest.next()).toBe('known');
    expect(app.app.metrics().messages).toEqual({ '/plain !': 10, '/plain/rest': 4, '/plain/rest known': 1 });
  });

  it.each(['r1', '', 'x'.repeat(64), '\ud83d\udc19 "quoted"\n', 0, -7, Number.MAX_SAFE_INTEGER])(
    'R-plain-ref a message with the ref %j is answered exactly once',
    async (ref) => {
      const client = await clientOf('/plain');
      expect(await ask(client, { event: 'echo', payload: 'text', ref })).toEqual({
        event: 'reply',
        ref,
        payload: 'text',
      });
      expect(await ask(client, { event: 'echo', ref, payload: null })).toEqual({ event: 'reply', ref, payload: null });
      expect(await ask(client, { event: 'void', ref })).toEqual({ event: 'reply', ref, payload: null });
      expect(await ask(client, { event: 'fail', ref })).toEqual({
        event: 'error',
        payload: { code: 'ROOM_FULL', message: 'full', details: { seats: 2 } },
        ref,
      });
      await client.idle();
    },
  );

  it('R-plain-ref a stream and a Sender answer with n replies and an end, or with an error and an end', async () => {
    const client = await clientOf('/plain');
    const answers = async (message: object, count: number): Promise<unknown[]> => {
      client.send(message);
      const received: unknown[] = [];
      while (received.length < count) received.push(await client.json());
      await client.idle();
      return received;
    };
    const reply = (payload: unknown): object => ({ event: 'reply', ref: 1, payload });
    const end = { event: 'end', ref: 1 };
    expect(await answers({ event: 'count', payload: 2, ref: 1 }, 3)).toEqual([reply(1), reply(2), end]);
    expect(await answers({ event: 'count', payload: 0, ref: 1 }, 1)).toEqual([end]);
    expect(await answers({ event: 'count', payload: 2 }, 2)).toEqual([1, 2]);
    expect(await answers({ event: 'send', ref: 1 }, 4)).toEqual([reply(1), reply(2), reply(3), end]);
    expect(await answers({ event: 'breaks', ref: 1 }, 3)).toEqual([
      reply(1),
      { event: 'error', payload: { code: 'BAD_REQUEST', message: 'enough' }, ref: 1 },
      end,
    ]);
  });

  it.each([null, true, 1.5, [], {}, 'x'.repeat(65), 2 ** 53])(
    'R-plain-ref-invalid %j is none: BODY_INVALID, and the connection stays',
    async (ref) => {
      const client = await clientOf('/plain');
      expect(await ask(client, { event: 'echo', ref })).toEqual(
        errorFrame('BODY_INVALID', '"ref" must be a string of at most 64 characters, or an integer'),
      );
      expect(await ask(client, { event: 'echo', payload: 1 })).toBe(1);
    },
  );

  it('R-plain-ref-binary bytes go as a binary frame, then the reply with null', async () => {
    const client = await clientOf('/plain');
    client.send({ event: 'bytes', ref: 'b' });
    expect(await client.next()).toEqual(Buffer.from([1, 2]));
    expect(await client.json()).toEqual({ event: 'reply', ref: 'b', payload: null });
    client.send({ event: 'bytes' });
    expect(await client.next()).toEqual(Buffer.from([1, 2]));
    await client.idle();
  });

  it('a forbidden key in an envelope is refused, in whichever part of it', async () => {
    const client = await clientOf('/plain');
    for (const message of [
      '{"event":"echo","payload":{"a":[{"\\u005f_proto__":1}]}}',
      '{"event":"echo","constructor":{}}',
    ]) {
      expect(await ask(client, message)).toMatchObject({ payload: { code: 'BODY_INVALID' } });
    }
  });
});

@Controller('channels')
class Publishing {
  @OnConnect()
  async enter(connection: Connection): Promise<string> {
    await connection.join('news');
    return 'joined';
  }
  @WebSocket({ protocols: ['chat.v2', 'chat.v1'] })
  token({ request }: Context, { subprotocol }: Connection): unknown {
    return { token: request.protocolToken ?? null, subprotocol };
  }
}

describe('a publication and a subprotocol of plain', () => {
  it('R-plain-publication is its value as it is, or an envelope where it has an event', async () => {
    const app = await testApp({ controllers: [Publishing] });
    const client = await app.connect('/channels');
    await client.next();
    const channels = app.get(Channels);
    for (const [value, frame] of [
      ['text', 'text'],
      [{ a: 1 }, '{"a":1}'],
      [null, 'null'],
      [Buffer.from([1]), Buffer.from([1])],
    ] as const) {
      await channels.publish('news', value);
      expect(await client.next()).toEqual(frame);
    }
    await channels.publish('news', { a: 1 }, { event: 'update' });
    expect(await client.json()).toEqual({ event: 'update', channel: 'news', payload: { a: 1 } });
    await channels.publish('news', 'text', { event: '"quoted"' });
    expect(await client.json()).toEqual({ event: '"quoted"', channel: 'news', payload: 'text' });
    await expect(channels.publish('news', Buffer.from([1]), { event: 'bytes' })).rejects.toMatchObject({
      code: 'HALYARD_SEND_VALUE',
    });
    await client.idle();
  });

  it.each(['', 'reply', 'error', 'end', 'dropped', 'gap', 'presence_state', 'presence_\n'])(
    'R-plain-reserved %j is refused in publish',
    async (event) => {
      const app = await testApp({ controllers: [Publishing] });
      await expect(app.get(Channels).publish('news', 1, { event })).rejects.toMatchObject({
        code: 'HALYARD_EVENT_RESERVED',
      });
    },
  );

  it('R-plain-subprotocol the first offered one that the path lists is selected; none fits: 400', async () => {
    const app = await testApp({ controllers: [Publishing, Plain] });
    const selected = async (...protocols: string[]): Promise<string> =>
      (await app.connect('/channels', { protocols })).protocol;
    expect(await selected('chat.v1', 'chat.v2')).toBe('chat.v1');
    expect(await selected('other', 'chat.v2')).toBe('chat.v2');
    expect(await selected()).toBe('');
    for (const [path, ...protocols] of [
      ['/channels', 'other'],
      ['/channels', 'CHAT.V1'],
      ['/plain', 'chat.v1'],
    ]) {
      expect(await app.refused(path!, { protocols })).toMatchObject({ status: 400, body: { code: 'SUBPROTOCOL' } });
    }
  });

  it('R-plain-token an offered auth.… is never echoed and readable as request.protocolToken', async () => {
    const app = await testApp({ controllers: [Publishing] });
    for (const [selected, ...others] of [
      ['chat.v1', 'auth.s3cret'],
      ['plain', 'auth.s3cret'],
    ]) {
      for (const protocols of [
        [selected!, ...others],
        [...others, selected!],
      ]) {
        const client = await app.connect('/channels', { protocols });
        expect(client.headers['sec-websocket-protocol']).toBe(selected);
        await client.next();
        expect(await ask(client, '')).toEqual({ token: 's3cret', subprotocol: selected });
      }
    }
    // Nothing but a token: there is no protocol to select, and no reason to refuse.
    const raw = await app.raw();
    const { status, headers } = await raw.handshake('/channels', {
      headers: { 'sec-websocket-protocol': 'auth.s3cret' },
    });
    expect([status, headers['sec-websocket-protocol']]).toEqual([101, undefined]);
  });
});
