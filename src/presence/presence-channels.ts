import { HalyardError } from '../errors.js';
import { PresenceChannel } from './presence-channel.js';
import type { Replica, Replication, ReplicationMetrics } from './replica.js';

export interface PresenceChannelsOptions {
  /** Keys of one channel above which its watchers are only told how many there are. */
  readonly maxKeys: number;
  /** The least time between two counts. @default 1000 */
  readonly countEveryMs?: number;
  /** Told of what fails without a connection that could be told. */
  failed(error: unknown): void;
  /** Joins this node to others. */
  replicate(replica: Replica): Replication;
}

const apart: ReplicationMetrics = { nodes: 0, stale: false, gaps: 0, lost: 0, audits: 0, repairs: 0 };

/** The channels that somebody on this node needs; tells at the end of each tick what has changed in them. */
export class PresenceChannels {
  readonly #byName = new Map<string, PresenceChannel>();
  readonly #touched = new Set<PresenceChannel>();
  #flush: NodeJS.Immediate | undefined = undefined;
  #replication: Replication | undefined = undefined;
  isClosed = false;

  constructor(private readonly options: PresenceChannelsOptions) {}

  get size(): number {
    return this.#byName.size;
  }

  /** How this node gets on with others. */
  get replication(): ReplicationMetrics {
    return this.#replication?.metrics() ?? apart;
  }

  /** Joins the other nodes: the app has been put together, or somebody is to be shown already. */
  start(): Replication {
    return (this.#replication ??= this.options.replicate({
      get: (name, ref) => this.#byName.get(name)?.roster.get(ref),
      put: (name, entry) => this.change(name, (channel) => channel.put(entry)),
      remove: (name, ref) => this.change(name, (channel) => channel.remove(ref)),
    }));
  }

  /** The channel, if it is needed. */
  get(name: string): PresenceChannel | undefined {
    return this.#byName.get(name);
  }

  /** The channel, which is needed from now on. Throws `HALYARD_APP_STATE` after the end. */
  open(name: string): PresenceChannel {
    const found = this.#byName.get(name);
    if (found) return found;
    if (this.isClosed) throw new HalyardError('APP_STATE', { message: 'the app is closed' });
    const { maxKeys, countEveryMs = 1000 } = this.options;
    const channel: PresenceChannel = new PresenceChannel(name, { maxKeys, countEveryMs }, () => this.touch(channel));
    this.#byName.set(name, channel);
    void this.start()
      .enter(name)
      .then(() => {
        channel.ready = true;
        this.touch(channel);
      });
    return channel;
  }

  /** Changes a channel, if it is needed. */
  change(name: string, change: (channel: PresenceChannel) => void): void {
    const channel = this.#byName.get(name);
    if (!channel) return;
    change(channel);
    this.touch(channel);
  }

  /** Something is to be told, or nothing is left, at the end of the tick. */
  touch(channel: PresenceChannel): void {
    if (this.isClosed) return;
    this.#touched.add(channel);
    this.#flush ??= setImmediate(() => this.#flushAll());
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearImmediate(this.#flush);
    for (const channel of this.#byName.values()) channel.close();
    this.#byName.clear();
    this.#touched.clear();
    await this.#replication?.close();
  }

  #flushAll(): void {
    this.#flush = undefined;
    const touched = [...this.#touched];
    this.#touched.clear();
    for (const channel of touched) {
      const changes = channel.roster.take();
      if (changes) this.start().changed(channel.name, changes);
      channel.audience.read(changes);
      if (!channel.ready) continue;
      channel.flush(changes, (error) => this.options.failed(error));
      if (!channel.idle || this.#byName.get(channel.name) !== channel) continue;
      this.#byName.delete(channel.name);
      channel.close();
      this.start().leave(channel.name);
    }
  }
}
