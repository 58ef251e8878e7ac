import { describe, expect, it } from '@jest/globals';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, MaxLength, Min, ValidateNested } from 'class-validator';
import { Body, Controller, DefaultValuePipe, Optional, ParseIntPipe, WebSocket, type Class } from 'halyard';
import { testApp, type TestClient } from 'halyard/testing';
import * as v from 'valibot';
import { z } from 'zod';
import { ask, broken, errorFrame } from './asking.js';

class Author {
  @IsString()
  name!: string;
}

class Post {
  @IsString()
  @MaxLength(20)
  text!: string;

  @IsOptional()
  @IsInt()
  @Min(0)
  likes?: number;

  @IsOptional()
  @ValidateNested()
  @Type(() => Author)
  author?: Author;

  get shout(): string {
    return this.text.toUpperCase();
  }
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

describe('a body that is checked', () => {
  it('R-body-dto a class is instantiated, whitelisted and validated, nested ones too', async () => {
    @Controller('body')
    class Bodies {
      @WebSocket()
      take(@Body() post: Post): unknown {
        return { ...seen(post), shout: post.shout, author: post.author?.constructor.name };
      }
    }
    const client = await clientOf(Bodies);
    const given = { text: 'hi', likes: 1, author: { name: 'ada', admin: true }, admin: true };
    expect(await ask(client, given)).toEqual({
      type: 'Post',
      value: { text: 'hi', likes: 1, author: { name: 'ada' } },
      shout: 'HI',
      author: 'Author',
    });
    expect(await ask(client, { text: 5, likes: '1', author: {} })).toEqual(
      broken(
        { path: 'text', rule: 'maxLength', message: 'text must be shorter than or equal to 20 characters' },
        { path: 'text', rule: 'isString', message: 'text must be a string' },
        { path: 'likes', rule: 'min', message: 'likes must not be less than 0' },
        { path: 'likes', rule: 'isInt', message: 'likes must be an integer number' },
        { path: 'author.name', rule: 'isString', message: 'name must be a string' },
      ),
    );
    for (const [text, got] of [
      ['[]', 'an array'],
      ['null', 'null'],
      ['"a"', 'string'],
    ]) {
      expect(await ask(client, text!)).toMatchObject(errorFrame('BODY_TYPE', `the body must be an object, not ${got}`));
    }
    expect(await ask(client, '{"text"')).toEqual(errorFrame('BODY_INVALID', 'the body is not valid JSON'));
    expect(await ask(client, { text: 'again' })).toMatchObject({ type: 'Post' });
  });

  it('R-body-dto an envelope without a payload is answered with what it lacks', async () => {
    @Controller('body')
    class Bodies {
      @WebSocket({ event: 'post' })
      post(@Body() post: Post): unknown {
        return seen(post);
      }
      @WebSocket({ event: 'text' })
      text(@Body() text: string): string {
        return text;
      }
    }
    const client = await clientOf(Bodies);
    for (const [event, wanted] of [
      ['post', 'an object'],
      ['text', 'a string'],
    ]) {
      const message = `the body must be ${wanted}, and the message has no "payload"`;
      expect(await ask(client, { event, data: { text: 'hi' } })).toMatchObject(errorFrame('BODY_TYPE', message));
    }
    expect(await ask(client, { event: 'post', payload: { text: 'hi' } })).toEqual({
      type: 'Post',
      value: { text: 'hi' },
    });
  });

  it('R-body-array [Class] is a JSON array of them, with the index in each path', async () => {
    @Controller('body')
    class Bodies {
      @WebSocket('posts')
      posts(@Body([Post]) posts: Post[]): unknown {
        return posts.map(seen);
      }
      @WebSocket('numbers')
      numbers(@Body([Number]) numbers: number[]): unknown {
        return numbers;
      }
      @WebSocket('schemas')
      schemas(@Body([z.object({ text: z.string() })]) posts: { text: string }[]): unknown {
        return posts;
      }
    }
    const app = await testApp({ controllers: [Bodies] });
    const posts = await app.connect('/body/posts');
    expect(await ask(posts, [{ text: 'a' }, { text: 'b' }])).toEqual([
      { type: 'Post', value: { text: 'a' } },
      { type: 'Post', value: { text: 'b' } },
    ]);
    expect(await ask(posts, '[]')).toEqual([]);
    expect(await ask(posts, [{ text: 'a' }, { text: 'b', likes: -1 }, 7, { text: 'c', author: {} }])).toEqual(
      broken(
        { path: '1.likes', rule: 'min', message: 'likes must not be less than 0' },
        { path: '2', rule: 'type', message: 'must be an object, not number' },
        { path: '3.author.name', rule: 'isString', message: 'name must be a string' },
      ),
    );
    expect(await ask(posts, { 0: { text: 'a' } })).toMatchObject(
      errorFrame('BODY_TYPE', 'the body must be an array, not object'),
    );
    expect(await ask(await app.connect('/body/numbers'), [1, 'x'])).toEqual(
      broken({ path: '1', rule: 'type', message: 'must be a number, not string' }),
    );
    expect(await ask(await app.connect('/body/schemas'), [{ text: 'a' }, { text: 5 }])).toMatchObject({
      payload: { details: [{ path: '1.text', rule: 'invalid_type' }] },
    });
  });

  it('R-body-schema is what a Standard Schema makes of it', async () => {
    const zod = z.object({ at: z.coerce.date(), tags: z.array(z.string()).default([]) });
    const taken = z.string().refine(async (name) => Promise.resolve(name !== 'ada'), 'is taken');
    const valibot = v.object({ n: v.pipe(v.string(), v.transform(Number), v.minValue(1)) });
    @Controller('body')
    class Bodies {
      @WebSocket('zod')
      zod(@Body(zod) value: z.infer<typeof zod>): unknown {
        return { year: value.at.getUTCFullYear(), tags: value.tags };
      }
      @WebSocket('valibot')
      valibot(@Body(valibot) value: v.InferOutput<typeof valibot>): unknown {
        return value;
      }
      @WebSocket('async')
      name(@Body(taken) name: string): string {
        return JSON.stringify(name);
      }
    }
    const app = await testApp({ controllers: [Bodies] });
    const client = await app.connect('/body/zod');
    expect(await ask(client, { at: '2026-11-21', more: 1 })).toEqual({ year: 2026, tags: [] });
    expect(await ask(client, { at: '2026-11-21', tags: ['a', 1] })).toMatchObject({
      payload: { code: 'VALIDATION_FAILED', details: [{ path: 'tags.1', rule: 'invalid_type' }] },
    });
    const other = await app.connect('/body/valibot');
    expect(await ask(other, { n: '4' })).toEqual({ n: 4 });
    expect(await ask(other, { n: '0' })).toMatchObject({
      payload: { code: 'VALIDATION_FAILED', details: [{ path: 'n', rule: 'min_value' }] },
    });
    const names = await app.connect('/body/async');
    expect(await ask(names, '"bob"')).toBe('bob');
    expect(await ask(names, '"ada"')).toEqual(broken({ path: '', rule: 'custom', message: 'is taken' }));
  });

  it('R-body-path is a nested value, of any type, with its whole path in what is wrong', async () => {
    @Controller('body')
    class Bodies {
      @WebSocket('text')
      text(@Body('a.b') text: string): unknown {
        return seen(text);
      }
      @WebSocket('post')
      post(@Body('posts.0', Post) post: Post): unknown {
        return seen(post);
      }
      @WebSocket('two')
      two(@Body('n', ParseIntPipe) n: number, @Body('page', new DefaultValuePipe(1)) page: number): unknown {
        return { n, page };
      }
    }
    const app = await testApp({ controllers: [Bodies] });
    const text = await app.connect('/body/text');
    expect(await ask(text, { a: { b: 'deep' } })).toEqual({ type: 'string', value: 'deep' });
    const missing = errorFrame('BODY_INVALID', '"a.b" is missing', [
      { path: 'a.b', rule: 'missing', message: '"a.b" is missing' },
    ]);
    for (const body of ['{}', '{"a":null}', '{"a":"b"}', '[]', '5', '{"a.b":"flat"}']) {
      expect(await ask(text, body)).toEqual(missing);
    }
    expect(await ask(text, { a: { b: null } })).toEqual(
      errorFrame('BODY_TYPE', '"a.b" must be a string, not null', [
        { path: 'a.b', rule: 'type', message: 'must be a string, not null' },
      ]),
    );
    const post = await app.connect('/body/post');
    expect(await ask(post, { posts: [{ text: 'a' }] })).toEqual({ type: 'Post', value: { text: 'a' } });
    expect(await ask(post, { posts: [{ text: 'a', author: {} }] })).toEqual(
      broken({ path: 'posts.0.author.name', rule: 'isString', message: 'name must be a string' }),
    );
    const two = await app.connect('/body/two');
    expect(await ask(two, { n: 5, page: 2 })).toEqual({ n: 5, page: 2 });
    expect(await ask(two, { n: 5 })).toEqual({ n: 5, page: 1 });
    expect(await ask(two, { n: 5.5 })).toMatchObject(errorFrame('BODY_INVALID', '"n" must be an integer'));
  });

  it('may be missing where it is Optional', async () => {
    @Controller('body')
    class Bodies {
      @WebSocket('post')
      post(@Body(Post, Optional) post?: Post | null): unknown {
        return seen(post);
      }
      @WebSocket('text')
      text(@Body('a.b', String, Optional) text?: string | null): unknown {
        return seen(text);
      }
    }
    const app = await testApp({ controllers: [Bodies] });
    const post = await app.connect('/body/post');
    expect(await ask(post, '')).toEqual({ type: 'undefined' });
    expect(await ask(post, 'null')).toEqual({ type: 'null', value: null });
    expect(await ask(post, '{}')).toMatchObject({ payload: { code: 'VALIDATION_FAILED' } });
    const text = await app.connect('/body/text');
    expect(await ask(text, '{}')).toEqual({ type: 'undefined' });
    expect(await ask(text, '{"a":{"b":null}}')).toEqual({ type: 'null', value: null });
    expect(await ask(text, '{"a":{"b":5}}')).toMatchObject({ payload: { code: 'BODY_TYPE' } });
  });
});
