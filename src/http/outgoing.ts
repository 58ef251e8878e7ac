import { validateHeaderName, validateHeaderValue } from 'node:http';
import { Readable } from 'node:stream';
import { HalyardError, textOf } from '../errors.js';
import { encodeValue } from '../protocol/plain.js';
import type { Exchange } from './exchange.js';
import { isByteStream, type ByteStream } from './source.js';

export type HeaderList = readonly (readonly [name: string, value: string])[];

/** The body of a response and its type. */
export interface Content {
  readonly type: string | undefined;
  readonly body: string | Buffer | ByteStream | undefined;
}

/** A response that is ready to go out. */
export interface Outgoing {
  readonly status: number;
  /** A later one replaces an earlier one of the same name, `set-cookie` excepted. */
  readonly headers: HeaderList;
  readonly content: Content;
}

export const noContent: Content = { type: undefined, body: undefined };

/** Headers that describe a body: an error in its place has its own. */
const bodyHeaders: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'content-encoding',
  'content-disposition',
  'content-range',
  'etag',
  'last-modified',
]);

/** A value as a body. Throws `HALYARD_SEND_VALUE` for one that JSON cannot hold. */
export function contentOf(value: unknown): Content {
  if (value === undefined) return noContent;
  if (isByteStream(value)) return { type: 'application/octet-stream', body: value };
  const encoded = encodeValue(value);
  if (typeof encoded !== 'string') return { type: 'application/octet-stream', body: toBuffer(encoded) };
  if (typeof value === 'string') return { type: 'text/plain; charset=utf-8', body: encoded };
  return { type: 'application/json; charset=utf-8', body: encoded };
}

/** The headers of a successful answer: those of the endpoint, and over them those that were set for this request. */
export function successHeaders({ c, endpoint }: Exchange): HeaderList {
  return [...endpoint.headers, ...c.reply.headers];
}

/** What was set for this request and is of use to an error too. */
export function errorHeaders({ c }: Exchange): HeaderList {
  return c.reply.headers.filter(
    ([name, value]) => !bodyHeaders.has(name.toLowerCase()) && whyInvalid(name, value) === undefined,
  );
}

/**
 * Sends a response through Fastify, so that the user's `onSend` hooks see it. Throws `HALYARD_SEND_VALUE`, with nothing
 * done, for a status or header that HTTP does not have.
 */
export function send(exchange: Exchange, { status, headers, content }: Outgoing): void {
  const { c, reply, request } = exchange;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new HalyardError('SEND_VALUE', { message: `${status} is no status of a response` });
  }
  for (const [name, value] of headers) {
    const message = whyInvalid(name, value);
    if (message !== undefined) throw new HalyardError('SEND_VALUE', { message });
  }
  reply.code(status);
  if (content.type !== undefined) reply.header('content-type', content.type);
  for (const [name, value] of headers) {
    // An answer that could not be sent has left its cookies behind.
    if (!(c.answered && name.toLowerCase() === 'set-cookie')) reply.header(name, value);
  }
  c.answered = true;
  reply.send(request.method === 'HEAD' ? withoutBytes(content.body) : content.body);
}

function whyInvalid(name: string, value: string): string | undefined {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return undefined;
  } catch (error) {
    return textOf(error);
  }
}

/** The answer to HEAD has no body, and not the length of an empty one either. */
function withoutBytes(body: Content['body']): Content['body'] {
  if (!isByteStream(body)) return body;
  if (body instanceof Readable) body.destroy();
  else void body.cancel();
  return Readable.from([]);
}

function toBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  // Fastify takes no shared memory.
  return bytes.buffer instanceof ArrayBuffer
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : Buffer.from(bytes);
}
