import { quantile } from '../statistics.js';
import { received } from './client.js';

/** What one run of a load came to. */
export interface RunResult {
  /** Replies or deliveries that came, each counted. */
  readonly operations: number;
  /** How many of them were compared byte for byte; the length of all of them was. */
  readonly compared: number;
  readonly elapsedMs: number;
  /** Of the load generator. */
  readonly cpuUs: number;
  /** What all clients received, heads of frames included. */
  readonly bytes: number;
  readonly latency?: { readonly p50Us: number; readonly p99Us: number };
}

/** How long a run is: at least so long and at least so many operations, since a busy machine may do little in a while. */
export interface RunLength {
  readonly ms: number;
  readonly operations: number;
}

/** Longer than a starved process needs for its first operation. */
const stallMs = 30_000;

/** A run under way: at its end it waits until all that was asked is answered, so that every operation is paid for whole. */
export class Run {
  operations = 0;
  compared = 0;
  /** In µs, of the operations that were timed. */
  readonly latencies: number[] = [];
  #timeIsUp: boolean;
  #stopped = false;
  readonly #begun = performance.now();
  readonly #cpu = process.cpuUsage();
  readonly #bytes = received.bytes;
  readonly #timers: NodeJS.Timeout[];
  #settle!: { resolve: (result: RunResult) => void; reject: (error: Error) => void };
  /** Rejects where an answer was wrong, a connection was lost, or nothing came for long. */
  readonly result = new Promise<RunResult>((resolve, reject) => (this.#settle = { resolve, reject }));

  constructor(private readonly length: RunLength) {
    let last = -1;
    const watch = (): void => {
      if (received.bytes === last) this.fail(new Error(`nothing came for ${stallMs} ms, ${this.operations} were done`));
      last = received.bytes;
    };
    this.#timeIsUp = length.ms === 0;
    this.#timers = [setTimeout(() => (this.#timeIsUp = true), length.ms), setInterval(watch, stallMs)];
  }

  /** Nothing new is asked any more. */
  get ending(): boolean {
    return this.#stopped || (this.#timeIsUp && this.operations >= this.length.operations);
  }

  /** All was answered. */
  finish(): void {
    this.#stop();
    const { user, system } = process.cpuUsage(this.#cpu);
    const { latencies } = this;
    this.#settle.resolve({
      operations: this.operations,
      compared: this.compared,
      elapsedMs: performance.now() - this.#begun,
      cpuUs: user + system,
      bytes: received.bytes - this.#bytes,
      ...(latencies.length > 0 && { latency: { p50Us: quantile(latencies, 0.5), p99Us: quantile(latencies, 0.99) } }),
    });
  }

  fail(error: Error): void {
    this.#stop();
    this.#settle.reject(error);
  }

  #stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
