import { Readable } from 'node:stream';
import type { ErrorPayload } from '../errors.js';
import type { StreamFormat } from './stream-format.js';

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
