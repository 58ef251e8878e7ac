import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import {
  Body,
  BootError,
  Controller,
  createApp,
  Get,
  Inject,
  OnConnect,
  OnDisconnect,
  Param,
  Post,
  Query,
  Sender,
  Sse,
  WebSocket,
} from 'halyard';
import { problemOf, problemsOf } from './boot-problems.js';

interface Shape {
  text: string;
}

class NoRole {
  greet(): string {
    return 'hello';
  }
}

/** The mistakes of one class, for the tests of the whole report. */
@Controller('mistakes')
class Mistakes {
  @WebSocket({ event: 'a' })
  bind(_unknown: NoRole): void {}

  @WebSocket({ event: 'b' })
  body(_fine: Sender, @Body() _shape: Shape): void {}

  @WebSocket({ event: 'reply' })
  event(): void {}

  @Get(':id')
  param(@Param('id') _id: string | null): void {}
}

describe('a mistake at boot', () => {
  it('R-boot-all is reported with all others, each with its code, its place, why and what to do', async () => {
    const error: unknown = await createApp({ controllers: [Mistakes], ping: 'often', logger: false }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ name: 'BootError', code: 'HALYARD_BOOT' });
    const { problems, message } = error as BootError;
    expect(problems.map(({ code, where, parameter }) => [code, where, parameter])).toEqual([
      ['HALYARD_BOOT_SETTING', 'ping', undefined],
      ['HALYARD_BOOT_PARAM_TYPE', 'Mistakes.param', 0],
      ['HALYARD_BOOT_BIND', 'Mistakes.bind', 0],
      ['HALYARD_BOOT_BODY_TYPE', 'Mistakes.body', 1],
      ['HALYARD_BOOT_EVENT', 'Mistakes.event', undefined],
    ]);
    expect(message).toBe(
      `the app cannot start: 5 mistakes
  HALYARD_BOOT_SETTING ping
    "often" is not valid
    fix: milliseconds, or '250ms', '25s', '5m'
  HALYARD_BOOT_PARAM_TYPE Mistakes.param, parameter 0
    the compiler emitted the type Object, which does not say how to read one value
    fix: spell it out, @Param('id', Number), or give it a pipe
  HALYARD_BOOT_BIND Mistakes.bind, parameter 0
    nothing provides NoRole
    fix: write @Body() for the body, or register it: providers: [NoRole]
  HALYARD_BOOT_BODY_TYPE Mistakes.body, parameter 1
    the compiler emitted the type Object, which does not say what the body is
    fix: spell it out: @Body(String), @Body(Item), @Body([Item]), @Body(schema), or @Body(Json) for anything; \`import type\`, interfaces and unions such as \`string | null\` all emit nothing usable: @Body(String) text: string | null
  HALYARD_BOOT_EVENT Mistakes.event
    the event name "reply" is empty or reserved
    fix: reply, error, end, dropped, gap and presence_… are the protocol's own: choose another`,
    );
    // As Node prints it where nobody catches it: nothing that comes behind pushes the mistakes out of sight.
    const printed = inspect(error, { customInspect: false });
    expect(printed).toBe(`${(error as BootError).stack} {\n  code: 'HALYARD_BOOT'\n}`);
  });

  it('R-boot-bind is a parameter that nothing can bind', async () => {
    @Controller('bind')
    class Unbound {
      @WebSocket()
      scalar(_text: string): void {}

      @OnDisconnect()
      late(_send: Sender): void {}

      @OnConnect()
      early(@Body(String) _text: string): void {}

      @Get('rooms/:room')
      param(@Param('romo') _room: string): void {}

      @Post('things')
      token(@Inject('db') _db: unknown): void {}

      @Get('shape')
      shape(_shape: Shape): void {}

      @Get('pipe')
      pipe(@Query('n', Number, NoRole) _n: number): void {}
    }
    const problems = await problemsOf({ controllers: [Unbound] });
    expect(problems.map(({ code, where, reason, fix }) => [code, where, reason, fix])).toEqual([
      ['HALYARD_BOOT_BIND', 'Unbound.param', 'the path /bind/rooms/:room has no parameter ":romo"', 'it has ":room"'],
      [
        'HALYARD_BOOT_BIND',
        'Unbound.token',
        'nothing provides "db"',
        'register it: providers: [{ provide: "db", useValue: … }]',
      ],
      [
        'HALYARD_BOOT_BIND',
        'Unbound.shape',
        'the parameter has no decorator, and the compiler emitted the type Object: an interface, a union, or an `import type`',
        'use @Body(…), @Param(name) …, name a provider with @Inject(TOKEN), or import the class without `type`',
      ],
      [
        'HALYARD_BOOT_COMPONENT',
        'Unbound.pipe',
        'NoRole is no pipe: it has no method transform',
        'give one type, and then classes or instances with `transform(value)`',
      ],
      [
        'HALYARD_BOOT_BIND',
        'Unbound.scalar',
        'the parameter has no decorator, and nothing binds a String by its type alone',
        'use @Body(), @Param(name), @Query(name) …',
      ],
      [
        'HALYARD_BOOT_BIND',
        'Unbound.late',
        'Sender does not exist in @OnDisconnect',
        'it can be bound in message endpoints, @OnConnect',
      ],
      [
        'HALYARD_BOOT_BIND',
        'Unbound.early',
        'there is no body in a hook',
        'leave it out; an endpoint with triggerOnConnect has one, null at connect',
      ],
    ]);
  });

  it('R-boot-duplicate is two endpoints on one path and event, or on one HTTP method and path', async () => {
    @Controller('twins')
    class Twins {
      @WebSocket({ event: 'move' })
      first(): void {}
      @WebSocket({ event: 'move' })
      second(): void {}
      @WebSocket()
      rest(): void {}
      @WebSocket('/')
      again(): void {}
      @Get('feed')
      page(): void {}
      @Sse('/feed/')
      stream(): void {}
    }
    const problems = await problemsOf({ controllers: [Twins] });
    expect(problems.map(({ code, where, reason }) => [code, where, reason])).toEqual([
      ['HALYARD_BOOT_DUPLICATE', 'Twins.stream', 'Twins.page takes GET /twins/feed as well'],
      ['HALYARD_BOOT_DUPLICATE', 'Twins.second', 'Twins.first takes the event "move" of /twins as well'],
      ['HALYARD_BOOT_DUPLICATE', 'Twins.again', 'Twins.rest takes all other messages of /twins as well'],
    ]);
  });

  it('R-boot-shared-path is one WebSocket path in two controllers', async () => {
    @Controller('lobby')
    class Lobby {
      @WebSocket()
      talk(): void {}
    }
    @Controller()
    class Side {
      @WebSocket('lobby', { event: 'knock' })
      knock(): void {}
    }
    expect(await problemOf(Lobby, Side)).toEqual({
      code: 'HALYARD_BOOT_PATH_SHARED',
      where: 'Side.knock',
      parameter: undefined,
      reason: 'Lobby has the WebSocket path /lobby already',
      fix: 'put all endpoints of a path into one controller',
    });
  });

  it('R-boot-shared-path a path that differs in the name of a parameter alone cannot be routed either', async () => {
    @Controller('rooms/:room')
    class Rooms {
      @WebSocket()
      talk(): void {}
    }
    @Controller('rooms/:id')
    class Ids {
      @WebSocket()
      talk(): void {}
    }
    expect(await problemOf(Rooms, Ids)).toMatchObject({ code: 'HALYARD_BOOT_PATH', where: 'Ids' });
  });

  it('R-boot-options is options that contradict each other or are invalid', async () => {
    @Controller('news', { mode: 'sendOnly', ping: '25 parsecs' })
    class News {
      @WebSocket({ event: 'latest' })
      latest(): void {}
    }
    @Controller('pair')
    class Pair {
      @WebSocket({ maxPayload: '1mb' })
      one(): void {}
      @WebSocket({ event: 'two', order: { concurrent: 0 }, timeout: 'soon' })
      two(): void {}
    }
    @Controller('spoken', { protocols: 'chat.v1' as never })
    class Spoken {
      @WebSocket()
      talk(): void {}
    }
    @Controller('mute', { mode: 'sendOnly' })
    class Mute {
      @OnConnect()
      hello(): void {}
    }
    @Controller('alone')
    class Alone {
      @WebSocket({ ping: 'soon' })
      talk(): void {}
    }
    const problems = await problemsOf({ controllers: [News, Pair, Spoken, Mute, Alone] });
    expect(problems.map(({ code, where, reason }) => [code, where, reason])).toEqual([
      ['HALYARD_BOOT_OPTIONS', 'Pair.two', 'order {"concurrent":0} is not valid'],
      ['HALYARD_BOOT_OPTIONS', 'News.latest', 'a sendOnly endpoint takes no messages'],
      ['HALYARD_BOOT_OPTIONS', 'Pair.one', 'maxPayload belongs to the connection, and other endpoints share its path'],
      ['HALYARD_BOOT_OPTIONS', 'Mute', '/mute is sendOnly and has no endpoint that sends'],
      ['HALYARD_BOOT_OPTIONS', 'News', 'ping: "25 parsecs" is not valid'],
      ['HALYARD_BOOT_OPTIONS', 'Pair.two', 'timeout: "soon" is not valid'],
      ['HALYARD_BOOT_OPTIONS', 'Spoken', 'protocols: "chat.v1" is not valid'],
      ['HALYARD_BOOT_OPTIONS', 'Alone.talk', 'ping: "soon" is not valid'],
    ]);
  });

  it('R-boot-options a sendOnly endpoint has no body to bind', async () => {
    @Controller('ticker', { mode: 'sendOnly' })
    class Ticker {
      @WebSocket()
      tick(@Body(String) _text: string): void {}
    }
    expect(await problemOf(Ticker)).toMatchObject({ code: 'HALYARD_BOOT_BIND', where: 'Ticker.tick', parameter: 0 });
  });
});
