import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Channels,
  CloseInfo,
  CloseWebSocket,
  Connection,
  Context,
  Controller,
  Get,
  Inject,
  Injectable,
  Message,
  OnConnect,
  OnDisconnect,
  Param,
  Query,
  Sender,
  Use,
  UseGuards,
  WebSocket,
  type Class,
} from 'halyard';
import { testApp, until } from 'halyard/testing';
import { ask } from './asking.js';
import { problemOf, problemsOf } from './boot-problems.js';

type Decorators = readonly (ClassDecorator | MethodDecorator | PropertyDecorator)[];

/** What esbuild and tsx emit for decorators: the last one first, and no types. */
function decorate(target: Class, members: Record<string, Decorators>, own: Decorators): Class {
  for (const [name, decorators] of Object.entries(members)) {
    for (const decorator of [...decorators].reverse())
      (decorator as MethodDecorator)(target.prototype as object, name, {});
  }
  for (const decorator of [...own].reverse()) (decorator as ClassDecorator)(target as never);
  return target;
}

/** And for those of parameters. */
function parameter(index: number, decorator: ParameterDecorator): MethodDecorator {
  return (target, name) => decorator(target, name, index);
}

function constructorParameter(index: number, decorator: ParameterDecorator): ClassDecorator {
  return (target) => decorator(target, undefined, index);
}

describe('a build that emits no types', () => {
  it('R-dec-explicit works where everything is spelled out', async () => {
    const log: unknown[] = [];
    class Store {
      readonly name = 'store';
    }
    decorate(Store, {}, [Injectable()]);
    class Rooms {
      constructor(readonly store: Store) {}
      enter(connection: Connection, send: Sender): void {
        void send.send(connection.url);
      }
      take(
        room: number,
        text: string,
        message: Message,
        socket: CloseWebSocket,
        context: Context,
        channels: Channels,
      ): unknown {
        const { name } = this.store;
        if (text === 'bye') socket.close(3000);
        return { room, text, raw: message.text(), kind: context.kind, channels: channels instanceof Channels, name };
      }
      gone(info: CloseInfo): void {
        log.push(info.code);
      }
      page(n: number, plain: unknown): unknown {
        return { n, plain };
      }
    }
    decorate(
      Rooms,
      {
        enter: [OnConnect(), parameter(0, Inject(Connection)), parameter(1, Inject(Sender))],
        take: [
          WebSocket(),
          parameter(0, Param('room', Number)),
          parameter(1, Body(String)),
          parameter(2, Inject(Message)),
          parameter(3, Inject(CloseWebSocket)),
          parameter(4, Inject(Context)),
          parameter(5, Inject(Channels)),
        ],
        gone: [OnDisconnect(), parameter(0, Inject(CloseInfo))],
        page: [Get(), parameter(0, Query('n', Number)), parameter(1, Query('plain'))],
      },
      [Controller('rooms/:room'), constructorParameter(0, Inject(Store))],
    );
    const app = await testApp({ controllers: [Rooms], providers: [Store] });
    const client = await app.connect('/rooms/5');
    expect(await client.next()).toBe('/rooms/5');
    const wanted = { room: 5, text: 'hi', raw: 'hi', kind: 'message', channels: true, name: 'store' };
    expect(await ask(client, 'hi')).toEqual(wanted);
    client.send('bye');
    await client.closed();
    await until(() => log.length > 0);
    expect(log).toEqual([3000]);
    expect((await app.request('/rooms/5?n=1.5&plain=2')).body).toEqual({ n: 1.5, plain: '2' });
  });

  it('R-boot-bind R-boot-body says what to write where it is not', async () => {
    class Rooms {
      take(_text: string, _connection: Connection): void {}
    }
    decorate(Rooms, { take: [WebSocket(), parameter(0, Body())] }, [Controller('rooms')]);
    expect(await problemsOf({ controllers: [Rooms] })).toMatchObject([
      {
        code: 'HALYARD_BOOT_BODY_TYPE',
        where: 'Rooms.take',
        parameter: 0,
        reason: 'the build emitted no types, which does not say what the body is',
        fix: expect.stringContaining('@Body(String)') as unknown,
      },
      {
        code: 'HALYARD_BOOT_BIND',
        where: 'Rooms.take',
        parameter: 1,
        reason: 'the parameter has no decorator, and the build emitted no types',
        fix: 'spell it out: @Inject(Connection), @Body(Item), @Param(name); or build with "emitDecoratorMetadata", which esbuild and tsx cannot',
      },
    ]);
  });

  it('R-boot-bind tells a type that a circular import left undefined from one that was not emitted', async () => {
    class Rooms {
      take(_later: unknown, _body: unknown, _token: unknown): void {}
    }
    Reflect.defineMetadata('design:paramtypes', [undefined, undefined, Object], Rooms.prototype, 'take');
    decorate(Rooms, { take: [WebSocket(), parameter(1, Body()), parameter(2, Inject(undefined))] }, [
      Controller('rooms'),
    ]);
    const problems = await problemsOf({ controllers: [Rooms] });
    expect(problems.map(({ code, parameter: index }) => [code, index])).toEqual([
      ['HALYARD_BOOT_BIND', 0],
      ['HALYARD_BOOT_BODY_TYPE', 1],
      ['HALYARD_BOOT_BIND', 2],
    ]);
    for (const { reason } of problems) expect(reason).toContain('circular import');
  });
});

type Standard = (value: unknown, context: { kind: string; name: string }) => unknown;

describe('a build that emits standard (stage-3) decorators', () => {
  it.each<[string, (target: Class) => void]>([
    ['@Controller', (target) => (Controller('rooms') as unknown as Standard)(target, { kind: 'class', name: 'Rooms' })],
    [
      '@UseGuards',
      (target) => {
        (UseGuards() as unknown as Standard)(target, { kind: 'class', name: 'Rooms' });
        Controller('rooms')(target as never);
      },
    ],
    [
      '@Use on a method',
      (target) => {
        const { take } = target.prototype as { take: unknown };
        (Use() as unknown as Standard)(take, { kind: 'method', name: 'take' });
        (Controller('rooms') as unknown as Standard)(target, { kind: 'class', name: 'Rooms' });
      },
    ],
  ])('R-boot-standard is a boot error that says which compiler options to set: %s', async (_name, apply) => {
    class Rooms {
      take(): void {}
    }
    (WebSocket() as unknown as Standard)(Rooms.prototype.take, { kind: 'method', name: 'take' });
    apply(Rooms);
    expect(await problemOf(Rooms)).toEqual({
      code: 'HALYARD_BOOT_STANDARD_DECORATORS',
      where: 'Rooms',
      parameter: undefined,
      reason: 'the build emits standard (stage-3) decorators, which know nothing of parameters',
      fix: 'set "experimentalDecorators": true and "emitDecoratorMetadata": true in tsconfig.json, and in esbuild or swc alike',
    });
  });
});
