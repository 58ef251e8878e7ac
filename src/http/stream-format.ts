import { HalyardError, type ErrorPayload } from '../errors.js';
import { encodeValue } from '../protocol/plain.js';

/** How the values of a stream become the body of a response. */
export interface StreamFormat {
  readonly contentType: string;
  /** Sent first, so that the client gets the headers, and whenever there has been nothing to send for a while. */
  readonly heartbeat: string | undefined;
  /** Throws `HALYARD_SEND_VALUE` for a value that it cannot hold. */
  encode(value: unknown): string | Uint8Array;
  /** What a stream that has failed ends with. */
  encodeError(payload: ErrorPayload): string;
}

/** A line of JSON a value. Ends, where it fails, with the error frame that a WebSocket would get. */
export const jsonLines: StreamFormat = {
  contentType: 'application/x-ndjson',
  heartbeat: undefined,
  encode: (value) => `${encodeJson(value)}\n`,
  encodeError: (payload) => `${JSON.stringify({ event: 'error', payload })}\n`,
};

/** For an endpoint that names a content type of its own: text and bytes go as they are. */
export function chunksOf(contentType: string): StreamFormat {
  return { ...jsonLines, contentType, encode: encodeValue };
}

function encodeJson(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  const encoded = encodeValue(value);
  if (typeof encoded === 'string') return encoded;
  throw new HalyardError('SEND_VALUE', {
    message: 'a stream of bytes needs a content type: @SetHeader, or reply.header',
  });
}
