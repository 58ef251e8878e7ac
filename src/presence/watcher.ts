import type { Protocol, SharedFrame } from '../protocol/protocol.js';
import type { Entry } from './entry.js';

/** What has become of one device. */
export interface DeviceChange {
  readonly type: 'join' | 'update' | 'leave';
  /** What it shows; of one that left, what it showed. */
  readonly entry: Entry;
}

/** Takes changes of presence itself, where others have them sent to a client. */
export interface PresenceReader {
  /** What has changed since it began to watch, tick by tick; leaves come first. */
  readChanges(channel: string, changes: readonly DeviceChange[]): void;
  /** There are too many keys for changes: how many. */
  readCount(channel: string, count: number): void;
}

/** Who can be tracked, and sent the presence of a channel: all that presence knows of a connection. */
export interface Watcher {
  readonly id: string;
  /** The key it is tracked under where none is given. */
  readonly user: string | undefined;
  readonly protocol: Protocol;
  /** Gets the changes, and nothing is sent. */
  readonly reader?: PresenceReader | undefined;
  /** Throws where nothing can be tracked or watched any more. */
  requireOpen(): void;
  /** Something that was asked for it, and that nobody may be awaiting, has failed. */
  failed(error: unknown): void;
  /** Sends a state: it waits for the reader, however slow. */
  deliverState(frame: SharedFrame): void;
  /**
   * Sends a change, unless more than `limitBytes` of the channel's changes would then wait for the reader. Returns false
   * where it did not: those that wait are taken back, and a state has to be sent in their place once it has caught up.
   */
  deliverChange(frame: SharedFrame, channel: string, limitBytes: number): boolean;
  /** Resolves when the reader has taken all that waited, or is gone. */
  caughtUp(): Promise<void>;
}
