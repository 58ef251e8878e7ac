import { compareEntries, type Entry } from './entry.js';

/** The entries of one key. */
export type Listed = readonly [key: string, entries: readonly Entry[]];

/** What one tick has changed. */
export interface Changes {
  /** Entries that went, by key. */
  readonly leaves: ReadonlyMap<string, readonly Entry[]>;
  /** All entries that every touched key has now. */
  readonly joins: ReadonlyMap<string, readonly Entry[]>;
  /** Keys that have come, with what they have now; keys that have gone, with what went. */
  readonly arrived: readonly Listed[];
  readonly departed: readonly Listed[];
  /** Entries that are new or updated. */
  readonly put: readonly Entry[];
  readonly removed: readonly Entry[];
  /** What stood under a ref when the tick began. */
  readonly before: ReadonlyMap<string, Entry | undefined>;
}

const nothing: readonly Entry[] = [];

/** Who is present in one channel: the entries of all nodes, by key, and what the current tick has changed. */
export class Roster {
  readonly #entries = new Map<string, Entry>();
  /** The lists are replaced, never changed: they may have been handed out. */
  readonly #keys = new Map<string, readonly Entry[]>();
  /** What stood under a ref when the tick began. */
  #before = new Map<string, Entry | undefined>();
  #bytes = 0;

  /** How many keys are present. */
  get size(): number {
    return this.#keys.size;
  }

  /** About what a state of it has in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  get(ref: string): Entry | undefined {
    return this.#entries.get(ref);
  }

  of(key: string): readonly Entry[] {
    return this.#keys.get(key) ?? nothing;
  }

  entries(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  [Symbol.iterator](): IterableIterator<Listed> {
    return this.#keys.entries();
  }

  /** @param quiet it stood there before anybody looked, and is no change */
  put(entry: Entry, quiet = false): void {
    const { ref, key } = entry;
    const former = this.#entries.get(ref);
    if (!quiet && !this.#before.has(ref)) this.#before.set(ref, former);
    if (former) this.#delete(former);
    this.#entries.set(ref, entry);
    this.#bytes += weight(entry);
    const listed = this.#keys.get(key);
    this.#keys.set(key, listed ? [...listed, entry].sort(compareEntries) : [entry]);
  }

  remove(ref: string, quiet = false): void {
    const entry = this.#entries.get(ref);
    if (!entry) return;
    if (!quiet && !this.#before.has(ref)) this.#before.set(ref, entry);
    this.#delete(entry);
  }

  /** What stands now under the refs that the tick has changed so far; `undefined`: it has changed none. */
  pending(): ReadonlyMap<string, Entry | undefined> | undefined {
    if (this.#before.size === 0) return undefined;
    return new Map([...this.#before.keys()].map((ref) => [ref, this.#entries.get(ref)]));
  }

  /** The changes since the last call; a join and its leave have cancelled each other. */
  take(): Changes | undefined {
    if (this.#before.size === 0) return undefined;
    const before = this.#before;
    this.#before = new Map();
    const leaves = new Map<string, Entry[]>();
    const joins = new Map<string, readonly Entry[]>();
    const put: Entry[] = [];
    const removed: Entry[] = [];
    /** By touched key, how many entries it has gained. */
    const gained = new Map<string, number>();
    for (const [ref, former] of before) {
      const entry = this.#entries.get(ref);
      if (former?.json === entry?.json && former?.connectionId === entry?.connectionId) continue;
      const { key } = (entry ?? former)!;
      gained.set(key, (gained.get(key) ?? 0) + (entry ? 1 : 0) - (former ? 1 : 0));
      if (entry) put.push(entry);
      else removed.push(former!);
      // Only the connection behind it is another: clients see no change.
      if (former?.json === entry?.json) continue;
      if (entry) {
        joins.set(key, nothing);
      } else {
        const left = leaves.get(key);
        if (left) left.push(former!);
        else leaves.set(key, [former!]);
      }
    }
    if (put.length + removed.length === 0) return undefined;
    for (const key of [...leaves.keys(), ...joins.keys()]) {
      const listed = this.#keys.get(key);
      if (listed) joins.set(key, listed);
    }
    const arrived: Listed[] = [];
    const departed: Listed[] = [];
    for (const [key, gain] of gained) {
      const listed = this.of(key);
      if (listed.length === 0) departed.push([key, leaves.get(key) ?? nothing]);
      else if (listed.length === gain) arrived.push([key, listed]);
    }
    return { leaves, joins, arrived, departed, put, removed, before };
  }

  #delete(entry: Entry): void {
    this.#entries.delete(entry.ref);
    this.#bytes -= weight(entry);
    const left = this.of(entry.key).filter((other) => other !== entry);
    if (left.length === 0) this.#keys.delete(entry.key);
    else this.#keys.set(entry.key, left);
  }
}

function weight(entry: Entry): number {
  return entry.json.length + entry.key.length + 16;
}
