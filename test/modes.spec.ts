import { describe, expect, it } from '@jest/globals';
import { Channels, Connection, Controller, HttpError, Message, OnConnect, Sender, WebSocket } from 'halyard';
import { testApp, until } from 'halyard/testing';
import { Gate, never } from './support/gate.js';
import { expectSound, Ledger } from './support/ledger.js';

@Controller('echo')
class Echo {
  @WebSocket()
  echo(message: Message): string {
    return message.text();
  }
}

describe('the mode of a connection', () => {
  it('R-ret-receive-only drops and counts what an endpoint returns; errors and publications go out', async () => {
    const ledger = new Ledger();
    @Controller('in', { mode: 'receiveOnly' })
    class In {
      @OnConnect()
      connect(connection: Connection): string {
        void connection.join('news');
        return 'dropped';
      }
      @WebSocket({ event: 'value' })
      value(): string {
        return 'dropped';
      }
      @WebSocket({ event: 'stream' })
      async *stream(): AsyncGenerator<string> {
        yield 'never pulled';
      }
      @WebSocket({ event: 'nothing' })
      nothing(): void {}
      @WebSocket({ event: 'fail' })
      fail(): void {
        throw new HttpError(409, 'conflict');
      }
    }
    const app = await testApp({ controllers: [In, Echo], use: [ledger] });
    const client = await app.connect('/in');
    for (const event of ['value', 'stream', 'nothing']) client.send({ event });
    client.send({ event: 'fail' });
    expect(await client.json()).toMatchObject({ event: 'error', payload: { code: 'CONFLICT' } });
    expect(app.app.metrics().drops).toEqual({ 'receive-only': 3 });
    expect(ledger.dropCount('receive-only')).toBe(3);
    await app.get(Channels).publish('news', 'published');
    expect(await client.next()).toBe('published');
    client.send({ event: 'value', ref: 1 });
    expect(await client.json()).toEqual({ event: 'reply', ref: 1, payload: null });
    await client.idle();
    await client.close();
    await expectSound(app, ledger, '/echo');
  });

  it('R-ret-send-only runs once at connect, sends, and closes 1000 when it returns or its iterable ends', async () => {
    const ledger = new Ledger();
    @Controller('out', { mode: 'sendOnly' })
    class Out {
      @WebSocket('value')
      async value(): Promise<unknown> {
        return { all: true };
      }
      @WebSocket('nothing')
      nothing(): void {}
      @WebSocket('stream')
      async *stream(): AsyncGenerator<number> {
        yield 1;
        yield 2;
      }
      @WebSocket('sender')
      async sender(sender: Sender<number>): Promise<void> {
        await sender.send(1);
        await sender.send(2);
      }
      @WebSocket('throws')
      async *throws(): AsyncGenerator<number> {
        yield 1;
        throw new Error('midway');
      }
    }
    const app = await testApp({ controllers: [Out, Echo], use: [ledger] });
    const sent: [path: string, values: string[], code: number][] = [
      ['/out/value', ['{"all":true}'], 1000],
      ['/out/nothing', [], 1000],
      ['/out/stream', ['1', '2'], 1000],
      ['/out/sender', ['1', '2'], 1000],
      ['/out/throws', ['1'], 1011],
    ];
    let count = 0;
    for (const [path, values, code] of sent) {
      const client = await app.connect(path);
      for (const value of values) expect(await client.next()).toBe(value);
      expect(await client.closed()).toMatchObject({ code, wasClean: true });
      expect((await ledger.lastClosing(++count)).code).toBe(code);
    }
    await expectSound(app, ledger, '/echo');
  });

  it('R-ret-send-only reads and drops what the client sends, so that its close is seen; the stream is returned', async () => {
    const ledger = new Ledger();
    const returned = new Gate();
    @Controller('out', { mode: 'sendOnly' })
    class Out {
      @WebSocket('stream')
      async *stream(): AsyncGenerator<string> {
        try {
          yield 'first';
          await never();
        } finally {
          returned.open();
        }
      }
      @WebSocket('endless')
      async *endless(signal: AbortSignal): AsyncGenerator<string> {
        try {
          for (;;) yield 'x'.repeat(16 * 1024);
        } finally {
          if (signal.aborted) returned.open();
        }
      }
    }
    const app = await testApp({ controllers: [Out, Echo], use: [ledger], closeTimeout: 100 });
    const client = await app.connect('/out/endless');
    await client.next();
    for (let n = 0; n < 100; n++) client.send('nobody listens');
    await until(() => ledger.dropCount('send-only') === 100);
    expect(app.app.metrics().drops['send-only']).toBe(100);
    expect(await client.close(4000, 'enough')).toMatchObject({ code: 4000 });
    expect(await ledger.lastClosing()).toEqual({ code: 4000, reason: 'enough', wasClean: true });
    await returned.wait();
    const waiting = await app.connect('/out/stream');
    await waiting.next();
    await waiting.close();
    await expectSound(app, ledger, '/echo');
  });

  it('R-ret-send-only that never settles is cut off after closeTimeout when the client has gone', async () => {
    const ledger = new Ledger();
    const aborted: string[] = [];
    @Controller('out', { mode: 'sendOnly', closeTimeout: 50 })
    class Out {
      @WebSocket()
      hang(signal: AbortSignal): Promise<void> {
        signal.addEventListener('abort', () => aborted.push('aborted'));
        return never();
      }
    }
    const app = await testApp({ controllers: [Out, Echo], use: [ledger] });
    const client = await app.connect('/out');
    client.terminate();
    await ledger.lastClosing();
    expect(aborted).toEqual(['aborted']);
    await expectSound(app, ledger, '/echo');
  });

  it('R-life-early frames that come before connect has finished wait, bounded, and are handled afterwards in order', async () => {
    const ledger = new Ledger();
    const gate = new Gate();
    const log: string[] = [];
    @Controller('early', { maxQueue: 8 })
    class Early {
      @OnConnect()
      async connect(): Promise<void> {
        await gate.wait();
        log.push('connected');
      }
      @WebSocket()
      message(message: Message): string {
        log.push(message.text().slice(0, 3));
        return message.text().slice(0, 3);
      }
    }
    const app = await testApp({ controllers: [Early], use: [ledger] });
    const client = await app.connect('/early');
    for (let n = 0; n < 600; n++) client.send(String(n).padStart(3, '0') + 'x'.repeat(4000));
    await until(() => app.app.metrics().messages['/early']! > 8);
    await app.request('/nowhere');
    expect(app.app.metrics().messages['/early']).toBeLessThan(8 + 2 + 65_536 / 4000);
    expect(log).toEqual([]);
    gate.open();
    for (let n = 0; n < 600; n++) expect(await client.next()).toBe(String(n).padStart(3, '0'));
    expect(log.slice(0, 3)).toEqual(['connected', '000', '001']);
    expect(ledger.drops).toEqual([]);
  });
});
