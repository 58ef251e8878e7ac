import { parseDuration, type Duration } from '../connection/options.js';
import { HalyardError } from '../errors.js';
import type { Message } from '../pipeline/message.js';
import type { InboxEvent, InboxMessage, InboxTimeout } from './inbox-event.js';
import type { InboxQueue } from './inbox-queue.js';

export interface ReceiveOptions {
  /** How long to wait: milliseconds or `'30s'`; 0: no longer than a turn of the event loop. @default until something comes */
  timeout?: Duration;
}

/**
 * What comes for one connection, to be read in a loop: an endpoint with an `Inbox` parameter, alone on its path, runs as
 * long as the connection. Messages come here instead of calling an endpoint, and what happens in the channels that the
 * connection has joined and watches comes here instead of going to the client.
 *
 * When the endpoint returns, its result is sent and the connection closes 1000; when it throws, the connection closes as
 * for `@OnConnect`. Nothing is lost while nobody waits; what is unread when the endpoint ends is dropped, and counted.
 *
 * @example
 * for await (const event of inbox) {
 *   if (event.type === 'message') await connection.publish('room', event.message.text());
 *   if (event.type === 'channel') await connection.send(event.data);
 * }
 */
export class Inbox implements AsyncIterable<InboxEvent> {
  /** @internal */
  constructor(private readonly queue: InboxQueue) {}

  /** The connection ends, or has ended: nothing more comes. What came before can still be read. */
  get closed(): boolean {
    return this.queue.ended;
  }

  /**
   * The next message of the client; `null` when the connection ends. Events stay where they are, for `receiveAny`. Rejects
   * with `HALYARD_CONNECTION_CLOSED` where it is called on and on, `closeTimeout` after the end.
   */
  async receive(): Promise<Message | null> {
    const next = (await this.queue.next(true)) as InboxMessage | null;
    return next?.message ?? null;
  }

  /**
   * The next message or event, in the order in which they came; `null` when the connection ends. Rejects as `receive`,
   * with `HALYARD_SETTING` for an invalid timeout, and with `HALYARD_BROKER_BYTES` for a publication that cannot be read.
   */
  receiveAny(): Promise<InboxEvent | null>;
  receiveAny(options: ReceiveOptions): Promise<InboxEvent | InboxTimeout | null>;
  async receiveAny({ timeout }: ReceiveOptions = {}): Promise<InboxEvent | InboxTimeout | null> {
    return this.queue.next(false, timeout === undefined ? undefined : parseTimeout(timeout));
  }

  /** All that comes, until the connection ends. */
  async *[Symbol.asyncIterator](): AsyncGenerator<InboxEvent, void, undefined> {
    for (;;) {
      const event = await this.receiveAny();
      if (event === null) return;
      yield event;
    }
  }
}

function parseTimeout(timeout: Duration): number {
  const ms = parseDuration(timeout);
  if (ms !== undefined) return ms;
  throw new HalyardError('SETTING', { message: `timeout: ${String(timeout)} is not valid: milliseconds or '30s'` });
}
