import type { Client } from './client.js';
import { Crowd } from './crowd.js';
import type { Dialect, Endpoint } from './dialect.js';
import { Run, type RunResult } from './run.js';
import { Script } from './script.js';

export interface EchoPlan {
  readonly kind: 'echo';
  readonly endpoint: Endpoint;
  readonly connections: number;
  /** Messages of one connection that are not answered yet, at most 16. */
  readonly inFlight: number;
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

  run(ms: number): Promise<RunResult> {
    const run = (this.#run = new Run(ms));
    this.#outstanding = this.plan.connections * this.plan.inFlight;
    for (const client of this.#crowd.clients) client.write(this.#script.next(client, this.plan.inFlight));
    return run.result;
  }

  close(): Promise<void> {
    return this.#crowd.close();
  }

  /** @internal */
  frame(client: Client, head: number, data: Buffer, start: number, end: number): void {
    if (!this.#run) throw new Error('more answers than messages');
    this.#script.check(this.#run, client, head, data, start, end);
    client.fresh += 1;
  }

  /** @internal */
  read(client: Client): void {
    const answered = client.fresh;
    client.fresh = 0;
    const run = this.#run;
    if (!run || answered === 0) return;
    if (!run.ending) return client.write(this.#script.next(client, answered));
    this.#outstanding -= answered;
    if (this.#outstanding > 0) return;
    this.#run = undefined;
    run.finish();
  }

  /** @internal */
  lost(error: Error): void {
    this.#run?.fail(error);
  }
}
