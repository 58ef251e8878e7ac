import type { Changes } from './roster.js';
import type { Entry } from './entry.js';

/** What the replicator reads and writes: the presence that this node knows. */
export interface Replica {
  /** The entry with this ref, whosever it is. */
  get(channel: string, ref: string): Entry | undefined;
  put(channel: string, entry: Entry): void;
  remove(channel: string, ref: string): void;
}

/** What carries this node's entries to others, and theirs here. */
export interface Replication {
  /** This node needs the channel from now on. Resolves when what other nodes have is known, or has taken too long. */
  enter(channel: string): Promise<void>;
  /** It does not any more. */
  leave(channel: string): void;
  /** The entries of this node have changed. */
  changed(channel: string, changes: Pick<Changes, 'put' | 'removed'>): void;
  metrics(): ReplicationMetrics;
  close(): Promise<void>;
}

/** Counters since the start, and how things are now. */
export interface ReplicationMetrics {
  /** Other nodes that are alive. */
  readonly nodes: number;
  /** The link is down: what other nodes have is shown as it last was. */
  readonly stale: boolean;
  /** Messages of other nodes that were missed, and asked for. */
  readonly gaps: number;
  /** Nodes that fell silent and were dropped. */
  readonly lost: number;
  /** Comparisons with other nodes, and those that found a difference: each of these is a bug of Halyard's. */
  readonly audits: number;
  readonly repairs: number;
}
