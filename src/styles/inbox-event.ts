import type { Message } from '../pipeline/message.js';
import type { Meta } from '../presence/meta.js';

/** A message of the client. */
export interface InboxMessage {
  readonly type: 'message';
  readonly message: Message;
}

/** A publication in a channel that the connection has joined, its own included. */
export interface InboxPublication {
  readonly type: 'channel';
  readonly channel: string;
  /** What it was published as, where it was. */
  readonly event: string | undefined;
  /** The published value, text, or bytes (a `Buffer`). */
  readonly data: unknown;
  /** When it was published, in milliseconds since 1970. */
  readonly timestamp: number;
  /** The id of the connection that published; `undefined`: code outside of a connection. */
  readonly senderId: string | undefined;
}

/** A device of somebody, never the own one, has come, changed or gone in a channel that the connection watches. */
export interface InboxPresence {
  readonly type: 'presence';
  readonly eventType: 'join' | 'leave' | 'update';
  readonly channel: string;
  /** Who it is: devices with one key are one user. */
  readonly key: string;
  /** The meta; of one that left, the last one. */
  readonly userInfo: Meta;
  readonly connectionId: string;
}

/**
 * A channel has more than `maxPresence` keys, or no longer: how many. Between two of these nobody's coming or going is
 * told; after one that is not followed by another, `presence.list(channel)` has what was missed.
 */
export interface InboxPresenceCount {
  readonly type: 'presence_count';
  readonly channel: string;
  readonly count: number;
}

/** Events of a channel were dropped before this one, as they were read too slowly. */
export interface InboxDropped {
  readonly type: 'dropped';
  readonly channel: string;
  readonly count: number;
}

/** The broker was away: publications of the channel, which was joined with `gaps`, may have been lost before this. */
export interface InboxGap {
  readonly type: 'gap';
  readonly channel: string;
}

/** Nothing came in time. */
export interface InboxTimeout {
  readonly type: 'timeout';
}

/** What comes to an inbox. */
export type InboxEvent = InboxMessage | InboxPublication | InboxPresence | InboxPresenceCount | InboxDropped | InboxGap;
