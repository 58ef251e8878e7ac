import { describe, expect, it } from '@jest/globals';
import {
  All,
  Body,
  Controller,
  Delete,
  Get,
  Head,
  HttpCode,
  Options,
  Param,
  Patch,
  Post,
  Put,
  Redirect,
  SetHeader,
  Sse,
  SseEvent,
  UseGuards,
  WebSocket,
} from 'halyard';
import { testApp } from 'halyard/testing';
import { IsString } from 'class-validator';
import { problemsOf } from './boot-problems.js';

class Notice {
  @IsString()
  text!: string;
}

@Controller('things')
class Things {
  readonly headed: string[] = [];

  @Get(':id')
  get(@Param('id') id: string): unknown {
    return { get: id };
  }
  @Post()
  post(@Body() notice: Notice): unknown {
    return { post: notice.text, dto: notice instanceof Notice };
  }
  @Put(':id')
  put(@Param('id') id: string, @Body(String) text: string): unknown {
    return { put: id, text };
  }
  @Patch(':id')
  patch(@Param('id') id: string): unknown {
    return { patch: id };
  }
  @Delete(':id')
  delete(): void {}
  @Head('only')
  head(): void {
    this.headed.push('head');
  }
  @Options(':id')
  @SetHeader('allow', 'GET, PUT')
  options(): void {}
  @All('any')
  any(): string {
    return 'any';
  }
  @Get('any')
  got(): string {
    return 'got';
  }
  @Get('alias')
  @Get('other')
  two(): string {
    return 'two';
  }
}

describe('HTTP endpoints', () => {
  it('R-dec-http take each method in the same controllers', async () => {
    const app = await testApp({ controllers: [Things] });
    const asked = async (method: string, path: string, body?: object | string): Promise<unknown> => {
      const answer = await app.request(`/things${path}`, { method, ...(body === undefined ? {} : { body }) });
      return [answer.status, answer.body];
    };
    expect(await asked('GET', '/5')).toEqual([200, { get: '5' }]);
    expect(await asked('POST', '', { text: 'hi', more: 1 })).toEqual([201, { post: 'hi', dto: true }]);
    expect(await asked('POST', '', { text: 1 })).toEqual([
      400,
      {
        code: 'VALIDATION_FAILED',
        message: 'the body breaks a rule',
        details: [{ path: 'text', rule: 'isString', message: 'text must be a string' }],
      },
    ]);
    expect(await asked('POST', '', { constructor: 1 })).toMatchObject([400, { code: 'BODY_INVALID' }]);
    expect(await asked('PUT', '/5', 'raw')).toEqual([200, { put: '5', text: 'raw' }]);
    expect(await asked('PATCH', '/5')).toEqual([200, { patch: '5' }]);
    expect(await asked('DELETE', '/5')).toEqual([204, '']);
    expect((await app.request('/things/5', { method: 'OPTIONS' })).headers).toMatchObject({ allow: 'GET, PUT' });
    expect((await asked('HEAD', '/only')) as number[]).toEqual([204, '']);
    expect(app.get(Things).headed).toEqual(['head']);
    expect(await asked('GET', '/any')).toEqual([200, 'got']);
    expect(await asked('DELETE', '/any')).toEqual([200, 'any']);
    expect([await asked('GET', '/alias'), await asked('GET', '/other')]).toEqual([
      [200, 'two'],
      [200, 'two'],
    ]);
    expect(await asked('GET', '/5/6')).toMatchObject([404, { code: 'NOT_FOUND' }]);
  });

  it('R-dec-sse answers text/event-stream, an event a value', async () => {
    @Controller('ticks')
    class Ticks {
      @Sse(':count')
      async *ticks(@Param('count') count: number): AsyncGenerator<unknown> {
        for (let n = 1; n <= count; n++) yield await Promise.resolve({ n });
        yield 'two\nlines';
        yield new SseEvent({ data: 'done', event: 'end', id: '7' });
      }
    }
    const app = await testApp({ controllers: [Ticks] });
    const { status, headers, body } = await app.request('/ticks/2');
    expect([status, headers['content-type']]).toEqual([200, 'text/event-stream']);
    const events = String(body).trimEnd().split('\n\n');
    // A comment first, so that the head goes out.
    expect(events).toEqual([
      ':',
      'data: {"n":1}',
      'data: {"n":2}',
      'data: two\ndata: lines',
      'event: end\nid: 7\ndata: done',
    ]);
  });

  it('R-dec-reply @HttpCode, @SetHeader and @Redirect shape the reply', async () => {
    @Controller('replies')
    class Replies {
      @Post('accepted')
      @HttpCode(202)
      @SetHeader('x-one', '1')
      @SetHeader('x-two', '2')
      accepted(): unknown {
        return { ok: true };
      }
      @Get('moved')
      @Redirect('/elsewhere')
      moved(): void {}
      @Get('chosen')
      @Redirect('/elsewhere', 301)
      chosen(): unknown {
        return { url: '/there', status: 307 };
      }
    }
    const app = await testApp({ controllers: [Replies] });
    const accepted = await app.request('/replies/accepted', { method: 'POST' });
    expect(accepted).toMatchObject({ status: 202, body: { ok: true }, headers: { 'x-one': '1', 'x-two': '2' } });
    expect(await app.request('/replies/moved')).toMatchObject({ status: 302, headers: { location: '/elsewhere' } });
    expect(await app.request('/replies/chosen')).toMatchObject({ status: 307, headers: { location: '/there' } });
  });

  it('R-boot-options R-boot-duplicate R-boot-all what Fastify could not route is a boot error as well', async () => {
    @Controller('bad')
    class Bad {
      @Get('*/more')
      wildcard(): void {}
      @Get('a/:one')
      one(): void {}
      @Get('a/:two')
      two(): void {}
      @Get('code')
      @HttpCode(99)
      code(): void {}
      @Get('redirect')
      @Redirect('/x', 200)
      redirect(): void {}
    }
    const problems = await problemsOf({ controllers: [Bad] });
    expect(problems.map(({ code, where }) => [code, where])).toEqual([
      ['HALYARD_BOOT_PATH', 'Bad.wildcard'],
      ['HALYARD_BOOT_PATH', 'Bad.two'],
      ['HALYARD_BOOT_OPTIONS', 'Bad.code'],
      ['HALYARD_BOOT_OPTIONS', 'Bad.redirect'],
    ]);
  });
});

describe('one path for HTTP and WebSocket', () => {
  it('R-path-shared the Upgrade header decides', async () => {
    @Controller('shared')
    class Shared {
      @Get()
      page(): string {
        return 'page';
      }
      @WebSocket()
      talk(@Body() text: string): string {
        return `talk ${text}`;
      }
    }
    const app = await testApp({ controllers: [Shared] });
    expect(await app.request('/shared')).toMatchObject({ status: 200, body: 'page' });
    const client = await app.connect('/shared');
    client.send('hi');
    expect(await client.next()).toBe('talk hi');
    expect(app.app.routes().map(({ kind, path }) => [kind, path])).toEqual([
      ['websocket', '/shared'],
      ['http', '/shared'],
    ]);
  });

  it('R-path-426 a plain GET where only WebSocket is spoken is told so, before any guard', async () => {
    class Refuse {
      canActivate(): boolean {
        return false;
      }
    }
    @Controller('sockets/:id')
    @UseGuards(Refuse)
    class Sockets {
      @WebSocket()
      talk(): void {}
      @Post()
      post(): void {}
    }
    const app = await testApp({ controllers: [Sockets] });
    const { status, headers, body } = await app.request('/sockets/1');
    expect([status, headers.upgrade]).toEqual([426, 'websocket']);
    expect(body).toEqual({ code: 'UPGRADE_REQUIRED', message: 'this path speaks WebSocket only' });
    expect((await app.request('/sockets/1', { method: 'POST' })).status).toBe(403);
    expect((await app.request('/sockets')).status).toBe(404);
  });

  it('R-path-404 an upgrade on a path that is unknown, or speaks HTTP only', async () => {
    const app = await testApp({ controllers: [Things] });
    for (const path of ['/nothing', '/things/5', '/', '/things/5?x=1', '//']) {
      expect(await app.refused(path)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    }
  });
});
