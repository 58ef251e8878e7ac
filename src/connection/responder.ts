/** Sends what endpoints return, and what went wrong, over the connection. */
import { payloadOf, statusOf } from '../errors.js';
import { DROP, type Answer, type CloseWith } from '../pipeline/components.js';
import { isThenable } from '../pipeline/maybe-promise.js';
import type { ConnectContext, Context, MessageContext } from '../pipeline/context.js';
import type { PostChain, Responder } from '../pipeline/plan.js';
import { isBinaryValue } from '../protocol/plain.js';
import type { Ref } from '../protocol/protocol.js';
import { Performable } from './performable.js';
import { Sender } from './sender.js';
import type { Services } from './services.js';
import type { Session } from './session.js';

type Replying = MessageContext | ConnectContext;
type Waiting = void | PromiseLike<void>;

export class ConnectionResponder implements Responder<Replying> {
  constructor(
    private readonly services: Services,
    /** In `receiveOnly` results are dropped; errors still go out. */
    private readonly receiveOnly: boolean,
  ) {}

  respond(c: Replying, value: unknown, post: PostChain): Waiting {
    if (value === undefined) return this.#finish(c, undefined);
    if (value instanceof Performable) {
      return this.#perform(c, value, post);
    }
    if (this.receiveOnly) {
      this.#drop(c, 'receive-only');
      return this.#finish(c, undefined);
    }
    if (isStream(value)) return this.#stream(c, value, post);
    const posted = post(c, value);
    // What a `post` gives after its message was answered by a timeout is late.
    return isThenable(posted)
      ? posted.then((result) => (c.settled ? undefined : this.#reply(c, result)))
      : this.#reply(c, posted);
  }

  fail(c: Replying, error: unknown): Waiting {
    const session = c.connection.host as Session;
    if (statusOf(error) >= 500) session.runErrorHooks(error);
    if (c.kind === 'connect') return session.refuse(error);
    if (c.answered) return this.#drop(c, 'late');
    const payload = payloadOf(error, this.services.exposeErrors);
    const waiting = c.connection.outbound.send(c.connection.protocol.encodeError(payload, c.ref));
    c.answered = true;
    return c.streaming && c.ref !== undefined ? this.#end(c, c.ref) : waiting;
  }

  answer(c: Replying, answer: Answer, error: unknown): Waiting {
    if (c.answered) return this.#drop(c, 'late');
    const waiting = this.#reply(c, answer.value);
    // An answered error does not make a connect succeed.
    if (c.kind === 'connect') (c.connection.host as Session).refuse(error);
    return waiting;
  }

  close(c: Replying, close: CloseWith): Waiting {
    if (c.answered) return this.#drop(c, 'late');
    c.connection.close(close.code, close.reason);
  }

  /** A value beside the result: of a `Sender`. */
  async send(c: Replying, value: unknown, post: PostChain): Promise<void> {
    if (c.connection.state === 'closed' || c.settled) {
      this.#drop(c, c.settled ? 'late' : 'gone');
      return;
    }
    c.streaming = true;
    // Without waiting where nothing is to be waited for: what the endpoint returns next must not overtake it.
    const posted = post(c, value);
    await this.#value(c, isThenable(posted) ? await posted : posted);
  }

  /** Under a ref the value that was sent is the reply, and not before all has been done. */
  async #perform(c: Replying, value: Performable, post: PostChain): Promise<void> {
    let result: unknown;
    const send = async (sent: unknown): Promise<void> => {
      if (this.receiveOnly) return this.#drop(c, 'receive-only');
      const posted = await post(c, sent);
      if (refOf(c) === undefined) await this.#value(c, posted);
      else result = posted;
    };
    await value.perform(c, { connections: this.services.connections, send });
    if (!c.settled) await this.#reply(c, result);
  }

  /** The last word on a message: a result, or for `undefined` and `DROP` what a ref is still owed. */
  #reply(c: Replying, value: unknown): Waiting {
    if (value === DROP) {
      this.#drop(c, 'interceptor');
      return this.#finish(c, undefined);
    }
    return this.#finish(c, value);
  }

  #finish(c: Replying, value: unknown): Waiting {
    const waiting = this.#last(c, value);
    // Not before it is out: a value that cannot be encoded is answered as an error.
    c.answered = true;
    return waiting;
  }

  #last(c: Replying, value: unknown): Waiting {
    const ref = refOf(c);
    if (ref === undefined) return value === undefined ? undefined : this.#value(c, value);
    if (c.streaming) {
      if (value !== undefined) void this.#value(c, value);
      return this.#end(c, ref);
    }
    return this.#value(c, value ?? null);
  }

  #end(c: Replying, ref: Ref): Waiting {
    return c.connection.outbound.send(c.connection.protocol.encodeEnd(ref));
  }

  /** One value as a frame; bytes under a ref as a binary frame, and then the reply with `null`. */
  #value(c: Replying, value: unknown): Waiting {
    if (value === DROP) {
      this.#drop(c, 'interceptor');
      return undefined;
    }
    const { outbound, protocol } = c.connection;
    const ref = refOf(c);
    if (ref !== undefined && isBinaryValue(value)) {
      void outbound.send(protocol.encodeReply(value, undefined));
      return outbound.send(protocol.encodeReply(null, ref));
    }
    return outbound.send(protocol.encodeReply(value, ref));
  }

  /**
   * A frame a value, pulled only as fast as the client reads. Ends when the iterable does, or when the context is aborted:
   * then `return()` is called and not waited for, as an iterator may hang in `next()`.
   */
  #stream(c: Replying, iterable: AsyncIterable<unknown> | Iterable<unknown>, post: PostChain): Promise<void> {
    c.streaming = true;
    const iterator = Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]();
    let stopped = false;
    let stop!: () => void;
    const aborted = new Promise<void>((resolve) => (stop = resolve));
    c.onAbort = () => {
      if (stopped) return;
      stopped = true;
      returnIterator(iterator, (error) => (c.connection.host as Session).failed(error, 'stream'));
      stop();
    };
    const pump = async (): Promise<void> => {
      while (!stopped) {
        const next: IteratorResult<unknown> = await iterator.next();
        const value: unknown = next.value;
        if (stopped || next.done === true) break;
        const posted = await post(c, await value);
        const waiting = stopped ? undefined : this.#value(c, posted);
        if (waiting !== undefined) await waiting;
      }
    };
    if (c.connection.state === 'closed') c.abandon();
    return Promise.race([pump(), aborted]).then(
      () => {
        stopped = true;
        // A timeout has sent the end behind its error.
        return c.settled ? undefined : this.#finish(c, undefined);
      },
      (error: unknown) => {
        if (stopped) return;
        stopped = true;
        returnIterator(iterator, () => undefined);
        throw error;
      },
    );
  }

  #drop(c: Replying, reason: 'receive-only' | 'interceptor' | 'late' | 'gone'): void {
    (c.connection.host as Session).dropped(reason, 1, c);
  }
}

/** The sender that an endpoint's parameter is bound to. */
export class ContextSender extends Sender {
  constructor(
    private readonly responder: ConnectionResponder,
    private readonly c: Replying,
    private readonly post: PostChain,
  ) {
    super();
  }

  get ref(): Ref | undefined {
    return refOf(this.c);
  }

  send(value: unknown): Promise<void> {
    const sent = this.responder.send(this.c, value, this.post);
    sent.catch((error: unknown) => (this.c.connection.host as Session).failed(error, 'send'));
    return sent;
  }
}

function refOf(c: Context): Ref | undefined {
  return c.kind === 'message' ? c.ref : undefined;
}

/** Async iterables and generators are streams; arrays, maps and strings are values. */
function isStream(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  if (Symbol.asyncIterator in value) return true;
  return Symbol.iterator in value && typeof (value as { next?: unknown }).next === 'function';
}

function returnIterator(iterator: AsyncIterator<unknown> | Iterator<unknown>, failed: (error: unknown) => void): void {
  try {
    const returned: unknown = iterator.return?.();
    if (isThenable(returned)) returned.then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}
