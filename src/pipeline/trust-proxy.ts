import { randomFillSync } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import proxyAddr from 'proxy-addr';
import { isEncrypted, type Peer } from './request.js';

/** Which proxies are believed: Fastify's values. */
export type TrustProxy = boolean | string | readonly string[] | number | ((address: string, hop: number) => boolean);

type Trust = (address: string, hop: number) => boolean;

/** Longest `x-request-id` that is taken over. */
const maxRequestIdLength = 128;

/** Reads the forwarded headers of requests that come through a trusted proxy, and of no others. */
export class ProxyTrust {
  readonly #trusts: Trust | undefined;

  /** Throws where the value is none that proxy-addr takes. */
  constructor(setting: TrustProxy) {
    this.#trusts = compileTrust(setting);
  }

  /** Whether forwarded headers of anybody are believed. */
  get enabled(): boolean {
    return this.#trusts !== undefined;
  }

  peer(raw: IncomingMessage): Peer {
    const remote = raw.socket.remoteAddress ?? '';
    const protocol = isEncrypted(raw) ? 'https' : 'http';
    const host = raw.headers.host ?? '';
    const trusts = this.#trusts;
    if (!trusts?.(remote, 0)) return { id: randomId(), ip: remote, host, protocol };
    const requestId = first(raw.headers['x-request-id']);
    return {
      id: requestId !== undefined && isRequestId(requestId) ? requestId : randomId(),
      ip: proxyAddr(raw, trusts),
      host: last(raw.headers['x-forwarded-host']) ?? host,
      protocol: last(raw.headers['x-forwarded-proto']) === 'https' ? 'https' : protocol,
    };
  }
}

const idBytes = 16;
/** Asking for random bytes costs more than making them. */
const idPool = Buffer.alloc(256 * idBytes);
let idAt = idPool.length;

/** 128 random bits as 22 characters. */
export function randomId(): string {
  if (idAt === idPool.length) {
    randomFillSync(idPool);
    idAt = 0;
  }
  idAt += idBytes;
  return idPool.toString('base64url', idAt - idBytes, idAt);
}

function compileTrust(setting: TrustProxy): Trust | undefined {
  if (setting === false) return undefined;
  if (setting === true) return () => true;
  if (typeof setting === 'function') return (address, hop) => believes(setting, address, hop);
  if (typeof setting === 'number') return (_address, hop) => hop < setting;
  return proxyAddr.compile(typeof setting === 'string' ? setting.split(',').map((part) => part.trim()) : [...setting]);
}

/** A function of the user's that fails trusts nobody, and ends nothing. */
function believes(trusts: Trust, address: string, hop: number): boolean {
  try {
    return trusts(address, hop);
  } catch {
    return false;
  }
}

function isRequestId(id: string): boolean {
  return id.length > 0 && id.length <= maxRequestIdLength && /^[\x21-\x7e]+$/.test(id);
}

function first(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/** The nearest proxy wrote the last value. */
function last(header: string | string[] | undefined): string | undefined {
  return first(header)?.split(',').at(-1)?.trim();
}
