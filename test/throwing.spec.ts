import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Connection,
  Controller,
  DROP,
  Json,
  Message,
  OnConnect,
  OnDisconnect,
  OnError,
  Sender,
  UseGuards,
  UseInterceptors,
  UsePipes,
  WebSocket,
  type Guard,
  type Interceptor,
  type Observer,
  type Pipe,
} from 'halyard';
import { testApp, type TestClient } from 'halyard/testing';
import { never } from './support/gate.js';
import { expectSound, Ledger } from './support/ledger.js';

/** The ways in which user code can go wrong. */
const ways: Record<string, () => unknown> = {
  string: () => {
    // oxlint-disable-next-line typescript/only-throw-error
    throw 'a string';
  },
  undefined: () => {
    // oxlint-disable-next-line typescript/only-throw-error
    throw undefined;
  },
  object: () => {
    throw Object.create(null);
  },
  rejects: () => Promise.reject(new Error('at once')),
  later: () => new Promise((_, reject) => setImmediate(reject, 'later')),
  never: () => never(),
  thenable: () => ({
    // oxlint-disable-next-line unicorn/no-thenable
    then: (): never => {
      throw new Error('a thenable that throws');
    },
  }),
};
const names = Object.keys(ways);
const go = (way: string): unknown => ways[way]!();

let way = 'string';

class Failing implements Guard, Interceptor, Pipe {
  constructor(private readonly stage: 'guard' | 'pre' | 'post' | 'done' | 'pipe') {}
  canActivate(): boolean {
    return this.stage !== 'guard' || (go(way) as boolean);
  }
  pre(): void {
    return this.stage === 'pre' ? (go(way) as void) : undefined;
  }
  post(): unknown {
    return this.stage === 'post' ? go(way) : undefined;
  }
  done(): void {
    return this.stage === 'done' ? (go(way) as void) : undefined;
  }
  transform(value: unknown): unknown {
    return this.stage === 'pipe' ? go(way) : value;
  }
}

@Controller('echo')
class Echo {
  @WebSocket()
  echo(message: Message): string {
    return message.text();
  }
}

async function expectAnswered(client: TestClient, ref: string, code: string[]): Promise<void> {
  const { payload, ...error } = await client.json<{ payload: { code: string } }>();
  expect(error).toEqual({ event: 'error', ref });
  expect(code).toContain(payload.code);
}

describe('user code that throws, rejects later, or never settles', () => {
  it.each(names)('R-err-handler R-err-timeout in a handler, a guard, an interceptor or a pipe: %s', async (name) => {
    way = name;
    const ledger = new Ledger();
    @Controller('failing')
    class Endpoints {
      @WebSocket({ event: 'handler' })
      handler(): unknown {
        return go(way);
      }
      @WebSocket({ event: 'guard' })
      @UseGuards(new Failing('guard'))
      guard(): void {}
      @WebSocket({ event: 'pre' })
      @UseInterceptors(new Failing('pre'))
      pre(): void {}
      @WebSocket({ event: 'post' })
      @UseInterceptors(new Failing('post'))
      post(): string {
        return 'value';
      }
      @WebSocket({ event: 'pipe' })
      @UsePipes(new Failing('pipe'))
      pipe(@Body(Json) _body: unknown): void {}
      @WebSocket({ event: 'sender' })
      @UseInterceptors(new Failing('post'))
      async sender(sender: Sender): Promise<void> {
        await sender.send('value');
      }
      @WebSocket({ event: 'done' })
      @UseInterceptors(new Failing('done'))
      done(): string {
        return 'done';
      }
      @WebSocket({ event: 'drop' })
      @UseInterceptors({ post: () => DROP })
      dropped(): string {
        return 'dropped';
      }
      @WebSocket({ event: 'next' })
      next(): string {
        return 'next';
      }
    }
    const app = await testApp({ controllers: [Endpoints, Echo], use: [ledger], timeout: 50, closeTimeout: 100 });
    const client = await app.connect('/failing');
    for (const event of ['handler', 'guard', 'pre', 'post', 'pipe', 'sender']) {
      client.send({ event, payload: 1, ref: event });
      await expectAnswered(client, event, name === 'never' ? ['TIMEOUT'] : ['INTERNAL']);
      if (event === 'sender') expect(await client.json()).toMatchObject({ event: 'end', ref: 'sender' });
    }
    client.send({ event: 'done', ref: 1 });
    expect(await client.json()).toEqual({ event: 'reply', ref: 1, payload: 'done' });
    client.send({ event: 'next' });
    expect(await client.next()).toBe('next');
    await client.idle();
    await client.close();
    await expectSound(app, ledger, '/echo');
  });

  it.each(names)('R-err-gone R-life-close in a hook: %s', async (name) => {
    way = name;
    const ledger = new Ledger();
    @Controller('hooks', { closeTimeout: 50 })
    class Hooks {
      @WebSocket()
      message(): void {
        throw new Error('for the hook');
      }
      @OnConnect('connect')
      connect(): unknown {
        return go(way);
      }
      @WebSocket('connect')
      unreached(): void {}
      @OnDisconnect()
      disconnect(): unknown {
        return go(way);
      }
      @OnError()
      failed(): unknown {
        return go(way);
      }
    }
    const app = await testApp({ controllers: [Hooks, Echo], use: [ledger], timeout: 50 });
    const client = await app.connect('/hooks');
    client.send('x');
    expect(await client.json()).toMatchObject({ payload: { code: 'INTERNAL' } });
    await client.close();
    const refused = await app.connect('/hooks/connect');
    expect([1011, 1013]).toContain((await refused.closed()).code);
    await expectSound(app, ledger, '/echo');
  });

  it.each(names)(
    'R-life-observer R-life-refuse-http in an observer, a guard before the 101, or a catcher: %s',
    async (name) => {
      way = name;
      const ledger = new Ledger();
      const observe = (): void => go(way) as void;
      const observer: Observer = {
        opened: observe,
        handled: observe,
        dropped: observe,
        failed: observe,
        closed: observe,
      };
      @Controller('guarded')
      @UseGuards(new Failing('guard'))
      class Guarded {
        @WebSocket()
        message(): void {}
      }
      const app = await testApp({ controllers: [Guarded, Echo], use: [ledger, observer], handshake: 50 });
      const { status } = await app.refused('/guarded');
      expect(status).toBe(name === 'never' ? 503 : 500);
      await expectSound(app, ledger, '/echo');
      const caught = await testApp({
        controllers: [Guarded, Echo],
        use: [ledger, { catch: () => go(way) as undefined }],
        handshake: 50,
      });
      const answer = await caught.refused('/guarded');
      expect(answer.status).toBe(name === 'never' ? 503 : 500);
    },
  );

  it('R-ret-observed a guard that asks a connection for what it cannot do yet harms nobody', async () => {
    const ledger = new Ledger();
    class Early implements Guard {
      constructor(private readonly asked: unknown[] = []) {}
      canActivate(): boolean {
        return this.asked.length === 0;
      }
    }
    @Controller('early', { scope: 'connection' })
    @UseGuards(new Early())
    class Scoped {
      constructor(connection: Connection) {
        void connection.join('too early');
        void connection.publish('', 1);
        void connection.send('too early');
        connection.close();
      }
      @WebSocket()
      echo(message: Message): string {
        return message.text();
      }
    }
    const app = await testApp({ controllers: [Scoped], use: [ledger] });
    await expectSound(app, ledger, '/early');
  });
});
