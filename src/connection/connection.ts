import type { Channels, JoinOptions } from '../channels/channels.js';
import type { Publication, PublishOptions } from '../channels/publication.js';
import { HalyardError } from '../errors.js';
import type { Request } from '../pipeline/request.js';
import type { Presence, TrackOptions } from '../presence/presence.js';
import type { Meta } from '../presence/meta.js';
import type { Protocol, SharedFrame } from '../protocol/protocol.js';
import { CleanUp } from './clean-up.js';
import { nextTurn, type Outbound } from './outbound.js';
import type { PublicationTarget, Reader } from './reader.js';

/** What handlers keep with a connection, or with one HTTP request: `connection.data`, `context.data`, `@Data('user')`. */
export type ConnectionData = Record<string, unknown>;

/** What a connection asks of the session that keeps it. */
export interface ConnectionHost {
  close(code: number, reason: string): void;
  /** A failure of something that nobody may be awaiting. */
  failed(error: unknown): void;
  /** Publications of a channel may have been lost, and the client has been told. */
  missed(channel: string): void;
}

const resolved = Promise.resolve();

/** An open WebSocket, as endpoints and services see it. */
export class Connection {
  /** User id, for `sendToUser` and rate limits by user. */
  user: string | undefined = undefined;
  /** @internal What it has joined; kept by the hub. */
  joined: Set<string> | undefined = undefined;
  /** `connecting`: before the 101; `closing`: `close()` was called; `closed`: the socket has ended. */
  state: 'connecting' | 'open' | 'closing' | 'closed' = 'connecting';
  /** @internal */
  outbound!: Outbound;
  /** @internal Where its channels' publications go: the outbound, or the reader. */
  publications!: PublicationTarget;
  /** @internal Takes what comes for it, where an endpoint runs as long as it does. */
  reader: Reader | undefined = undefined;
  /** @internal `undefined` before it is open. */
  host: ConnectionHost | undefined = undefined;
  #cleanUp: CleanUp | undefined = undefined;

  constructor(
    /** 128 random bits as 22 characters; unique on all nodes. */
    readonly id: string,
    /** The request of the upgrade. */
    readonly request: Request,
    /** Yours: what guards and handlers keep with the connection. */
    readonly data: ConnectionData,
    /** The selected subprotocol; empty: none. */
    readonly subprotocol: string,
    /** @internal Request bindings and scoped instances. */
    readonly slots: readonly unknown[],
    /** @internal */
    readonly protocol: Protocol,
    private readonly hub: Channels,
    private readonly presence: Presence,
  ) {}

  /** Path and query of the upgrade. */
  get url(): string {
    return this.request.url;
  }

  /** The client's address; behind trusted proxies the forwarded one. */
  get remoteAddress(): string {
    return this.request.ip;
  }

  /** The names of the channels that it has joined. */
  get channels(): ReadonlySet<string> {
    return this.joined ?? noChannels;
  }

  /** @internal What to undo when it has ended. */
  get cleanUp(): CleanUp {
    return (this.#cleanUp ??= new CleanUp());
  }

  /** @internal Whether there is anything to undo. */
  get hasCleanUp(): boolean {
    return this.#cleanUp !== undefined;
  }

  /** Bytes that wait to be read by the client. */
  get bufferedBytes(): number {
    return this.outbound.bufferedBytes;
  }

  /**
   * Sends a value: text and bytes as they are, all else as JSON. Resolves when the client's socket has room. Not awaiting
   * it is safe. Rejects with `HALYARD_SEND_VALUE` where the value cannot be serialised, and `HALYARD_SEND_OVERFLOW` where
   * too much waits already; after the end it does nothing.
   */
  send(value: unknown): Promise<void> {
    if (this.state === 'closed') return nextTurn();
    if (this.state === 'connecting') return this.observed(Promise.reject(new HalyardError('CONNECTION_CLOSED')));
    try {
      const waiting = this.outbound.send(this.protocol.encodeReply(value, undefined));
      return waiting ? this.observed(waiting) : resolved;
    } catch (error) {
      return this.observed(
        resolved.then(() => {
          throw error;
        }),
      );
    }
  }

  /** Joins a channel: its publications are sent to the client. See `Channels.join`. */
  join(channel: string, options?: JoinOptions): Promise<void> {
    return this.hub.join(this, channel, options);
  }

  /** Leaves a channel: see `Channels.leave`. */
  leave(channel: string): Promise<void> {
    return this.hub.leave(this, channel);
  }

  /** Shows the connection in a channel: see `Presence.track`. */
  track(channel: string, key?: string, meta?: Meta, options?: TrackOptions): Promise<void> {
    return this.presence.track(this, channel, key, meta, options);
  }

  /** Changes what is shown of it: see `Presence.update`. */
  update(channel: string, patch: Meta | ((meta: Meta) => Meta)): Promise<void> {
    return this.presence.update(this, channel, patch);
  }

  /** Shows it no longer in a channel, or in none. */
  untrack(channel?: string): Promise<void> {
    return this.presence.untrack(this, channel);
  }

  /** Publishes to a channel; membership is not required. The connection receives it too if it has joined. */
  publish(channel: string, value: unknown, options?: PublishOptions): Promise<void> {
    return this.hub.publish(channel, value, options, this);
  }

  /** Starts the end: see `CloseWebSocket.close`. */
  close(code = 1000, reason = ''): void {
    this.host?.close(code, reason);
  }

  /** @internal A publication of the hub. */
  deliver(frame: SharedFrame, publication: Publication): void {
    if (this.state === 'open') this.publications.publish(frame, publication);
  }

  /** @internal What is sent to all clients, whatever they have joined. */
  deliverBroadcast(frame: SharedFrame): void {
    if (this.state === 'open') this.outbound.publish(frame, everybody);
  }

  /** @internal Publications of a channel may have been lost. */
  missed(channel: string): void {
    if (this.state !== 'open') return;
    if (this.reader) this.reader.readGap(channel);
    else void this.outbound.send(this.protocol.encodeGap(channel));
    this.host?.missed(channel);
  }

  /** @internal A state of presence. */
  deliverState(frame: SharedFrame): void {
    if (this.state === 'open') this.outbound.sendShared(frame);
  }

  /** @internal A change of presence. */
  deliverChange(frame: SharedFrame, channel: string, limitBytes: number): boolean {
    return this.state !== 'open' || this.outbound.sendChange(frame, channel, limitBytes);
  }

  /** @internal */
  caughtUp(): Promise<void> {
    return this.outbound.caughtUp();
  }

  /** @internal Throws `HALYARD_CONNECTION_CLOSED` once the socket has ended, and before it is open. */
  requireOpen(): void {
    if (this.state === 'closed' || this.state === 'connecting') throw new HalyardError('CONNECTION_CLOSED');
  }

  /** @internal Something that nobody may be awaiting has failed. */
  failed(error: unknown): void {
    // Before it is open there is nobody to tell but the caller.
    this.host?.failed(error);
  }

  /** A promise that may be left alone: its failure reaches observers and the log. */
  private observed(promise: Promise<void>): Promise<void> {
    promise.catch((error: unknown) => this.failed(error));
    return promise;
  }
}

/** The channel that a `dropped` notice names for what was broadcast. */
const everybody = { channel: '*', event: undefined };
const noChannels: ReadonlySet<string> = new Set();
