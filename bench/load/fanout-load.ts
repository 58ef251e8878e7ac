import type { Client } from './client.js';
import { Crowd } from './crowd.js';
import type { Dialect } from './dialect.js';
import { Run, type RunLength, type RunResult } from './run.js';
import { CompressedScript } from './compressed-script.js';
import { Script } from './script.js';

export interface FanoutPlan {
  readonly kind: 'fanout';
  readonly subscribers: number;
  /** Publications sent at once; the next ones when all subscribers have all of these. */
  readonly burst: number;
  /** Whether clients negotiate permessage-deflate, without context takeover of the server, and all comes compressed. */
  readonly compressed?: boolean;
}

/** Characters of a text that is worth compressing: `ws` leaves what is below 1024 bytes as it is. */
const compressedLength = 2000;

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
    const offer = plan.compressed ? 'permessage-deflate; server_no_context_takeover' : '';
    this.#subscribers = new Crowd(port, dialect, 'subscribe', offer);
    this.#publisher = new Crowd(port, dialect, 'publish', offer);
    this.#script = plan.compressed ? new CompressedScript(dialect, compressedLength) : new Script(dialect);
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

  run(length: RunLength): Promise<RunResult> {
    const run = (this.#run = new Run(length));
    this.#publish();
    return run.result;
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
