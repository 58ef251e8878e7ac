import { isThenable } from '../pipeline/maybe-promise.js';
import { Audience, type AudienceOptions } from './audience.js';
import type { Entry } from './entry.js';
import { Roster, type Changes, type Listed } from './roster.js';

/** Who is present under one key. */
export interface Present {
  readonly key: string;
  /** One for each device. */
  readonly metas: readonly PresentMeta[];
}

/** A meta, and what presence knows of its device. */
export type PresentMeta = Record<string, unknown> & {
  readonly phx_ref: string;
  /** For the server only: it never goes out to clients. */
  readonly connectionId: string;
  /** Milliseconds since 1970. */
  readonly joinedAt: number;
};

/** What it throws, or what the promise that it returns rejects with, is logged. */
export type PresenceListener = (present: Present) => unknown;

/** A device that went, and whose reconnect is still awaited. */
export interface Lingering {
  readonly entry: Entry;
  readonly timer: NodeJS.Timeout;
}

/** One channel on this node: who is present, who watches, who listens. */
export class PresenceChannel {
  readonly roster = new Roster();
  readonly audience: Audience;
  readonly onJoin = new Set<PresenceListener>();
  readonly onLeave = new Set<PresenceListener>();
  /** By ref: entries of connections that have gone. */
  readonly lingering = new Map<string, Lingering>();
  /** What other nodes have is known: until then nobody is told anything. */
  ready = false;
  #flushed = false;
  /** How many entries of this node it has. */
  own = 0;

  constructor(
    readonly name: string,
    options: AudienceOptions,
    wake: () => void,
  ) {
    this.audience = new Audience(name, this.roster, options, wake);
  }

  /** Nobody here needs it. */
  get idle(): boolean {
    return this.own + this.audience.size + this.onJoin.size + this.onLeave.size === 0;
  }

  put(entry: Entry): void {
    if (entry.own && this.roster.get(entry.ref) === undefined) this.own++;
    this.roster.put(entry, !entry.own && !this.ready);
  }

  remove(ref: string): void {
    const entry = this.roster.get(ref);
    if (!entry) return;
    if (entry.own) this.own--;
    this.roster.remove(ref, !entry.own && !this.ready);
  }

  /** A device of the key whose reconnect was awaited. */
  takeLingering(key: string): Entry | undefined {
    if (this.lingering.size === 0) return undefined;
    const entry = this.roster.of(key).find(({ ref }) => this.lingering.has(ref));
    if (entry) this.stopLingering(entry.ref);
    return entry;
  }

  stopLingering(ref: string): void {
    clearTimeout(this.lingering.get(ref)?.timer);
    this.lingering.delete(ref);
  }

  /** Tells watchers and listeners what the tick has changed; the first time, listeners whom this node has brought. */
  flush(changes: Changes | undefined, failed: (error: unknown) => void): void {
    this.audience.flush(changes);
    if (!this.#flushed) {
      this.#flushed = true;
      const brought = [...this.roster].filter(([, entries]) => entries.every(({ own }) => own));
      return emit(this.onJoin, brought, failed);
    }
    if (!changes) return;
    emit(this.onLeave, changes.departed, failed);
    emit(this.onJoin, changes.arrived, failed);
  }

  close(): void {
    for (const ref of this.lingering.keys()) this.stopLingering(ref);
    this.audience.close();
  }
}

export function present([key, entries]: Listed): Present {
  return { key, metas: entries.map(presentMeta) };
}

function presentMeta(entry: Entry): PresentMeta {
  const { ref, connectionId, joinedAt } = entry;
  return { ...entry.meta(), phx_ref: ref, connectionId, joinedAt };
}

function emit(listeners: Set<PresenceListener>, listed: readonly Listed[], failed: (error: unknown) => void): void {
  if (listeners.size === 0) return;
  for (const each of listed) {
    for (const listener of listeners) {
      try {
        const listening = listener(present(each));
        if (isThenable(listening)) listening.then(undefined, failed);
      } catch (error) {
        failed(error);
      }
    }
  }
}
