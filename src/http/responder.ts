/** Answers HTTP requests: with what endpoints return, with what catchers say, or with an error. */
import { HalyardError, HttpError, payloadOf, statusOf } from '../errors.js';
import { DROP, type Answer, type CloseWith } from '../pipeline/components.js';
import { isThenable } from '../pipeline/maybe-promise.js';
import type { HttpContext } from '../pipeline/context.js';
import type { PostChain, Responder } from '../pipeline/plan.js';
import { exchangeOf, type Exchange } from './exchange.js';
import { contentOf, errorHeaders, send, successHeaders, type HeaderList } from './outgoing.js';
import { isByteStream, isValueIterable } from './source.js';
import { stream } from './streaming.js';

type Waiting = void | PromiseLike<void>;

/** How long an event stream may be silent: proxies give up on a connection after 30 to 60 s. */
const defaultHeartbeatMs = 15_000;

export class HttpResponder implements Responder<HttpContext> {
  constructor(
    private readonly exposeErrors: boolean,
    private readonly heartbeatMs = defaultHeartbeatMs,
  ) {}

  respond(c: HttpContext, value: unknown, post: PostChain): Waiting {
    const exchange = exchangeOf(c);
    const { sse } = exchange.endpoint;
    if (value === undefined) return this.#reply(exchange, undefined);
    if (isValueIterable(value) && (sse || !isByteStream(value))) {
      return stream(exchange, value, post, this.heartbeatMs);
    }
    if (sse) return stream(exchange, [value].values(), post, this.heartbeatMs);
    const posted = post(c, value);
    return isThenable(posted) ? posted.then((result) => this.#reply(exchange, result)) : this.#reply(exchange, posted);
  }

  fail(c: HttpContext, error: unknown): void {
    const exchange = exchangeOf(c);
    const payload = payloadOf(error, this.exposeErrors);
    if (exchange.stream) return exchange.stream.fail(payload);
    // A plugin has begun the response by itself: nothing but its end can tell the client.
    if (exchange.reply.raw.headersSent) return exchange.cut();
    try {
      const headers = [...errorHeaders(exchange), ...headersOf(error)];
      send(exchange, { status: statusOf(error), headers, content: contentOf(payload) });
    } catch (failure) {
      // Details that JSON cannot hold, a status or a header that HTTP does not have: still an answer is owed.
      exchange.endpoint.observers.failed(failure, c, 'send');
      const { code, message } = payloadOf(failure, this.exposeErrors);
      send(exchange, { status: 500, headers: [], content: contentOf({ code, message }) });
    }
  }

  /** Where the answer names no status, it has that of the error. */
  answer(c: HttpContext, { value, status }: Answer, error: unknown): Waiting {
    const exchange = exchangeOf(c);
    const body = exchange.stream;
    if (body) return body.send(value).then(() => body.finish());
    send(exchange, {
      status: status ?? statusOf(error),
      headers: errorHeaders(exchange),
      content: contentOf(value),
    });
    return undefined;
  }

  /** There is no connection of the user's to close: the client gets the error. */
  close(c: HttpContext, _close: CloseWith, error: unknown): void {
    this.fail(c, error);
  }

  #reply(exchange: Exchange, value: unknown): void {
    const { c, endpoint, request } = exchange;
    const headers = successHeaders(exchange);
    if (value === DROP) {
      endpoint.observers.dropped(c, 'interceptor');
      send(exchange, { status: 204, headers, content: contentOf(undefined) });
      return;
    }
    const { redirect } = endpoint;
    if (redirect) {
      const { url, status = redirect.status } = (value ?? redirect) as { url?: unknown; status?: number };
      if (typeof url !== 'string') {
        throw new HalyardError('SEND_VALUE', { message: 'a @Redirect endpoint returns { url, status? }, or nothing' });
      }
      const location = ['location', toAscii(url)] as const;
      send(exchange, {
        status: c.reply.statusCode ?? status,
        headers: [...headers, location],
        content: contentOf(undefined),
      });
      return;
    }
    const status = value === undefined ? 204 : request.method === 'POST' ? 201 : 200;
    send(exchange, { status: c.reply.statusCode ?? endpoint.status ?? status, headers, content: contentOf(value) });
  }
}

/** The headers that an error has of its own, and those that its status demands. */
export function headersOf(error: unknown): HeaderList {
  if (error instanceof HttpError) return Object.entries(error.headers ?? {});
  if (!(error instanceof HalyardError)) return [];
  // RFC 9110 §15.5.22: a 426 names the protocol to upgrade to.
  if (error.wireCode === 'UPGRADE_REQUIRED')
    return [
      ['upgrade', 'websocket'],
      ['connection', 'Upgrade'],
    ];
  return error.wireCode === 'DRAINING' ? [['retry-after', '1']] : [];
}

/** A URL as a header can hold it. */
function toAscii(url: string): string {
  return url.replace(/[^\x21-\x7e]+/g, encodeURIComponent);
}
