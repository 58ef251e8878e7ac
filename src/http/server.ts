/** The Fastify instance and its node server, as safe as they can be set. */
import { STATUS_CODES } from 'node:http';
import type { ServerOptions as TlsOptions } from 'node:https';
import type { Socket } from 'node:net';
import {
  fastify,
  LogController,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Logger } from 'pino';
import { HttpError, payloadOf, statusCode, statusOf } from '../errors.js';
import type { ProxyTrust, TrustProxy } from '../pipeline/trust-proxy.js';
import { asHttpError } from './foreign-error.js';
import { headersOf } from './responder.js';

export interface ServerOptions {
  /** The app's. Fastify logs with it what goes wrong, not every request. */
  readonly logger: Logger;
  /** Who a request comes from. */
  readonly trust: ProxyTrust;
  /** The same for Fastify's own `request.ip`, which the user's plugins read. @default false */
  readonly trustProxy?: TrustProxy | undefined;
  /** Clients are told the texts of internal errors. */
  readonly exposeErrors: boolean;
  /** TLS: key, cert, … */
  readonly https?: TlsOptions | undefined;
  /** `/a/` is `/a`. */
  readonly ignoreTrailingSlash: boolean;
  /** The largest body taken. */
  readonly maxPayloadBytes: number;
  /** How long a client may take to send the head of a request. */
  readonly handshakeMs: number;
}

const maxHeaderBytes = 16 * 1024;
/** Also that of WebSocket paths. */
const maxParamLength = 1024;
/** Node's own default; Fastify would have none. */
const requestTimeoutMs = 300_000;

export function createFastify(options: ServerOptions): FastifyInstance {
  const { logger, trust, trustProxy, https, ignoreTrailingSlash, maxPayloadBytes, handshakeMs } = options;
  const serverOptions = {
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: handshakeMs,
    requestTimeout: Math.max(requestTimeoutMs, handshakeMs),
    // How exact headersTimeout is.
    connectionsCheckingInterval: 1000,
  };
  const shared = {
    loggerInstance: logger,
    logController: new FailureLog(),
    genReqId: (raw: Parameters<ProxyTrust['peer']>[0]) => trust.peer(raw).id,
    trustProxy: trustOf(trustProxy),
    bodyLimit: maxPayloadBytes,
    requestTimeout: serverOptions.requestTimeout,
    routerOptions: { ignoreTrailingSlash, maxParamLength },
    // A request that comes while the server closes is refused in our shape.
    return503OnClosing: false,
    forceCloseConnections: 'idle' as const,
    clientErrorHandler: refuseBytes,
    frameworkErrors: (error: FastifyError, _request: FastifyRequest, reply: FastifyReply) =>
      sendError(reply, error, options.exposeErrors),
  };
  return (https
    ? fastify({ ...shared, https: { handshakeTimeout: handshakeMs, ...https, ...serverOptions } })
    : fastify({ ...shared, http: serverOptions })) as unknown as FastifyInstance;
}

/** Sends an error that belongs to no endpoint. */
export function sendError(reply: FastifyReply, error: unknown, expose: boolean): void {
  const failure = asHttpError(error);
  for (const [name, value] of headersOf(failure)) reply.header(name, value);
  reply.code(statusOf(failure)).send(payloadOf(failure, expose));
}

/** Requests are the observers' business; what goes wrong in the user's own routes and plugins is logged. */
class FailureLog extends LogController {
  override incomingRequest(): void {
    // An observer's `opened`.
  }

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    if (error) super.requestCompleted(error, request, reply);
  }

  override routeNotFound(): void {
    // The client is told.
  }

  override streamError(
    error: Error & { code?: string },
    request: FastifyRequest,
    reply: FastifyReply,
    metadata?: Record<string, unknown>,
  ): void {
    // That the client of a stream has gone is an observer's `closed`.
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') super.streamError(error, request, reply, metadata);
  }
}

/** Answers what is no HTTP, or too slow or too large a head, and ends the connection. */
function refuseBytes(error: Error & { code?: string }, socket: Socket): void {
  // What has begun cannot be answered a second time. Node itself looks at this field.
  const { _httpMessage: begun } = socket as Socket & { _httpMessage?: { headersSent: boolean } | null };
  if (error.code === 'ECONNRESET' || !socket.writable || begun?.headersSent) {
    socket.destroy();
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const { message } = new HttpError(status);
  const body = JSON.stringify({ code: statusCode(status), message });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

function trustOf(
  setting: TrustProxy = false,
): boolean | string | string[] | ((address: string, hop: number) => boolean) {
  if (typeof setting === 'number') return (_address, hop) => hop < setting;
  return Array.isArray(setting)
    ? [...(setting as readonly string[])]
    : (setting as Exclude<typeof setting, readonly string[]>);
}
