import { SharedFrame, type FrameData, type Protocol } from '../protocol/protocol.js';
import type { Entry } from './entry.js';
import type { Changes, Listed, Roster } from './roster.js';
import type { DeviceChange, PresenceReader, Watcher } from './watcher.js';

/**
 * `new` has been sent nothing yet; `live` gets the changes; `behind` reads too slowly for them; `again` has caught up,
 * and gets a state in place of what it missed.
 */
type Standing = 'new' | 'live' | 'behind' | 'again';

/** Changes that may always wait for a slow reader, however small the state is. */
const minWaitingBytes = 64 * 1024;
/** A channel lists its keys again when this part of its maximum is left: at the limit itself it would flap. */
const listAgain = 0.9;

export interface AudienceOptions {
  /** Keys above which watchers are only told how many there are. */
  readonly maxKeys: number;
  /** The least time between two counts. */
  readonly countEveryMs: number;
}

/** The watchers of one channel, and what each of them has been sent. */
export class Audience {
  readonly #watchers = new Map<Watcher, Standing>();
  /** Those who came during this tick, with what it had changed by then: it is no news to them. */
  readonly #readers = new Map<PresenceReader, ReadonlyMap<string, Entry | undefined> | undefined>();
  /** The frames of the present version, one per protocol. */
  #states = new Map<Protocol, SharedFrame>();
  #corrections = new Map<Protocol, SharedFrame>();
  #counting = false;
  #toldCount = 0;
  #countTimer: NodeJS.Timeout | undefined = undefined;

  constructor(
    private readonly channel: string,
    private readonly roster: Roster,
    private readonly options: AudienceOptions,
    /** Asks for a `flush` at the end of the tick. */
    private readonly wake: () => void,
  ) {}

  get size(): number {
    return this.#watchers.size + this.#readers.size;
  }

  /** Its state follows with the next flush; a reader gets what changes from now on. */
  add(watcher: Watcher): void {
    if (watcher.reader) this.#readers.set(watcher.reader, this.roster.pending());
    else if (!this.#watchers.has(watcher)) this.#watchers.set(watcher, 'new');
  }

  delete(watcher: Watcher): void {
    if (watcher.reader) this.#readers.delete(watcher.reader);
    else this.#watchers.delete(watcher);
  }

  /** Sends the changes of a tick to those who have a state, and a state to those who are waiting for one. */
  flush(changes: Changes | undefined): void {
    if (changes) {
      this.#states.clear();
      this.#corrections.clear();
    }
    const { maxKeys } = this.options;
    const counting = this.roster.size > (this.#counting ? maxKeys * listAgain : maxKeys);
    if (counting !== this.#counting) this.#turn(counting);
    else if (changes && counting) this.#tellCount();
    else if (changes) this.#tellChanges(changes);
    for (const [watcher, standing] of this.#watchers) {
      if (standing === 'new' || standing === 'again') this.#tellState(watcher, standing);
    }
  }

  /** Gives the changes of a tick to those who read them, whether or not all that others have is known by now. */
  read(changes: Changes | undefined): void {
    if (this.#readers.size === 0 || this.#counting) return;
    const all = changes ? this.#devices(changes.before) : [];
    for (const [reader, known] of this.#readers) {
      let news = all;
      if (known) {
        this.#readers.set(reader, undefined);
        news = [...this.#devices(known), ...all.filter(({ entry }) => !known.has(entry.ref))];
      }
      if (news.length > 0) reader.readChanges(this.channel, news);
    }
  }

  /** Nothing is sent any more. */
  close(): void {
    clearTimeout(this.#countTimer);
    this.#watchers.clear();
    this.#readers.clear();
  }

  /** What has become of each device. That another connection has taken its place is no change. */
  #devices(before: ReadonlyMap<string, Entry | undefined>): DeviceChange[] {
    const left: DeviceChange[] = [];
    const came: DeviceChange[] = [];
    for (const [ref, former] of before) {
      const entry = this.roster.get(ref);
      if (former?.json === entry?.json) continue;
      if (entry) came.push({ type: former ? 'update' : 'join', entry });
      else left.push({ type: 'leave', entry: former! });
    }
    return [...left, ...came];
  }

  /** From lists to counts, or back. */
  #turn(counting: boolean): void {
    this.#counting = counting;
    clearTimeout(this.#countTimer);
    this.#countTimer = undefined;
    if (counting) return this.#tellCount();
    // Those who read have missed changes: a last count says so.
    for (const reader of this.#readers.keys()) {
      this.#readers.set(reader, undefined);
      reader.readCount(this.channel, this.roster.size);
    }
    for (const [watcher, standing] of this.#watchers) if (standing === 'live') this.#watchers.set(watcher, 'again');
  }

  #tellCount(): void {
    if (this.#countTimer !== undefined) return;
    this.#toldCount = this.roster.size;
    this.#send((protocol) => protocol.encodePresenceCount(this.channel, this.#toldCount));
    for (const reader of this.#readers.keys()) reader.readCount(this.channel, this.#toldCount);
    this.#countTimer = setTimeout(() => {
      this.#countTimer = undefined;
      if (this.roster.size !== this.#toldCount) this.#tellCount();
    }, this.options.countEveryMs).unref();
  }

  /**
   * Leaves first, and joins in a frame of their own with all metas of every touched key: right both for a client that
   * replaces a key on join and deletes it on leave, and for Phoenix's, which merges metas by their ref.
   */
  #tellChanges({ joins, leaves }: Changes): void {
    const { channel } = this;
    const none: readonly Listed[] = [];
    if (leaves.size > 0) this.#send((protocol) => protocol.encodePresenceDiff(channel, none, leaves));
    if (joins.size > 0) this.#send((protocol) => protocol.encodePresenceDiff(channel, joins, none));
  }

  #send(encode: (protocol: Protocol) => FrameData): void {
    const frames = new Map<Protocol, SharedFrame>();
    // What waits is never more than the state that would replace it.
    const limitBytes = Math.max(minWaitingBytes, this.roster.bytes);
    for (const [watcher, standing] of this.#watchers) {
      if (standing !== 'live') continue;
      const frame = cached(frames, watcher.protocol, encode);
      if (!watcher.deliverChange(frame, this.channel, limitBytes)) this.#fallBehind(watcher);
    }
  }

  #fallBehind(watcher: Watcher): void {
    this.#watchers.set(watcher, 'behind');
    void watcher.caughtUp().then(() => {
      if (this.#watchers.get(watcher) !== 'behind') return;
      this.#watchers.set(watcher, 'again');
      this.wake();
    });
  }

  #tellState(watcher: Watcher, standing: 'new' | 'again'): void {
    this.#watchers.set(watcher, 'live');
    const { protocol } = watcher;
    const { channel, roster } = this;
    const state = cached(this.#states, protocol, () =>
      this.#counting
        ? protocol.encodePresenceCount(channel, roster.size)
        : protocol.encodePresenceState(channel, roster),
    );
    watcher.deliverState(state);
    if (standing === 'new' || this.#counting) return;
    // Phoenix's client takes only new refs from a state: a meta that was updated while it was behind would stay old.
    const updated = [...roster].filter(([, entries]) => entries.some((entry) => entry.updated));
    if (updated.length === 0) return;
    watcher.deliverState(cached(this.#corrections, protocol, () => protocol.encodePresenceDiff(channel, updated, [])));
  }
}

function cached(
  frames: Map<Protocol, SharedFrame>,
  protocol: Protocol,
  encode: (protocol: Protocol) => FrameData,
): SharedFrame {
  let frame = frames.get(protocol);
  if (!frame) frames.set(protocol, (frame = new SharedFrame(encode(protocol))));
  return frame;
}
