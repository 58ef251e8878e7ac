import { describe, expect, it } from '@jest/globals';
import { CleanUp, Controller, Injectable, Message, OnConnect, OnDisconnect, WebSocket } from 'halyard';
import { testApp } from 'halyard/testing';
import { never } from './support/gate.js';
import { expectSound, Ledger } from './support/ledger.js';

@Controller('echo')
class Echo {
  @WebSocket()
  echo(message: Message): string {
    return message.text();
  }
}

describe('what runs after a connection', () => {
  it('R-life-close goes on when a hook or a clean-up throws, rejects, or never settles', async () => {
    const ledger = new Ledger();
    const log: string[] = [];
    @Injectable({ scope: 'connection' })
    class Scoped {
      async [Symbol.asyncDispose](): Promise<void> {
        log.push('disposed');
        await never();
      }
    }
    @Controller('hooks', { closeTimeout: 50 })
    class Hooks {
      @WebSocket()
      message(_scoped: Scoped): void {}
      @OnConnect()
      connect(cleanUp: CleanUp): void {
        cleanUp.add(() => {
          log.push('first');
          cleanUp.add(() => Promise.reject(new Error('added at the end')));
        });
        cleanUp.add(() => {
          // oxlint-disable-next-line typescript/only-throw-error
          throw 'a string';
        });
        cleanUp.add(() => Promise.reject(new Error('later')));
      }
      @OnDisconnect()
      throws(): void {
        log.push('throws');
        throw new Error('of the hook');
      }
      @OnDisconnect()
      async hangs(signal: AbortSignal): Promise<void> {
        log.push('hangs');
        signal.addEventListener('abort', () => log.push('aborted'));
        await never();
      }
    }
    const app = await testApp({ controllers: [Hooks, Echo], providers: [Scoped], use: [ledger] });
    const client = await app.connect('/hooks');
    await client.close();
    await ledger.lastClosing();
    expect(log).toEqual(['throws', 'hangs', 'aborted', 'first', 'disposed']);
    const texts = ledger.failures.map(
      ({ error, kind }) => `${kind}: ${error instanceof Error ? error.message : String(error)}`,
    );
    expect(texts).toEqual([
      'disconnect: of the hook',
      'disconnect: the handler took too long',
      'disconnect: later',
      'disconnect: a string',
      'disconnect: added at the end',
      'disconnect: the handler took too long',
    ]);
    await expectSound(app, ledger, '/echo');
  });
});
