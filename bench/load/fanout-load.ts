import type { Client } from './client.js';
import { Crowd } from './crowd.js';
import type { Dialect } from './dialect.js';
import { Run, type RunResult } from './run.js';
import { Script } from './script.js';

export interface FanoutPlan {
  readonly kind: 'fanout';
  readonly subscribers: number;
  /** Publications sent at once; the next ones when all subscribers have all of these. */
  readonly burst: number;
}

/** A publisher, and the subscribers whom each of its messages must reach. An operation is a delivery. */
export class FanoutLoad {
  readonly #subscribers: Crowd;
  readonly #publisher: Crowd;
  readonly #script: Script;
  #run: Run | undefined = undefined;
  #outstanding = 0;

  constructor(
    private readonly plan: FanoutPlan,
    port: number,
    dialect: Dialect,
  ) {
    this.#subscribers = new Crowd(port, dialect, 'subscribe');
    this.#publisher = new Crowd(port, dialect, 'publish');
    this.#script = new Script(dialect);
  }

  async open(): Promise<void> {
    await this.#subscribers.open(this.plan.subscribers, this);
    await this.#publisher.open(1, {
      frame: (_client, _head, data, start, end) =>
        this.lost(new Error(`the publisher got ${data.toString('utf8', start, end)}`)),
      read: () => {},
      lost: (error) => this.lost(error),
    });
  }

  run(ms: number): Promise<RunResult> {
    const run = (this.#run = new Run(ms));
    this.#publish();
    return run.result;
  }

  async close(): Promise<void> {
    await Promise.all([this.#publisher.close(), this.#subscribers.close()]);
  }

  /** @internal */
  frame(client: Client, head: number, data: Buffer, start: number, end: number): void {
    if (!this.#run || this.#outstanding === 0) throw new Error('more deliveries than publications');
    this.#script.check(this.#run, client, head, data, start, end);
    this.#outstanding -= 1;
  }

  /** @internal */
  read(): void {
    const run = this.#run;
    if (!run || this.#outstanding > 0) return;
    if (!run.ending) return this.#publish();
    this.#run = undefined;
    run.finish();
  }

  /** @internal */
  lost(error: Error): void {
    this.#run?.fail(error);
  }

  #publish(): void {
    const publisher = this.#publisher.clients[0]!;
    this.#outstanding = this.plan.subscribers * this.plan.burst;
    publisher.write(this.#script.next(publisher, this.plan.burst));
  }
}
