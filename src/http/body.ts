import { Readable } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest, preParsingHookHandler } from 'fastify';
import { parse } from 'fast-querystring';
import type { HttpContext } from '../pipeline/context.js';
import { refuseForbiddenKeys } from '../protocol/plain.js';

/** A request that came through Express or Nest, whose body parsers may have read it. */
type HostRequest = IncomingMessage & { body?: unknown; rawBody?: unknown };

/**
 * Bodies reach the endpoint's own reader as bytes, whatever their content type, and forms as objects. A parser that the
 * user has registered on `app.http` keeps its type.
 */
export function addBodyParsers(scope: FastifyInstance): void {
  const parsers: readonly (readonly [type: string, parse: (body: Buffer) => unknown])[] = [
    ['application/json', (body) => body],
    ['text/plain', (body) => body],
    ['application/x-www-form-urlencoded', parseForm],
    ['*', (body) => body],
  ];
  for (const [type, parseBody] of parsers) {
    try {
      scope.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => {
        done(null, parseBody(body as Buffer));
      });
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'FST_ERR_CTP_ALREADY_PRESENT') throw error;
    }
  }
}

/** Requests whose body the server around us has read already. */
const readByHost = new WeakSet<FastifyRequest>();

/** Keeps Fastify from waiting, for ever, for a body that the server around us has read already. */
export const skipReadBody: preParsingHookHandler = (request, _reply, payload, done) => {
  const { raw, headers } = request;
  if (!raw.readableEnded) return done(null, payload);
  const receivedEncodedLength = Number(headers['content-length'] ?? 0);
  // Express sets `req.body` also where there is none.
  if (receivedEncodedLength > 0 || headers['transfer-encoding'] !== undefined) readByHost.add(request);
  done(null, Object.assign(Readable.from([]), { receivedEncodedLength }));
};

/** Puts the body where the endpoint's reader looks for it. */
export function takeBody(c: HttpContext, request: FastifyRequest): void {
  const raw = request.raw as HostRequest;
  c.isJson = /^application\/(?:[\w.+-]+\+)?json\b/i.test(raw.headers['content-type'] ?? '');
  const body: unknown = readByHost.has(request) ? (raw.rawBody ?? raw.body) : request.body;
  if (Buffer.isBuffer(body)) {
    c.raw = body;
  } else if (typeof body === 'string') {
    c.raw = Buffer.from(body);
  } else if (body !== undefined) {
    c.payload = body;
    c.enveloped = true;
  }
}

function parseForm(body: Buffer): Record<string, unknown> {
  const fields = parse(body.toString());
  refuseForbiddenKeys(fields);
  return { ...fields };
}
