import type { Meta } from './meta.js';

/** One tracked device in one channel. An update is a new entry with the same ref: what was handed out never changes. */
export class Entry {
  /** The meta as clients get it: JSON, encoded once. */
  readonly json: string;

  constructor(
    /** Unique on all nodes; an update keeps it. */
    readonly ref: string,
    readonly key: string,
    /** Never goes out to clients. */
    readonly connectionId: string,
    /** Milliseconds since 1970, by the clock of its node. */
    readonly joinedAt: number,
    /** The meta alone, as JSON: what goes to other nodes. */
    readonly metaJson: string,
    /** Tracked on this node. */
    readonly own: boolean,
    /** It is not the first entry with its ref. */
    readonly updated: boolean,
  ) {
    const head = `{"phx_ref":${JSON.stringify(ref)}`;
    this.json = metaJson === '{}' ? `${head}}` : `${head},${metaJson.slice(1)}`;
  }

  /** A copy of the meta, the caller's to keep. */
  meta(): Meta {
    return JSON.parse(this.metaJson) as Meta;
  }
}

/** The order of a key's metas, the same on all nodes. */
export function compareEntries(a: Entry, b: Entry): number {
  return a.joinedAt - b.joinedAt || (a.ref < b.ref ? -1 : 1);
}
