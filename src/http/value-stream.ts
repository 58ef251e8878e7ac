import { Readable } from 'node:stream';
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

/** The body of a streamed response. It holds one value at a time: what is not read is not pulled. */
export class ValueStream extends Readable {
  readonly #format: StreamFormat;
  readonly #timer: NodeJS.Timeout | undefined = undefined;
  /** Resolves the `send` that waits. */
  #sent: (() => void) | undefined = undefined;
  #finished = false;

  constructor(format: StreamFormat, heartbeatMs: number) {
    super({ highWaterMark: 1 });
    this.#format = format;
    if (format.heartbeat === undefined) return;
    this.push(format.heartbeat);
    this.#timer = setInterval(() => this.#beat(), heartbeatMs).unref();
  }

  /** Resolves when the client has room for more, or does not want it any more. */
  send(value: unknown): Promise<void> {
    const chunk = this.#format.encode(value);
    return new Promise((resolve) => {
      if (this.#finished || this.destroyed) return resolve();
      this.#sent = resolve;
      // An empty chunk would never be asked for again.
      if (chunk.length > 0) this.push(chunk);
      else resolve();
    });
  }

  /** Ends the body with an error. */
  fail(payload: ErrorPayload): void {
    if (!this.#finished && !this.destroyed) this.push(this.#format.encodeError(payload));
    this.finish();
  }

  /** Ends the body. */
  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    clearInterval(this.#timer);
    if (!this.destroyed) this.push(null);
    this.#sent?.();
  }

  override _read(): void {
    this.#sent?.();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearInterval(this.#timer);
    this.#sent?.();
    done(error);
  }

  #beat(): void {
    if (this.readableLength === 0) this.push(this.#format.heartbeat);
  }
}
