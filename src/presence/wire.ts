/** What nodes say to each other about presence. */
import { createHash } from 'node:crypto';
import { Entry } from './entry.js';

/** ref, key, connection id, joined at, meta as JSON. */
export type WireEntry = readonly [ref: string, key: string, connectionId: string, joinedAt: number, metaJson: string];

/** Who says it. */
export interface Head {
  /** The name of the node. */
  readonly n: string;
  /** Its incarnation: random, new at each start. */
  readonly i: string;
  /** How often its link has come up: what was published before may be lost. */
  readonly g: number;
}

export type Body =
  /** Just started: an older incarnation of the name is no more. */
  | { readonly t: 'hello' }
  | { readonly t: 'beat' }
  | { readonly t: 'bye' }
  /** To oneself: what was published before it has been read. */
  | { readonly t: 'probe'; readonly k: number }
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

/** Well below what any engine takes as one message. */
const maxPartBytes = 128 * 1024;

export function encode(head: Head, body: Body): Uint8Array {
  return Buffer.from(JSON.stringify({ ...head, ...body }));
}

/** `undefined`: none of ours, or of a version that is not understood. */
export function decode(bytes: Uint8Array): (Head & Body) | undefined {
  try {
    const message = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as Head & Body;
    return typeof message.i === 'string' && typeof message.t === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}

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
