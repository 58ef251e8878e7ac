import { describe, expect, it } from '@jest/globals';
import { IsString } from 'class-validator';
import { Body, Controller, Json, Message, OnConnect, WebSocket, type Class } from 'halyard';
import { testApp, type TestClient } from 'halyard/testing';
import { ask, errorFrame } from './asking.js';
import { problemOf } from './boot-problems.js';

class Post {
  @IsString()
  text!: string;
}

/** What arrived, as its endpoint saw it. */
function seen(value: unknown): object {
  const type = value === null ? 'null' : typeof value === 'object' ? value.constructor.name : typeof value;
  return { type, value: Buffer.isBuffer(value) ? value.toString('hex') : value };
}

/** A client of an endpoint with one body. */
async function clientOf(controller: Class, path = '/body'): Promise<TestClient> {
  const app = await testApp({ controllers: [controller] });
  return app.connect(path);
}

describe('a body', () => {
  it('R-body-string is the text as it is, also of a binary frame that is UTF-8', async () => {
    @Controller('body')
    class Bodies {
      @WebSocket()
      take(@Body() text: string): unknown {
        return seen(text);
      }
    }
    const client = await clientOf(Bodies);
    for (const text of ['', '12', '{"a":', '{"__proto__":1}', '\uFEFFgrüße 🐙', '"quoted"']) {
      expect(await ask(client, text)).toEqual({ type: 'string', value: text });
    }
    expect(await ask(client, Buffer.from('grüße'))).toEqual({ type: 'string', value: 'grüße' });
    expect(await ask(client, Buffer.from([0xff, 0xfe]))).toEqual(
      errorFrame('BODY_INVALID', 'the body is not valid UTF-8'),
    );
    expect(await ask(client, 'still here')).toEqual({ type: 'string', value: 'still here' });
  });

  it('R-body-bytes is the bytes of a frame, text or binary', async () => {
    @Controller('body')
    class Bodies {
      @WebSocket('buffer')
      buffer(@Body() bytes: Buffer): unknown {
        return seen(bytes);
      }
      @WebSocket('array')
      array(@Body() bytes: Uint8Array): unknown {
        return { array: bytes instanceof Uint8Array, length: bytes.length };
      }
      @WebSocket('own')
      own(@Body(ArrayBuffer) bytes: ArrayBuffer): unknown {
        return { own: bytes instanceof ArrayBuffer, length: bytes.byteLength };
      }
    }
    const app = await testApp({ controllers: [Bodies] });
    const buffer = await app.connect('/body/buffer');
    expect(await ask(buffer, Buffer.from([0, 255]))).toEqual({ type: 'Buffer', value: '00ff' });
    expect(await ask(buffer, 'ab')).toEqual({ type: 'Buffer', value: '6162' });
    expect(await ask(await app.connect('/body/array'), Buffer.alloc(3))).toEqual({ array: true, length: 3 });
    expect(await ask(await app.connect('/body/own'), Buffer.alloc(4))).toEqual({ own: true, length: 4 });
  });

  it('R-body-message is the message, raw, with or without a decorator', async () => {
    @Controller('body')
    class Bodies {
      @WebSocket()
      take(message: Message, @Body() same: Message): unknown {
        const { isBinary } = message;
        const bytes = message.arrayBuffer();
        return { isBinary, text: same.text(), size: bytes.byteLength, json: isBinary ? undefined : message.json() };
      }
    }
    const client = await clientOf(Bodies);
    expect(await ask(client, '{"a":1}')).toEqual({ isBinary: false, text: '{"a":1}', size: 7, json: { a: 1 } });
    expect(await ask(client, Buffer.from('hi'))).toEqual({ isBinary: true, text: 'hi', size: 2 });
    expect(await ask(client, 'no json')).toEqual(errorFrame('BODY_INVALID', 'the body is not valid JSON'));
  });

  it('R-body-scalar is JSON of the declared type, never converted', async () => {
    @Controller('body')
    class Bodies {
      @WebSocket('number')
      number(@Body() n: number): unknown {
        return seen(n);
      }
      @WebSocket('boolean')
      boolean(@Body() b: boolean): unknown {
        return seen(b);
      }
    }
    const app = await testApp({ controllers: [Bodies] });
    const number = await app.connect('/body/number');
    expect(await ask(number, '-1.5e3')).toEqual({ type: 'number', value: -1500 });
    const cases: [string, string][] = [
      ['"5"', 'the body must be a number, not string'],
      ['null', 'the body must be a number, not null'],
      ['[5]', 'the body must be a number, not an array'],
      ['1e999', 'the body must be a number, not infinite'],
      ['-1e999', 'the body must be a number, not infinite'],
    ];
    for (const [text, message] of cases) {
      const details = [{ path: '', rule: 'type', message: message.replace('the body ', '') }];
      expect(await ask(number, text)).toEqual(errorFrame('BODY_TYPE', message, details));
    }
    for (const text of ['', '0x10', 'NaN', 'Infinity', '\uFEFF5', '01']) {
      expect(await ask(number, text)).toEqual(errorFrame('BODY_INVALID', 'the body is not valid JSON'));
    }
    const boolean = await app.connect('/body/boolean');
    expect(await ask(boolean, 'false')).toEqual({ type: 'boolean', value: false });
    expect(await ask(boolean, '0')).toMatchObject(errorFrame('BODY_TYPE', 'the body must be a boolean, not number'));
  });

  it('R-body-json is parsed and left alone', async () => {
    @Controller('body')
    class Bodies {
      @WebSocket()
      take(@Body(Json) value: unknown): unknown {
        return { value };
      }
    }
    const client = await clientOf(Bodies);
    for (const value of [null, 0, '', 'text', [], { a: { b: [1, null] } }]) {
      expect(await ask(client, JSON.stringify(value))).toEqual({ value });
    }
    expect(await ask(client, '{a:1}')).toEqual(errorFrame('BODY_INVALID', 'the body is not valid JSON'));
  });

  it('R-body-unknown a type that says nothing at run time is a boot error that shows the spelled form', async () => {
    @Controller('body')
    class Union {
      @WebSocket()
      take(@Body() _text: string | null): void {}
    }
    @Controller('body')
    class Items {
      @WebSocket()
      take(@Body() _posts: Post[]): void {}
    }
    @Controller('body')
    class Call {
      @WebSocket()
      take(@Body() _call: () => void): void {}
    }
    for (const [controller, type] of [
      [Union, 'Object'],
      [Items, 'Array'],
      [Call, 'Function'],
    ] as const) {
      const { code, reason, fix, parameter } = await problemOf(controller);
      expect([code, parameter]).toEqual(['HALYARD_BOOT_BODY_TYPE', 0]);
      expect(reason).toBe(`the compiler emitted the type ${type}, which does not say what the body is`);
      expect(fix).toContain('@Body(String) text: string | null');
    }
  });

  it('R-body-connect is null at connect with triggerOnConnect, and not validated', async () => {
    @Controller('body')
    class Bodies {
      @OnConnect()
      hello(): string {
        return '"hello"';
      }
      @WebSocket({ triggerOnConnect: true })
      take(@Body(Post) post: Post | null): unknown {
        return seen(post);
      }
    }
    const client = await clientOf(Bodies);
    expect(await client.json()).toBe('hello');
    expect(await client.json()).toEqual({ type: 'null', value: null });
    expect(await ask(client, { text: 'a' })).toEqual({ type: 'Post', value: { text: 'a' } });
    expect(await ask(client, 'null')).toMatchObject(errorFrame('BODY_TYPE', /not null/));
  });
});
