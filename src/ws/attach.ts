import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { HalyardError, payloadOf, type WireCode } from '../errors.js';
import { asksForWebSocket } from './handshake.js';
import { writeRefusal } from './refusal.js';
import type { UpgradeServer } from './upgrade.js';

type Upgrade = [raw: IncomingMessage, socket: Duplex, head: Buffer];

/**
 * Puts WebSockets on a server of our own: every upgrade is ours to answer. One `upgrade` listener.
 *
 * @returns takes it off again
 */
export function attachOwned(server: Server, upgrades: UpgradeServer): () => void {
  const listener = (...[raw, socket, head]: Upgrade): void => {
    if (!asksForWebSocket(raw)) refuse(socket, 'UPGRADE_INVALID');
    else if (!upgrades.handle(raw, socket, head)) refuse(socket, 'NOT_FOUND');
  };
  server.on('upgrade', listener);
  return () => server.off('upgrade', listener);
}

/**
 * Puts WebSockets on somebody else's server, with one `upgrade` listener. Upgrades on our paths never reach the other
 * listeners, many of which destroy the socket of a path that they do not know (Nest's WsAdapter, `ws` with a `path`);
 * all others are theirs, and 404 where there are none. An event emitter cannot stop an event from within a listener,
 * so the server's `emit` is wrapped as long as we are attached.
 *
 * @returns takes both off again
 */
export function attachShared(server: Server, upgrades: UpgradeServer): () => void {
  let attached = true;
  const claims = (event: string | symbol, args: unknown[]): boolean => {
    if (!attached || event !== 'upgrade') return false;
    const [raw, socket, head] = args as Upgrade;
    return asksForWebSocket(raw) && upgrades.handle(raw, socket, head);
  };
  const hadOwn = Object.hasOwn(server, 'emit');
  // Called with the server as `this` below.
  // oxlint-disable-next-line typescript/unbound-method
  const inner = server.emit as (event: string | symbol, ...args: unknown[]) => boolean;
  const outer = (event: string | symbol, ...args: unknown[]): boolean =>
    claims(event, args) || inner.call(server, event, ...args);
  server.emit = outer as Server['emit'];
  const leftOver = (...[raw, socket]: Upgrade): void => {
    if (server.listenerCount('upgrade') > 1) return;
    refuse(socket, asksForWebSocket(raw) ? 'NOT_FOUND' : 'UPGRADE_INVALID');
  };
  server.on('upgrade', leftOver);
  return () => {
    attached = false;
    server.off('upgrade', leftOver);
    if (server.emit !== (outer as Server['emit'])) return;
    if (hadOwn) server.emit = inner as Server['emit'];
    else delete (server as Partial<Server>).emit;
  };
}

function refuse(socket: Duplex, code: WireCode): void {
  const error = new HalyardError(code);
  writeRefusal(socket, { status: error.status, body: payloadOf(error, false), headers: [] });
}
