import { describe, expect, it } from '@jest/globals';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Min } from 'class-validator';
import {
  Controller,
  Cookie,
  DefaultValuePipe,
  Get,
  Header,
  Optional,
  Param,
  ParseIntPipe,
  Query,
  WebSocket,
} from 'halyard';
import { testApp, type TestApp } from 'halyard/testing';
import { z } from 'zod';
import { problemOf } from './boot-problems.js';

class Page {
  @IsInt()
  @Min(1)
  @Type(() => Number)
  page!: number;

  @IsOptional()
  q?: string;
}

const Filter = z.object({ tags: z.union([z.string().transform((tag) => [tag]), z.array(z.string())]) });

@Controller('values')
class Values {
  @Get('n')
  @WebSocket('n')
  number(@Query('n') n: number): unknown {
    return { n };
  }

  @Get('flag')
  flag(@Query('flag') flag: boolean): unknown {
    return { flag };
  }

  @Get('text')
  text(@Query('text') text: string, @Query('more', Optional) more?: string): unknown {
    return { text, more };
  }

  @Get('list')
  list(@Query('n', [Number]) n: number[], @Query('word') words: string[]): unknown {
    return { n, words };
  }

  @Get('page')
  page(@Query() page: Page): unknown {
    return { page: page.page, q: page.q, keys: Object.keys(page), dto: page instanceof Page };
  }

  @Get('filter')
  filter(@Query(Filter) filter: z.infer<typeof Filter>): unknown {
    return filter;
  }

  @Get('all/:a/:b')
  all(@Query() query: Record<string, unknown>, @Param() params: object, @Cookie() cookies: object): unknown {
    return { query, params, cookies };
  }

  @Get('users/:id')
  user(@Param('id') id: number, @Header('X-Team') team: string, @Cookie('sid', Optional) sid?: string): unknown {
    return { id, team, sid };
  }

  @Get('straße/:name')
  @WebSocket('straße/:name')
  street(@Param('name') name: string): unknown {
    return { name };
  }

  @Get('files/*')
  file(@Param('*') file: string): unknown {
    return { file };
  }

  @Get('at/:hour(^\\d{2})h:minute(^\\d{2})m')
  at(@Param('hour') hour: number, @Param('minute') minute: number): unknown {
    return { hour, minute };
  }

  @Get('maybe/:id?')
  maybe(@Param('id', Optional) id?: string): unknown {
    return { id: id ?? null };
  }
}

async function answers(app: TestApp, path: string): Promise<unknown> {
  const { body } = await app.request(`/values/${path}`);
  return body;
}

const invalid = (message: string, path?: string): object => ({
  code: 'PARAM_INVALID',
  message,
  ...(path === undefined ? {} : { details: [{ path, rule: 'type', message: message.replace(/^\w+ "\w+" /, '') }] }),
});

describe('a value of the request', () => {
  it('R-body-missing that is missing is 400 PARAM_INVALID, before the 101 and over HTTP', async () => {
    const app = await testApp({ controllers: [Values] });
    const wanted = invalid('query "n" is missing', 'n');
    expect(await app.request('/values/n')).toMatchObject({ status: 400, body: wanted });
    expect(await app.refused('/values/n')).toMatchObject({ status: 400, body: wanted });
    expect(await app.request('/values/users/1')).toMatchObject({
      status: 400,
      body: invalid('header "X-Team" is missing'),
    });
    expect(app.app.metrics().handshakes).toEqual({ PARAM_INVALID: 1 });
  });

  it('R-body-missing may be missing with Optional or a default', async () => {
    @Controller('values')
    class Optionals {
      @Get('page')
      page(@Query('page', new DefaultValuePipe(1)) page: number): unknown {
        return { page };
      }
      @Get('both')
      both(@Query('page', Optional, new DefaultValuePipe('2'), ParseIntPipe) page: number): unknown {
        return { page };
      }
      @Get('none')
      none(@Query('page', Optional, ParseIntPipe) page?: number): unknown {
        return { type: typeof page };
      }
    }
    const app = await testApp({ controllers: [Values, Optionals].slice(1) });
    expect(await answers(app, 'page')).toEqual({ page: 1 });
    expect(await answers(app, 'page?page=7')).toEqual({ page: 7 });
    expect(await answers(app, 'both')).toEqual({ page: 2 });
    expect(await answers(app, 'none')).toEqual({ type: 'undefined' });
    expect(await answers(app, 'none?page=x')).toMatchObject({
      code: 'PARAM_INVALID',
      message: '"page" must be an integer',
    });
  });

  it('R-body-convert is converted strictly to number and boolean', async () => {
    const app = await testApp({ controllers: [Values] });
    for (const [text, n] of [
      ['0', 0],
      ['-1.5', -1.5],
      ['.5', 0.5],
      ['1e3', 1000],
      ['%31', 1],
    ]) {
      expect(await answers(app, `n?n=${text}`)).toEqual({ n });
    }
    for (const text of ['', '%20', '%2B1', '0x10', '1e999', 'NaN', 'Infinity', '1,5', '1_000', '1n', 'one', '٣']) {
      expect(await answers(app, `n?n=${encodeURI(decodeURIComponent(text))}`)).toEqual(
        invalid('query "n" must be a number', 'n'),
      );
    }
    expect(await answers(app, 'n?n=1&n=2')).toEqual(invalid('query "n" was given more than once', 'n'));
    expect(await answers(app, 'flag?flag=true')).toEqual({ flag: true });
    expect(await answers(app, 'flag?flag=false')).toEqual({ flag: false });
    for (const text of ['', '1', '0', 'True', 'yes', 'on']) {
      expect(await answers(app, `flag?flag=${text}`)).toEqual(invalid('query "flag" must be true or false', 'flag'));
    }
    expect(await answers(app, 'text?text=')).toEqual({ text: '' });
    expect(await answers(app, 'text?text=5&more=%C3%BC+%26')).toEqual({ text: '5', more: 'ü &' });
    expect(await answers(app, 'list?n=1&n=2&word=a')).toEqual({ n: [1, 2], words: ['a'] });
    expect(await answers(app, 'list?n=1&n=x&word=a')).toEqual(invalid('query "n" must be a number', 'n'));
  });

  it('R-body-query-object without a name is the whole object, also as DTO or schema', async () => {
    const app = await testApp({ controllers: [Values] });
    expect(await answers(app, 'page?page=2&q=x&admin=1')).toEqual({ page: 2, q: 'x', keys: ['page', 'q'], dto: true });
    expect(await answers(app, 'page?page=0')).toEqual({
      code: 'PARAM_INVALID',
      message: 'a request value is missing or invalid',
      details: [{ path: 'page', rule: 'min', message: 'page must not be less than 1' }],
    });
    expect(await answers(app, 'filter?tags=a&tags=b')).toEqual({ tags: ['a', 'b'] });
    expect(await answers(app, 'filter?tags=a')).toEqual({ tags: ['a'] });
    expect(await answers(app, 'filter')).toMatchObject({ code: 'PARAM_INVALID', details: [{ path: 'tags' }] });
    const { body } = await app.request('/values/all/1/2?x=1&x=2&y', { headers: { cookie: 'sid=a%20b; theme=dark' } });
    expect(body).toEqual({
      query: { x: ['1', '2'], y: '' },
      params: { a: '1', b: '2' },
      cookies: { sid: 'a b', theme: 'dark' },
    });
  });

  it('R-body-query-object without a name a scalar type is a boot error', async () => {
    @Controller('values')
    class Nameless {
      @Get(':id')
      page(@Param() _id: string): void {}
    }
    expect(await problemOf(Nameless)).toMatchObject({
      code: 'HALYARD_BOOT_PARAM_TYPE',
      where: 'Nameless.page',
      reason: 'the compiler emitted the type String, and without a name @Param binds an object of all values',
    });
  });

  it('R-body-proto of the query or a cookie never has a key that reaches a prototype', async () => {
    @Controller('whole')
    class Whole {
      @Get()
      @WebSocket()
      all(@Query() query: object, @Cookie() cookies: object): unknown {
        return { query: Object.keys(query), cookies: Object.keys(cookies) };
      }
    }
    const app = await testApp({ controllers: [Values, Whole] });
    const names = ['__proto__', 'constructor', 'prototype'];
    const headers = { cookie: `${names.map((name) => `${name}=1`).join('; ')}; sid=1` };
    const query = `${names.map((name) => `${name}=1`).join('&')}&__proto__=2&%5f_proto__=3&page=1`;
    const wanted = { query: ['page'], cookies: ['sid'] };
    expect((await app.request(`/whole?${query}`, { headers })).body).toEqual(wanted);
    const client = await app.connect(`/whole?${query}`, { headers });
    client.send('');
    expect(await client.json()).toEqual(wanted);
    expect(await answers(app, `page?${query}`)).toEqual({ page: 1, keys: ['page'], dto: true });
  });

  it('R-dec-bindings is decoded: percent signs, unicode, patterns, wildcards, header names of any case', async () => {
    const app = await testApp({ controllers: [Values] });
    const { body } = await app.request('/values/users/42', { headers: { 'x-TEAM': 'red', cookie: 'sid=1' } });
    expect(body).toEqual({ id: 42, team: 'red', sid: '1' });
    expect(await answers(app, `${encodeURI('straße')}/a%2Fb%20%F0%9F%90%99`)).toEqual({ name: 'a/b 🐙' });
    const client = await app.connect(`/values/${encodeURI('straße')}/a%2Fb%25`);
    client.send('');
    expect(await client.json()).toEqual({ name: 'a/b%' });
    expect(await answers(app, 'files/a/b.txt')).toEqual({ file: 'a/b.txt' });
    expect(await answers(app, 'at/12h30m')).toEqual({ hour: 12, minute: 30 });
    expect(await answers(app, 'maybe')).toEqual({ id: null });
    expect(await answers(app, 'maybe/5')).toEqual({ id: '5' });
    expect((await app.request('/values/users/%ff')).status).toBe(400);
    expect((await app.refused(`/values/${encodeURI('straße')}/%ff`)).status).toBe(404);
  });
});
