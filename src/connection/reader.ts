import type { Publication } from '../channels/publication.js';
import type { Message } from '../pipeline/message.js';
import type { PresenceReader } from '../presence/watcher.js';
import type { SharedFrame } from '../protocol/protocol.js';
import type { ResolvedConnectionOptions } from './options.js';

/** Where the publications of a connection's channels go: out to its client, or to a reader. */
export interface PublicationTarget {
  publish(frame: SharedFrame, publication: Publication): void;
}

/**
 * Takes what comes for a connection, messages, publications and presence, in the place of endpoints and of the client:
 * an endpoint reads it there for as long as the connection lives.
 */
export interface Reader extends PublicationTarget, PresenceReader {
  /** A message of the client. @returns false: it comes too late */
  take(message: Message): boolean;
  /** Publications of a channel may have been lost on their way. */
  readGap(channel: string): void;
  /** Nothing more comes. What is there can still be read. */
  end(): void;
  /** Drops what was not read. @returns how much it was */
  discard(): number;
  /** The end has been waited for long enough: who reads on is refused. */
  forget(): void;
}

/** What a reader asks of the session. */
export interface ReaderHost {
  /** Too many messages are unread, or no longer. */
  pause(): void;
  resume(): void;
  /** Events are read too slowly, and the policy is to disconnect. */
  overflowed(): void;
  droppedPublication(channel: string, count: number): void;
}

/** Makes the reader of a connection. */
export type OpenReader = (
  connectionId: string,
  host: ReaderHost,
  options: Pick<ResolvedConnectionOptions, 'maxQueue' | 'slowConsumer'>,
  /** Of unread events, above which they meet the slow-consumer policy. */
  maxEventBytes: number,
) => Reader;
