import { parseJson } from '../protocol/plain.js';

/** A message as it came, for endpoints that read it themselves. Of an envelope `{"event","payload"}` it is all. */
export class Message {
  readonly isBinary: boolean;
  readonly #source: { readonly raw: Buffer; text(): string };

  constructor(source: { readonly raw: Buffer; readonly isBinary: boolean; text(): string }) {
    this.isBinary = source.isBinary;
    this.#source = source;
  }

  /** The message as text; of a binary message, its bytes read as UTF-8. */
  text(): string {
    return this.#source.text();
  }

  /** Throws `HALYARD_BODY_INVALID`, which the client is told, where it is not JSON. */
  json(): unknown {
    return parseJson(this.text());
  }

  /** The bytes, in a buffer of their own. */
  arrayBuffer(): ArrayBuffer {
    return new Uint8Array(this.#source.raw).buffer;
  }

  /** The bytes, not copied. */
  bytes(): Buffer {
    return this.#source.raw;
  }
}
