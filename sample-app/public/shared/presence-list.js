/** Where the server was away, all come back: within this time they are not news. */
const returnMs = 60_000;

/**
 * Who is in a channel: the server sends one state, then what changes. Several devices of a person are one entry.
 *
 * `onChange()` is called after each change, `onJoin(person)` and `onLeave(person)` for the first and the last device of one
 * who comes or goes while we watch.
 */
export class PresenceList {
  #channel;
  #listener;
  /** What each device shows of itself, by the id of its person. */
  #metas = new Map();
  /** Who was there before the connection was lost, and when it was back. */
  #known = new Set();
  #since = 0;
  /** Where there are too many to tell who it is. */
  #count;

  constructor(channel, listener) {
    this.#channel = channel;
    this.#listener = listener;
  }

  /** How many people there are. */
  get count() {
    return this.#count ?? this.#metas.size;
  }

  get isTooLong() {
    return this.#count !== undefined;
  }

  has(id) {
    return this.#metas.has(id);
  }

  /** What a person shows: the newest meta, and how many devices there are; `is(what)`: whether any of them says so. */
  get(id) {
    const metas = this.#metas.get(id);
    return metas && { ...metas.at(-1), id, devices: metas.length, is: (what) => metas.some((meta) => meta[what]) };
  }

  all() {
    return [...this.#metas.keys()].map((id) => this.get(id));
  }

  receive(event, payload, channel) {
    if (channel !== this.#channel) return;
    if (event === 'presence_state') {
      this.#count = undefined;
      this.#known = new Set(this.#metas.keys());
      this.#since = Date.now();
      this.#metas = new Map(Object.entries(payload).map(([id, { metas }]) => [id, metas]));
    } else if (event === 'presence_diff') {
      for (const [id, { metas }] of Object.entries(payload.joins)) this.#join(id, metas);
      for (const [id, { metas }] of Object.entries(payload.leaves)) this.#leave(id, metas);
    } else if (event === 'presence_count') {
      this.#count = payload.count;
      this.#metas.clear();
    } else return;
    this.#listener.onChange?.();
  }

  /** All devices of somebody of whom something has changed. */
  #join(id, metas) {
    const isNew = !this.#metas.has(id);
    this.#metas.set(id, metas);
    const isBack = this.#known.delete(id) && Date.now() - this.#since < returnMs;
    if (isNew && !isBack) this.#listener.onJoin?.(this.get(id));
  }

  /** The devices that have gone. */
  #leave(id, metas) {
    const person = this.get(id);
    if (person === undefined) return;
    const gone = new Set(metas.map((meta) => meta.phx_ref));
    const left = this.#metas.get(id).filter((meta) => !gone.has(meta.phx_ref));
    if (left.length > 0) return void this.#metas.set(id, left);
    this.#metas.delete(id);
    this.#listener.onLeave?.(person);
  }
}
