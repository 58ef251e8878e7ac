import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Context,
  Controller,
  createApp,
  each,
  Get,
  Inject,
  Injectable,
  OnConnect,
  OnDisconnect,
  Param,
  Post,
  SetMetadata,
  Sse,
  Use,
  UseCatchers,
  UseGuards,
  UsePipes,
  WebSocket,
} from 'halyard';
import { testApp } from 'halyard/testing';
import { ask } from './asking.js';
import { problemsOf } from './boot-problems.js';

class Log {
  opened(): void {}
}
class Stamp {
  use(): void {}
}
class Door {
  canActivate(): boolean {
    return true;
  }
}
class Captcha extends Door {}
class Wrap {
  pre(): void {}
  post(): void {}
}
class Count {
  post(): void {}
}
class Trim {
  transform(value: unknown): unknown {
    return value;
  }
}
class Apology {
  catch(): void {}
}

@Controller('rooms/:room', { mode: 'twoWay' })
@UseGuards(Door)
@Use(Wrap)
class Rooms {
  @OnConnect()
  enter(): void {}
  @WebSocket()
  post(@Body() _text: string): void {}
  @WebSocket({ event: 'typing', order: 'latest' })
  @UseGuards(Captcha, each('message', new Door()))
  @UsePipes(Trim)
  @UseCatchers(new Apology())
  typing(): void {}
  @OnDisconnect()
  leave(): void {}
  @Post('announce')
  @Use(Stamp)
  announce(): void {}
  @Sse('feed')
  feed(): void {}
}

describe('app.routes()', () => {
  it('R-boot-routes lists all endpoints and hooks with the order in which their components run', async () => {
    const app = await createApp({ controllers: [Rooms], use: [Log, Count, Apology], prefix: 'v1', logger: false });
    const routes = app.routes();
    const admission = ['observer Log', 'guard Door'];
    const path = '/v1/rooms/:room';
    expect(routes).toEqual([
      {
        kind: 'hook',
        method: 'connect',
        path,
        handler: 'Rooms.enter',
        admission,
        handling: [
          'interceptor Wrap.pre',
          'endpoint Rooms.enter',
          'interceptor Wrap.post',
          'interceptor Count.post',
          'catcher Apology',
        ],
      },
      {
        kind: 'hook',
        method: 'disconnect',
        path,
        handler: 'Rooms.leave',
        admission,
        handling: ['endpoint Rooms.leave', 'catcher Apology'],
      },
      {
        kind: 'websocket',
        method: 'WS',
        path,
        handler: 'Rooms.post',
        mode: 'twoWay',
        order: 'serial',
        admission,
        handling: [
          'interceptor Wrap.pre',
          'endpoint Rooms.post',
          'interceptor Wrap.post',
          'interceptor Count.post',
          'catcher Apology',
        ],
      },
      {
        kind: 'websocket',
        method: 'WS',
        path,
        event: 'typing',
        handler: 'Rooms.typing',
        mode: 'twoWay',
        order: 'latest',
        admission,
        handling: [
          'guard Captcha',
          'guard Door',
          'interceptor Wrap.pre',
          'pipe Trim',
          'endpoint Rooms.typing',
          'interceptor Wrap.post',
          'interceptor Count.post',
          'catcher Apology',
          'catcher Apology',
        ],
      },
      {
        kind: 'http',
        method: 'POST',
        path: `${path}/announce`,
        handler: 'Rooms.announce',
        admission: ['observer Log', 'middleware Stamp', 'guard Door'],
        handling: [
          'interceptor Wrap.pre',
          'endpoint Rooms.announce',
          'interceptor Wrap.post',
          'interceptor Count.post',
          'catcher Apology',
        ],
      },
      expect.objectContaining({ kind: 'http', method: 'SSE', path: `${path}/feed`, handler: 'Rooms.feed' }),
    ]);
    await app.close();
  });

  it('R-boot-routes is frozen', async () => {
    const app = await createApp({ controllers: [Rooms], logger: false });
    const routes = app.routes();
    expect(() => (routes as unknown[]).pop()).toThrow(TypeError);
    expect(() => Object.assign(routes[0]!, { path: '/other' })).toThrow(TypeError);
    expect(() => (routes[0]!.admission as string[]).push('more')).toThrow(TypeError);
    expect(() => (routes[0]!.handling as string[]).push('more')).toThrow(TypeError);
    await app.close();
  });
});

class Tag {
  constructor(private readonly tag: string) {}
  post(_c: Context, value: unknown): unknown {
    return [...(value as unknown[]), this.tag];
  }
}

@Injectable()
class Clock {
  readonly now = 12;
}

/** Has endpoints, and no path of its own. */
@Use(new Tag('base'))
@SetMetadata('area', 'base')
abstract class Base {
  constructor(
    protected readonly clock: Clock,
    @Inject('motto') protected readonly motto: string,
  ) {}

  @WebSocket(':id')
  take(@Param('id') id: number, @Body() text: string): unknown {
    return [this.name(), id, text, this.clock.now, this.motto];
  }

  @Get()
  page(): unknown {
    return ['base page'];
  }

  @Get('area')
  area({ metadata }: Context): unknown {
    return [metadata.get('area')];
  }

  protected abstract name(): string;
}

@Controller('red')
@Use(new Tag('red'))
class Red extends Base {
  protected name(): string {
    return 'red';
  }
  override page(): unknown {
    return ['red page'];
  }
}

@Controller('blue')
@SetMetadata('area', 'blue')
class Blue extends Base {
  protected name(): string {
    return 'blue';
  }
  @Get('own')
  override page(): unknown {
    return ['blue page'];
  }
}

describe('a controller that extends a class with endpoints', () => {
  const options = { controllers: [Red, Blue], providers: [Clock, { provide: 'motto', useValue: 'onwards' }] };

  it('R-dec-controller has them below its own path, with the bindings and the dependencies of the base', async () => {
    const app = await testApp(options);
    const [red, blue] = [await app.connect('/red/1'), await app.connect('/blue/2')];
    expect(await ask(red, 'a')).toEqual(['red', 1, 'a', 12, 'onwards', 'red', 'base']);
    expect(await ask(blue, 'b')).toEqual(['blue', 2, 'b', 12, 'onwards', 'base']);
  });

  it('R-dec-controller overrides a method with its decorators, or without any and keeps those of the base', async () => {
    const app = await testApp(options);
    expect((await app.request('/red')).body).toEqual(['red page', 'red', 'base']);
    expect((await app.request('/blue/own')).body).toEqual(['blue page', 'base']);
    expect((await app.request('/blue')).status).toBe(404);
    expect((await app.request('/red/area')).body).toEqual(['base', 'red', 'base']);
    expect((await app.request('/blue/area')).body).toEqual(['blue', 'base']);
  });

  it('R-boot-shared-path shares a path with its base where both are controllers of the same', async () => {
    @Controller('chat')
    class Chat {
      @WebSocket()
      talk(): void {}
    }
    class LoudChat extends Chat {}
    expect(await problemsOf({ controllers: [Chat, LoudChat] })).toMatchObject([
      { code: 'HALYARD_BOOT_PATH_SHARED', where: 'LoudChat.talk' },
    ]);
  });
});
