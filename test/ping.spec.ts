import { describe, expect, it } from '@jest/globals';
import { Controller, Message, OnConnect, WebSocket, type CloseInfo } from 'halyard';
import { frame, testApp, until, type RawClient, type TestClient } from 'halyard/testing';
import { Gate, never } from './support/gate.js';
import { expectSound, Ledger } from './support/ledger.js';

@Controller('echo', { ping: 50 })
class Echo {
  @WebSocket()
  echo(message: Message): string {
    return message.text();
  }
}

/** Counts the pings that a client has got. */
function countPings(client: TestClient): () => number {
  let pings = 0;
  client.socket.on('ping', () => pings++);
  return () => pings;
}

describe('the heartbeat', () => {
  it('R-ping closes a client that does not answer within an interval, in every mode', async () => {
    const ledger = new Ledger();
    @Controller('modes', { ping: 50 })
    class Modes {
      @WebSocket('receive', { mode: 'receiveOnly' })
      receive(): void {}
      @WebSocket('send', { mode: 'sendOnly' })
      async send(): Promise<void> {
        await never();
      }
      @WebSocket('stream', { mode: 'sendOnly' })
      async *stream(): AsyncGenerator<string> {
        yield 'one';
        await never();
      }
      @OnConnect('push')
      push(): void {}
      @WebSocket('connecting')
      message(): void {}
      @OnConnect('connecting')
      connecting(): Promise<void> {
        return never();
      }
    }
    const app = await testApp({ controllers: [Modes, Echo], use: [ledger], closeTimeout: 100 });
    const timedOut: Partial<CloseInfo> = { code: 1006, reason: 'ping timeout', wasClean: false };
    let count = 0;
    for (const path of [
      '/echo',
      '/modes/receive',
      '/modes/send',
      '/modes/stream',
      '/modes/push',
      '/modes/connecting',
    ]) {
      const client = await app.connect(path, { autoPong: false });
      expect(await client.closed()).toMatchObject({ code: 1006 });
      expect(await ledger.lastClosing(++count)).toEqual(timedOut);
    }
    expect(app.app.metrics().closes).toEqual({ 1006: count });
    await expectSound(app, ledger, '/echo');
  });

  it('R-ping closes while a handler runs, and while a stream is sent', async () => {
    const ledger = new Ledger();
    const aborted: string[] = [];
    @Controller('busy', { ping: 50 })
    class Busy {
      @WebSocket({ event: 'handler' })
      async handler(_message: Message, signal: AbortSignal): Promise<void> {
        signal.addEventListener('abort', () => aborted.push('handler'));
        await never();
      }
      @WebSocket({ event: 'stream' })
      async *stream(): AsyncGenerator<string> {
        try {
          for (;;) {
            yield 'value';
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
        } finally {
          aborted.push('stream');
        }
      }
    }
    const app = await testApp({ controllers: [Busy, Echo], use: [ledger], closeTimeout: 100 });
    for (const event of ['handler', 'stream']) {
      const client = await app.connect('/busy', { autoPong: false });
      client.send({ event });
      expect(await client.closed()).toMatchObject({ code: 1006 });
      await until(() => aborted.includes(event));
    }
    expect((await ledger.lastClosing(2)).reason).toBe('ping timeout');
    await expectSound(app, ledger, '/echo');
  });

  it('R-ping keeps a client that answers, also while a handler runs', async () => {
    const gate = new Gate();
    @Controller('busy', { ping: 50 })
    class Busy {
      @WebSocket()
      async handler(): Promise<string> {
        await gate.wait();
        return 'done';
      }
    }
    const app = await testApp({ controllers: [Busy] });
    const client = await app.connect('/busy');
    const pings = countPings(client);
    client.send('go');
    await until(() => pings() >= 4);
    gate.open();
    expect(await client.next()).toBe('done');
  });

  it('R-ping does not take a process that was busy for a client that is gone', async () => {
    const ledger = new Ledger();
    @Controller('busy', { ping: 50 })
    class Busy {
      @WebSocket()
      block(): string {
        const end = performance.now() + 12;
        while (performance.now() < end);
        return 'done';
      }
    }
    const app = await testApp({ controllers: [Busy], use: [ledger] });
    const client = await app.connect('/busy');
    const pings = countPings(client);
    await until(() => pings() >= 1);
    // More than a second of work, several intervals behind whatever pong is under way.
    for (let n = 0; n < 100; n++) client.send('x'.repeat(4000));
    for (let n = 0; n < 100; n++) expect(await client.next()).toBe('done');
    await until(() => pings() >= 3);
    await client.close();
    expect(await ledger.lastClosing()).toMatchObject({ code: 1000, wasClean: true });
  });

  it('R-ping false sends none', async () => {
    @Controller('quiet', { ping: false })
    class Quiet {
      @WebSocket()
      echo(message: Message): string {
        return message.text();
      }
    }
    const app = await testApp({ controllers: [Quiet, Echo] });
    const quiet = await app.connect('/quiet', { autoPong: false });
    const pings = countPings(quiet);
    const pinged = await app.connect('/echo', { autoPong: false });
    await pinged.closed();
    quiet.send('still here');
    expect(await quiet.next()).toBe('still here');
    expect(pings()).toBe(0);
  });

  it('R-ping closes a client that has said goodbye and keeps its socket, with a heartbeat and without', async () => {
    const ledger = new Ledger();
    @Controller('quiet', { ping: false, closeTimeout: 100 })
    class Quiet {
      @WebSocket()
      message(): void {}
    }
    const app = await testApp({ controllers: [Quiet, Echo], use: [ledger] });
    let count = 0;
    for (const path of ['/quiet', '/echo']) {
      const client: RawClient = await app.raw();
      await client.handshake(path);
      client.socket.allowHalfOpen = true;
      client.write(frame('close', Buffer.from([3, 232])));
      expect((await client.nextFrame()).opcode).toBe(8);
      await ledger.lastClosing(++count);
    }
    await expectSound(app, ledger, '/echo');
  });

  it('R-order-pause demands no pong while the socket is paused, and still writes pings', async () => {
    const ledger = new Ledger();
    const gate = new Gate();
    @Controller('slow', { ping: 50, maxQueue: 2 })
    class Slow {
      @WebSocket()
      async handle(message: Message): Promise<string> {
        await gate.wait();
        return message.text();
      }
    }
    const app = await testApp({ controllers: [Slow], use: [ledger] });
    const client = await app.raw();
    await client.handshake('/slow');
    expect((await client.nextFrame()).opcode).toBe(9);
    // The pong stands behind more than what one read of the socket brings, and is not read while it is paused.
    const text = 'x'.repeat(1000);
    client.write(Buffer.concat([...Array.from({ length: 300 }, () => frame('text', text)), frame('pong')]));
    for (let pings = 0; pings < 4; pings++) expect((await client.nextFrame()).opcode).toBe(9);
    gate.open();
    for (let replies = 0, pings = 0; replies < 300 || pings < 2;) {
      const { opcode, payload } = await client.nextFrame();
      if (opcode === 9) {
        client.write(frame('pong', payload));
        pings++;
      } else {
        expect(payload.toString()).toBe(text);
        replies++;
      }
    }
    client.write(frame('close', Buffer.from([3, 232])));
    expect(await ledger.lastClosing()).toMatchObject({ code: 1000, wasClean: true });
  });

  it('R-order-pause closes 1013 when a pause lasts too long', async () => {
    const ledger = new Ledger();
    @Controller('stuck', { maxQueue: 2 })
    class Stuck {
      @WebSocket()
      handle(message: Message): Promise<string> | string {
        return message.text() === 'hello' ? 'hello' : never();
      }
    }
    const app = await testApp({ controllers: [Stuck], use: [ledger], maxPause: 100, closeTimeout: 100 });
    const client = await app.connect('/stuck');
    for (let n = 0; n < 10; n++) client.send(String(n));
    expect(await client.closed()).toEqual({ code: 1013, reason: 'messages are handled too slowly', wasClean: true });
    expect(await ledger.lastClosing()).toMatchObject({ code: 1013 });
    expect(ledger.dropCount('gone') + ledger.dropCount('closing')).toBe(9);
    await expectSound(app, ledger, '/stuck');
  });
});
