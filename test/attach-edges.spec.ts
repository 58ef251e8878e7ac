import type { Server } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { fastify } from 'fastify';
import {
  Body,
  Controller,
  createApp,
  UseGuards,
  WebSocket,
  type App,
  type AppOptions,
  type Class,
  type Guard,
  type UpgradeContext,
} from 'halyard';
import { until } from 'halyard/testing';
import { closeLater } from '#internal/testing/closing.js';
import { Host, startPlain } from './attach-hosts.js';

async function start(controller: Class, options: AppOptions = {}): Promise<App> {
  const app = await createApp({ controllers: [controller], logger: false, shutdown: { timeout: '1s' }, ...options });
  closeLater({ abandon: () => app.close() });
  return app;
}

/** A controller at `path` that answers with its own name. */
function named(name: string, path: string): Class {
  @Controller(path)
  class NamedController {
    @WebSocket()
    say(@Body() text: string): string {
      return `${name}: ${text}`;
    }
  }
  return NamedController;
}

/** A guard that decides when it is told to, and a controller at `/club` behind it. */
function club(): { guard: PatientGuard; controller: Class } {
  const guard = new PatientGuard();
  @Controller('club')
  @UseGuards(guard)
  class ClubController {
    @WebSocket()
    say(@Body() text: string): string {
      return text;
    }
  }
  return { guard, controller: ClubController };
}

class PatientGuard implements Guard {
  decide!: (admitted: boolean) => void;
  readonly asked: AbortSignal[] = [];
  readonly #decision = new Promise<boolean>((resolve) => (this.decide = resolve));

  canActivate(c: UpgradeContext): Promise<boolean> {
    this.asked.push(c.signal);
    return this.#decision;
  }
}

describe('Several apps on one server', () => {
  it('R-http-attach shares one upgrade listener; what neither knows is 404', async () => {
    const host = await startPlain({ webSockets: false });
    const { server } = host;
    const detachers = [];
    for (const name of ['a', 'b']) detachers.push((await start(named(name, name))).attach(server));
    expect(server.listenerCount('upgrade')).toBe(1);
    for (const name of ['a', 'b']) {
      const client = await host.connect(`/${name}`);
      client.send('hi');
      expect(await client.next()).toBe(`${name}: hi`);
    }
    expect(await host.client('/c').refused()).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    detachers[0]!();
    expect(await host.client('/a').refused()).toMatchObject({ status: 404 });
    const client = await host.connect('/b');
    client.send('hi');
    expect(await client.next()).toBe('b: hi');
    detachers[1]!();
    expect(server.listenerCount('upgrade')).toBe(0);
    expect(Object.hasOwn(server, 'emit')).toBe(false);
  });

  it('R-http-attach gives a path that both have to the one attached first', async () => {
    const host = await startPlain();
    const detachFirst = (await start(named('first', 'room'))).attach(host.server);
    (await start(named('second', 'room'))).attach(host.server);
    for (const name of ['first', 'second']) {
      const client = await host.connect('/room');
      client.send('hi');
      expect(await client.next()).toBe(`${name}: hi`);
      detachFirst();
    }
  });

  it('R-http-attach takes an app twice, and off one by one', async () => {
    const host = await startPlain({ webSockets: false });
    const app = await start(named('a', 'a'), { server: host.server });
    const detach = app.attach(host.server);
    expect(host.server.listenerCount('upgrade')).toBe(1);
    detach();
    await host.connect('/a');
    await app.close();
    expect(host.server.listenerCount('upgrade')).toBe(0);
    expect(Object.hasOwn(host.server, 'emit')).toBe(false);
  });

  it('R-http-attach puts an app on several servers, and keeps its own', async () => {
    const hosts = [await startPlain(), await startPlain()];
    const app = await start(named('a', 'a'));
    for (const { server } of hosts) app.attach(server);
    const { url } = await app.listen({ port: 0, host: '127.0.0.1' });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const clients = await Promise.all(hosts.map((host) => host.connect('/a')));
    await app.close();
    for (const client of clients) expect(await client.closed()).toMatchObject({ code: 1001 });
    for (const { server } of hosts) expect(Object.hasOwn(server, 'emit')).toBe(false);
  });
});

describe('A server whose emit somebody else has wrapped', () => {
  it('R-http-attach puts back what was there', async () => {
    const host = await startPlain();
    const { server } = host;
    const seen: string[] = [];
    const emit = server.emit.bind(server) as (...args: unknown[]) => boolean;
    const theirs = ((event: string, ...args: unknown[]) => {
      seen.push(event);
      return emit(event, ...args);
    }) as typeof server.emit;
    server.emit = theirs;
    const detach = (await start(named('a', 'a'))).attach(server);
    await host.connect('/theirs');
    expect(seen).toContain('upgrade');
    detach();
    expect(server.emit).toBe(theirs);
  });

  it('R-http-attach is without effect after it was detached from below another wrapper', async () => {
    const host = await startPlain();
    const { server } = host;
    const detach = (await start(named('a', 'a'))).attach(server);
    const emit = server.emit.bind(server) as (...args: unknown[]) => boolean;
    const theirs = ((event: string, ...args: unknown[]) => emit(event, ...args)) as typeof server.emit;
    server.emit = theirs;
    detach();
    expect(server.emit).toBe(theirs);
    expect((await host.client('/a').refused()).status).toBe(400);
    await host.connect('/theirs');
    (await start(named('b', 'a'))).attach(server);
    const client = await host.connect('/a');
    client.send('hi');
    expect(await client.next()).toBe('b: hi');
  });
});

describe('While a guard is thinking', () => {
  it('R-http-attach lets a handshake be decided that began before detach', async () => {
    const host = await startPlain();
    const { guard, controller } = club();
    const detach = (await start(controller)).attach(host.server);
    const client = host.client('/club');
    await until(() => guard.asked.length === 1);
    detach();
    guard.decide(true);
    await client.opened();
    client.send('in');
    expect(await client.next()).toBe('in');
  });

  it('R-http-attach refuses it with 503 when the app closes', async () => {
    const host = await startPlain();
    const { guard, controller } = club();
    const app = await start(controller, { server: host.server });
    const client = host.client('/club');
    await until(() => guard.asked.length === 1);
    const closed = app.close();
    expect(await client.refused()).toMatchObject({ status: 503, body: { code: 'DRAINING' } });
    await closed;
    guard.decide(true);
    expect((await host.get('/page')).status).toBe(200);
  });

  it('R-http-attach forgets a client that resets', async () => {
    const host = await startPlain();
    const { guard, controller } = club();
    const app = await start(controller, { server: host.server });
    const client = await host.raw();
    const handshake = client.handshake('/club').catch((error: unknown) => error);
    await until(() => guard.asked.length === 1);
    client.reset();
    await until(() => app.metrics().pendingHandshakes === 0);
    expect(await handshake).toBeInstanceOf(Error);
    expect(guard.asked[0]!.aborted).toBe(true);
    expect(app.metrics()).toMatchObject({ handshakes: { gone: 1 }, connections: 0 });
    guard.decide(true);
    await host.connect('/club');
  });
});

it('R-http-attach is refused by an app that is closed', async () => {
  const host = await startPlain();
  const app = await start(named('a', 'a'));
  await app.close();
  expect(() => app.attach(host.server)).toThrow(expect.objectContaining({ code: 'HALYARD_APP_STATE' }));
  expect(Object.hasOwn(host.server, 'emit')).toBe(false);
});

describe('A host that closes', () => {
  it('R-http-attach lets Fastify drain the app before it waits for its connections', async () => {
    const server = fastify();
    const app = await start(named('a', 'a'), { server: server.server });
    server.addHook('preClose', () => app.close());
    await server.listen({ port: 0, host: '127.0.0.1' });
    const host = new Host(server.server, () => server.close());
    const client = await host.connect('/a');
    await server.close();
    expect(await client.closed()).toMatchObject({ code: 1001 });
    expect(server.server.listening).toBe(false);
  });

  it('R-http-attach lets Nest drain the app before it waits for its connections', async () => {
    const app = await start(named('a', 'a'));
    @Module({ providers: [{ provide: 'halyard', useValue: { onModuleDestroy: () => app.close() } }] })
    class AppModule {}
    const nest = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
    const server = nest.getHttpServer() as Server;
    app.attach(server);
    await nest.listen(0, '127.0.0.1');
    const host = new Host(server, () => nest.close());
    const client = await host.connect('/a');
    await nest.close();
    expect(await client.closed()).toMatchObject({ code: 1001 });
    expect(server.listening).toBe(false);
  });
});
