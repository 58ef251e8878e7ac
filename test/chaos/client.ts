/** A client of the chaos suite: what it does to a node, and a whole history of what it got. */
import { WebSocket } from 'ws';

/** A publication, and what became of it. */
export interface Said {
  readonly id: string;
  readonly channel: string;
  /** The session that published it, and its place there. */
  readonly session: Session;
  readonly number: number;
  readonly sentAt: number;
  /** When the node said what became of it. */
  toldAt: number;
  outcome: 'acknowledged' | 'rejected' | 'unknown';
}

/** From a join that was confirmed until it was taken back, or nothing more could come. */
export interface Subscription {
  /** All that was sent after `from` and acknowledged before `until` must come. */
  readonly from: number;
  until: number;
  readonly received: { readonly id: string; readonly at: number }[];
  readonly gaps: number[];
  /** By each gap, how much had been received. */
  readonly gapsAfter: number[];
}

type Metas = { metas: ({ phx_ref: string } & Record<string, unknown>)[] };

interface Frame {
  readonly event: string;
  readonly channel: string;
  readonly ref?: number;
  readonly payload: unknown;
}

/** What was acknowledged so shortly before the end of a subscription may have been on its way: nobody is owed it. */
export const inFlightMs = 1000;

let sessions = 0;
let numbers = 0;

/** One connection, from its opening to its end. */
export class Session {
  readonly name = `s${++sessions}`;
  readonly subscriptions = new Map<string, Subscription[]>();
  readonly said: Said[] = [];
  /** By channel: what it tracks, as the node confirmed. */
  readonly tracked = new Map<string, Record<string, unknown>>();
  /** By channel: the list that it was sent, kept as a browser would. */
  readonly lists = new Map<string, Map<string, Metas>>();
  /** What no client must ever get. */
  readonly surprises: string[] = [];
  readonly ended: Promise<void>;
  isOpen = false;
  closeCode: number | undefined;
  #lastAt = Date.now();
  #refs = 0;
  #turn = Promise.resolve();
  readonly #replies = new Map<number, (reply: Frame | undefined) => void>();
  readonly #socket: WebSocket;

  constructor(
    port: number,
    readonly user: string,
  ) {
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/chaos?user=${encodeURIComponent(user)}`, {
      perMessageDeflate: false,
    });
    this.#socket.on('message', (data: Buffer) => this.#take(JSON.parse(data.toString()) as Frame));
    this.#socket.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      this.#socket.on('close', (code) => {
        this.isOpen = false;
        this.closeCode = code;
        for (const settle of this.#replies.values()) settle(undefined);
        this.#replies.clear();
        this.tracked.clear();
        for (const subscription of this.#open()) subscription.until = this.#lastAt - inFlightMs;
        resolve();
      });
    });
  }

  async opened(): Promise<boolean> {
    await Promise.race([new Promise((resolve) => this.#socket.once('open', resolve)), this.ended]);
    this.isOpen = this.#socket.readyState === WebSocket.OPEN;
    return this.isOpen;
  }

  join(channel: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#current(channel)) return;
      const reply = await this.#ask('join', { channel });
      if (reply?.event !== 'reply' || !this.isOpen) return;
      const subscription = { from: Date.now(), until: Infinity, received: [], gaps: [], gapsAfter: [] };
      const all = this.subscriptions.get(channel) ?? [];
      this.subscriptions.set(channel, [...all, subscription]);
    });
  }

  /** @param isCalm nothing is broken: all that was acknowledged a while ago has come */
  leave(channel: string, isCalm: boolean): Promise<void> {
    return this.#inTurn(async () => {
      const subscription = this.#current(channel);
      if (subscription) subscription.until = isCalm ? Date.now() - inFlightMs : subscription.from;
      await this.#ask('leave', { channel });
    });
  }

  async track(channel: string, meta: Record<string, unknown>): Promise<void> {
    const reply = await this.#ask('track', { channel, meta });
    if (reply?.event === 'reply' && this.isOpen) this.tracked.set(channel, meta);
  }

  async untrack(channel: string): Promise<void> {
    const reply = await this.#ask('untrack', { channel });
    if (reply?.event === 'reply') this.tracked.delete(channel);
  }

  /** Resolves when the node has said what became of it. */
  async publish(channel: string): Promise<void> {
    const number = ++numbers;
    const said: Said = {
      id: `${this.name}.${number}`,
      channel,
      session: this,
      number,
      sentAt: Date.now(),
      toldAt: Infinity,
      outcome: 'unknown',
    };
    this.said.push(said);
    const reply = await this.#ask('publish', { channel, id: said.id });
    if (reply?.event !== 'reply') return;
    said.toldAt = Date.now();
    said.outcome = reply.payload as Said['outcome'];
  }

  /** The list of a channel as it should look to whoever has it; `undefined`: it was sent none. */
  listOf(channel: string): string[] | undefined {
    const list = this.lists.get(channel);
    if (!list || !this.#current(channel)) return undefined;
    const lines = [...list].flatMap(([key, { metas }]) =>
      metas.map(({ phx_ref: _ref, ...meta }) => `${key} ${JSON.stringify(meta)}`),
    );
    return lines.sort();
  }

  close(): void {
    this.#socket.close();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** One join or leave at a time: what is subscribed must be known. */
  #inTurn(act: () => Promise<void>): Promise<void> {
    return (this.#turn = this.#turn.then(act));
  }

  #ask(event: string, payload: object): Promise<Frame | undefined> {
    if (!this.isOpen) return Promise.resolve(undefined);
    const ref = ++this.#refs;
    this.#socket.send(JSON.stringify({ event, payload, ref }));
    return new Promise((resolve) => this.#replies.set(ref, resolve));
  }

  #take(frame: Frame): void {
    this.#lastAt = Date.now();
    const { event, channel, payload, ref } = frame;
    if (ref !== undefined) {
      this.#replies.get(ref)?.(frame);
      this.#replies.delete(ref);
      if (event === 'error' && !isOutage(payload)) this.surprises.push(JSON.stringify(frame));
    } else if (event === 'said') {
      const { id } = payload as { id: string };
      // What comes between the join and its confirmation, or after the leave, was neither promised nor wrong.
      this.#current(channel)?.received.push({ id, at: this.#lastAt });
    } else if (event === 'gap') {
      const subscription = this.#current(channel);
      subscription?.gaps.push(this.#lastAt);
      subscription?.gapsAfter.push(subscription.received.length);
    } else if (event === 'presence_state') {
      this.lists.set(channel, new Map(Object.entries(payload as Record<string, Metas>)));
    } else if (event === 'presence_diff') {
      this.#applyDiff(channel, payload as { joins: Record<string, Metas>; leaves: Record<string, Metas> });
    } else {
      this.surprises.push(JSON.stringify(frame));
    }
  }

  /** As a client does that knows nothing of devices: a join replaces the key, a leave deletes it. */
  #applyDiff(channel: string, { joins, leaves }: Record<'joins' | 'leaves', Record<string, Metas>>): void {
    const list = this.lists.get(channel);
    if (!list) return void this.surprises.push(`a diff of ${channel} before its state`);
    for (const [key, metas] of Object.entries(joins)) list.set(key, metas);
    for (const key of Object.keys(leaves)) list.delete(key);
  }

  #current(channel: string): Subscription | undefined {
    const last = this.subscriptions.get(channel)?.at(-1);
    return last?.until === Infinity ? last : undefined;
  }

  *#open(): Generator<Subscription> {
    for (const [channel] of this.subscriptions) {
      const subscription = this.#current(channel);
      if (subscription) yield subscription;
    }
  }
}

/** A refusal that an outage explains. */
function isOutage(payload: unknown): boolean {
  return (payload as { code?: string }).code === 'BROKER_UNAVAILABLE';
}
