import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CloseInfo, Controller, Message, OnConnect, OnDisconnect, UseGuards, WebSocket, type Guard } from 'halyard';
import { testApp, until } from 'halyard/testing';
import { WebSocket as Client } from 'ws';
import { Gate, never } from './support/gate.js';
import { Ledger } from './support/ledger.js';

@Controller('echo')
class Echo {
  @WebSocket()
  echo(message: Message): string {
    return message.text();
  }
}

describe('the end of an app', () => {
  it('does not wait for a provider whose disposal never settles', async () => {
    class Stubborn {
      [Symbol.asyncDispose](): Promise<void> {
        return never();
      }
    }
    const app = await testApp({ controllers: [Echo], providers: [Stubborn], shutdown: { timeout: 200 } });
    const started = performance.now();
    await app.app.close();
    expect(performance.now() - started).toBeGreaterThanOrEqual(190);
  });

  it('R-err-stop closes 1001 with a time to come back, after what had been sent is handled', async () => {
    const ledger = new Ledger();
    const gate = new Gate();
    @Controller('busy')
    class Busy {
      @WebSocket()
      async handle(message: Message): Promise<string> {
        await gate.wait();
        return message.text();
      }
    }
    const app = await testApp({ controllers: [Busy], use: [ledger] });
    const client = await app.connect('/busy');
    client.send('one');
    client.send('two');
    await client.ping();
    const closed = app.app.close();
    const again = app.app.close();
    expect(again).toBe(closed);
    gate.open();
    expect([await client.next(), await client.next()]).toEqual(['one', 'two']);
    const { code, reason, wasClean } = await client.closed();
    expect({ code, wasClean }).toEqual({ code: 1001, wasClean: true });
    expect(reason).toMatch(/^retry-after=\d{1,3}$/);
    await closed;
    expect(ledger.closings).toMatchObject([{ code: 1001, reason }]);
    await expect(app.connect('/busy')).rejects.toThrow('was not answered');
  });

  it('R-err-stop closes in waves, each connection told its own time', async () => {
    const ledger = new Ledger();
    const app = await testApp({ controllers: [Echo], use: [ledger], shutdown: { timeout: 2000, waves: 4 } });
    const clients = await Promise.all(Array.from({ length: 40 }, () => app.connect('/echo')));
    const closed = app.app.close();
    await until(() => ledger.closings.length === 10);
    // The second wave is a quarter of a second away.
    expect(app.app.metrics().connections).toBe(30);
    await closed;
    const reasons = await Promise.all(clients.map(async (client) => (await client.closed()).reason));
    expect(reasons.every((reason) => /^retry-after=\d{1,3}$/.test(reason))).toBe(true);
    expect(new Set(reasons).size).toBeGreaterThan(20);
    expect(app.app.metrics().closes).toEqual({ 1001: 40 });
  });

  it('R-err-stop is bounded by shutdown.timeout, whatever handlers, connects, hooks and guards do', async () => {
    const ledger = new Ledger();
    const log: string[] = [];
    class Never implements Guard {
      canActivate(): Promise<boolean> {
        return never();
      }
    }
    @Controller('stuck', { closeTimeout: '1h' })
    class Stuck {
      @WebSocket('handler')
      handler(): Promise<void> {
        return never();
      }
      @WebSocket('connect')
      connect(): void {}
      @OnConnect('connect')
      connecting(): Promise<void> {
        return never();
      }
      @WebSocket('send', { mode: 'sendOnly' })
      send(): Promise<void> {
        return never();
      }
      @WebSocket('hook')
      hook(): void {}
      @OnDisconnect('hook')
      async disconnect(): Promise<void> {
        log.push('disconnecting');
        await never();
      }
      @OnDisconnect('handler')
      gone({ code }: CloseInfo): void {
        log.push(`gone ${code}`);
      }
      @WebSocket('guard')
      @UseGuards(Never)
      guard(): void {}
    }
    const app = await testApp({ controllers: [Stuck], use: [ledger], shutdown: { timeout: 500 }, handshake: '1h' });
    const handler = await app.connect('/stuck/handler');
    handler.send('go');
    handler.send('waits');
    const others = await Promise.all(['connect', 'send', 'hook'].map((name) => app.connect(`/stuck/${name}`)));
    const guarded = app.client('/stuck/guard');
    // One that left before, and whose handler hangs.
    const left = await app.connect('/stuck/handler');
    left.send('go');
    await left.close();
    await until(() => app.app.metrics().pendingHandshakes === 1);
    await until(() => app.app.metrics().messages['/stuck/handler'] === 3);
    const started = performance.now();
    await app.app.close();
    expect(performance.now() - started).toBeLessThan(600);
    expect(await guarded.refused()).toMatchObject({ status: 503, body: { code: 'DRAINING' } });
    for (const client of [handler, ...others]) expect((await client.closed()).code).toBe(1001);
    expect(log.toSorted()).toEqual(['disconnecting', 'gone 1000', 'gone 1001']);
    expect(app.app.metrics()).toMatchObject({ connections: 0, pendingHandshakes: 0 });
    // All but the one whose hook hangs have run to their end.
    expect(ledger.closings).toHaveLength(ledger.openedIds.length - 1);
  });

  it('R-err-stop refuses a handshake that is being decided, also when its guard says yes afterwards', async () => {
    const gate = new Gate<boolean>();
    class Waiting implements Guard {
      canActivate(): Promise<boolean> {
        return gate.wait();
      }
    }
    @Controller('guarded')
    @UseGuards(Waiting)
    class Guarded {
      @WebSocket()
      message(): void {}
    }
    const app = await testApp({ controllers: [Guarded], use: [{ catch: async () => undefined }] });
    const client = app.client('/guarded');
    await until(() => gate.waiting === 1);
    const closed = app.app.close();
    gate.open(true);
    expect(await client.refused()).toMatchObject({ status: 503, body: { code: 'DRAINING' } });
    await closed;
    expect(app.app.metrics().handshakes).toEqual({ DRAINING: 1 });
  });
});

describe('a signal', () => {
  let child: ChildProcess | undefined;

  afterEach(() => {
    child?.kill('SIGKILL');
  });

  /** Starts a process of its own with an app, and reads the port that it listens on. */
  async function start(...args: string[]): Promise<{ port: number; lines: AsyncIterator<string> }> {
    const script = fileURLToPath(new URL('support/signalled-app.js', import.meta.url));
    child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'], env: {} });
    const lines = createInterface(child.stdout!)[Symbol.asyncIterator]();
    const { value } = await lines.next();
    return { port: Number(value), lines };
  }

  async function connect(port: number): Promise<Client> {
    const client = new Client(`ws://127.0.0.1:${port}/work`);
    await once(client, 'open');
    return client;
  }

  it.each(['SIGTERM', 'SIGINT'] as const)('R-set-signals %s drains, and then ends the process', async (signal) => {
    const { port, lines } = await start();
    const client = await connect(port);
    const messages: string[] = [];
    client.on('message', (data: Buffer) => messages.push(data.toString()));
    client.send('slow');
    expect(await lines.next()).toMatchObject({ value: 'working' });
    const closed = once(client, 'close');
    const exited = once(child!, 'exit');
    child!.kill(signal);
    const [code, reason] = (await closed) as [number, Buffer];
    expect(code).toBe(1001);
    expect(reason.toString()).toMatch(/^retry-after=\d+$/);
    expect(messages).toEqual(['done']);
    expect(await exited).toEqual([null, signal]);
  });

  it('R-set-signals ends the process also where somebody else listens, who hears the signal once', async () => {
    const { port, lines } = await start('listening');
    const client = await connect(port);
    const exited = once(child!, 'exit');
    const closed = once(client, 'close');
    child!.kill('SIGTERM');
    await closed;
    expect(await exited).toEqual([143, null]);
    expect(await lines.next()).toEqual({ value: 'signalled', done: false });
    expect((await lines.next()).done).toBe(true);
  });

  it('R-set-signals a second one exits at once', async () => {
    const { port, lines } = await start('listening');
    const client = await connect(port);
    client.on('error', () => undefined);
    client.send('stuck');
    expect(await lines.next()).toMatchObject({ value: 'working' });
    const exited = once(child!, 'exit');
    child!.kill('SIGTERM');
    expect(await lines.next()).toMatchObject({ value: 'signalled' });
    child!.kill('SIGTERM');
    expect(await exited).toEqual([1, null]);
  });

  it('R-set-signals `signals: false` leaves them alone', async () => {
    const { port } = await start('no-signals');
    const client = await connect(port);
    client.on('error', () => undefined);
    const exited = once(child!, 'exit');
    child!.kill('SIGTERM');
    expect(await exited).toEqual([null, 'SIGTERM']);
  });
});
