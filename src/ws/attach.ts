import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { HalyardError, payloadOf, type WireCode } from '../errors.js';
import { asksForWebSocket } from './handshake.js';
import { writeRefusal } from './refusal.js';
import type { UpgradeServer } from './upgrade.js';

type Upgrade = [raw: IncomingMessage, socket: Duplex, head: Buffer];
type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

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
 * Puts WebSockets on somebody else's server, with one `upgrade` listener, however many apps share it. Upgrades on our
 * paths never reach the other listeners, many of which destroy the socket of a path that they do not know (Nest's
 * WsAdapter, `ws` with a `path`); all others are theirs, and 404 where there are none. Where two apps have a path, it is
 * that of the one attached first.
 *
 * @returns takes it off again; the last one leaves the server as it was
 */
export function attachShared(server: Server, upgrades: UpgradeServer): () => void {
  let shared = sharedServers.get(server);
  if (!shared) sharedServers.set(server, (shared = new SharedServer(server)));
  return shared.add(upgrades);
}

const sharedServers = new WeakMap<Server, SharedServer>();

/**
 * Somebody else's server while apps are attached to it. An event emitter cannot stop an event from within a listener, so
 * the server's `emit` is wrapped.
 */
class SharedServer {
  /** Those who are asked, by attachment: an app may be attached twice. */
  readonly #apps = new Map<symbol, UpgradeServer>();
  readonly #hadOwnEmit: boolean;
  readonly #innerEmit: Emit;
  readonly #emit: Emit = (event, ...args) =>
    (event === 'upgrade' && this.#claims(...(args as Upgrade))) || this.#innerEmit.call(this.server, event, ...args);

  constructor(private readonly server: Server) {
    this.#hadOwnEmit = Object.hasOwn(server, 'emit');
    // Called with the server as `this`.
    // oxlint-disable-next-line typescript/unbound-method
    this.#innerEmit = server.emit as Emit;
    server.emit = this.#emit as Server['emit'];
    server.on('upgrade', this.#refuseLeftOver);
  }

  add(upgrades: UpgradeServer): () => void {
    const attachment = Symbol('attachment');
    this.#apps.set(attachment, upgrades);
    return () => {
      if (this.#apps.delete(attachment) && this.#apps.size === 0) this.#release();
    };
  }

  #claims(...[raw, socket, head]: Upgrade): boolean {
    if (!asksForWebSocket(raw)) return false;
    for (const upgrades of this.#apps.values()) if (upgrades.handle(raw, socket, head)) return true;
    return false;
  }

  /** Node emits `upgrade` only where there is a listener; what comes to this one is no path of ours. */
  #refuseLeftOver = (...[raw, socket]: Upgrade): void => {
    if (this.server.listenerCount('upgrade') > 1) return;
    refuse(socket, asksForWebSocket(raw) ? 'NOT_FOUND' : 'UPGRADE_INVALID');
  };

  #release(): void {
    const { server } = this;
    sharedServers.delete(server);
    server.off('upgrade', this.#refuseLeftOver);
    // Who has wrapped it after us keeps us in the chain: without apps we pass everything on.
    if (server.emit !== (this.#emit as Server['emit'])) return;
    if (this.#hadOwnEmit) server.emit = this.#innerEmit as Server['emit'];
    else delete (server as Partial<Server>).emit;
  }
}

function refuse(socket: Duplex, code: WireCode): void {
  const error = new HalyardError(code);
  writeRefusal(socket, { status: error.status, body: payloadOf(error, false), headers: [] });
}
