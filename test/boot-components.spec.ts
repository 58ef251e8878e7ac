import { describe, expect, it } from '@jest/globals';
import {
  Body,
  connect,
  Controller,
  each,
  Get,
  Injectable,
  OnConnect,
  OnDisconnect,
  OnError,
  Sender,
  Use,
  UseGuards,
  UseMiddleware,
  UseObservers,
  WebSocket,
  WebSocketMode,
  type Class,
} from 'halyard';
import { problemOf, problemsOf } from './boot-problems.js';

class NoRole {
  greet(): string {
    return 'hello';
  }
}

class Stamp {
  use(): void {}
}

class Watch {
  opened(): void {}
}

class Door {
  canActivate(): boolean {
    return true;
  }
}

@Injectable({ scope: 'connection' })
class Visit {
  closed(): void {}
}

describe('what stands where it cannot run', () => {
  it('R-boot-component is a middleware or observer on a method that shares its path, and one that fills no role', async () => {
    @Controller('desk')
    @Use(NoRole)
    class Desk {
      @WebSocket()
      @UseMiddleware(Stamp)
      @UseObservers(new Watch())
      ask(): void {}

      @WebSocket({ event: 'ring' })
      @UseGuards(each('message', Stamp))
      ring(): void {}

      @OnConnect()
      @UseMiddleware(Stamp)
      enter(): void {}

      @OnDisconnect()
      @UseGuards(Door)
      leave(): void {}
    }
    const problems = await problemsOf({ controllers: [Desk] });
    expect(problems.map(({ code, where, reason }) => [code, where, reason])).toEqual([
      ['HALYARD_BOOT_COMPONENT', 'Desk', 'NoRole fills no role'],
      ['HALYARD_BOOT_COMPONENT', 'Desk.ring', 'each() was given Stamp, which is no guard'],
      ['HALYARD_BOOT_COMPONENT', 'Desk.enter', 'the middleware Stamp cannot run here: a hook runs after the upgrade'],
      [
        'HALYARD_BOOT_COMPONENT',
        'Desk.leave',
        'the guard Door cannot run here: there is nothing left to refuse or to answer',
      ],
      [
        'HALYARD_BOOT_COMPONENT',
        'Desk.ask',
        'the middleware Stamp cannot run here: the path has several endpoints, and the upgrade knows none of them',
      ],
      [
        'HALYARD_BOOT_COMPONENT',
        'Desk.ask',
        'the observer Watch cannot run here: the path has several endpoints, and the upgrade knows none of them',
      ],
    ]);
  });

  it('R-boot-component they are welcome on a method that is alone on its path', async () => {
    @Controller('desk')
    class Desk {
      @WebSocket()
      @Use(Stamp, new Watch(), Door)
      ask(): void {}
    }
    expect(await problemsOf({ controllers: [Desk] })).toEqual([]);
  });

  it('R-boot-component a function, and what a circular import has left undefined, is none', async () => {
    const express = (_request: unknown, _response: unknown, next: () => void): void => next();
    const problems = await problemsOf({ use: [express, undefined as never, 'guard' as never] });
    expect(problems).toEqual([
      {
        code: 'HALYARD_BOOT_COMPONENT',
        where: 'createApp.use',
        reason: 'the function express is no component',
        fix: 'give a class or an instance; a middleware in the style of Express goes into connect(middleware)',
      },
      {
        code: 'HALYARD_BOOT_COMPONENT',
        where: 'createApp.use',
        reason: 'undefined is no component',
        fix: 'a circular import may have left it undefined: move what both files need into a third',
      },
      {
        code: 'HALYARD_BOOT_COMPONENT',
        where: 'createApp.use',
        reason: 'guard is no component',
        fix: 'give a class or an instance',
      },
    ]);
    expect(await problemsOf({ use: [connect(express)] })).toEqual([]);
  });

  it('R-boot-sender is a Sender in a mode that cannot send', async () => {
    @Controller('in', { mode: WebSocketMode.receiveOnly })
    class In {
      @OnConnect()
      hello(_send: Sender): void {}
      @WebSocket()
      take(@Body(String) _text: string, _send: Sender<number>): void {}
    }
    expect(await problemsOf({ controllers: [In] })).toMatchObject([
      { code: 'HALYARD_BOOT_SENDER', where: 'In.take', parameter: 1, reason: 'on a receiveOnly path nothing is sent' },
      { code: 'HALYARD_BOOT_SENDER', where: 'In.hello', parameter: 0 },
    ]);
  });

  it('R-boot-scope is a singleton that depends on a connection-scoped provider', async () => {
    @Controller('ledger')
    class Ledger {
      constructor(readonly visit: Visit) {}
      @WebSocket()
      write(): void {}
    }
    const [problem] = await problemsOf({ controllers: [Ledger], providers: [Visit] });
    expect(problem).toEqual({
      code: 'HALYARD_BOOT_SCOPE',
      where: 'Ledger.constructor',
      parameter: 0,
      reason: 'a singleton would keep Visit, which lives with one connection or HTTP request: Ledger → Visit',
      fix: "give Ledger `scope: 'connection'` too, or hand the value to its methods",
    });
    expect(await problemsOf({ use: [Visit] })).toMatchObject([{ code: 'HALYARD_BOOT_SCOPE', where: 'Visit' }]);
  });

  it.each(['', 'reply', 'error', 'end', 'dropped', 'gap', 'presence_state', 'presence_'])(
    'R-boot-event R-plain-reserved is the event name %j',
    async (event) => {
      @Controller('events')
      class Events {
        @WebSocket({ event })
        take(): void {}
      }
      expect(await problemOf(Events)).toMatchObject({ code: 'HALYARD_BOOT_EVENT', where: 'Events.take' });
    },
  );

  it('is not an event name that only resembles a reserved one', async () => {
    @Controller('events')
    class Events {
      @WebSocket({ event: 'Reply' })
      a(): void {}
      @WebSocket({ event: 'ends' })
      b(): void {}
      @WebSocket({ event: 'presence' })
      c(): void {}
      @WebSocket({ event: '__proto__' })
      d(): void {}
    }
    expect(await problemsOf({ controllers: [Events] })).toEqual([]);
  });
});

describe('a class that is no controller', () => {
  it('is one without a decorator, without endpoints, or none at all', async () => {
    class Plain {}
    @Controller('empty')
    class Empty {}
    const problems = await problemsOf({ controllers: [Plain, Empty, undefined as unknown as Class, 5 as never] });
    expect(problems.map(({ code, where, reason }) => [code, where, reason])).toEqual([
      ['HALYARD_BOOT_CONTROLLER', 'Plain', 'it has no @Controller'],
      ['HALYARD_BOOT_CONTROLLER', 'Empty', 'it has no endpoints'],
      ['HALYARD_BOOT_CONTROLLER', 'controllers', 'undefined is no class'],
      ['HALYARD_BOOT_CONTROLLER', 'controllers', '5 is no class'],
    ]);
  });

  it('is not let through for a mistake in one whose name begins alike', async () => {
    @Controller('a')
    class RoomList {
      @Get()
      list(_text: string): void {}
    }
    @Controller('b')
    class Room {}
    expect(await problemsOf({ controllers: [RoomList, Room] })).toMatchObject([
      { code: 'HALYARD_BOOT_BIND', where: 'RoomList.list' },
      { code: 'HALYARD_BOOT_CONTROLLER', where: 'Room' },
    ]);
  });

  it('has its endpoints on static members', async () => {
    @Controller('static')
    class Static {
      @Get()
      static page(): string {
        return 'never';
      }
    }
    expect(await problemOf(Static)).toMatchObject({
      code: 'HALYARD_BOOT_CONTROLLER',
      where: 'Static.page',
      reason: 'it is no method',
    });
  });

  it('covers no WebSocket path with its hook', async () => {
    @Controller('pages')
    class Pages {
      @Get()
      page(): string {
        return 'page';
      }
      @OnDisconnect()
      gone(): void {}
      @OnError('elsewhere')
      failed(): void {}
    }
    expect(await problemsOf({ controllers: [Pages] })).toMatchObject([
      { code: 'HALYARD_BOOT_HOOK', where: 'Pages.gone' },
      { code: 'HALYARD_BOOT_HOOK', where: 'Pages.failed' },
    ]);
  });
});
