import type { Peer } from '../nodes/peer.js';
import type { Entry } from './entry.js';
import type { Replica } from './replica.js';
import { fromWire, type PresenceBody, type WireEntry } from './wire.js';

/** What another instance is known to have in one channel. */
interface Known {
  /** The number of the last thing it said that is in here. */
  last: number;
  readonly refs: Set<string>;
}

type State = Extract<PresenceBody, { t: 'state' }>;
type Delta = Extract<PresenceBody, { t: 'delta' }>;

/** Another instance that is alive, and all that this node knows of what it has. */
export class Holder {
  readonly #known = new Map<string, Known>();
  /** By channel that it was asked for: the number that the answer must have reached. */
  readonly asked = new Map<string, number>();
  /** States of which parts are missing. */
  readonly #parts = new Map<string, { readonly s: number; readonly entries: WireEntry[]; next: number }>();

  constructor(
    readonly peer: Peer,
    private readonly replica: Replica,
  ) {}

  /** Channels in which it has entries. */
  holds(channel: string): boolean {
    return (this.#known.get(channel)?.refs.size ?? 0) > 0;
  }

  /** The number of the last thing that is known of a channel. */
  last(channel: string): number {
    return this.#known.get(channel)?.last ?? 0;
  }

  /** Its entries in a channel. */
  *entries(channel: string): Generator<Entry> {
    for (const ref of this.#known.get(channel)?.refs ?? []) {
      const entry = this.replica.get(channel, ref);
      if (entry) yield entry;
    }
  }

  /** It is to be asked for a channel. @param reaching what the answer must have reached */
  ask(channel: string, reaching = 0): void {
    this.asked.set(channel, Math.max(reaching, this.asked.get(channel) ?? 0));
  }

  /** @returns false: something before it is missing */
  applyDelta({ c, p, s, e, l }: Delta): boolean {
    const known = this.#known.get(c);
    if (!known || p > known.last) return false;
    if (s <= known.last) return true;
    known.last = s;
    for (const ref of l) if (known.refs.delete(ref)) this.replica.remove(c, ref);
    for (const entry of e) this.#put(c, known, entry);
    return true;
  }

  /** @returns whether it was whole, and has changed anything */
  applyState({ c, s, k, m, e }: State): { complete: boolean; changed: boolean } {
    if (k === 0) this.#parts.set(c, { s, entries: [], next: 0 });
    const parts = this.#parts.get(c);
    if (!parts || parts.s !== s || parts.next !== k) return { complete: false, changed: false };
    parts.entries.push(...e);
    parts.next++;
    if (m) return { complete: false, changed: false };
    this.#parts.delete(c);
    if (s >= (this.asked.get(c) ?? 0)) this.asked.delete(c);
    return { complete: true, changed: s >= this.last(c) && this.#replace(c, s, parts.entries) };
  }

  /** This node does not need the channel any more. */
  forget(channel: string): void {
    this.#known.delete(channel);
    this.#parts.delete(channel);
    this.asked.delete(channel);
  }

  /** It is no more: what it had goes. */
  drop(): void {
    for (const [channel, { refs }] of this.#known) for (const ref of refs) this.replica.remove(channel, ref);
    this.#known.clear();
    this.#parts.clear();
    this.asked.clear();
  }

  #replace(channel: string, s: number, entries: readonly WireEntry[]): boolean {
    let known = this.#known.get(channel);
    if (!known) this.#known.set(channel, (known = { last: s, refs: new Set() }));
    known.last = s;
    const now = new Set(entries.map(([ref]) => ref));
    let changed = false;
    for (const ref of known.refs) {
      if (now.has(ref)) continue;
      known.refs.delete(ref);
      this.replica.remove(channel, ref);
      changed = true;
    }
    for (const entry of entries) changed = this.#put(channel, known, entry) || changed;
    return changed;
  }

  #put(channel: string, known: Known, wire: WireEntry): boolean {
    const former = this.replica.get(channel, wire[0]);
    known.refs.add(wire[0]);
    if (former?.metaJson === wire[4] && former.connectionId === wire[2]) return false;
    this.replica.put(channel, fromWire(wire, former));
    return true;
  }
}
