import { randomBytes } from 'node:crypto';
import { HalyardError } from '../errors.js';
import type { Questions } from '../nodes/questions.js';
import { Entry } from './entry.js';
import { checkChannel, checkKey, encodeMeta, type Meta } from './meta.js';
import { present, type PresenceListener, type Present } from './presence-channel.js';
import { PresenceChannels, type PresenceChannelsOptions } from './presence-channels.js';
import type { ReplicationMetrics } from './replica.js';
import { Roster } from './roster.js';
import type { Watcher } from './watcher.js';
import { fromWire, toWire, type WireEntry } from './wire.js';

export interface TrackOptions {
  /**
   * How long the device is still shown after its connection has ended: a reconnect under the same key within this time
   * takes its place, and nobody sees a leave. Milliseconds or `'5s'`. @default 0
   */
  leaveDelay?: number | string;
}

export interface PresenceOptions extends PresenceChannelsOptions {
  readonly questions: Pick<Questions, 'on' | 'ask'>;
  /** How many channels one connection may watch. */
  readonly channelsPerConnection: number;
  /** Milliseconds of a duration, `undefined` where it is none. */
  parseDuration(value: unknown): number | undefined;
}

export interface PresenceMetrics extends ReplicationMetrics {
  /** Channels that somebody on this node is tracked in, watches, or listens to. */
  readonly channels: number;
}

/** What a connection is tracked by in one channel. */
interface Tracked {
  entry: Entry;
  leaveDelayMs: number;
}

/** What presence keeps for one connection. */
interface Held {
  readonly tracked: Map<string, Tracked>;
  readonly watched: Set<string>;
}

/** What other nodes are asked for: the entries of a channel, or of one key in it. */
interface Wanted {
  readonly channel: string;
  readonly key?: string;
}

const resolved = Promise.resolve();

/**
 * Who is where: keys (users), each with one meta for each of its devices, on all nodes. Those who watch a channel are sent
 * one `presence_state`, and then what each tick has changed.
 *
 * What returns a promise may be left unawaited: a failure is logged, and reaches the observers of the connection.
 */
export class Presence {
  readonly #channels: PresenceChannels;
  readonly #held = new Map<Watcher, Held>();
  /** Unique on all nodes, whatever a node is called. */
  readonly #refPrefix = randomBytes(9).toString('base64url');
  #refs = 0;

  /** @internal */
  constructor(private readonly options: PresenceOptions) {
    this.#channels = new PresenceChannels(options);
    const own = (channel: string, key?: string): Entry[] => this.#ownEntries(channel, key);
    options.questions.on('presence.entries', ({ channel, key }: Wanted) => own(channel, key).map(toWire));
    options.questions.on('presence.keys', (channel: string) => [...new Set(own(channel).map(({ key }) => key))]);
  }

  /** @internal Joins the other nodes. */
  start(): void {
    this.#channels.start();
  }

  /**
   * Shows a connection in a channel, and lets it watch. Tracked already: updates, and with another key moves it there.
   * Rejects with `HALYARD_CHANNEL_NAME`, `HALYARD_PRESENCE_KEY`, `HALYARD_PRESENCE_META`, `HALYARD_CHANNEL_LIMIT`, or
   * `HALYARD_CONNECTION_CLOSED`.
   *
   * @param key who it is: devices with one key are one user. @default connection.user, else the id of the connection
   */
  track(
    connection: Watcher,
    channel: string,
    key: string = connection.user ?? connection.id,
    meta: Meta = {},
    { leaveDelay = 0 }: TrackOptions = {},
  ): Promise<void> {
    return this.#observed(connection, () => {
      checkChannel(channel);
      checkKey(key);
      const json = encodeMeta(meta);
      const leaveDelayMs = this.#parseDelay(leaveDelay);
      this.#watch(connection, channel);
      const { tracked } = this.#held.get(connection)!;
      const known = this.#channels.open(channel);
      const former = tracked.get(channel)?.entry;
      if (former && former.key !== key) known.remove(former.ref);
      const same = former?.key === key ? former : known.takeLingering(key);
      const entry = this.#entry(connection, key, json, same);
      known.put(entry);
      tracked.set(channel, { entry, leaveDelayMs });
      this.#channels.touch(known);
    });
  }

  /**
   * Changes the meta: an object is merged into it (shallowly), a function returns the new one. Rejects with
   * `HALYARD_NOT_TRACKED`, `HALYARD_PRESENCE_META`, or `HALYARD_CONNECTION_CLOSED`.
   */
  update(connection: Watcher, channel: string, patch: Meta | ((meta: Meta) => Meta)): Promise<void> {
    return this.#observed(connection, () => {
      checkChannel(channel);
      connection.requireOpen();
      const tracked = this.#held.get(connection)?.tracked.get(channel);
      if (!tracked) throw new HalyardError('NOT_TRACKED');
      const { entry } = tracked;
      if (typeof patch !== 'function') encodeMeta(patch);
      const meta = typeof patch === 'function' ? patch(entry.meta()) : { ...entry.meta(), ...patch };
      const json = encodeMeta(meta);
      if (json === entry.metaJson) return;
      const known = this.#channels.open(channel);
      tracked.entry = this.#entry(connection, entry.key, json, entry);
      known.put(tracked.entry);
      this.#channels.touch(known);
    });
  }

  /** Shows it no longer in a channel, or in none. It goes on watching. What is not tracked is left alone. */
  untrack(connection: Watcher, channel?: string): Promise<void> {
    return this.#observed(connection, () => {
      const tracked = this.#held.get(connection)?.tracked;
      for (const name of channel === undefined ? [...(tracked?.keys() ?? [])] : [channel]) {
        const { entry } = tracked?.get(name) ?? {};
        tracked?.delete(name);
        if (entry) this.#remove(name, entry.ref);
      }
    });
  }

  /** Sends a connection the channel's presence, and all changes from then on. Rejects as `track`. */
  watch(connection: Watcher, channel: string): Promise<void> {
    return this.#observed(connection, () => {
      checkChannel(channel);
      this.#watch(connection, channel);
    });
  }

  /** Ends that, for a connection that is not tracked there. */
  unwatch(connection: Watcher, channel: string): Promise<void> {
    const held = this.#held.get(connection);
    if (held && !held.tracked.has(channel) && held.watched.delete(channel)) this.#unwatch(connection, channel);
    return resolved;
  }

  /**
   * All that are present, on all nodes. At once where this node keeps the channel, since somebody here is tracked in it,
   * watches it or listens to it; otherwise the nodes are asked, and the answer is whole, or it rejects with
   * `HALYARD_NODE_TIMEOUT` (a node that is alive took longer than `node.answer`) or `HALYARD_BROKER_UNAVAILABLE`. Both ways
   * with `HALYARD_CHANNEL_NAME`.
   */
  async list(channel: string): Promise<Present[]> {
    return [...(this.#kept(channel) ?? (await this.#gather({ channel })))].map(present);
  }

  /** Who is present under a key. Rejects as `list`. */
  async get(channel: string, key: string): Promise<Present | undefined> {
    const entries = (this.#kept(channel) ?? (await this.#gather({ channel, key }))).of(key);
    return entries.length === 0 ? undefined : present([key, entries]);
  }

  /** How many keys are present: users, not devices. Rejects as `list`. */
  async count(channel: string): Promise<number> {
    const kept = this.#kept(channel);
    if (kept) return kept.size;
    return new Set((await this.options.questions.ask<string[]>('presence.keys', channel)).flat()).size;
  }

  /** Calls the listener when the first device of a key comes. @returns ends it */
  onJoin(channel: string, listener: PresenceListener): () => void {
    return this.#listen(channel, 'onJoin', listener);
  }

  /** Calls the listener when the last device of a key has gone, with what went. @returns ends it */
  onLeave(channel: string, listener: PresenceListener): () => void {
    return this.#listen(channel, 'onLeave', listener);
  }

  /** What this node keeps, and how it gets on with others. */
  metrics(): PresenceMetrics {
    return { channels: this.#channels.size, ...this.#channels.replication };
  }

  /** @internal The connection has ended. */
  leaveAll(connection: Watcher): void {
    const held = this.#held.get(connection);
    if (!held) return;
    this.#held.delete(connection);
    for (const name of held.watched) this.#unwatch(connection, name);
    for (const [name, { entry, leaveDelayMs }] of held.tracked) {
      if (leaveDelayMs > 0 && !this.#channels.isClosed) this.#linger(name, entry, leaveDelayMs);
      else this.#remove(name, entry.ref);
    }
  }

  /** @internal Says goodbye to the other nodes. */
  close(): Promise<void> {
    return this.#channels.close();
  }

  #watch(connection: Watcher, name: string): void {
    if (this.#channels.isClosed) throw new HalyardError('CONNECTION_CLOSED');
    connection.requireOpen();
    let held = this.#held.get(connection);
    if (!held) this.#held.set(connection, (held = { tracked: new Map(), watched: new Set() }));
    if (held.watched.has(name)) return;
    if (held.watched.size >= this.options.channelsPerConnection) throw new HalyardError('CHANNEL_LIMIT');
    held.watched.add(name);
    const channel = this.#channels.open(name);
    channel.audience.add(connection);
    this.#channels.touch(channel);
  }

  #unwatch(connection: Watcher, name: string): void {
    this.#channels.change(name, (channel) => channel.audience.delete(connection));
  }

  #remove(name: string, ref: string): void {
    this.#channels.change(name, (channel) => channel.remove(ref));
  }

  #linger(name: string, entry: Entry, delayMs: number): void {
    this.#channels.change(name, ({ lingering }) => {
      const timer = setTimeout(() => {
        lingering.delete(entry.ref);
        this.#remove(name, entry.ref);
      }, delayMs).unref();
      lingering.set(entry.ref, { entry, timer });
    });
  }

  /** @param same the entry that it replaces */
  #entry({ id }: Watcher, key: string, json: string, same: Entry | undefined): Entry {
    const ref = same?.ref ?? `${this.#refPrefix}.${(++this.#refs).toString(36)}`;
    const updated = same !== undefined && (same.updated || same.metaJson !== json);
    return new Entry(ref, key, id, same?.joinedAt ?? Date.now(), json, true, updated);
  }

  #listen(name: string, kind: 'onJoin' | 'onLeave', listener: PresenceListener): () => void {
    checkChannel(name);
    const channel = this.#channels.open(name);
    // A function of its own for each call: one may listen twice.
    const own: PresenceListener = (of) => listener(of);
    channel[kind].add(own);
    return () => {
      if (channel[kind].delete(own)) this.#channels.touch(channel);
    };
  }

  /** What this node knows, where it keeps the channel and has heard the other nodes. */
  #kept(name: string): Roster | undefined {
    checkChannel(name);
    const channel = this.#channels.get(name);
    return channel?.ready ? channel.roster : undefined;
  }

  async #gather(wanted: Wanted): Promise<Roster> {
    const roster = new Roster();
    const answers = await this.options.questions.ask<WireEntry[]>('presence.entries', wanted);
    for (const entry of answers.flat()) roster.put(fromWire(entry, undefined));
    return roster;
  }

  #ownEntries(name: string, key: string | undefined): Entry[] {
    const { roster } = this.#channels.get(name) ?? {};
    return [...((key === undefined ? roster?.entries() : roster?.of(key)) ?? [])].filter(({ own }) => own);
  }

  #parseDelay(value: number | string): number {
    const ms = value === 0 ? 0 : this.options.parseDuration(value);
    if (ms !== undefined) return ms;
    throw new HalyardError('SETTING', { message: `leaveDelay: ${String(value)} is not valid: milliseconds or '5s'` });
  }

  /** Does it now, and tells of a failure whether or not anybody awaits it. */
  #observed(connection: Watcher, work: () => void): Promise<void> {
    try {
      work();
      return resolved;
    } catch (error) {
      const failed = resolved.then(() => {
        throw error;
      });
      failed.catch((reason: unknown) => connection.failed(reason));
      return failed;
    }
  }
}
