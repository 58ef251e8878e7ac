import { Client, type ClientListener } from './client.js';
import type { Dialect } from './dialect.js';
import { maskedFrame, opcode } from './frames.js';
import { Run, type RunLength, type RunResult } from './run.js';
import { Script } from './script.js';

export interface ConnectPlan {
  readonly kind: 'connect';
  /** Connections under way at once. */
  readonly concurrent: number;
}

/** Connects, sends a message, checks the answer, closes in order, and does it again. An operation is all of that. */
export class ConnectLoad implements ClientListener {
  readonly #script: Script;
  readonly #hello: Buffer | undefined;
  readonly #welcomes = new Map<Client, number>();
  #run!: Run;
  #open = 0;

  constructor(
    private readonly plan: ConnectPlan,
    private readonly port: number,
    private readonly dialect: Dialect,
  ) {
    this.#script = new Script(dialect);
    this.#hello = dialect.hello === undefined ? undefined : maskedFrame(opcode.text, dialect.hello);
  }

  open(): void {}

  run(length: RunLength): Promise<RunResult> {
    this.#run = new Run(length);
    while (this.#open < this.plan.concurrent) this.#connect();
    return this.#run.result;
  }

  /** @internal */
  opened(client: Client): void {
    if (this.#hello) client.write(this.#hello);
    if (this.dialect.welcomes === 0) client.write(this.#script.next(client, 1));
    else this.#welcomes.set(client, this.dialect.welcomes);
  }

  /** @internal */
  frame(client: Client, head: number, data: Buffer, start: number, end: number): void {
    const welcomes = this.#welcomes.get(client);
    if (welcomes === undefined) {
      this.#script.check(this.#run, client, head, data, start, end);
      client.close();
    } else if (welcomes > 1) {
      this.#welcomes.set(client, welcomes - 1);
    } else {
      this.#welcomes.delete(client);
      client.write(this.#script.next(client, 1));
    }
  }

  /** @internal */
  read(): void {}

  /** @internal */
  closed(client: Client, closeCode: number | undefined): void {
    this.#open -= 1;
    if (client.expected !== 1 || closeCode === undefined) {
      this.#run.fail(new Error(`closed with ${client.expected} answers and the code ${closeCode ?? 'none'}`));
    } else if (!this.#run.ending) {
      this.#connect();
    } else if (this.#open === 0) {
      this.#run.finish();
    }
  }

  /** @internal */
  failed(_client: Client, error: Error): void {
    this.#run.fail(error);
  }

  #connect(): void {
    this.#open += 1;
    new Client(this).connect(this.port, this.dialect.path('echo'), '');
  }
}
