/** The life of one connection: opened, kept alive, closed in order, cleaned up. */
import { closeCodeOf, payloadOf, type HalyardError } from '../errors.js';
import type { DropReason, Stage } from '../pipeline/components.js';
import { CloseInfo } from '../pipeline/close-info.js';
import { DisconnectContext, type Context } from '../pipeline/context.js';
import { diagnostics } from '../pipeline/diagnostics.js';
import { run } from '../pipeline/run.js';
import { checkCloseCode, cutReason } from './close-code.js';
import { ConnectStage } from './connect-stage.js';
import type { Connection, ConnectionHost } from './connection.js';
import { hasEndStage, runEndStage } from './end-stage.js';
import { Heartbeat, type HeartbeatListener } from './heartbeat.js';
import { Inbound, type InboundHost } from './inbound.js';
import { count } from './metrics.js';
import { Outbound, type OutboundListener } from './outbound.js';
import type { LifelongEndpoint, PathHandle } from './path.js';
import type { ReaderHost } from './reader.js';
import type { Services } from './services.js';
import type { Transport, TransportListener } from './transport.js';

/** Who keeps a session. */
export interface SessionOwner {
  /** It is over: nothing of it runs any more. */
  ended(session: Session): void;
}

/** How long a client that is not worth waiting for gets to take its close frame. */
const graceMs = 1000;

export class Session
  implements TransportListener, ConnectionHost, InboundHost, OutboundListener, ReaderHost, HeartbeatListener
{
  /** Takes the messages; the transport gives them to it directly. */
  readonly inbound: Inbound;
  readonly #outbound: Outbound;
  #heartbeat: Heartbeat | undefined = undefined;
  #pauseTimer: NodeJS.Timeout | undefined = undefined;
  #closeTimer: NodeJS.Timeout | undefined = undefined;
  readonly #stage: ConnectStage;
  #connecting = true;
  /** What we sent, or are about to send, where we close. */
  #closing: CloseInfo | undefined = undefined;
  #closeFrameSent = false;
  /** How it ended, once the socket has. */
  #closed: CloseInfo | undefined = undefined;
  #finishing = false;
  #terminated = false;
  /** Everything has run. */
  #isOver = false;
  #resolveEnded: (() => void) | undefined = undefined;

  constructor(
    readonly connection: Connection,
    private readonly path: PathHandle,
    private readonly transport: Transport,
    private readonly services: Services,
    /** The context whose `opened` the observers saw. */
    private readonly upgrade: Context,
    /** Disposes the connection's scope, where it has one. */
    private readonly disposeScope: (() => Promise<void>) | undefined,
    private readonly owner: SessionOwner,
  ) {
    const { options, lifelong } = path.current;
    const reader = lifelong?.openReader(connection.id, this, options, services.outboundBytes);
    this.inbound = new Inbound(connection, path, services, this, reader);
    this.#outbound = new Outbound(transport, connection.protocol, options.slowConsumer, services.outboundBytes, this);
    this.#stage = new ConnectStage(connection, path, services.logger);
    connection.outbound = this.#outbound;
    connection.publications = reader ?? this.#outbound;
    connection.reader = reader;
    connection.host = this;
  }

  /** Registers the connection and runs the connect stage. Messages that come before its end wait. */
  open(): void {
    const { pingMs } = this.path.current.options;
    this.connection.state = 'open';
    this.services.connections.add(this.connection);
    if (diagnostics.open.hasSubscribers) diagnostics.open.publish({ connection: this.connection });
    if (pingMs !== false) this.#heartbeat = new Heartbeat(this.transport, pingMs, this);
    const pending = this.#stage.run();
    if (pending === undefined) this.#opened();
    else void pending.then(() => this.#opened());
  }

  /** Resolves when the connection is gone and everything behind it has run. To be asked once. */
  ended(): Promise<void> {
    return this.#isOver ? Promise.resolve() : new Promise((resolve) => (this.#resolveEnded = resolve));
  }

  // --- what the transport reports --------------------------------------------------------------------------------

  pong(): void {
    this.#heartbeat?.pong();
  }

  drained(): void {
    this.#outbound.drained();
  }

  broke(error: HalyardError): void {
    this.failed(error, 'socket');
    this.runErrorHooks(error);
    if (this.connection.state === 'closed') return;
    // The transport has sent this code; a peer that broke the framing is not waited for.
    this.connection.state = 'closing';
    if (!this.#closeFrameSent) this.#closing = new CloseInfo(error.closeCode, '', false);
    this.#closeFrameSent = true;
    clearTimeout(this.#closeTimer);
    this.#closeTimer = setTimeout(() => this.transport.terminate(), graceMs);
  }

  closed(code: number, reason: string, wasClean: boolean): void {
    const { connection, services } = this;
    const ours = this.#closing;
    this.#closed = ours ? new CloseInfo(ours.code, ours.reason, wasClean) : new CloseInfo(code, reason, wasClean);
    connection.state = 'closed';
    this.#heartbeat?.stop();
    clearTimeout(this.#pauseTimer);
    clearTimeout(this.#closeTimer);
    services.connections.delete(connection);
    services.channels.leaveAll(connection);
    services.presence.leaveAll(connection);
    count(services.metrics.closes, this.#closed.code);
    const unsent = this.#outbound.close();
    if (unsent > 0) this.dropped('gone', unsent);
    // A client that said goodbye: what it sent before is still handled, though nobody reads the replies.
    if (wasClean && ours === undefined) this.inbound.endStreams();
    else this.#abandon();
    this.#stage.abort();
    if (this.#terminated) return this.#giveUp();
    this.inbound.whenIdle(() => this.#finish());
    if (this.#finishing) return;
    this.#closeTimer = setTimeout(() => this.#giveUp(), this.path.current.options.closeTimeoutMs);
  }

  // --- what the connection and its queues ask for ------------------------------------------------------------------

  close(code: number, reason: string): void {
    checkCloseCode(code);
    if (this.connection.state !== 'open') return;
    this.connection.state = 'closing';
    this.#closing = new CloseInfo(code, cutReason(reason), false);
    this.#resumeSocket();
    this.#closeTimer = setTimeout(() => {
      this.#abandon();
      this.#sendClose();
      this.transport.terminate();
    }, this.path.current.options.closeTimeoutMs);
    this.inbound.endStreams();
    this.#stage.endStream();
    if (!this.#connecting) this.inbound.whenIdle(() => this.#sendClose());
  }

  /** Closes without waiting for what is queued; a client that does not take it is cut off soon. */
  closeNow(code: number, reason: string): void {
    if (this.connection.state === 'closed') return;
    this.connection.state = 'closing';
    this.#closing ??= new CloseInfo(code, cutReason(reason), false);
    this.#resumeSocket();
    this.#abandon();
    this.#sendClose();
    clearTimeout(this.#closeTimer);
    this.#closeTimer = setTimeout(() => this.transport.terminate(), graceMs);
  }

  /** Ends the socket at once, and waits for no handler: the app has no more time. */
  terminate(): void {
    this.#terminated = true;
    if (this.#closed !== undefined) return this.#giveUp();
    this.connection.state = 'closing';
    this.#sendClose();
    this.transport.terminate();
  }

  pause(): void {
    if (this.#pauseTimer !== undefined || this.connection.state !== 'open') return;
    this.transport.pause();
    this.#heartbeat?.pause();
    this.#pauseTimer = setTimeout(
      () => this.closeNow(1013, 'messages are handled too slowly'),
      this.services.maxPauseMs,
    );
  }

  resume(): void {
    this.#resumeSocket();
  }

  overflowed(): void {
    if (this.connection.state === 'open') this.closeNow(1013, 'the client reads too slowly');
  }

  dropped(reason: DropReason, amount: number, c: Context = this.upgrade): void {
    this.path.current.observers.dropped(c, reason, amount);
  }

  droppedPublication(channel: string, amount: number): void {
    this.path.current.observers.dropped(this.upgrade, 'slow', amount, channel);
  }

  missed(channel: string): void {
    this.path.current.observers.dropped(this.upgrade, 'gap', 1, channel);
  }

  lost(): void {
    this.dropped('gone', 1);
  }

  /** A failure that no message carries. */
  failed(error: unknown, stage: Stage = 'publish'): void {
    this.path.current.observers.failed(error, this.#disconnectContext(error), stage);
  }

  /** Runs `@OnError`; what fails in there is reported and goes no further. */
  runErrorHooks(error: unknown): void {
    for (const plan of this.path.current.error) void run(plan, this.#disconnectContext(error));
  }

  /** The connect stage failed: what the client gets is a close. */
  refuse(error: unknown): void {
    this.closeNow(closeCodeOf(error), payloadOf(error, this.services.exposeErrors).code);
  }

  peerLost(): void {
    this.#closing ??= new CloseInfo(1006, 'ping timeout', false);
    this.connection.state = 'closing';
    this.transport.terminate();
  }

  // --- stages --------------------------------------------------------------------------------------------------------

  #opened(): void {
    const { options, lifelong } = this.path.current;
    this.#connecting = false;
    // It also gets what a client sent that has gone already.
    if (lifelong && (this.connection.state === 'open' || this.inbound.waiting > 0)) this.#runLifelong(lifelong);
    this.inbound.start();
    if (this.#closed !== undefined) this.inbound.whenIdle(() => this.#finish());
    else if (this.connection.state === 'closing') this.inbound.whenIdle(() => this.#sendClose());
    else if (options.mode === 'sendOnly') this.close(1000, '');
  }

  /** Runs the endpoint that lives as long as the connection, which ends with it. */
  #runLifelong(lifelong: LifelongEndpoint): void {
    const { c, over } = this.#stage.runLifelong(lifelong);
    const ended = over.then(() => {
      const unread = this.connection.reader!.discard();
      if (unread > 0) this.dropped('closing', unread);
      this.connection.reader!.forget();
      this.close(1000, '');
    });
    this.inbound.follow(c, ended);
  }

  #resumeSocket(): void {
    if (this.#pauseTimer === undefined) return;
    clearTimeout(this.#pauseTimer);
    this.#pauseTimer = undefined;
    this.#heartbeat?.resume();
    this.transport.resume();
  }

  /** The end has waited long enough for what still runs. */
  #giveUp(): void {
    this.#abandon();
    this.#stage.forget();
    this.inbound.forget();
    this.#connecting = false;
    this.#finish();
  }

  #abandon(): void {
    const dropped = this.inbound.abandon();
    if (dropped > 0) this.dropped('gone', dropped);
  }

  #sendClose(): void {
    if (this.#closeFrameSent || this.#closing === undefined) return;
    this.#closeFrameSent = true;
    this.#outbound.flushAll();
    this.transport.close(this.#closing.code, this.#closing.reason);
  }

  #finish(): void {
    if (this.#finishing || this.#closed === undefined) return;
    // `@OnDisconnect` never overtakes `@OnConnect`, unless that hangs.
    if (this.#connecting && this.#stage.isPending) return;
    this.#finishing = true;
    clearTimeout(this.#closeTimer);
    const { connection, disposeScope } = this;
    const path = this.path.current;
    if (!hasEndStage(connection, path, disposeScope)) return this.#over();
    const failed = (error: unknown): void => this.failed(error, 'cleanup');
    const { logger } = this.services;
    void runEndStage({ connection, path, info: this.#closed, logger, disposeScope, failed }).then(() => this.#over());
  }

  #over(): void {
    this.path.current.observers.closed(this.upgrade, this.#closed!);
    if (diagnostics.close.hasSubscribers) {
      diagnostics.close.publish({ connection: this.connection, info: this.#closed });
    }
    this.#isOver = true;
    this.owner.ended(this);
    this.#resolveEnded?.();
  }

  #disconnectContext(error: unknown): DisconnectContext {
    return new DisconnectContext(this.connection, this.path.current.route, undefined, error, this.services.logger);
  }
}
