/** The messages of one connection between the socket and the endpoints: decoded, limited, put in order, run. */
import { HalyardError } from '../errors.js';
import type { DropReason } from '../pipeline/components.js';
import { MessageContext, type ConnectContext } from '../pipeline/context.js';
import { diagnostics } from '../pipeline/diagnostics.js';
import { fail, failUncaught } from '../pipeline/outcome.js';
import { run } from '../pipeline/run.js';
import type { Connection } from './connection.js';
import type { Endpoint, LaneSpec, PathHandle } from './path.js';
import type { RateLimiter, TokenBucket } from './rate-limiter.js';
import type { Reader } from './reader.js';
import type { Services } from './services.js';

/** After this many refusals in a row the client is taken to be hostile. */
const maxRefusals = 10;

/** What the inbound side asks of the session. */
export interface InboundHost {
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  dropped(reason: DropReason, count: number, c?: MessageContext): void;
}

interface Waiting {
  readonly endpoint: Endpoint;
  readonly c: MessageContext;
}

/** Messages that follow each other. */
class Lane {
  running = 0;
  readonly queue: Waiting[] = [];

  constructor(readonly spec: LaneSpec) {}
}

export class Inbound {
  readonly #lanes: Lane[] = [];
  /** What has not settled yet, and the timer that ends the wait for it. */
  #running: Map<MessageContext, NodeJS.Timeout | undefined> | undefined = undefined;
  #waiting = 0;
  /** How many are being handled, the one that is calling us included. */
  #active = 0;
  #number = 0;
  #started = false;
  #refusals = 0;
  #whenIdle: (() => void) | undefined = undefined;
  /** An endpoint that runs as long as the connection. */
  #lifelong: ConnectContext | undefined = undefined;

  constructor(
    private readonly connection: Connection,
    private readonly path: PathHandle,
    private readonly services: Services,
    private readonly host: InboundHost,
    /** Where the messages end up, for such an endpoint. */
    private readonly reader: Reader | undefined,
  ) {}

  /** How many messages wait to be handled. */
  get waiting(): number {
    return this.#waiting;
  }

  /** A whole message from the socket. */
  receive(raw: Buffer, isBinary: boolean): void {
    const { connection, services } = this;
    const path = this.path.current;
    const c = new MessageContext(connection, path.route, raw, isBinary, ++this.#number, services.logger);
    if (connection.state !== 'open') return this.host.dropped('closing', 1, c);
    if (path.options.mode === 'sendOnly') return this.host.dropped('send-only', 1, c);
    let endpoint = path.fallback;
    if (path.events !== undefined) {
      try {
        connection.protocol.decode(c);
      } catch (error) {
        return this.#reject(path.rejection, c, error);
      }
      if (c.event !== undefined) {
        const taker = path.events.get(c.event);
        // An event that no endpoint asks for is a message like any other: its body is all of it.
        if (taker === undefined) c.enveloped = false;
        else endpoint = taker;
      }
    }
    if (endpoint === undefined) return this.#reject(path.rejection, c, unknownEvent(c.event));
    c.route = endpoint.route;
    if (services.rateLimiter !== undefined || endpoint.rateLimiter !== undefined) {
      const retryAfterMs = this.#takeToken(endpoint);
      if (retryAfterMs > 0) return this.#refuse(path.rejection, c, retryAfterMs);
    }
    this.#refusals = 0;
    this.#enter(endpoint, c);
  }

  /** The connect is over: what waited, and what comes, is handled. */
  start(): void {
    this.#started = true;
    for (const lane of this.#lanes) if (lane) this.#advance(lane);
    this.#settle();
  }

  /** An endpoint runs, for as long as the connection: it is waited for and aborted like what handles a message. */
  follow(c: ConnectContext, pending: Promise<void>): void {
    this.#lifelong = c;
    void pending.then(() => {
      this.#lifelong = undefined;
      this.#settle();
    });
  }

  /** Calls back when nothing waits and nothing runs; at once where that is so. */
  whenIdle(callback: () => void): void {
    this.#whenIdle = callback;
    this.#settle();
  }

  /** The client is gone: signals abort, what waits is dropped. @returns how many waited */
  abandon(): number {
    const dropped = this.#waiting + (this.reader?.discard() ?? 0);
    if (this.#waiting > 0) for (const lane of this.#lanes) lane?.queue.splice(0);
    this.#waiting = 0;
    if (this.#running !== undefined) for (const c of this.#running.keys()) c.abandon();
    if (this.#lifelong !== undefined) this.#lifelong.abandon();
    this.#settle();
    return dropped;
  }

  /** What still runs is not waited for any more. */
  forget(): void {
    for (const timer of this.#running?.values() ?? []) clearTimeout(timer);
    this.#running?.clear();
    this.#lifelong = undefined;
    this.reader?.forget();
  }

  /** Ends open streams, which would never end by themselves. */
  endStreams(): void {
    if (this.#running === undefined) return;
    for (const c of this.#running.keys()) if (c.streaming) c.abandon();
  }

  #enter(endpoint: Endpoint, c: MessageContext): void {
    endpoint.messages++;
    if (diagnostics.message.hasSubscribers) diagnostics.message.publish({ context: c });
    const lane = (this.#lanes[endpoint.lane] ??= new Lane(this.path.current.lanes[endpoint.lane]!));
    if (lane.running < lane.spec.limit && this.#started && lane.queue.length === 0) {
      this.#run(lane, endpoint, c);
      return;
    }
    if (lane.spec.latest) this.#supersede(lane);
    lane.queue.push({ endpoint, c });
    this.#waiting++;
    if (this.#waiting > this.path.current.options.maxQueue) this.host.pause();
  }

  /** A newer message ends what runs and takes the place of what waits. */
  #supersede(lane: Lane): void {
    for (const { c, endpoint } of lane.queue.splice(0)) {
      this.#waiting--;
      this.host.dropped('superseded', 1, c);
      c.settled = true;
      if (c.ref !== undefined) void fail(endpoint.plan, c, new HalyardError('SUPERSEDED'), 'decode', 'superseded');
    }
    const lanes = this.#lanes.indexOf(lane);
    for (const c of this.#running?.keys() ?? []) {
      if (c.lane === lanes && c.abortReason === undefined) c.abort(new HalyardError('SUPERSEDED'));
    }
  }

  /** Runs a message. Where all of it is synchronous, it is over when this returns. */
  #run(lane: Lane, endpoint: Endpoint, c: MessageContext): void {
    lane.running++;
    this.#active++;
    const pending = run(endpoint.plan, c);
    if (pending !== undefined) return this.#follow(lane, endpoint, c, pending);
    lane.running--;
    this.#active--;
    if (this.#whenIdle !== undefined) this.#settle();
  }

  /** Waits for a message that is not over yet, but not longer than its timeout. */
  #follow(lane: Lane, endpoint: Endpoint, c: MessageContext, pending: Promise<void>): void {
    const { plan, timeoutMs } = endpoint;
    const running = (this.#running ??= new Map<MessageContext, NodeJS.Timeout | undefined>());
    const release = (): void => {
      clearTimeout(running.get(c));
      if (!running.delete(c)) return;
      lane.running--;
      this.#active--;
      this.#advance(lane);
      this.#settle();
    };
    const arm = (): void => {
      running.set(c, timeoutMs === false ? undefined : setTimeout(expire, timeoutMs));
    };
    const expire = (): void => {
      // What only waits for a slow reader has been handled: it is the reader's time, not the handler's.
      if (c.answered) return;
      const error = new HalyardError('TIMEOUT');
      const hangsInCatcher = c.settled;
      const answered = hangsInCatcher ? failUncaught(plan, c, error) : fail(plan, c, error, 'endpoint', 'timeout');
      if (!hangsInCatcher) arm();
      void Promise.resolve(answered).then(release);
      c.abort(error);
    };
    c.lane = endpoint.lane;
    arm();
    void pending.then(release);
  }

  #advance(lane: Lane): void {
    while (this.#started && lane.running < lane.spec.limit) {
      const next = lane.queue.shift();
      if (next === undefined) break;
      this.#waiting--;
      this.#run(lane, next.endpoint, next.c);
    }
    if (this.#waiting <= this.path.current.options.maxQueue / 2) this.host.resume();
  }

  #settle(): void {
    if (this.#whenIdle === undefined || this.#waiting > 0 || this.#active > 0) return;
    // All that has come is there to be read: who does so is told that nothing follows.
    if (this.#lifelong !== undefined) return this.reader!.end();
    const callback = this.#whenIdle;
    this.#whenIdle = undefined;
    callback();
  }

  /** A message that no endpoint handles is answered in its turn, like any other. */
  #reject(rejection: Endpoint, c: MessageContext, error: unknown): void {
    c.rejection = error;
    this.#enter(rejection, c);
  }

  /** @returns 0, or the milliseconds until a message is taken again */
  #takeToken(endpoint: Endpoint): number {
    const app = this.services.rateLimiter;
    const wait = app === undefined ? 0 : this.#bucket(app).take();
    if (wait > 0) return wait;
    return endpoint.rateLimiter === undefined ? 0 : this.#bucket(endpoint.rateLimiter).take();
  }

  #bucket(limiter: RateLimiter): TokenBucket {
    const { connection } = this;
    switch (limiter.limit.by) {
      case 'user':
        return limiter.bucket(connection.user ?? connection.id);
      case 'ip':
        return limiter.bucket(connection.remoteAddress);
      default:
        return limiter.bucket(connection.id);
    }
  }

  #refuse(rejection: Endpoint, c: MessageContext, retryAfterMs: number): void {
    this.host.dropped('rate', 1, c);
    if (++this.#refusals > maxRefusals) return;
    this.#reject(rejection, c, new HalyardError('RATE_LIMITED', { details: { retryAfterMs } }));
    if (this.#refusals === maxRefusals) this.host.close(1008, 'RATE_LIMITED');
  }
}

function unknownEvent(event: string | undefined): HalyardError {
  const message =
    event === undefined
      ? 'only messages of the form {"event": …} are taken here'
      : `no endpoint takes the event ${JSON.stringify(event.slice(0, 64))}`;
  return new HalyardError('UNKNOWN_EVENT', { message });
}
