import { describe, expect, it } from '@jest/globals';
import { Controller, Message, Sender, UseGuards, UseInterceptors, WebSocket, type Context } from 'halyard';
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

/** Refuses, decides or changes nothing, but waits for its gate. */
class Slow {
  constructor(
    private readonly stage: 'guard' | 'pre' | 'post',
    private readonly gate: Gate<boolean>,
  ) {}
  async canActivate(c: Context): Promise<boolean> {
    return c.kind !== 'message' || this.stage !== 'guard' || this.gate.wait();
  }
  async pre(): Promise<void> {
    if (this.stage === 'pre') await this.gate.wait();
  }
  async post(): Promise<void> {
    if (this.stage === 'post') await this.gate.wait();
  }
}

describe('the timeout of a message', () => {
  it('R-err-timeout aborts the signal, answers TIMEOUT, handles the next, and drops and counts the late result', async () => {
    const ledger = new Ledger();
    const gate = new Gate<string>();
    const aborted: unknown[] = [];
    @Controller('slow')
    class Controlled {
      @WebSocket({ event: 'slow', timeout: 50 })
      async slow(sender: Sender, signal: AbortSignal): Promise<string> {
        signal.addEventListener('abort', () => aborted.push((signal.reason as { code: string }).code));
        const value = await gate.wait();
        await sender.send('late as well');
        return value;
      }
      @WebSocket({ event: 'next' })
      next(): string {
        return 'next';
      }
    }
    const app = await testApp({ controllers: [Controlled, Echo], use: [ledger] });
    const client = await app.connect('/slow');
    client.send({ event: 'slow', ref: 1 });
    client.send({ event: 'next', ref: 2 });
    expect(await client.json()).toEqual({
      event: 'error',
      ref: 1,
      payload: { code: 'TIMEOUT', message: 'the handler took too long' },
    });
    expect(await client.json()).toEqual({ event: 'reply', ref: 2, payload: 'next' });
    expect(aborted).toEqual(['HALYARD_TIMEOUT']);
    gate.open('too late');
    await until(() => ledger.dropCount('late') === 2);
    await client.idle();
    expect(app.app.metrics().drops).toEqual({ late: 2 });
    expect(ledger.outcomes).toEqual(['timeout', 'ok']);
    await client.close();
    await expectSound(app, ledger, '/echo');
  });

  it('R-err-timeout reports what a handler throws when it is late', async () => {
    const ledger = new Ledger();
    const gate = new Gate();
    @Controller('slow')
    class Controlled {
      @WebSocket({ timeout: 50 })
      async slow(): Promise<void> {
        await gate.wait();
      }
    }
    const app = await testApp({ controllers: [Controlled], use: [ledger] });
    const client = await app.connect('/slow');
    client.send('go');
    expect(await client.json()).toMatchObject({ payload: { code: 'TIMEOUT' } });
    gate.fail(new Error('nobody hears this'));
    await until(() => ledger.failures.length === 2);
    expect(ledger.failures[1]).toMatchObject({ error: { message: 'nobody hears this' }, stage: 'endpoint' });
    await client.idle();
  });

  it.each(['guard', 'pre', 'post'] as const)('R-err-timeout covers a %s that does not settle', async (stage) => {
    const gate = new Gate<boolean>();
    const slow = new Slow(stage, gate);
    @Controller('slow')
    class Controlled {
      @WebSocket({ event: 'slow', timeout: 50 })
      @UseGuards(slow)
      @UseInterceptors(slow)
      slow(): string {
        return 'reply';
      }
      @WebSocket({ event: 'next' })
      next(): string {
        return 'next';
      }
    }
    const app = await testApp({ controllers: [Controlled] });
    const client = await app.connect('/slow');
    client.send({ event: 'slow', ref: 1 });
    client.send({ event: 'next', ref: 2 });
    expect(await client.json()).toMatchObject({ event: 'error', ref: 1, payload: { code: 'TIMEOUT' } });
    expect(await client.json()).toMatchObject({ event: 'reply', ref: 2 });
    gate.open(true);
    await client.idle();
  });

  it('R-err-timeout does not count the time in which a slow client reads its reply', async () => {
    const ledger = new Ledger();
    const chunk = 'x'.repeat(1024 * 1024);
    @Controller('big')
    class Big {
      @WebSocket({ timeout: 100 })
      big(): string {
        return chunk;
      }
    }
    const app = await testApp({ controllers: [Big], use: [ledger] });
    const client = await app.connect('/big');
    client.pause();
    for (let n = 0; n < 20; n++) client.send('more');
    await until(() => app.app.metrics().queuedBytes > 0);
    // Longer than the timeout: another handler's has passed.
    @Controller('stuck')
    class Stuck {
      @WebSocket({ timeout: 200 })
      stuck(): Promise<void> {
        return never();
      }
    }
    const other = await testApp({ controllers: [Stuck] });
    const stuck = await other.connect('/stuck');
    stuck.send('go');
    expect(await stuck.json()).toMatchObject({ payload: { code: 'TIMEOUT' } });
    client.resume();
    for (let n = 0; n < 20; n++) expect(await client.next()).toBe(chunk);
    expect(ledger.failures).toEqual([]);
  });
});
