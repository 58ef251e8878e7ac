import { describe, expect, it } from '@jest/globals';
import { Controller, Message, UseGuards, WebSocket, type Guard, type RateLimit, type UpgradeContext } from 'halyard';
import { frame, testApp, until, upgradeRequest, type ConnectOptions, type TestApp } from 'halyard/testing';
import { pino } from 'pino';
import { Gate, never } from './support/gate.js';
import { expectSound, Ledger } from './support/ledger.js';

const from = (ip: string): ConnectOptions => ({ headers: { 'x-forwarded-for': ip } });

@Controller('echo')
class Echo {
  @WebSocket()
  echo(message: Message): string {
    return message.text();
  }
}

class User implements Guard {
  canActivate(c: UpgradeContext): boolean {
    c.user = c.request.query['user'] as string | undefined;
    return true;
  }
}

describe('limits of connections', () => {
  it('R-set-limits above `connections` refuses 503, until one has gone', async () => {
    const ledger = new Ledger();
    const app = await testApp({ controllers: [Echo], use: [ledger], limits: { connections: 2 } });
    const first = await app.connect('/echo');
    const second = await app.connect('/echo');
    const refused = await app.refused('/echo');
    expect(refused).toMatchObject({ status: 503, body: { code: 'CONNECTION_LIMIT' } });
    expect(refused.headers['retry-after']).toBe('1');
    first.terminate();
    await until(() => ledger.closings.length === 2);
    await app.connect('/echo').then((client) => client.close());
    await second.close();
    await expectSound(app, ledger, '/echo');
  });

  it('R-set-limits above `connectionsPerIp` refuses 429 that address only', async () => {
    const app = await testApp({ controllers: [Echo], trustProxy: 'loopback', limits: { connectionsPerIp: 2 } });
    const clients = [await app.connect('/echo', from('10.0.0.1')), await app.connect('/echo', from('10.0.0.1'))];
    expect(await app.refused('/echo', from('10.0.0.1'))).toMatchObject({ status: 429, body: { code: 'IP_LIMIT' } });
    await app.connect('/echo', from('10.0.0.2'));
    await clients[0]!.close();
    await until(() => app.app.metrics().connections === 2);
    await app.connect('/echo', from('10.0.0.1'));
    expect(await app.refused('/echo', from('10.0.0.1'))).toMatchObject({ status: 429 });
  });

  it('R-set-limits above `handshakes` that wait for guards refuses 429', async () => {
    const gate = new Gate();
    class Waiting implements Guard {
      async canActivate(): Promise<boolean> {
        await gate.wait();
        return true;
      }
    }
    @Controller('guarded')
    @UseGuards(Waiting)
    class Guarded {
      @WebSocket()
      message(): void {}
    }
    const app = await testApp({ controllers: [Guarded], trustProxy: 'loopback', limits: { handshakes: 3 } });
    const waiting = [1, 2, 3].map(() => app.client('/guarded', from('10.0.0.1')));
    await until(() => gate.waiting === 3);
    expect(await app.refused('/guarded', from('10.0.0.1'))).toMatchObject({
      status: 429,
      body: { code: 'HANDSHAKE_LIMIT' },
    });
    expect(app.app.metrics().pendingHandshakes).toBe(3);
    waiting[0]!.terminate();
    await until(() => app.app.metrics().pendingHandshakes === 2);
    const other = app.client('/guarded', from('10.0.0.1'));
    await until(() => gate.waiting === 4);
    gate.open();
    await Promise.all([...waiting.slice(1), other].map((client) => client.opened()));
    expect(app.app.metrics().handshakes).toEqual({ HANDSHAKE_LIMIT: 1, gone: 1, accepted: 3 });
  });

  it('R-set-limits by address are off for loopback, and for an untrusted proxy, which is warned of once', async () => {
    const lines: { msg: string }[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const limits = { connectionsPerIp: 1, handshakes: 1 };
    const app = await testApp({ controllers: [Echo], limits, logger });
    await Promise.all([1, 2, 3].map(() => app.connect('/echo')));
    expect(lines).toEqual([]);
    // Nobody but a peer that is not loopback can be such a proxy: one is made up by trusting loopback's word for it.
    const { ConnectionLimiter } = await import('#internal/ws/limits.js');
    const limiter = new ConnectionLimiter({ connections: 9, connectionsPerIp: 1, handshakesPerIp: 1 }, false, logger);
    const request = { ip: '192.0.2.7', headers: { 'x-forwarded-for': '10.0.0.1' } };
    for (let n = 0; n < 3; n++) limiter.enter(request as never).seated();
    expect(lines.map(({ msg }) => msg)).toEqual([expect.stringContaining('trustProxy is not set')]);
    const direct = { ip: '192.0.2.8', headers: {} };
    limiter.enter(direct as never).seated();
    expect(() => limiter.enter(direct as never)).toThrow('too many connections from this address');
  });

  it('R-set-handshake R-life-refuse-http cuts off a guard that does not settle: 503, with early data, to a client that reads slowly', async () => {
    const ledger = new Ledger();
    let aborted = 0;
    class Never implements Guard {
      canActivate(c: UpgradeContext): Promise<boolean> {
        c.signal.addEventListener('abort', () => aborted++);
        return never();
      }
    }
    @Controller('never')
    @UseGuards(Never)
    class Guarded {
      @WebSocket()
      message(): void {}
    }
    const app = await testApp({ controllers: [Guarded, Echo], use: [ledger], handshake: 50 });
    expect(await app.refused('/never')).toMatchObject({ status: 503, body: { code: 'HANDSHAKE_TIMEOUT' } });
    const early = await app.raw();
    early.write(upgradeRequest('/never') + 'x'.repeat(30_000));
    early.socket.pause();
    await until(() => app.app.metrics().handshakes['HANDSHAKE_TIMEOUT'] === 2);
    early.write('y'.repeat(30_000));
    early.socket.resume();
    expect((await early.head()).status).toBe(503);
    expect((await early.read((bytes) => bytes.includes('}'))).toString()).toContain('HANDSHAKE_TIMEOUT');
    await early.ended();
    expect(aborted).toBe(2);
    await expectSound(app, ledger, '/echo');
  });

  it('R-set-handshake a guard that settles after its time lets nobody in, whatever a catcher still does', async () => {
    const guard = new Gate<boolean>();
    const catcher = new Gate();
    class Late implements Guard {
      canActivate(): Promise<boolean> {
        return guard.wait();
      }
    }
    const slowCatcher = { catch: () => catcher.wait().then(() => undefined) };
    const opened: string[] = [];
    @Controller('late')
    @UseGuards(Late)
    class Guarded {
      @WebSocket({ triggerOnConnect: true })
      message(): void {
        opened.push('opened');
      }
    }
    const app = await testApp({ controllers: [Guarded, Echo], use: [slowCatcher], handshake: 100 });
    const client = app.client('/late');
    await until(() => catcher.waiting === 1);
    guard.open(true);
    await app.connect('/echo').then((other) => other.close());
    catcher.open();
    expect(await client.refused()).toMatchObject({ status: 503, body: { code: 'HANDSHAKE_TIMEOUT' } });
    expect(opened).toEqual([]);
  });

  it('R-set-handshake a catcher that does not settle is cut off as well', async () => {
    const app = await testApp({
      controllers: [Echo],
      use: [{ catch: () => never() }, { canActivate: () => false }],
      handshake: 50,
    });
    expect(await app.refused('/echo')).toMatchObject({ status: 503, body: { code: 'HANDSHAKE_TIMEOUT' } });
  });

  it('R-set-handshake a client that sends too much before its 101 is cut off', async () => {
    const ledger = new Ledger();
    const gate = new Gate();
    class Waiting implements Guard {
      async canActivate(): Promise<boolean> {
        await gate.wait();
        return true;
      }
    }
    @Controller('guarded')
    @UseGuards(Waiting)
    class Guarded {
      @WebSocket()
      echo(message: Message): string {
        return message.text();
      }
    }
    const app = await testApp({ controllers: [Guarded], use: [ledger] });
    const polite = await app.raw();
    polite.write(Buffer.concat([Buffer.from(upgradeRequest('/guarded')), frame('text', 'with the request')]));
    const flood = await app.raw();
    flood.write(upgradeRequest('/guarded'));
    await until(() => gate.waiting === 2);
    polite.write(frame('text', 'while the guard runs'));
    flood.write(Buffer.alloc(200_000));
    await flood.ended();
    expect(app.app.metrics()).toMatchObject({ pendingHandshakes: 1, handshakes: { gone: 1 } });
    gate.open();
    expect((await polite.head()).status).toBe(101);
    expect((await polite.nextFrame()).payload.toString()).toBe('with the request');
    expect((await polite.nextFrame()).payload.toString()).toBe('while the guard runs');
  });
});

describe('rate limits', () => {
  const start = (rateLimit: RateLimit): Promise<TestApp> => {
    @Controller('limited')
    @UseGuards(User)
    class Limited {
      @WebSocket({ event: 'limited', rateLimit })
      limited(): string {
        return 'ok';
      }
      @WebSocket({ event: 'free' })
      free(): string {
        return 'free';
      }
    }
    return testApp({ controllers: [Limited], trustProxy: 'loopback' });
  };

  it('R-err-rate answers RATE_LIMITED with retryAfterMs, in order; after 10 refusals in a row it closes 1008', async () => {
    const app = await start({ messages: 2, per: '1h' });
    const client = await app.connect('/limited');
    for (let ref = 0; ref < 3; ref++) client.send({ event: 'limited', ref });
    expect([await client.json(), await client.json()]).toMatchObject([{ payload: 'ok' }, { payload: 'ok' }]);
    const refusal = await client.json<{ payload: { details: { retryAfterMs: number } } }>();
    expect(refusal).toMatchObject({ event: 'error', ref: 2, payload: { code: 'RATE_LIMITED' } });
    expect(refusal.payload.details.retryAfterMs).toBeGreaterThan(1_700_000);
    expect(refusal.payload.details.retryAfterMs).toBeLessThanOrEqual(1_800_000);
    // One that is taken in between starts the count anew.
    client.send({ event: 'free' });
    expect(await client.next()).toBe('free');
    for (let ref = 0; ref < 12; ref++) client.send({ event: 'limited', ref });
    for (let ref = 0; ref < 10; ref++) expect(await client.json()).toMatchObject({ event: 'error', ref });
    expect(await client.closed()).toEqual({ code: 1008, reason: 'RATE_LIMITED', wasClean: true });
    expect(app.app.metrics().drops).toEqual({ rate: 11, closing: 2 });
  });

  it('R-err-rate takes messages again when their time has come', async () => {
    const app = await start({ messages: 1, per: 50, burst: 2 });
    const client = await app.connect('/limited');
    for (let n = 0; n < 3; n++) client.send({ event: 'limited' });
    expect([await client.next(), await client.next()]).toEqual(['ok', 'ok']);
    expect(await client.json()).toMatchObject({ payload: { code: 'RATE_LIMITED' } });
    await until(async () => {
      client.send({ event: 'limited' });
      client.send({ event: 'free' });
      const answer = await client.next();
      await client.next();
      return answer === 'ok';
    });
  });

  it('R-err-rate counts by connection, by user, or by address', async () => {
    const used = async (app: TestApp, path: string, ip: string): Promise<boolean> => {
      const client = await app.connect(path, from(ip));
      client.send({ event: 'limited', ref: 1 });
      const { event } = await client.json<{ event: string }>();
      return event === 'error';
    };
    const byConnection = await start({ messages: 1, per: '1h' });
    const byUser = await start({ messages: 1, per: '1h', by: 'user' });
    const byIp = await start({ messages: 1, per: '1h', by: 'ip' });
    const rows: [path: string, ip: string, connection: boolean, user: boolean, address: boolean][] = [
      ['/limited?user=ada', '10.0.0.1', false, false, false],
      ['/limited?user=ada', '10.0.0.1', false, true, true],
      ['/limited?user=bob', '10.0.0.1', false, false, true],
      ['/limited?user=ada', '10.0.0.2', false, true, false],
      ['/limited', '10.0.0.3', false, false, false],
      ['/limited', '10.0.0.4', false, false, false],
    ];
    for (const [path, ip, connection, user, address] of rows) {
      expect([await used(byConnection, path, ip), await used(byUser, path, ip), await used(byIp, path, ip)]).toEqual([
        connection,
        user,
        address,
      ]);
    }
  });

  it('R-err-rate of the app counts the messages of all endpoints together', async () => {
    const app = await testApp({ controllers: [Echo], rateLimit: { messages: 2, per: '1h' } });
    const client = await app.connect('/echo');
    for (let n = 0; n < 3; n++) client.send('x');
    expect([await client.next(), await client.next()]).toEqual(['x', 'x']);
    expect(await client.json()).toMatchObject({ payload: { code: 'RATE_LIMITED' } });
  });
});
