/** What nodes say to each other about presence. */
import { createHash } from 'node:crypto';
import { Entry } from './entry.js';

/** ref, key, connection id, joined at, meta as JSON. */
export type WireEntry = readonly [ref: string, key: string, connectionId: string, joinedAt: number, metaJson: string];

export type PresenceBody =
  /** To all that need the channel: say what you have. Those in `x` are asked directly. */
  | { readonly t: 'sync'; readonly c: string; readonly x: readonly string[] }
  /** To one: always answered, with a state for each channel, an empty one too. */
  | { readonly t: 'ask'; readonly c: readonly string[] }
  /** To one: answered only where the digest is wrong. */
  | { readonly t: 'audit'; readonly c: string; readonly s: number; readonly h: string }
  /** All that the sender has in a channel at `s`, in parts: `k` counts them, `m` is true where more follow. */
  | {
      readonly t: 'state';
      readonly c: string;
      readonly s: number;
      readonly k: number;
      readonly m: boolean;
      readonly a: boolean;
      readonly e: readonly WireEntry[];
    }
  /** Changes of a channel since what the sender said as `p`. */
  | {
      readonly t: 'delta';
      readonly c: string;
      readonly p: number;
      readonly s: number;
      readonly e: readonly WireEntry[];
      readonly l: readonly string[];
    };

/** Well below what any engine takes as one message, unless it was told to take less. */
const maxPartBytes = 16 * 1024;

export function toWire({ ref, key, connectionId, joinedAt, metaJson }: Entry): WireEntry {
  return [ref, key, connectionId, joinedAt, metaJson];
}

/** @param former what is known under its ref */
export function fromWire([ref, key, connectionId, joinedAt, metaJson]: WireEntry, former: Entry | undefined): Entry {
  const updated = former !== undefined && (former.updated || former.metaJson !== metaJson);
  return new Entry(ref, key, connectionId, joinedAt, metaJson, false, updated);
}

/** Entries in parts that can be sent; one, if there are none. */
export function* partsOf(entries: Iterable<Entry>): Generator<WireEntry[]> {
  let part: WireEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    // A character has at most three bytes.
    const size = 3 * (entry.json.length + entry.key.length) + 100;
    if (part.length > 0 && bytes + size > maxPartBytes) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(toWire(entry));
    bytes += size;
  }
  yield part;
}

/** Equal where the entries are, in whatever order. */
export function digestOf(entries: Iterable<Entry>): string {
  const lines = [...entries].map((entry) => JSON.stringify(toWire(entry))).sort();
  return createHash('sha256').update(lines.join('\n')).digest('base64');
}
