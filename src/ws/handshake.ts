import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { HalyardError } from '../errors.js';
import type { Reply } from '../pipeline/reply.js';
import { oneLine } from './refusal.js';

/** Whether the request asks for a WebSocket, and not for another protocol. */
export function asksForWebSocket(raw: IncomingMessage): boolean {
  return raw.headers.upgrade?.toLowerCase() === 'websocket';
}

/**
 * What a client's handshake must have (RFC 6455 §4.2.1). Throws `HALYARD_UPGRADE_INVALID` (400), or for another version
 * `HALYARD_UPGRADE_REQUIRED` (426) with the version that is spoken.
 */
export function checkHandshake(raw: IncomingMessage, reply: Reply): void {
  if (raw.method !== 'GET' || raw.httpVersion !== '1.1') {
    throw new HalyardError('UPGRADE_INVALID', { message: 'a handshake is a GET of HTTP/1.1' });
  }
  if (raw.headers.host === undefined) {
    throw new HalyardError('UPGRADE_INVALID', { message: 'Host is missing' });
  }
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

/** What every key is hashed with (RFC 6455 §1.3). */
const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Answers a handshake that has been checked: the 101, with the selected subprotocol and what components added. */
export function writeSwitch(raw: IncomingMessage, socket: Duplex, subprotocol: string, reply: Reply): void {
  const accept = hash('sha1', `${raw.headers['sec-websocket-key']}${guid}`, 'base64');
  let head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n`;
  if (subprotocol !== '') head += `Sec-WebSocket-Protocol: ${subprotocol}\r\n`;
  for (const [name, value] of reply.headers) head += `${name}: ${oneLine(value)}\r\n`;
  socket.write(`${head}\r\n`);
}
