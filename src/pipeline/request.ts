import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { parse as parseCookies } from 'cookie';
import { forbiddenKeys } from '../protocol/plain.js';

/** Who a request comes from; behind a trusted proxy that is what the proxy says. */
export interface Peer {
  readonly id: string;
  readonly ip: string;
  readonly host: string;
  readonly protocol: 'http' | 'https';
}

/** What the adapters know of a request beyond the `IncomingMessage` itself. */
export interface RequestFacts {
  readonly peer: Peer;
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: Readonly<Record<string, string | string[] | undefined>>;
}

/** An HTTP request or the request of an upgrade: one class for both, read only. */
export class Request {
  readonly id: string;
  readonly ip: string;
  readonly host: string;
  readonly protocol: 'http' | 'https';
  /** Decoded path parameters. No prototype. */
  readonly params: Readonly<Record<string, string | undefined>>;
  /** The query; a name that is given more than once has an array. No prototype, and no `__proto__`, `constructor`, `prototype`. */
  readonly query: Readonly<Record<string, string | string[] | undefined>>;
  /** For what only Node's own object knows. */
  readonly raw: IncomingMessage;
  #cookies: Readonly<Record<string, string | undefined>> | undefined;

  constructor(raw: IncomingMessage, { peer, params, query }: RequestFacts) {
    this.raw = raw;
    this.id = peer.id;
    this.ip = peer.ip;
    this.host = peer.host;
    this.protocol = peer.protocol;
    this.params = params;
    this.query = withoutForbiddenKeys(query);
  }

  get method(): string {
    return this.raw.method ?? 'GET';
  }

  /** Path and query, as the client sent them. */
  get url(): string {
    return (this.raw as IncomingMessage & { originalUrl?: string }).originalUrl ?? this.raw.url ?? '/';
  }

  get path(): string {
    const end = this.url.indexOf('?');
    return end === -1 ? this.url : this.url.slice(0, end);
  }

  get headers(): IncomingMessage['headers'] {
    return this.raw.headers;
  }

  /** Parsed when first asked for. No prototype. */
  get cookies(): Readonly<Record<string, string | undefined>> {
    return (this.#cookies ??= withoutForbiddenKeys(parseCookies(this.raw.headers.cookie ?? '')));
  }

  /**
   * The token of an offered subprotocol `auth.<token>`, for browsers, which cannot set headers on a WebSocket. It is
   * never echoed.
   */
  get protocolToken(): string | undefined {
    const offered = this.raw.headers['sec-websocket-protocol'];
    return offered
      ?.split(',')
      .map((name) => name.trim())
      .find((name) => name.startsWith('auth.'))
      ?.slice('auth.'.length);
  }
}

/** Keys through which a value could reach an object's prototype; a request has no use for them. */
function withoutForbiddenKeys<T extends object>(values: T): T {
  for (const key of forbiddenKeys) {
    if (Object.hasOwn(values, key)) delete (values as Record<string, unknown>)[key];
  }
  return values;
}

/** Whether the socket that a request came over is encrypted. */
export function isEncrypted(raw: IncomingMessage): boolean {
  return (raw.socket as Partial<TLSSocket>).encrypted === true;
}
