import { Session } from 'node:inspector';
import { describe, expect, it } from '@jest/globals';
import { IsString, Length } from 'class-validator';
import {
  Body,
  Controller,
  each,
  UseGuards,
  UseInterceptors,
  WebSocket,
  type Context,
  type Guard,
  type Interceptor,
} from 'halyard';
import { testApp } from 'halyard/testing';

const maxFiles = 6;
const maxFunctions = 20;
/** What runs for each of so many messages is on their way; what a timer does in between is not. */
const messages = 5;

interface Coverage {
  result: { url: string; functions: { functionName: string; ranges: { count: number; startOffset: number }[] }[] }[];
}

class ChatMessage {
  @IsString()
  @Length(1, 100)
  text!: string;
}

const ours = new URL('../../dist/', import.meta.url).href;

/** Counts which of our functions run, with V8's precise coverage. */
class FunctionCounter {
  readonly #session = new Session();

  start(): void {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    this.take();
  }

  /** The functions of ours that were called since the last time, as `file:offset name`; generated code counts. */
  take(): string[] {
    let coverage: Coverage | undefined;
    // A session of the same thread answers before `post` returns.
    this.#session.post('Profiler.takePreciseCoverage', (_error, result) => (coverage = result as unknown as Coverage));
    return coverage!.result
      .filter(({ url }) => url === '' || (url.startsWith(ours) && !url.startsWith(`${ours}testing/`)))
      .flatMap(({ url, functions }) =>
        functions
          .filter(({ ranges }) => ranges[0]!.count > 0)
          .map(({ functionName, ranges }) => `${url.slice(ours.length)}:${ranges[0]!.startOffset} ${functionName}`),
      );
  }

  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }
}

describe('the way of a message', () => {
  for (const event of [undefined, 'say']) {
    const kind = event === undefined ? 'a message' : 'a message of an event';
    it(`takes ${kind} through at most ${maxFiles} files and ${maxFunctions} functions between socket and endpoint`, async () => {
      const counter = new FunctionCounter();
      const ran: string[] = [];
      const calls: string[][] = [];
      class Checking implements Guard {
        canActivate(c: Context): boolean {
          ran.push(`guard ${c.kind}`);
          return true;
        }
      }
      class Timing implements Interceptor {
        pre(): void {
          ran.push('pre');
        }
      }
      @Controller('room')
      @UseGuards(each('message', Checking))
      @UseInterceptors(Timing)
      class Room {
        @WebSocket(event === undefined ? {} : { event })
        say(@Body() message: ChatMessage): string {
          calls.push(counter.take());
          ran.push(`endpoint ${message.constructor.name}`);
          return message.text;
        }
      }
      const app = await testApp({ controllers: [Room] });
      const client = await app.connect('/room');
      const message = event === undefined ? { text: 'hi' } : { event, payload: { text: 'hi' } };
      counter.start();
      try {
        // What happens at the first message alone, such as making a lane, is paid once per connection.
        client.send(message);
        await client.next();
        calls.length = 0;
        for (let sent = 0; sent < messages; sent++) {
          counter.take();
          ran.length = 0;
          client.send(message);
          expect(await client.next()).toBe('hi');
        }
      } finally {
        counter.stop();
      }
      expect(calls).toHaveLength(messages);
      const called = calls[0]!.filter((name) => calls.every((others) => others.includes(name)));
      const files = new Set(called.map((name) => name.split(':')[0]));
      expect(ran).toEqual(['guard message', 'pre', 'endpoint ChatMessage']);
      // Fewer would mean that the count looked elsewhere.
      expect(called.length).toBeGreaterThan(5);
      expect(files.size <= maxFiles ? 'within budget' : [...files].join(', ')).toBe('within budget');
      expect(called.length <= maxFunctions ? 'within budget' : called.join('\n')).toBe('within budget');
    });
  }
});
