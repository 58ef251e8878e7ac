/** Seed 004, Revali's page on WebSockets: each of its sections under its own heading. ≠ marks where Halyard differs. */
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { IsString } from 'class-validator';
import {
  Body,
  BootError,
  CloseInfo,
  CloseWebSocket,
  Connection,
  Connections,
  Controller,
  createApp,
  Header,
  InvalidCloseCodeError,
  OnConnect,
  Use,
  UseGuards,
  UseInterceptors,
  WebSocket,
  WebSocketMode,
  type Context,
  type Guard,
  type Interceptor,
  type Middleware,
  type Observer,
} from 'halyard';
import { testApp, until } from 'halyard/testing';
import { WebSocket as Client } from 'ws';

const path = '/example/websocket';

/** A promise that is settled from outside. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open!: () => void;
  return { opened: new Promise((resolve) => (open = resolve)), open };
}

describe('seed 004: Revali, WebSockets', () => {
  it('Creating a WebSocket Handler', async () => {
    @Controller('example')
    class MyController {
      @WebSocket('websocket')
      echoMessage(@Body() message: string): string {
        return `Echo: ${message}`;
      }
    }
    const app = await testApp({ controllers: [MyController] });
    const client = await app.connect(path);
    client.send('Hello');
    expect(await client.next()).toBe('Echo: Hello');
    client.send('Hello again');
    expect(await client.next()).toBe('Echo: Hello again');
  });

  it('Creating a WebSocket Handler: the headers of the connect stay the same throughout the connection', async () => {
    @Controller('example')
    class MyController {
      @WebSocket('websocket')
      greet(@Header('x-name') name: string, @Body() greeting: string): string {
        return `${greeting}, ${name}`;
      }
    }
    const app = await testApp({ controllers: [MyController] });
    const client = await app.connect(path, { headers: { 'x-name': 'Ada' } });
    for (const greeting of ['Hello', 'Goodbye']) {
      client.send(greeting);
      expect(await client.next()).toBe(`${greeting}, Ada`);
    }
  });

  it.each([
    ['by default', {}],
    ['with WebSocketMode.twoWay', { mode: WebSocketMode.twoWay }],
    ["with 'twoWay'", { mode: 'twoWay' }],
  ] as const)('Two-Way Communication %s', async (_, options) => {
    @Controller('example')
    class MyController {
      @WebSocket('websocket', options)
      reply(@Body() message: string): string {
        return `Echo: ${message}`;
      }
    }
    const app = await testApp({ controllers: [MyController] });
    const client = await app.connect(path);
    const [connection] = app.get(Connections);
    await connection!.send('from the server, at any time');
    expect(await client.next()).toBe('from the server, at any time');
    client.send('from the client');
    expect(await client.next()).toBe('Echo: from the client');
  });

  it('Receive-Only Communication', async () => {
    const received: string[] = [];
    @Controller('example')
    class MyController {
      @WebSocket('websocket', { mode: WebSocketMode.receiveOnly })
      take(@Body() message: string): string {
        received.push(message);
        return 'nobody gets this';
      }
    }
    const app = await testApp({ controllers: [MyController] });
    const client = await app.connect(path);
    client.send('one');
    client.send('two');
    await client.idle();
    expect(received).toEqual(['one', 'two']);
    // ≠ Nothing vanishes without being counted.
    expect(app.app.metrics().drops).toEqual({ 'receive-only': 2 });
  });

  it('Send-Only Communication', async () => {
    const { opened, open } = gate();
    @Controller('example')
    class MyController {
      @WebSocket('websocket', { mode: WebSocketMode.sendOnly })
      async *count(): AsyncGenerator<number> {
        yield 1;
        await opened;
        yield 2;
      }
    }
    const app = await testApp({ controllers: [MyController] });
    const client = await app.connect(path);
    expect(await client.next()).toBe('1');
    client.send('is read, and dropped');
    await client.ping();
    open();
    expect(await client.next()).toBe('2');
    expect(await client.closed()).toEqual({ code: 1000, reason: '', wasClean: true });
    expect(app.app.metrics().drops).toEqual({ 'send-only': 1 });
  });

  it('Closing the Connection: Send Only', async () => {
    @Controller('example')
    class MyController {
      @WebSocket('websocket', { mode: WebSocketMode.sendOnly })
      sendOnly(): string {
        return 'Hello World'; // Returning a value closes the connection.
      }
    }
    const app = await testApp({ controllers: [MyController] });
    const client = await app.connect(path);
    expect(await client.next()).toBe('Hello World');
    expect(await client.closed()).toEqual({ code: 1000, reason: '', wasClean: true });
  });

  it.each([WebSocketMode.twoWay, WebSocketMode.receiveOnly])(
    'Closing the Connection: %s stays open until the client closes it',
    async (mode) => {
      const received: string[] = [];
      @Controller('example')
      class MyController {
        @WebSocket('websocket', { mode })
        handle(@Body() message: string): string {
          received.push(message);
          return 'Hello World'; // Does not close the connection.
        }
      }
      const app = await testApp({ controllers: [MyController] });
      const client = await app.connect(path);
      for (const message of ['one', 'two']) {
        client.send(message);
        if (mode === 'twoWay') expect(await client.next()).toBe('Hello World');
      }
      await client.idle();
      expect(received).toEqual(['one', 'two']);
      expect(await client.close(1000, 'enough')).toEqual({ code: 1000, reason: 'enough', wasClean: true });
    },
  );

  it('Closing the Connection: Two Way or Receive Only, with CloseWebSocket', async () => {
    @Controller('example')
    class MyController {
      @WebSocket('websocket', { mode: WebSocketMode.twoWay })
      twoWay(@Body() message: string, closer: CloseWebSocket): string | undefined {
        if (message === 'stop') {
          closer.close(1000, 'Normal Closure');
          return undefined;
        }
        return 'Hello World';
      }

      @WebSocket('quiet', { mode: WebSocketMode.receiveOnly })
      receiveOnly(closer: CloseWebSocket): void {
        closer.close(1000, 'Normal Closure');
      }
    }
    const app = await testApp({ controllers: [MyController] });
    const client = await app.connect(path);
    client.send('go on');
    expect(await client.next()).toBe('Hello World');
    client.send('stop');
    expect(await client.closed()).toEqual({ code: 1000, reason: 'Normal Closure', wasClean: true });

    const quiet = await app.connect('/example/quiet');
    quiet.send('anything');
    expect(await quiet.closed()).toEqual({ code: 1000, reason: 'Normal Closure', wasClean: true });
  });

  it('Closing the Connection: remaining messages are processed and their replies sent before the close', async () => {
    const { opened, open } = gate();
    @Controller('example')
    class MyController {
      @WebSocket('websocket')
      async handle(@Body() message: string, closer: CloseWebSocket): Promise<string> {
        if (message === '1') {
          await opened;
          closer.close();
        }
        return `handled ${message}`;
      }
    }
    const app = await testApp({ controllers: [MyController] });
    const client = await app.connect(path);
    for (const message of ['1', '2', '3']) client.send(message);
    await client.ping();
    open();
    for (const message of ['1', '2', '3']) expect(await client.next()).toBe(`handled ${message}`);
    expect((await client.closed()).code).toBe(1000);
  });

  // ≠ The seed allows 1000 to 4999. RFC 6455 §7.4: 1004 to 1006 and 1015 are never sent, 1016 to 2999 are reserved.
  it('Closing the Connection: close codes', async () => {
    const refused: unknown[] = [];
    @Controller('example')
    class MyController {
      @WebSocket('websocket')
      close(@Body() code: number, closer: CloseWebSocket): string {
        try {
          closer.close(code);
        } catch (error) {
          refused.push(error);
          return 'still open';
        }
        return 'closing';
      }
    }
    const app = await testApp({ controllers: [MyController] });
    for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000, 4999]) {
      const client = await app.connect(path);
      client.send(code);
      expect(await client.next()).toBe('closing');
      expect((await client.closed()).code).toBe(code);
    }
    const client = await app.connect(path);
    for (const code of [0, 200, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 1000.5, -1]) {
      client.send(code);
      expect(await client.next()).toBe('still open');
      expect(refused.pop()).toBeInstanceOf(InvalidCloseCodeError);
    }
  });

  // ≠ The seed's 125 bytes are the whole payload of a control frame, of which the code takes two (RFC 6455 §5.5).
  it.each([
    ['a short reason, as it is', 'Normal Closure', 'Normal Closure'],
    ['123 bytes, as they are', 'a'.repeat(123), 'a'.repeat(123)],
    ['125 bytes', 'a'.repeat(125), 'a'.repeat(123)],
    ['characters of two bytes', 'é'.repeat(100), 'é'.repeat(61)],
    ['characters of four bytes', '😀'.repeat(100), '😀'.repeat(30)],
  ])('Closing the Connection: the reason is truncated: %s', async (_, reason, expected) => {
    @Controller('example')
    class MyController {
      @WebSocket('websocket')
      close(closer: CloseWebSocket): void {
        closer.close(1000, reason);
      }
    }
    const app = await testApp({ controllers: [MyController] });
    const client = await app.connect(path);
    client.send('close');
    expect(await client.closed()).toEqual({ code: 1000, reason: expected, wasClean: true });
  });

  describe('Connecting to the WebSocket', () => {
    /** The seed's command line client, with the package `ws`. Resolves with what it printed, at the end. */
    async function main(url: string): Promise<string[]> {
      const printed: string[] = [];
      const channel = new Client(url, {
        headers: { 'content-encoding': 'utf-8', 'content-type': 'application/json' },
      });
      try {
        channel.on('message', (message: Buffer) => {
          printed.push(`SERVER: ${message.toString('utf8')}`);
          channel.close(1000, 'thank you');
        });
        channel.on('error', (error) => printed.push(`Error ${error.message}`));
        channel.on('open', () => {
          // Bytes, so it goes as a binary frame.
          channel.send(Buffer.from(JSON.stringify({ message: 'Hello World' }), 'utf8'));
        });
        const [code, reason] = (await once(channel, 'close')) as [number, Buffer];
        printed.push('Connection closed', `  code: ${code}`, `  reason: ${reason.toString()}`);
      } finally {
        channel.terminate();
      }
      return printed;
    }

    const goodbye = ['Connection closed', '  code: 1000', '  reason: thank you'];

    it('a binary frame of UTF-8 is text for a body that is declared as string', async () => {
      @Controller('example')
      class MyController {
        @WebSocket('websocket')
        echoMessage(@Body() message: string): string {
          return `Echo: ${message}`;
        }
      }
      const app = await testApp({ controllers: [MyController] });
      expect(await main(`${app.url.replace('http', 'ws')}${path}`)).toEqual([
        'SERVER: Echo: {"message":"Hello World"}',
        ...goodbye,
      ]);
    });

    it('and JSON for one that is declared as a class', async () => {
      class Greeting {
        @IsString()
        message!: string;
      }
      @Controller('example')
      class MyController {
        @WebSocket('websocket')
        echoMessage(@Body() { message }: Greeting): unknown {
          return { echo: message };
        }
      }
      const app = await testApp({ controllers: [MyController] });
      expect(await main(`${app.url.replace('http', 'ws')}${path}`)).toEqual([
        'SERVER: {"echo":"Hello World"}',
        ...goodbye,
      ]);
    });

    it('a binary reply is bytes, which the client decodes', async () => {
      @Controller('example')
      class MyController {
        @WebSocket('websocket')
        echoBytes(@Body() message: Buffer): Buffer {
          return message;
        }
      }
      const app = await testApp({ controllers: [MyController] });
      expect(await main(`${app.url.replace('http', 'ws')}${path}`)).toEqual([
        'SERVER: {"message":"Hello World"}',
        ...goodbye,
      ]);
    });
  });

  // ≠ An option and not a decorator of its own, and on by default, every 25 s.
  describe('Ping', () => {
    class Closes implements Observer {
      readonly seen: CloseInfo[] = [];
      closed(_: Context, info: CloseInfo): void {
        this.seen.push(info);
      }
    }

    it('a client that answers stays', async () => {
      @Controller('example')
      class MyController {
        @WebSocket('websocket', { ping: 20 })
        echo(@Body() message: string): string {
          return message;
        }
      }
      const app = await testApp({ controllers: [MyController] });
      const client = await app.connect(path);
      for (let ping = 0; ping < 3; ping++) await once(client.socket, 'ping');
      client.send('still here');
      expect(await client.next()).toBe('still here');
    });

    it.each([WebSocketMode.twoWay, WebSocketMode.receiveOnly])(
      'a client that does not respond with a pong is disconnected, %s',
      async (mode) => {
        const closes = new Closes();
        @Controller('example')
        class MyController {
          @WebSocket('websocket', { mode, ping: '20ms' })
          take(): void {
            // Takes all.
          }
        }
        const app = await testApp({ controllers: [MyController], use: [closes] });
        const client = await app.connect(path, { autoPong: false });
        expect((await client.closed()).code).toBe(1006);
        await until(() => closes.seen.length > 0);
        expect(closes.seen).toEqual([new CloseInfo(1006, 'ping timeout', false)]);
      },
    );

    it.each(['5s', 5000, false] as const)('takes a duration or false: %p', async (ping) => {
      @Controller('example')
      class MyController {
        @WebSocket('websocket', { ping })
        take(): void {
          // Takes all.
        }
      }
      const app = await testApp({ controllers: [MyController] });
      expect(app.app.routes()).toHaveLength(1);
    });
  });

  it('On Connect', async () => {
    @Controller('example')
    class MyController {
      @WebSocket('websocket', { triggerOnConnect: true })
      onConnect(@Body(String) message: string | null): string {
        return message === null ? 'Hello World' : `Echo: ${message}`;
      }
    }
    const app = await testApp({ controllers: [MyController] });
    const client = await app.connect(path);
    expect(await client.next()).toBe('Hello World');
    client.send('hi');
    expect(await client.next()).toBe('Echo: hi');
    await client.idle();
  });

  it('On Connect: a handler for the set-up alone', async () => {
    @Controller('example')
    class MyController {
      @OnConnect('websocket')
      welcome(connection: Connection): string {
        connection.data['visits'] = 1;
        return 'Hello World';
      }
    }
    const app = await testApp({ controllers: [MyController] });
    expect(await (await app.connect(path)).next()).toBe('Hello World');
  });

  // ≠ TypeScript emits `Object` for `string | null`: the mistake is found at boot, not at the first connect.
  it('On Connect: a body that may be null is spelled out', async () => {
    @Controller('example')
    class MyController {
      @WebSocket('websocket', { triggerOnConnect: true })
      onConnect(@Body() _message: string | null): string {
        return 'Hello World';
      }
    }
    const error = await createApp({ controllers: [MyController], logger: false }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BootError);
    const { problems } = error as BootError;
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({
      code: 'HALYARD_BOOT_BODY_TYPE',
      where: 'MyController.onConnect',
      parameter: 0,
    });
    expect(problems[0]!.fix).toContain('@Body(String) text: string | null');
  });

  /** Components that write down when they run. */
  class Recorder implements Observer, Middleware, Guard, Interceptor {
    readonly log: string[] = [];
    opened(): void {
      this.log.push('Observer.opened');
    }
    use(): void {
      this.log.push('Middleware');
    }
    canActivate(): boolean {
      this.log.push('Guard');
      return true;
    }
    pre(c: Context): void {
      this.log.push(`Interceptor (Pre) ${c.kind}`);
    }
    post(c: Context): void {
      this.log.push(`Interceptor (Post) ${c.kind}`);
    }
    closed(_: Context, { code }: CloseInfo): void {
      this.log.push(`Observer.closed ${code}`);
    }
  }

  // ≠ The seed opens the connection before the guard, where a refused client hangs, and observes before the close. Here the
  // request is observed first, the 101 is sent behind the guard, and the last observer can tell the final close code.
  it('WebSocket Lifecycle', async () => {
    const recorder = new Recorder();
    const { log } = recorder;
    @Controller('example')
    @Use(recorder)
    class MyController {
      @WebSocket('websocket', { triggerOnConnect: true })
      handle(@Body(String) message: string | null): string {
        log.push(message === null ? '-- On Connect --' : '-- Message Loop --');
        return 'done';
      }
    }
    const app = await testApp({ controllers: [MyController] });
    const client = app.client(path);
    client.socket.once('open', () => log.push('the client is connected'));
    await client.next();
    client.send('message');
    await client.next();
    const whole = log.filter((entry) => !entry.startsWith('Interceptor'));
    expect(whole).toEqual([
      'Observer.opened',
      'Middleware',
      'Guard',
      '-- On Connect --',
      'the client is connected',
      '-- Message Loop --',
    ]);
    log.length = 0;
    await client.close(4000);
    await until(() => log.length > 0);
    expect(log).toEqual(['Observer.closed 4000']);
  });

  it('WebSocket Lifecycle: a guard refuses with an HTTP answer, and nothing is opened', async () => {
    let ran = false;
    @Controller('example')
    @UseGuards({ canActivate: () => false } satisfies Guard)
    class MyController {
      @WebSocket('websocket', { triggerOnConnect: true })
      handle(): string {
        ran = true;
        return 'done';
      }
    }
    const app = await testApp({ controllers: [MyController] });
    const { status, body } = await app.refused(path);
    expect([status, body]).toEqual([403, { code: 'FORBIDDEN', message: 'not allowed' }]);
    expect(ran).toBe(false);
  });

  it('Message Loop', async () => {
    const recorder = new Recorder();
    const { log } = recorder;
    @Controller('example')
    class MyController {
      @WebSocket('websocket', { triggerOnConnect: true })
      @UseInterceptors(recorder)
      handle(@Body(String) message: string | null): string {
        log.push(`Endpoint ${message}`);
        return 'done';
      }
    }
    const app = await testApp({ controllers: [MyController] });
    const client = await app.connect(path);
    await client.next();
    // On Connect is the same, once.
    const connect = ['Interceptor (Pre) connect', 'Endpoint null', 'Interceptor (Post) connect'];
    expect(log.splice(0).slice(-3)).toEqual(connect);
    for (const message of ['one', 'two']) {
      client.send(message);
      await client.next();
      expect(log.splice(0)).toEqual(['Interceptor (Pre) message', `Endpoint ${message}`, 'Interceptor (Post) message']);
    }
  });
});
