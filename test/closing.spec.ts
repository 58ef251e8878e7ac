import { describe, expect, it } from '@jest/globals';
import {
  Body,
  CloseInfo,
  CloseWebSocket,
  Connection,
  Controller,
  Json,
  Message,
  OnConnect,
  OnDisconnect,
  WebSocket,
} from 'halyard';
import { frame, testApp, until } from 'halyard/testing';
import { Gate, never } from './support/gate.js';
import { expectSound, Ledger } from './support/ledger.js';

@Controller('echo')
class Echo {
  @WebSocket()
  echo(message: Message): string {
    return message.text();
  }
}

/** Closes as the client asks. */
@Controller('bye')
class Bye {
  @WebSocket({ event: 'close' })
  close(@Body(Json) { code, reason }: { code?: number; reason?: string }, socket: CloseWebSocket): string {
    socket.close(code, reason);
    return 'closing';
  }
}

describe('a close', () => {
  it('R-close-drain handles and answers what waits, sends what is queued, then the close frame', async () => {
    const ledger = new Ledger();
    const gate = new Gate();
    @Controller('drain', { maxQueue: 200 })
    class Drain {
      @WebSocket()
      async handle(message: Message, connection: Connection): Promise<string> {
        await gate.wait();
        if (message.text() === '0') {
          connection.close(4000, 'drained');
          connection.send('queued').catch(() => undefined);
        }
        return message.text();
      }
    }
    const app = await testApp({ controllers: [Drain], use: [ledger] });
    const client = await app.connect('/drain');
    for (let n = 0; n < 100; n++) client.send(String(n));
    await client.ping();
    gate.open();
    expect(await client.next()).toBe('queued');
    for (let n = 0; n < 100; n++) expect(await client.next()).toBe(String(n));
    expect(await client.closed()).toEqual({ code: 4000, reason: 'drained', wasClean: true });
    expect(await ledger.lastClosing()).toEqual({ code: 4000, reason: 'drained', wasClean: true });
    expect(ledger.drops).toEqual([]);
  });

  it('R-close-drain is synchronous for the handler, whose own reply is sent before the close frame', async () => {
    const app = await testApp({ controllers: [Bye] });
    const client = await app.connect('/bye');
    client.send({ event: 'close', payload: {}, ref: 1 });
    expect(await client.json()).toEqual({ event: 'reply', ref: 1, payload: 'closing' });
    expect(await client.closed()).toEqual({ code: 1000, reason: '', wasClean: true });
  });

  it('R-close-drain of a connection that is being opened lets @OnConnect end first', async () => {
    const log: string[] = [];
    const gate = new Gate();
    @Controller('opening')
    class Opening {
      @OnConnect()
      async open(connection: Connection): Promise<string> {
        connection.close(4001, 'not today');
        await gate.wait();
        log.push('connected');
        return 'last words';
      }
      @WebSocket()
      message(): void {
        log.push('message');
      }
      @OnDisconnect()
      gone({ code }: CloseInfo): void {
        log.push(`disconnected ${code}`);
      }
    }
    const app = await testApp({ controllers: [Opening] });
    const client = await app.connect('/opening');
    await until(() => gate.waiting === 1);
    gate.open();
    expect(await client.next()).toBe('last words');
    expect(await client.closed()).toEqual({ code: 4001, reason: 'not today', wasClean: true });
    await until(() => log.length === 2);
    expect(log).toEqual(['connected', 'disconnected 4001']);
  });

  it('R-close-timeout ends the socket although a handler, a connect or the client does not', async () => {
    const ledger = new Ledger();
    const log: string[] = [];
    @Controller('stuck', { closeTimeout: 100 })
    class Stuck {
      @OnConnect('connecting')
      connecting(connection: Connection): Promise<void> {
        connection.close(4000, 'connecting');
        return never();
      }
      @WebSocket('connecting')
      unreached(): void {
        log.push('unreached');
      }
      @WebSocket('handling')
      async handling(connection: Connection, signal: AbortSignal): Promise<void> {
        signal.addEventListener('abort', () => log.push('aborted'));
        connection.close(4000, 'handling');
        await never();
      }
      @OnDisconnect()
      gone({ reason }: CloseInfo): void {
        log.push(reason);
      }
    }
    const app = await testApp({ controllers: [Stuck, Bye, Echo], use: [ledger], closeTimeout: 100 });
    const connecting = await app.connect('/stuck/connecting');
    connecting.send('x');
    expect(await connecting.closed()).toMatchObject({ code: 4000, reason: 'connecting' });
    await until(() => log.includes('connecting'));
    const handling = await app.connect('/stuck/handling');
    handling.send('one');
    handling.send('two');
    expect(await handling.closed()).toMatchObject({ code: 4000, reason: 'handling' });
    await until(() => log.includes('handling'));
    expect(log).toEqual(['connecting', 'aborted', 'handling']);
    // One that reads its close frame and answers nothing.
    const silent = await app.raw();
    await silent.handshake('/bye');
    silent.write(frame('text', '{"event":"close","payload":{"code":4000,"reason":"silent"}}'));
    expect((await silent.nextFrame()).payload.toString()).toBe('closing');
    expect((await silent.nextFrame()).payload.subarray(2).toString()).toBe('silent');
    await silent.ended();
    expect(await ledger.lastClosing(3)).toEqual({ code: 4000, reason: 'silent', wasClean: false });
    await expectSound(app, ledger, '/echo');
  });

  it('R-close-code allows what a server may send; another code throws and the connection lives on', async () => {
    const ledger = new Ledger();
    @Controller('codes')
    class Codes {
      @WebSocket()
      close(@Body(Json) code: number, socket: CloseWebSocket): void {
        socket.close(code);
      }
    }
    const app = await testApp({ controllers: [Codes], use: [ledger], exposeErrors: true });
    const client = await app.connect('/codes');
    const refused = [0, -1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_536, 1000.5, 'x', null];
    for (const code of refused) {
      client.send(JSON.stringify(code));
      expect(await client.json()).toMatchObject({
        payload: { code: 'INTERNAL', message: expect.stringContaining(`${String(code)} may not be sent`) },
      });
    }
    expect(ledger.failures).toHaveLength(refused.length);
    expect(ledger.failures[0]).toMatchObject({ error: { code: 'HALYARD_CLOSE_CODE_INVALID' } });
    for (const code of [
      1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
    ]) {
      const other = await app.connect('/codes');
      other.send(String(code));
      expect((await other.closed()).code).toBe(code);
    }
    await client.idle();
  });

  it('R-close-reason is cut to 123 bytes at a character boundary', async () => {
    const ledger = new Ledger();
    const app = await testApp({ controllers: [Bye], use: [ledger] });
    const reasons: [given: string, sent: string][] = [
      ['😀'.repeat(100), '😀'.repeat(30)],
      ['x'.repeat(124), 'x'.repeat(123)],
      ['x'.repeat(123), 'x'.repeat(123)],
      [`${'x'.repeat(122)}é`, 'x'.repeat(122)],
      [`${'x'.repeat(120)}€`, `${'x'.repeat(120)}€`],
      ['lone \ud800', 'lone \ufffd'],
    ];
    let count = 0;
    for (const [reason, sent] of reasons) {
      const raw = await app.raw();
      await raw.handshake('/bye');
      raw.write(frame('text', JSON.stringify({ event: 'close', payload: { code: 1000, reason } })));
      await raw.nextFrame();
      const { opcode, payload } = await raw.nextFrame();
      expect(opcode).toBe(8);
      expect(new TextDecoder('utf-8', { fatal: true }).decode(payload.subarray(2))).toBe(sent);
      raw.write(frame('close', payload));
      expect((await ledger.lastClosing(++count)).reason).toBe(sent);
    }
  });

  it('R-close-once is idempotent: the first code counts, and what comes later is read and dropped', async () => {
    const ledger = new Ledger();
    const gate = new Gate();
    const handled: string[] = [];
    @Controller('once')
    class Once {
      @WebSocket()
      async handle(message: Message, connection: Connection): Promise<void> {
        handled.push(message.text());
        connection.close(4001, 'first');
        connection.close(4002, 'second');
        expect(() => connection.close(1005)).toThrow('may not be sent');
        await gate.wait();
      }
    }
    const app = await testApp({ controllers: [Once], use: [ledger] });
    const client = await app.connect('/once');
    client.send('one');
    await until(() => gate.waiting === 1);
    client.send('two');
    client.send('three');
    await client.ping();
    gate.open();
    expect(await client.closed()).toEqual({ code: 4001, reason: 'first', wasClean: true });
    expect(await ledger.lastClosing()).toEqual({ code: 4001, reason: 'first', wasClean: true });
    expect(handled).toEqual(['one']);
    expect(ledger.dropCount('closing')).toBe(2);
    expect(app.app.metrics()).toMatchObject({ closes: { 4001: 1 }, drops: { closing: 2 } });
  });

  it('R-close-client still handles what was received before, then runs @OnDisconnect', async () => {
    const ledger = new Ledger();
    const gate = new Gate();
    const log: string[] = [];
    @Controller('client')
    class Client {
      @WebSocket()
      async handle(message: Message, signal: AbortSignal): Promise<string> {
        await gate.wait();
        log.push(`${message.text()} ${signal.aborted}`);
        return 'nobody reads this';
      }
      @OnDisconnect()
      gone({ code, reason, wasClean }: CloseInfo): void {
        log.push(`gone ${code} ${reason} ${wasClean}`);
      }
    }
    const app = await testApp({ controllers: [Client], use: [ledger] });
    const client = await app.connect('/client');
    for (let n = 0; n < 3; n++) client.send(String(n));
    expect(await client.close(4100, 'bye')).toEqual({ code: 4100, reason: 'bye', wasClean: true });
    await until(() => app.app.metrics().connections === 0);
    expect(log).toEqual([]);
    gate.open();
    await until(() => log.length === 4);
    expect(log).toEqual(['0 false', '1 false', '2 false', 'gone 4100 bye true']);
    expect(await ledger.lastClosing()).toEqual({ code: 4100, reason: 'bye', wasClean: true });
    expect(ledger.dropCount('gone')).toBe(3);
  });

  it('R-close-client waits for its handlers no longer than closeTimeout', async () => {
    const ledger = new Ledger();
    const log: string[] = [];
    @Controller('client', { closeTimeout: 50 })
    class Client {
      @WebSocket()
      async handle(message: Message, signal: AbortSignal): Promise<void> {
        signal.addEventListener('abort', () => log.push(`aborted ${message.text()}`));
        await never();
      }
      @OnDisconnect()
      gone(): void {
        log.push('gone');
      }
    }
    const app = await testApp({ controllers: [Client, Echo], use: [ledger] });
    const client = await app.connect('/client');
    client.send('one');
    client.send('two');
    await client.close();
    await until(() => log.includes('gone'));
    expect(log).toEqual(['aborted one', 'gone']);
    expect(ledger.dropCount('gone')).toBe(1);
    await expectSound(app, ledger, '/echo');
  });
});
