import { describe, expect, it } from '@jest/globals';
import {
  actions,
  Body,
  ConnectionEvent,
  Connections,
  Controller,
  OnConnect,
  Post,
  WebSocket,
  type Actions,
} from 'halyard';
import { testApp, until } from 'halyard/testing';

describe('seed 000: WebSocket support in Soli', () => {
  it('R-act-order R-act-events Registering WebSocket Routes / WebSocket Handler: one handler for all, actions in their order', async () => {
    @Controller()
    class Chat {
      @WebSocket('chat', { events: true })
      handle(event: ConnectionEvent): Actions {
        if (event.type !== 'connect') return actions({});
        return actions({
          leave: 'old_channel',
          join: 'general',
          send: `Welcome ${event.connectionId.length}`,
          broadcast: 'A new user connected',
          broadcastRoom: 'updates',
          close: 'Goodbye!',
        });
      }
    }
    const app = await testApp({ controllers: [Chat] });
    const client = await app.connect('/chat');
    expect([await client.next(), await client.next(), await client.next()]).toEqual([
      'Welcome 22',
      'A new user connected',
      'updates',
    ]);
    expect(await client.closed()).toMatchObject({ code: 1000, reason: 'Goodbye!' });
  });

  it('Event Types: type, connection_id, message, channel, params, query and headers', async () => {
    const seen: unknown[] = [];
    @Controller('live/:room')
    class Live {
      @WebSocket({ events: true })
      handle(event: ConnectionEvent): Actions | null {
        const { type, message, channel, params, query } = event;
        seen.push({ type, message, channel, room: params['room'], who: query['who'], agent: event.headers['x-agent'] });
        return type === 'connect' ? actions({ join: 'general' }) : null;
      }
    }
    const app = await testApp({ controllers: [Live] });
    const client = await app.connect('/live/a?who=ada', { headers: { 'x-agent': 'test' } });
    client.send('hello');
    client.send(Buffer.from([1, 2]));
    await client.close();
    await until(() => seen.length === 4);
    const same = { room: 'a', who: 'ada', agent: 'test' };
    expect(seen).toEqual([
      { type: 'connect', message: undefined, channel: undefined, ...same },
      { type: 'message', message: 'hello', channel: 'general', ...same },
      { type: 'message', message: Buffer.from([1, 2]), channel: 'general', ...same },
      { type: 'disconnect', message: undefined, channel: undefined, ...same },
    ]);
  });

  it('Example: Simple Chat', async () => {
    @Controller()
    class Chat {
      @WebSocket('chat', { events: true })
      handle(event: ConnectionEvent): Actions | null {
        switch (event.type) {
          case 'connect':
            return actions({ send: 'Welcome to the chat!', broadcast: 'A new user has joined' });
          case 'message':
            return actions({ broadcast: event.message });
          case 'disconnect':
            return actions({ broadcast: 'A user has left the chat' });
        }
      }
    }
    const app = await testApp({ controllers: [Chat] });
    const ada = await app.connect('/chat');
    expect([await ada.next(), await ada.next()]).toEqual(['Welcome to the chat!', 'A new user has joined']);
    const bo = await app.connect('/chat');
    expect([await bo.next(), await bo.next()]).toEqual(['Welcome to the chat!', 'A new user has joined']);
    expect(await ada.next()).toBe('A new user has joined');
    bo.send('hi');
    expect([await ada.next(), await bo.next()]).toEqual(['hi', 'hi']);
    await bo.close();
    expect(await ada.next()).toBe('A user has left the chat');
  });

  it('Example: Channels/Rooms', async () => {
    @Controller()
    class Live {
      @WebSocket('live', { events: true })
      handle(event: ConnectionEvent): Actions | null {
        if (event.type === 'connect') {
          return actions({ join: 'general', send: 'Connected! You are in the general channel.' });
        }
        if (event.type !== 'message') return null;
        if (event.message === '/join rooms') return actions({ join: 'rooms', send: 'Joined the rooms channel' });
        if (event.message === '/say') return actions({ broadcastRoom: 'to the newest room' });
        return actions({ send: `You said: ${String(event.message)}` });
      }
    }
    const app = await testApp({ controllers: [Live] });
    const [ada, bo] = [await app.connect('/live'), await app.connect('/live')];
    for (const client of [ada, bo]) expect(await client.next()).toBe('Connected! You are in the general channel.');
    ada.send('/join rooms');
    expect(await ada.next()).toBe('Joined the rooms channel');
    bo.send('hello');
    expect(await bo.next()).toBe('You said: hello');
    ada.send('/say');
    expect(await ada.next()).toBe('to the newest room');
    bo.send('/say');
    expect([await ada.next(), await bo.next()]).toEqual(['to the newest room', 'to the newest room']);
  });

  it('Server-Side Broadcast, from an HTTP route', async () => {
    @Controller('admin')
    class Admin {
      constructor(private readonly connections: Connections) {}
      @Post('broadcast')
      async notify(@Body() message: string): Promise<string> {
        await this.connections.broadcast(message);
        return `Notification sent to ${this.connections.count()} clients`;
      }
      @OnConnect('socket')
      open(): void {}
    }
    const app = await testApp({ controllers: [Admin] });
    const clients = [await app.connect('/admin/socket'), await app.connect('/admin/socket')];
    expect((await app.request('/admin/broadcast', { body: 'soon' })).body).toBe('Notification sent to 2 clients');
    for (const client of clients) expect(await client.next()).toBe('soon');
  });

  it('R-act-ref Handler Response Actions: broadcastRoom in no room is answered, broadcastChannel needs none', async () => {
    @Controller('room')
    class Room {
      @OnConnect()
      enter(): Actions {
        return actions({ join: 'watched' });
      }
      @WebSocket({ event: 'alone' })
      alone(): Actions {
        return actions({ leave: 'watched', broadcastRoom: 'to whom?' });
      }
      @WebSocket({ event: 'channel' })
      channel(): Actions {
        return actions({ send: 'the reply', broadcastChannel: { channel: 'watched', message: { n: 1 } } });
      }
      @WebSocket({ event: 'nothing' })
      nothing(): Actions {
        return actions({});
      }
    }
    const app = await testApp({ controllers: [Room] });
    const client = await app.connect('/room');
    client.send({ event: 'channel' });
    expect(await client.next()).toBe('the reply');
    expect(await client.json()).toEqual({ n: 1 });
    client.send({ event: 'channel', ref: 1 });
    const both = [await client.json(), await client.json()];
    expect(both).toContainEqual({ n: 1 });
    expect(both).toContainEqual({ event: 'reply', ref: 1, payload: 'the reply' });
    client.send({ event: 'nothing', ref: 2 });
    expect(await client.json()).toEqual({ event: 'reply', ref: 2, payload: null });
    client.send({ event: 'alone', ref: 3 });
    expect(await client.json()).toMatchObject({ event: 'error', ref: 3, payload: { code: 'NO_ROOM' } });
    client.send({ event: 'alone' });
    expect(await client.json()).toMatchObject({ event: 'error', payload: { code: 'NO_ROOM' } });
  });
});
