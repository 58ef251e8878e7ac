import type { Client } from './client.js';
import { Crowd } from './crowd.js';
import type { Dialect, Endpoint } from './dialect.js';
import { Run, type RunLength, type RunResult } from './run.js';
import { Script } from './script.js';

export interface EchoPlan {
  readonly kind: 'echo';
  readonly endpoint: Endpoint;
  readonly connections: number;
  /** Messages of one connection that are not answered yet, at most 16. */
  readonly inFlight: number;
  /** Whether each operation is timed; only with one message in flight. */
  readonly timed?: boolean;
}

/** Each answer makes room for the next message; the answers of one read are followed up by one write. */
export class EchoLoad {
  readonly #crowd: Crowd;
  readonly #script: Script;
  #run: Run | undefined = undefined;
  #outstanding = 0;

  constructor(
    private readonly plan: EchoPlan,
    port: number,
    dialect: Dialect,
  ) {
    this.#crowd = new Crowd(port, dialect, plan.endpoint);
    this.#script = new Script(dialect);
  }

  open(): Promise<void> {
    return this.#crowd.open(this.plan.connections, this);
  }

  run(length: RunLength): Promise<RunResult> {
    const run = (this.#run = new Run(length));
    this.#outstanding = this.plan.connections * this.plan.inFlight;
    for (const client of this.#crowd.clients) this.#write(client, this.plan.inFlight);
    return run.result;
  }

  /** @internal */
  frame(client: Client, head: number, data: Buffer, start: number, end: number): void {
    if (!this.#run) throw new Error('more answers than messages');
    this.#script.check(this.#run, client, head, data, start, end);
    client.fresh += 1;
    if (this.plan.timed) this.#run.latencies.push((performance.now() - client.writtenAt) * 1000);
  }

  /** @internal */
  read(client: Client): void {
    const answered = client.fresh;
    client.fresh = 0;
    const run = this.#run;
    if (!run || answered === 0) return;
    if (!run.ending) return this.#write(client, answered);
    this.#outstanding -= answered;
    if (this.#outstanding > 0) return;
    this.#run = undefined;
    run.finish();
  }

  /** @internal */
  lost(error: Error): void {
    this.#run?.fail(error);
  }

  #write(client: Client, messages: number): void {
    if (this.plan.timed) client.writtenAt = performance.now();
    client.write(this.#script.next(client, messages));
  }
}
