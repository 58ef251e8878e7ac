import { describe, expect, it } from '@jest/globals';
import {
  CloseInfo,
  Connection,
  Controller,
  Message,
  OnConnect,
  OnDisconnect,
  UseGuards,
  WebSocket,
  type Guard,
} from 'halyard';
import { frame, testApp, until, upgradeRequest, type RawClient, type TestApp } from 'halyard/testing';
import { Gate, never } from './support/gate.js';
import { expectSound, Ledger } from './support/ledger.js';

const gates: Record<string, Gate> = {};
const log: string[] = [];

class Waiting implements Guard {
  async canActivate(): Promise<boolean> {
    await gates['guard']!.wait();
    return true;
  }
}

class Refusing implements Guard {
  async canActivate(): Promise<boolean> {
    await gates['guard']!.wait();
    return false;
  }
}

@Controller('', { closeTimeout: 100, maxPayload: '1mb' })
class Stages {
  @WebSocket('echo')
  echo(message: Message): string {
    return message.text();
  }

  @WebSocket('guarded')
  @UseGuards(Waiting)
  guarded(): void {}

  @WebSocket('refused')
  @UseGuards(Refusing)
  refused(): void {}

  @OnConnect('connecting')
  async connecting(connection: Connection, signal: AbortSignal): Promise<void> {
    await connection.join('lobby');
    signal.addEventListener('abort', () => log.push('connect aborted'));
    await gates['connect']!.wait();
  }
  @WebSocket('connecting')
  connected(): void {}

  @WebSocket('handling')
  async handling(message: Message, connection: Connection, signal: AbortSignal): Promise<string> {
    await connection.join('lobby');
    signal.addEventListener('abort', () => log.push(`${message.text()} aborted`));
    await gates['handler']!.wait();
    return 'nobody';
  }

  @WebSocket('streaming')
  async *streaming(): AsyncGenerator<string> {
    try {
      yield 'first';
      await never();
    } finally {
      log.push('stream returned');
    }
  }

  @WebSocket('flooding')
  async *flooding(): AsyncGenerator<string> {
    try {
      for (;;) yield 'x'.repeat(32 * 1024);
    } finally {
      log.push('flood returned');
    }
  }

  @WebSocket('closing')
  async closing(connection: Connection): Promise<void> {
    connection.close(4000, 'closing');
    await gates['handler']!.wait();
  }

  @OnDisconnect()
  gone({ code }: CloseInfo): void {
    log.push(`disconnected ${code}`);
  }
}

interface Stage {
  readonly name: string;
  /** Brings the client to the stage; resolves when the server is in it. */
  reach(client: RawClient, app: TestApp): Promise<void>;
  readonly log?: readonly string[];
  readonly drops?: Readonly<Record<string, number>>;
  readonly closes?: Readonly<Record<string, number>>;
}

const resetWhile: readonly Stage[] = [
  {
    name: 'the request is being sent',
    reach: async (client) => client.write(upgradeRequest('/echo').slice(0, 40)),
  },
  {
    name: 'a guard runs',
    reach: async (client) => {
      client.write(upgradeRequest('/guarded'));
      await until(() => gates['guard']!.waiting === 1);
    },
  },
  {
    name: 'a guard runs that will refuse, behind early frames',
    reach: async (client) => {
      client.write(upgradeRequest('/refused'));
      client.write(frame('text', 'early'));
      await until(() => gates['guard']!.waiting === 1);
    },
  },
  {
    name: '@OnConnect runs',
    reach: async (client, app) => {
      await client.handshake('/connecting');
      client.write(Buffer.concat([frame('text', 'waits'), frame('text', 'waits')]));
      await until(() => app.app.metrics().messages['/connecting'] === 2);
    },
    log: ['connect aborted', 'disconnected 1006'],
    drops: { gone: 2 },
    closes: { 1006: 1 },
  },
  {
    name: 'a frame is half sent',
    reach: async (client, app) => {
      await client.handshake('/echo');
      client.write(Buffer.concat([frame('text', 'whole'), frame('text', 'half of a frame').subarray(0, 9)]));
      await client.nextFrame();
      expect(app.app.metrics().connections).toBe(1);
    },
    log: ['disconnected 1006'],
    closes: { 1006: 1 },
  },
  {
    name: 'a message is half sent in fragments',
    reach: async (client) => {
      await client.handshake('/echo');
      client.write(frame('text', 'a fragment', { fin: false }));
      client.write(frame('ping'));
      await client.nextFrame();
    },
    log: ['disconnected 1006'],
    closes: { 1006: 1 },
  },
  {
    name: 'a handler runs and messages wait',
    reach: async (client, app) => {
      await client.handshake('/handling');
      client.write(Buffer.concat(['one', 'two', 'three'].map((text) => frame('text', text))));
      await until(() => app.app.metrics().messages['/handling'] === 3);
      await until(() => gates['handler']!.waiting === 1);
    },
    log: ['one aborted', 'disconnected 1006'],
    // What waited, and the reply.
    drops: { gone: 3 },
    closes: { 1006: 1 },
  },
  {
    name: 'a stream waits for its next value',
    reach: async (client) => {
      await client.handshake('/streaming');
      client.write(frame('text', 'go'));
      await client.nextFrame();
    },
    log: ['disconnected 1006'],
    closes: { 1006: 1 },
  },
  {
    name: 'a stream waits for its reader',
    reach: async (client, app) => {
      await client.handshake('/flooding');
      client.socket.pause();
      client.write(frame('text', 'go'));
      await until(() => app.app.metrics().queuedBytes > 0);
    },
    log: ['flood returned', 'disconnected 1006'],
    closes: { 1006: 1 },
  },
  {
    name: 'the server waits with its close frame',
    reach: async (client) => {
      await client.handshake('/closing');
      client.write(frame('text', 'go'));
      await until(() => gates['handler']!.waiting === 1);
    },
    log: ['disconnected 4000'],
    closes: { 4000: 1 },
  },
  {
    name: 'the server waits for the answer to its close frame',
    reach: async (client) => {
      gates['handler']!.open();
      await client.handshake('/closing');
      client.write(frame('text', 'go'));
      expect((await client.nextFrame()).opcode).toBe(8);
    },
    log: ['disconnected 4000'],
    closes: { 4000: 1 },
  },
];

describe.each(['resets', 'ends'] as const)('a client that %s the connection', (how) => {
  it.each(resetWhile)('R-err-gone while $name leaves nothing behind', async (stage) => {
    for (const name of ['guard', 'connect', 'handler']) gates[name] = new Gate();
    log.length = 0;
    const ledger = new Ledger();
    const app = await testApp({ controllers: [Stages], use: [ledger] });
    const client = await app.raw();
    await stage.reach(client, app);
    if (how === 'resets') client.reset();
    else client.destroy();
    await until(() => app.app.metrics().connections === 0 && app.app.metrics().pendingHandshakes === 0);
    await until(() => ledger.closings.length === ledger.openedIds.length);
    // What settles now is late, and harms nobody.
    for (const gate of Object.values(gates)) gate.open();
    await expectSound(app, ledger, '/echo');
    const mine = log.filter((line) => line !== 'disconnected 1000');
    expect(mine).toEqual(stage.log ?? []);
    const { drops, closes } = app.app.metrics();
    expect(drops).toMatchObject(stage.drops ?? {});
    expect(closes).toMatchObject({ ...stage.closes, 1000: 1 });
    expect(ledger.failures.every(({ stage }) => stage === 'socket')).toBe(true);
  });
});
