import { STATUS_CODES, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { HttpError } from '../errors.js';
import type { Middleware } from '../pipeline/components.js';
import { isThenable } from '../pipeline/maybe-promise.js';
import type { HttpContext, UpgradeContext } from '../pipeline/context.js';
import { CapturedResponse } from './captured-response.js';
import { exchangeOf } from './exchange.js';
import { asHttpError } from './foreign-error.js';

/** `(req, res, next)` of Express and connect, with whatever types a package gives the three. */
export type ConnectMiddleware = (request: never, response: never, next: (error?: unknown) => void) => unknown;

type Handler = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => unknown;

/** Headers of one message or connection: they make no sense on a 101, and a refusal has its own. */
const ownHeaders: ReadonlySet<string> = new Set([
  'connection',
  'upgrade',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'content-type',
  'date',
]);

/**
 * Express-style middleware as one of Halyard's, for HTTP requests and for upgrades: express-session, passport, …
 *
 * At an upgrade the headers that they set go on the 101 or the refusal, and what ends the response before `next` is a
 * refusal with its status. What waits for the end of a response, as express-session does to save, runs behind the last of
 * them: give those that belong together to one `connect`. They find what Node has, not what Express adds: no
 * `req.query`, no `res.json()`. An error given to `next` is thrown.
 *
 * @example createApp({ use: [connect(session({ secret, resave: false, saveUninitialized: false }))] })
 */
export function connect(...middleware: Handler[]): Middleware;
export function connect(...middleware: ConnectMiddleware[]): Middleware;
export function connect(...middleware: ConnectMiddleware[]): Middleware {
  return new Connect(middleware as unknown as Handler[]);
}

const endOfResponse = Symbol('end of the response');

class Connect implements Middleware {
  constructor(private readonly handlers: readonly Handler[]) {}

  use(c: HttpContext | UpgradeContext): Promise<void> {
    return c.kind === 'http' ? this.#useHttp(c) : this.#useUpgrade(c);
  }

  async #useHttp(c: HttpContext): Promise<void> {
    const response = exchangeOf(c).reply.raw;
    const ended = new Promise<void>((resolve) => response.once('finish', resolve));
    if (await this.#call(c, response, ended)) return;
    // It is answered: nothing that would come later has anything to do.
    c.settled = true;
    c.answered = true;
  }

  async #useUpgrade(c: UpgradeContext): Promise<void> {
    const response = new CapturedResponse(c.request.raw);
    try {
      const passed = await this.#call(c, response, response.ended);
      if (passed) await whileThere(c, response.commit());
      copyHeaders(response.getHeaders(), c);
      if (!passed) throw new HttpError(response.statusCode, response.text || STATUS_CODES[response.statusCode]);
    } finally {
      response.emit('close');
    }
  }

  /** @returns false: the response was ended */
  async #call(c: HttpContext | UpgradeContext, response: ServerResponse, ended: Promise<void>): Promise<boolean> {
    for (const handler of this.handlers) {
      const called = callNext(handler, c, response);
      const error = await whileThere(c, Promise.race([called, ended.then(() => endOfResponse)]));
      if (error === endOfResponse) return false;
      if (isFailure(error)) throw asHttpError(error);
      // It has begun to answer, and calls `next` all the same: who was refused stays out.
      if (response.headersSent) return false;
    }
    return true;
  }
}

/** @returns what was given to `next`, or thrown */
function callNext(handler: Handler, c: HttpContext | UpgradeContext, response: ServerResponse): Promise<unknown> {
  return new Promise((resolve) => {
    let called = false;
    const next = (error?: unknown): void => {
      // express-session tells in this way that it could not save.
      if (called && isFailure(error)) c.log.error({ err: error }, 'middleware failed after it had gone on');
      called = true;
      resolve(error);
    };
    const failed = (error: unknown): void => next(isFailure(error) ? error : new Error('middleware threw nothing'));
    try {
      const returned = handler(c.request.raw, response, next);
      if (isThenable(returned)) returned.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  });
}

/** Not so nothing, and Express' words for leaving a router: there is none here. */
function isFailure(error: unknown): boolean {
  return Boolean(error) && error !== 'route' && error !== 'router';
}

/** Waits for middleware as long as there is a client that waits. */
function whileThere<T>({ signal }: HttpContext | UpgradeContext, pending: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(signal.reason as Error);
    if (signal.aborted) gone();
    signal.addEventListener('abort', gone, { once: true });
    pending.then(resolve, reject).finally(() => signal.removeEventListener('abort', gone));
  });
}

function copyHeaders(headers: OutgoingHttpHeaders, { reply }: UpgradeContext): void {
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || ownHeaders.has(name)) continue;
    if (name === 'set-cookie' && Array.isArray(value)) for (const cookie of value) reply.header(name, cookie);
    else reply.header(name, Array.isArray(value) ? value.join(', ') : String(value));
  }
}
