import { describe, expect, it } from '@jest/globals';
import {
  actions,
  Channels,
  ConnectionEvent,
  Connections,
  Controller,
  DROP,
  OnConnect,
  OnDisconnect,
  UseInterceptors,
  WebSocket,
  type Actions,
  type Interceptor,
} from 'halyard';
import { testApp, until } from 'halyard/testing';
import { problemOf } from './boot-problems.js';

describe('actions', () => {
  it('R-act-send what they send goes through the interceptors, and what they broadcast and publish does not', async () => {
    class Loud implements Interceptor {
      post(_c: unknown, value: unknown): unknown {
        return value === 'secret' ? DROP : String(value).toUpperCase();
      }
    }
    @Controller('loud')
    @UseInterceptors(Loud)
    class LoudRoom {
      @OnConnect()
      enter(): Actions {
        return actions({ join: 'room', send: 'welcome' });
      }
      @WebSocket({ event: 'all' })
      all(): Actions {
        return actions({ send: 'to me', broadcast: 'to all', broadcastRoom: 'to the room' });
      }
      @WebSocket({ event: 'secret' })
      secret(): Actions {
        return actions({ send: 'secret' });
      }
    }
    const app = await testApp({ controllers: [LoudRoom] });
    const client = await app.connect('/loud');
    expect(await client.next()).toBe('WELCOME');
    client.send({ event: 'all' });
    expect([await client.next(), await client.next(), await client.next()]).toEqual(['TO ME', 'to all', 'to the room']);
    client.send({ event: 'secret', ref: 1 });
    expect(await client.json()).toEqual({ event: 'reply', ref: 1, payload: null });
    await client.idle();
  });

  it('R-act-send on a receiveOnly path it is dropped and counted, and all else is done', async () => {
    @Controller('quiet', { mode: 'receiveOnly' })
    class Quiet {
      @WebSocket()
      take(): Actions {
        return actions({ join: 'room', send: 'nobody gets this', broadcastRoom: 'done' });
      }
    }
    const app = await testApp({ controllers: [Quiet] });
    const client = await app.connect('/quiet');
    client.send('go');
    expect(await client.next()).toBe('done');
    await client.idle();
    expect(app.app.metrics().drops).toEqual({ 'receive-only': 1 });
  });

  it('R-act-order ends with what fails: what stands before it is done, what stands behind it is not', async () => {
    @Controller('half')
    class Half {
      @WebSocket()
      take(): Actions {
        return actions({ join: 'room', setPresence: { channel: 'room', state: 'typing' }, broadcast: 'never' });
      }
    }
    const app = await testApp({ controllers: [Half] });
    const client = await app.connect('/half');
    client.send('go');
    expect(await client.json()).toMatchObject({ event: 'error', payload: { code: 'NOT_TRACKED' } });
    expect(app.get(Channels).local('room')).toEqual(app.get(Connections).ids());
    await client.idle();
  });

  it('R-act-hooks may be what a hook returns: in @OnDisconnect the connection has left its channels', async () => {
    @Controller('hooks')
    class Hooks {
      @OnConnect()
      enter(): Actions {
        return actions({ join: 'room', send: 'welcome' });
      }
      @OnDisconnect()
      leave(): Actions {
        return actions({
          send: 'nobody is there',
          broadcast: 'somebody left',
          broadcastChannel: { channel: 'room', message: 'left' },
        });
      }
    }
    const app = await testApp({ controllers: [Hooks] });
    const [ada, bo] = [await app.connect('/hooks'), await app.connect('/hooks')];
    for (const client of [ada, bo]) expect(await client.next()).toBe('welcome');
    ada.terminate();
    expect([await bo.next(), await bo.next()]).toEqual(['somebody left', 'left']);
    await until(() => app.app.metrics().connections === 1);
    await bo.idle();
  });

  it('R-err-connect what fails in them at connect closes the connection', async () => {
    @Controller('refused')
    class Refused {
      @WebSocket({ events: true })
      handle(): Actions {
        return actions({ broadcastRoom: 'to whom?' });
      }
    }
    const app = await testApp({ controllers: [Refused] });
    expect(await (await app.connect('/refused')).closed()).toMatchObject({ code: 1008, reason: 'NO_ROOM' });
  });
});

describe('an endpoint of events that cannot be', () => {
  it.each([
    ['event', { event: 'say' }],
    ['sendOnly', { mode: 'sendOnly' }],
  ] as const)('R-act-boot is one with %s', async (_what, options) => {
    @Controller('odd')
    class Odd {
      @WebSocket({ ...options, events: true })
      handle(_event: ConnectionEvent): void {}
    }
    expect(await problemOf(Odd)).toMatchObject({ code: 'HALYARD_BOOT_OPTIONS', where: 'Odd.handle' });
  });

  it('R-act-boot is one that shares its path', async () => {
    @Controller('shared')
    class Shared {
      @WebSocket({ events: true })
      handle(_event: ConnectionEvent): void {}
      @WebSocket({ event: 'say' })
      say(): void {}
    }
    expect(await problemOf(Shared)).toMatchObject({
      code: 'HALYARD_BOOT_OPTIONS',
      where: 'Shared.handle',
      reason: 'an endpoint of events takes all messages of its path',
    });
  });
});
