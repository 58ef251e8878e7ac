/** From an upgrade request to an open connection, or to a refusal that the client can read. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Connection } from '../connection/connection.js';
import { count } from '../connection/metrics.js';
import type { PathHandle, WebSocketPath } from '../connection/path.js';
import type { Services } from '../connection/services.js';
import { Session, type SessionOwner } from '../connection/session.js';
import { cutReason } from '../connection/close-code.js';
import type { Transport } from '../connection/transport.js';
import { HalyardError } from '../errors.js';
import type { Stage } from '../pipeline/components.js';
import { CloseInfo } from '../pipeline/close-info.js';
import { UpgradeContext } from '../pipeline/context.js';
import { fail, failUncaught } from '../pipeline/outcome.js';
import { run } from '../pipeline/run.js';
import { Reply } from '../pipeline/reply.js';
import { Request } from '../pipeline/request.js';
import type { OpenedScope } from '../pipeline/scope.js';
import { randomId, type ProxyTrust } from '../pipeline/trust-proxy.js';
import { plain } from '../protocol/plain.js';
import { negotiateDeflate, type Deflate } from './deflate.js';
import { checkHandshake, writeSwitch } from './handshake.js';
import type { ConnectionLimiter, Seat } from './limits.js';
import { isOriginAllowed } from './origin.js';
import { lingerMs, writeRefusal, type RefusalNotes, type Refused } from './refusal.js';
import { SocketTransport } from './socket-transport.js';
import { selectProtocol } from './subprotocol.js';
import { CompressedUpgrades } from './ws-server.js';

export interface UpgradeOptions {
  readonly services: Services;
  readonly trust: ProxyTrust;
  readonly limiter: ConnectionLimiter;
  readonly notes: RefusalNotes;
  /** Finds the path of a URL, with its parameters and query. */
  match(url: string): MatchedPath | undefined;
  readonly handshakeMs: number;
  readonly maxFragments: number;
  readonly production: boolean;
  isDraining(): boolean;
}

export interface MatchedPath {
  readonly handle: PathHandle;
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: Readonly<Record<string, string | string[] | undefined>>;
}

/** A client that sends before it may is not waited for. */
const maxEarlyBytes = 64 * 1024;

/** One upgrade while it is decided. */
interface Handshake {
  readonly raw: IncomingMessage;
  readonly socket: Duplex;
  readonly handle: PathHandle;
  readonly path: WebSocketPath;
  readonly c: UpgradeContext;
  readonly connection: Connection;
  readonly scope: OpenedScope | undefined;
  head: Buffer;
  /** Where compression was agreed on. */
  deflate: Deflate | undefined;
  /** Ends what waits for it to be decided. */
  stop: () => void;
  seat: Seat | undefined;
  over: boolean;
}

export class UpgradeServer implements SessionOwner {
  /** Open connections, and closed ones whose last hooks still run, with what they hold. */
  readonly sessions = new Map<Session, Seat | undefined>();
  readonly #handshakes = new Set<Handshake>();
  readonly #compressed: CompressedUpgrades;

  constructor(private readonly options: UpgradeOptions) {
    this.#compressed = new CompressedUpgrades(options.maxFragments);
  }

  /** How many upgrades are being decided. */
  get pending(): number {
    return this.#handshakes.size;
  }

  /** @returns false: the path is none of ours, and nothing was done */
  handle(raw: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const matched = this.options.match(raw.url ?? '/');
    if (!matched) return false;
    const { services, trust } = this.options;
    const { handle, params, query } = matched;
    const path = handle.current;
    const request = new Request(raw, { peer: trust.peer(raw), params, query });
    const c = new UpgradeContext(request, path.route, new Reply(), services.logger);
    const subprotocol = selectProtocol(raw.headers['sec-websocket-protocol'], path.options.protocols);
    const connection = new Connection(
      randomId(),
      request,
      c.data,
      subprotocol ?? '',
      c.slots,
      plain,
      services.channels,
      services.presence,
    );
    const scope = path.openScope?.(c, connection, connection.cleanUp);
    const handshake: Handshake = {
      raw,
      socket,
      handle,
      path,
      c,
      connection,
      scope,
      head,
      deflate: undefined,
      stop: ignore,
      seat: undefined,
      over: false,
    };
    this.#handshakes.add(handshake);
    // Without a listener a reset would end the process.
    socket.on('error', ignore);
    path.observers.opened(c);
    const admission = this.#admit(handshake, subprotocol);
    if (admission === undefined) this.#decide(handshake);
    else this.#wait(handshake, admission);
    return true;
  }

  /** Refuses the handshakes that are still being decided. */
  abort(): void {
    for (const handshake of this.#handshakes) {
      const error = new HalyardError('DRAINING');
      void Promise.resolve(fail(handshake.path.admission, handshake.c, error, 'upgrade')).then(() =>
        this.#decide(handshake),
      );
      handshake.c.abort(error);
    }
  }

  #admit(handshake: Handshake, subprotocol: string | undefined): void | Promise<void> {
    const { path, c, scope } = handshake;
    try {
      this.#check(handshake, subprotocol);
    } catch (error) {
      return fail(path.admission, c, error, stageOf(error));
    }
    return scope ? admitScoped(handshake, scope) : run(path.admission, c);
  }

  /** What needs no component: the handshake itself, drain, origin, limits, subprotocol. */
  #check(handshake: Handshake, subprotocol: string | undefined): void {
    const { raw, path, c } = handshake;
    const { limiter, production, services } = this.options;
    const { origins } = path.options;
    checkHandshake(raw, c.reply);
    if (path.options.compression) handshake.deflate = negotiateDeflate(raw.headers['sec-websocket-extensions']);
    if (this.options.isDraining()) throw new HalyardError('DRAINING');
    if (!isOriginAllowed(origins, c.request, production)) {
      const { origin } = raw.headers;
      services.logger.warn(
        { origin: clip(origin), path: path.route.path },
        'origin refused; to allow it: origins: [%s]',
        JSON.stringify(clip(origin)),
      );
      throw new HalyardError('ORIGIN_FORBIDDEN');
    }
    handshake.seat = limiter.enter(c.request);
    if (subprotocol === undefined) throw new HalyardError('SUBPROTOCOL');
  }

  /** Waits for guards: not for ever, and not for a client that has gone. */
  #wait(handshake: Handshake, admission: Promise<void>): void {
    const { socket, path, c } = handshake;
    const early: Buffer[] = [handshake.head];
    let earlyBytes = 0;
    const onData = (chunk: Buffer): void => {
      early.push(chunk);
      earlyBytes += chunk.length;
      if (earlyBytes > maxEarlyBytes) socket.destroy();
    };
    const expire = (): void => {
      const error = new HalyardError('HANDSHAKE_TIMEOUT');
      const hangsInCatcher = c.settled;
      const failed = hangsInCatcher
        ? failUncaught(path.admission, c, error)
        : fail(path.admission, c, error, 'upgrade', 'timeout');
      if (!hangsInCatcher) timer = setTimeout(expire, this.options.handshakeMs);
      void Promise.resolve(failed).then(() => this.#decide(handshake));
      c.abort(error);
    };
    let timer = setTimeout(expire, this.options.handshakeMs);
    const gone = (): void => {
      this.#close(handshake);
      this.#lose(handshake);
    };
    handshake.stop = () => {
      clearTimeout(timer);
      socket.off('data', onData).off('end', gone).off('close', gone);
      handshake.head = Buffer.concat(early);
    };
    // Reading is the only way to learn that the client has gone.
    socket.on('data', onData).on('end', gone).on('close', gone);
    void admission.then(() => this.#decide(handshake));
  }

  #decide(handshake: Handshake): void {
    const { c, over } = handshake;
    if (over) return;
    const refused = this.options.notes.of(c);
    if (refused) this.#refuse(handshake, refused);
    // Settled and nothing noted: it has failed, and a catcher is at work. A guard that says yes now says it too late.
    else if (!c.settled) this.#accept(handshake);
  }

  #accept(handshake: Handshake): void {
    const { connection, handle, c, scope, seat } = handshake;
    this.#close(handshake);
    const transport = this.#upgrade(handshake);
    if (!transport) return this.#lose(handshake);
    count(this.options.services.metrics.handshakes, 'accepted');
    const disposeScope = scope && (() => scope.dispose());
    const session = new Session(connection, handle, transport, this.options.services, c, disposeScope, this);
    connection.user = c.user;
    transport.listen(session, session.inbound);
    seat?.seated();
    this.sessions.set(session, seat);
    session.open();
  }

  /** @internal */
  ended(session: Session): void {
    this.sessions.get(session)?.leave();
    this.sessions.delete(session);
  }

  /** Answers a client that does not get in: over HTTP, or where the path says so by a close that browsers can read. */
  #refuse(handshake: Handshake, refused: Refused): void {
    const { path, c, socket } = handshake;
    this.#close(handshake);
    const byClose = (path.options.refuse === 'close' || refused.close !== undefined) && isHandshakeSound(refused);
    const transport = byClose ? this.#upgrade(handshake) : undefined;
    if (transport) {
      const { code, reason } = refused.close ?? { code: 4000 + refused.status, reason: refused.code };
      closeRefused(transport, code, reason);
    } else {
      writeRefusal(socket, refused, c.reply.headers);
    }
    count(this.options.services.metrics.handshakes, refused.code);
    this.#dispose(handshake, new CloseInfo(refused.status, refused.code, true));
  }

  /** The client went away before it was answered. */
  #lose(handshake: Handshake): void {
    const { c, socket } = handshake;
    count(this.options.services.metrics.handshakes, 'gone');
    c.settled = true;
    c.abandon();
    socket.destroy();
    this.#dispose(handshake, new CloseInfo(1006, '', false));
  }

  #close(handshake: Handshake): void {
    handshake.stop();
    handshake.over = true;
    this.#handshakes.delete(handshake);
  }

  #dispose({ seat, scope, path, c }: Handshake, info: CloseInfo): void {
    seat?.leave();
    void scope?.dispose().catch((error: unknown) => path.observers.failed(error, c, 'cleanup'));
    path.observers.closed(c, info);
  }

  /** Sends the 101. `undefined`: the client has gone, its socket is destroyed. */
  #upgrade(handshake: Handshake): Transport | undefined {
    const { raw, socket, head, path, c, connection, deflate } = handshake;
    if (!socket.readable || !socket.writable) {
      socket.destroy();
      return undefined;
    }
    const { options } = path;
    const { subprotocol } = connection;
    socket.off('error', ignore);
    if (deflate) {
      return this.#compressed.accept({ raw, socket, head, subprotocol, reply: c.reply }, deflate, options);
    }
    writeSwitch(raw, socket, subprotocol, c.reply);
    return new SocketTransport(socket, head, options, this.options.maxFragments);
  }
}

async function admitScoped({ path, c }: Handshake, scope: OpenedScope): Promise<void> {
  try {
    await scope.fill();
  } catch (error) {
    await fail(path.admission, c, error, 'upgrade');
    return;
  }
  await run(path.admission, c);
}

/** Closes a WebSocket that was opened only so that a browser can read why it is refused. */
function closeRefused(transport: Transport, code: number, reason: string): void {
  const timer = setTimeout(() => transport.terminate(), lingerMs);
  const closed = (): void => clearTimeout(timer);
  transport.listen({ pong: ignore, drained: ignore, broke: ignore, closed }, { receive: ignore });
  transport.close(code, cutReason(reason));
}

/** A 101 can answer only a handshake that was valid. */
function isHandshakeSound(refused: Refused): boolean {
  return refused.code !== 'UPGRADE_INVALID' && refused.code !== 'UPGRADE_REQUIRED';
}

function stageOf(error: unknown): Stage {
  const code = error instanceof HalyardError ? error.wireCode : undefined;
  if (code === 'ORIGIN_FORBIDDEN') return 'origin';
  return code?.endsWith('_LIMIT') ? 'limits' : 'upgrade';
}

function clip(text: string | undefined): string {
  return (text ?? '').slice(0, 256);
}

function ignore(): void {
  // Reported by what follows: the handshake that is lost, the connection that closes.
}
