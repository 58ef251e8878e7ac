/** The life of one HTTP request: opened, admitted, handled, answered, cleaned up. */
import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { CleanUp } from '../connection/clean-up.js';
import { HalyardError } from '../errors.js';
import type { Stage } from '../pipeline/components.js';
import { CloseInfo } from '../pipeline/close-info.js';
import { HttpContext } from '../pipeline/context.js';
import { conclude, fail } from '../pipeline/outcome.js';
import { Reply } from '../pipeline/reply.js';
import { Request, type RequestFacts } from '../pipeline/request.js';
import { run } from '../pipeline/run.js';
import type { OpenedScope } from '../pipeline/scope.js';
import type { ProxyTrust } from '../pipeline/trust-proxy.js';
import { takeBody } from './body.js';
import type { HttpEndpoint } from './endpoint.js';
import { asHttpError } from './foreign-error.js';
import { whenClosed } from './socket-end.js';
import type { ValueStream } from './value-stream.js';

/** What all exchanges of an adapter share. */
export interface ExchangeHost {
  readonly logger: Logger;
  readonly trust: ProxyTrust;
  /** The response is out, or lost, and everything behind it has run. */
  ended(exchange: Exchange): void;
}

/** How long clean-up may take, and how long a handler may go on for a client that has gone. */
const patienceMs = 5000;
/** What the status is of a request whose client went before it was answered; nginx has named it. */
const clientClosedRequest = 499;

const exchanges = new WeakMap<HttpContext, Exchange>();

/** The exchange that a context belongs to. */
export function exchangeOf(c: HttpContext): Exchange {
  return exchanges.get(c)!;
}

export class Exchange {
  readonly c: HttpContext;
  readonly cleanUp = new CleanUp();
  /** The body of a streamed response, from when its headers go out. */
  stream: ValueStream | undefined = undefined;
  #scope: OpenedScope | undefined = undefined;
  #work: Promise<unknown> = Promise.resolve();
  #admitted = false;
  /** The endpoint's plan is through, and observers have been told. */
  #handled = false;
  #gone = false;
  #impatient = false;
  #giveUp: (() => void) | undefined = undefined;

  constructor(
    readonly endpoint: HttpEndpoint,
    readonly request: FastifyRequest,
    readonly reply: FastifyReply,
    private readonly host: ExchangeHost,
  ) {
    const { raw, id, params, query } = request;
    const facts = { peer: { ...host.trust.peer(raw), id }, params, query } as RequestFacts;
    this.c = new HttpContext(new Request(raw, facts), endpoint.route, new Reply(), host.logger);
    this.c.startedAt = performance.now();
    exchanges.set(this.c, this);
    endpoint.observers.opened(this.c);
    this.#watch(reply.raw);
  }

  /** Runs middleware and guards and binds request values. @returns false: it has been answered */
  admit(): Promise<boolean> {
    const admission = this.#admit();
    this.#work = admission;
    return admission;
  }

  /** Runs the endpoint and answers. Never rejects. */
  handle(): Promise<void> {
    const handling = this.#handle();
    this.#work = handling;
    return handling;
  }

  /** An error of Fastify, or of a plugin of the user's. Never rejects. */
  async fail(error: unknown): Promise<void> {
    const { c } = this;
    const { plan, observers } = this.endpoint;
    if (this.#gone) return;
    const failure = asHttpError(error);
    if (!c.settled && !c.answered) {
      await fail(plan, c, failure, this.#admitted ? 'body' : 'middleware');
      return;
    }
    // The answer itself cannot be sent: the user's `onSend` hook failed, or a file that was to be piped is not there.
    this.abandonStream();
    observers.failed(failure, c, 'send');
    await plan.responder.fail(c, failure);
  }

  /** What was to be streamed is not: the next answer is an ordinary one. */
  abandonStream(): void {
    this.stream?.destroy();
    this.stream = undefined;
  }

  /** The server goes away: an event stream would not end by itself. */
  drain(): void {
    if (this.endpoint.sse) this.c.abort(new HalyardError('DRAINING'));
  }

  /** Ends the connection, whatever it is at, and waits for nobody any more. */
  cut(): void {
    this.#impatient = true;
    this.#giveUp?.();
    this.reply.raw.destroy();
  }

  /** Ends with the response. Not `stream.finished`: it waits for a `close` that `fastify.inject` does not emit. */
  #watch(response: ServerResponse): void {
    let ended = false;
    const end = (wasClean: boolean): void => {
      if (ended) return;
      ended = true;
      forget?.();
      void this.#end(wasClean);
    };
    response.on('finish', () => end(true)).on('close', () => end(false));
    // A pipelined response that waits for the one before it has no socket yet, and is not told of its end.
    const forget = response.socket ? undefined : whenClosed(this.request.raw.socket, () => end(false));
    // Gone while the app was made ready.
    if (response.destroyed) queueMicrotask(() => end(false));
  }

  async #admit(): Promise<boolean> {
    const { c } = this;
    const { admission, plan, openScope } = this.endpoint;
    let stage: Stage = 'bind';
    try {
      this.#scope = openScope?.(c, undefined, this.cleanUp);
      await this.#scope?.fill();
      // Not `run`: a request is handled once, by the endpoint's plan, which has the same catchers.
      for (const [index, step] of admission.steps.entries()) {
        if (c.settled) break;
        stage = admission.stages[index]!;
        await step(c);
      }
    } catch (error) {
      if (!c.settled) await fail(plan, c, error, stage);
    }
    this.#admitted = true;
    return !c.settled;
  }

  async #handle(): Promise<void> {
    const { c } = this;
    const { plan } = this.endpoint;
    if (c.settled) return;
    takeBody(c, this.request);
    await run(plan, c);
    this.#handled = true;
  }

  async #end(wasClean: boolean): Promise<void> {
    const { c } = this;
    const { observers } = this.endpoint;
    const { raw } = this.reply;
    const info = new CloseInfo(raw.headersSent ? raw.statusCode : clientClosedRequest, '', wasClean);
    if (!wasClean) this.#abandon();
    // One that nobody has read, as the user's `onSend` hook has put something else in its place.
    this.stream?.destroy();
    const failed = (error: unknown): void => observers.failed(error, c, 'cleanup');
    const late = (): void => failed(new HalyardError('TIMEOUT'));
    await this.#waitFor(Promise.all([this.cleanUp.run(failed), this.#work]), late);
    await this.#scope?.dispose().catch(failed);
    observers.closed(c, info);
    this.host.ended(this);
  }

  /** Waits for a promise that never rejects, but not for ever, and no longer than the adapter does. */
  #waitFor(pending: Promise<unknown>, late: () => void): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        late();
        resolve();
      }, patienceMs);
      this.#giveUp = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#impatient) this.#giveUp();
      void pending.then(this.#giveUp);
    });
  }

  /** The client has gone: what still runs is told, and what comes of it is late. */
  #abandon(): void {
    const { c } = this;
    const { plan } = this.endpoint;
    const error = new HalyardError('CONNECTION_CLOSED');
    this.#gone = true;
    if (!c.settled && !this.#handled) {
      c.settled = true;
      // What a stream has not sent yet is not late.
      if (c.streaming) c.result = undefined;
      if (plan.watched) conclude(plan, c, 'gone', error);
    }
    c.abort(error);
  }
}
