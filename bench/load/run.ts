/** What one run of a load came to. */
export interface RunResult {
  /** Replies or deliveries that came, each counted. */
  readonly operations: number;
  /** How many of them were compared byte for byte; the length of all of them was. */
  readonly compared: number;
  readonly elapsedMs: number;
  /** Of the load generator. */
  readonly cpuUs: number;
}

const stallMs = 10_000;

/** A run under way: for so long, then until all that was asked is answered, so that every operation is paid for whole. */
export class Run {
  operations = 0;
  compared = 0;
  /** Nothing new is asked any more. */
  ending = false;
  readonly #begun = performance.now();
  readonly #cpu = process.cpuUsage();
  readonly #timers: NodeJS.Timeout[];
  #settle!: { resolve: (result: RunResult) => void; reject: (error: Error) => void };
  /** Rejects where an answer was wrong, a connection was lost, or nothing came for 10 s. */
  readonly result = new Promise<RunResult>((resolve, reject) => (this.#settle = { resolve, reject }));

  constructor(ms: number) {
    let last = -1;
    const watch = (): void => {
      if (this.operations === last) this.fail(new Error(`no answer for ${stallMs} ms after ${last} operations`));
      last = this.operations;
    };
    this.#timers = [setTimeout(() => (this.ending = true), ms), setInterval(watch, stallMs)];
  }

  /** All was answered. */
  finish(): void {
    this.#stop();
    const { user, system } = process.cpuUsage(this.#cpu);
    this.#settle.resolve({
      operations: this.operations,
      compared: this.compared,
      elapsedMs: performance.now() - this.#begun,
      cpuUs: user + system,
    });
  }

  fail(error: Error): void {
    this.#stop();
    this.#settle.reject(error);
  }

  #stop(): void {
    this.ending = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
