import type { Watcher } from '../presence/watcher.js';
import type { SharedFrame } from '../protocol/protocol.js';
import type { Publication } from './publication.js';

/** Who can be sent publications, and presence: all that a channel knows of a connection. */
export interface Subscriber extends Watcher {
  /** The channels it is in; the hub makes and keeps the set. */
  joined: Set<string> | undefined;
  /** @param publication what the frame holds, for who reads it on this node */
  deliver(frame: SharedFrame, publication: Publication): void;
  /** Publications of a channel may have been lost. */
  missed(channel: string): void;
}
