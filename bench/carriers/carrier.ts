/** A node's way to an engine and back: what one process publishes, and takes from the engine itself. */
import cluster from 'node:cluster';
import { answer } from '../remote.js';
import { median } from '../statistics.js';
import type { RunLength } from '../load/run.js';

/** What carries: a client of an engine, or a broker over one. */
export interface Carrier {
  /** Connects, and resolves when `onBytes` gets what is published from now on. */
  open(url: string, onBytes: (bytes: Uint8Array) => void): Promise<void>;
  publish(bytes: Uint8Array): Promise<unknown>;
  /**
   * Connects once more, and resolves when subscribed to so many channels; then with what resolves, after the connection was
   * lost, when all of them are subscribed again: with the milliseconds since the loss.
   */
  subscribe?(url: string, channels: number): Promise<{ readonly restored: Promise<number> }>;
  /** Microseconds at the median from a publication within the process to its delivery, where nothing carries it. */
  readonly localUs?: () => Promise<number>;
}

export interface Carried {
  readonly publications: number;
  readonly elapsedMs: number;
  readonly cpuUs: number;
}

// An alias: an interface would not be assignable to a record of commands.
export type CarrierCommands = {
  open: (url: string) => Promise<void>;
  /** Publishes with 256 under way. */
  carry: (length: RunLength) => Promise<Carried>;
  /** The median of the time from a publication to its delivery, one at a time, and the same within the process. */
  latency: () => Promise<{ p50Us: number; localUs?: number }>;
  subscribe: (url: string, channels: number) => Promise<void>;
  restored: () => Promise<number>;
};

const underWay = 256;
const timed = 300;
/** Bytes of a publication. */
const payloadBytes = 200;
const stallMs = 30_000;

/** Publishes, and waits for what comes back: each publication has a number, and must come once and in order. */
export class Traffic {
  readonly #payload = Buffer.alloc(payloadBytes, 'x');
  #published = 0;
  #taken = 0;
  #onTaken: () => void = () => undefined;
  #onFailed: (error: Error) => void = () => undefined;

  constructor(private readonly publish: (bytes: Uint8Array) => Promise<unknown>) {}

  /** What was published has come back. */
  take(bytes: Uint8Array): void {
    const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (data.length !== payloadBytes || data.readUInt32BE(0) !== this.#taken || data.at(-1) !== this.#payload.at(-1)) {
      return this.#onFailed(new Error(`publication ${this.#taken} did not come, but ${data.toString('hex', 0, 8)}…`));
    }
    this.#taken += 1;
    this.#onTaken();
  }

  /** Keeps so many under way for so long, until all have come. */
  async carry({ ms, operations }: RunLength): Promise<Carried> {
    const first = this.#published;
    const begun = performance.now();
    const cpu = process.cpuUsage();
    await this.#until(() => {
      const isOver = performance.now() - begun >= ms && this.#taken - first >= operations;
      while (!isOver && this.#published - this.#taken < underWay) this.#next();
      return this.#taken === this.#published;
    });
    const { user, system } = process.cpuUsage(cpu);
    return { publications: this.#taken - first, elapsedMs: performance.now() - begun, cpuUs: user + system };
  }

  /** In µs, at the median of some that are published one after the other. */
  async latencyUs(): Promise<number> {
    const latencies: number[] = [];
    let publishedAt = performance.now();
    this.#next();
    await this.#until(() => {
      latencies.push((performance.now() - publishedAt) * 1000);
      if (latencies.length > timed) return true;
      publishedAt = performance.now();
      this.#next();
      return false;
    }, false);
    return median(latencies);
  }

  #next(): void {
    // A publication must not change until it was taken.
    const bytes = Buffer.from(this.#payload);
    bytes.writeUInt32BE(this.#published, 0);
    this.#published += 1;
    this.publish(bytes).catch((error: unknown) => this.#onFailed(error as Error));
  }

  /** Calls `step` after each that has come, and before, until it is over. */
  async #until(step: () => boolean, now = true): Promise<void> {
    let last = -1;
    await new Promise<void>((resolve, reject) => {
      const watch = setInterval(() => {
        if (this.#taken === last) reject(new Error(`nothing came for ${stallMs} ms`));
        last = this.#taken;
      }, stallMs);
      this.#onFailed = reject;
      this.#onTaken = () => {
        if (!step()) return;
        clearInterval(watch);
        resolve();
      };
      if (now) this.#onTaken();
    });
    this.#onTaken = () => undefined;
  }
}

/** Answers the runner. */
export function serveCarrier(carrier: Carrier): void {
  const traffic = new Traffic((bytes) => carrier.publish(bytes));
  let restored: Promise<number> | undefined;
  answer<CarrierCommands>({
    open: (url) => carrier.open(url, (bytes) => traffic.take(bytes)),
    carry: (length) => traffic.carry(length),
    latency: async () => ({
      p50Us: await traffic.latencyUs(),
      ...(carrier.localUs && { localUs: await carrier.localUs() }),
    }),
    subscribe: async (url, channels) => {
      restored = (await carrier.subscribe!(url, channels)).restored;
    },
    restored: () => restored!,
  });
  // node:cluster listens in a worker from its start: what is asked before this line finds no one, and is gone.
  if (cluster.isWorker) process.send!({ id: 0, value: 'listening' });
}

/** Names of channels as apps have them. */
export function channelNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `room:${index}`);
}
