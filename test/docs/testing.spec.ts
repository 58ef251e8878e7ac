/** The code of docs/testing.md, run. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
// Its hooks cannot be set inside of a test.
import 'halyard/testing';
import { Document } from '../support/document.js';

let doc: Document;

beforeAll(() => {
  doc = new Document('docs/testing.md', {
    Testing: `
      @Injectable()
      class Clock {
        now(): number {
          return Date.now();
        }
      }
      class HasName implements Guard {
        canActivate({ request }: Context): boolean {
          return request.query['user'] !== undefined;
        }
      }
      @Controller('rooms/:room')
      @UseGuards(HasName)
      class RoomController {
        constructor(readonly clock: Clock) {}
        @OnConnect()
        enter(@Param('room') room: string, connection: Connection): Promise<void> {
          return connection.join(room);
        }
        @WebSocket({ event: 'say' })
        say(@Param('room') room: string, @Body() text: string, connection: Connection): number {
          void connection.publish(room, text, { except: connection });
          return this.clock.now();
        }
        @Post()
        take(@Body('text') text: string): string {
          return text;
        }
      }`,
  });
}, 60_000);
afterAll(() => doc?.close());

describe('docs/testing.md', () => {
  it('has a test of an app', async () => {
    expect(await doc.module('Testing')).toMatchObject({
      reply: { event: 'reply', ref: 1, payload: 42 },
      said: 'hello',
      refusal: { status: 403, body: { code: 'FORBIDDEN' } },
      response: { status: 201, body: 'hi' },
    });
  });

  it('is all run', () => {
    expect(doc.untaken).toEqual([]);
  });
});
