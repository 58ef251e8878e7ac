import type { ConnectContext, DisconnectContext, MessageContext } from '../pipeline/context.js';
import type { Request } from '../pipeline/request.js';
import { parseJson } from '../protocol/plain.js';

/** What an endpoint with `@WebSocket({ events: true })` gets: the connect, each message, and the disconnect. */
export class ConnectionEvent {
  readonly type: 'connect' | 'message' | 'disconnect';
  readonly connectionId: string;
  /** The message: text, or the bytes of a binary one. Of a connect and a disconnect `undefined`. */
  readonly message: string | Buffer | undefined;
  /** The newest channel that the connection is in. */
  readonly channel: string | undefined;
  readonly #request: Request;

  constructor(c: MessageContext | ConnectContext | DisconnectContext) {
    this.type = c.kind;
    this.connectionId = c.connection.id;
    this.message = c.kind === 'message' ? (c.isBinary ? c.raw : c.text()) : undefined;
    this.channel = [...c.connection.channels].at(-1);
    this.#request = c.request;
  }

  /** The path parameters. */
  get params(): Request['params'] {
    return this.#request.params;
  }

  get query(): Request['query'] {
    return this.#request.query;
  }

  /** The headers of the upgrade. */
  get headers(): Request['headers'] {
    return this.#request.headers;
  }

  /** The message as JSON. Throws `HALYARD_BODY_INVALID`, which the client is told, where it is none. */
  json(): unknown {
    return parseJson(String(this.message ?? ''));
  }
}
