import type { IncomingMessage } from 'node:http';
import { HalyardError } from '../errors.js';
import type { Reply } from '../pipeline/reply.js';

/** Whether the request asks for a WebSocket, and not for another protocol. */
export function asksForWebSocket(raw: IncomingMessage): boolean {
  return raw.headers.upgrade?.toLowerCase() === 'websocket';
}

/**
 * What a client's handshake must have (RFC 6455 §4.2.1). Throws `HALYARD_UPGRADE_INVALID` (400), or for another version
 * `HALYARD_UPGRADE_REQUIRED` (426) with the version that is spoken.
 */
export function checkHandshake(raw: IncomingMessage, reply: Reply): void {
  if (raw.method !== 'GET') throw new HalyardError('UPGRADE_INVALID', { message: 'a handshake is a GET' });
  if (raw.headers['sec-websocket-version'] !== '13') {
    reply.header('sec-websocket-version', '13');
    throw new HalyardError('UPGRADE_REQUIRED', { message: 'only version 13 of the protocol is spoken' });
  }
  // 16 bytes in base64.
  if (!/^[+/0-9A-Za-z]{22}==$/.test(raw.headers['sec-websocket-key'] ?? '')) {
    throw new HalyardError('UPGRADE_INVALID', { message: 'Sec-WebSocket-Key is missing or invalid' });
  }
  const offered = raw.headers['sec-websocket-protocol'];
  if (offered !== undefined && !isTokenList(offered)) {
    throw new HalyardError('UPGRADE_INVALID', { message: 'Sec-WebSocket-Protocol is no list of distinct tokens' });
  }
}

function isTokenList(header: string): boolean {
  const names = header.split(',').map((name) => name.trim());
  return new Set(names).size === names.length && names.every((name) => /^[!#$%&'*+\-.^_`|~\w]+$/.test(name));
}
