import { Crowd, type Traffic } from './crowd.js';
import type { Dialect } from './dialect.js';
import { Run, type RunLength, type RunResult } from './run.js';

export interface IdlePlan {
  readonly kind: 'idle';
  /** Connections that are there before: what a process allocates once is not counted. */
  readonly before: number;
}

/** Connections that are opened and say nothing. An operation is one of them. */
export class IdleLoad implements Traffic {
  #run: Run | undefined = undefined;

  constructor(
    private readonly plan: IdlePlan,
    private readonly port: number,
    private readonly dialect: Dialect,
  ) {}

  open(): Promise<void> {
    return new Crowd(this.port, this.dialect, 'echo').open(this.plan.before, this);
  }

  async run(length: RunLength): Promise<RunResult> {
    const run = (this.#run = new Run(length));
    await new Crowd(this.port, this.dialect, 'echo').open(length.operations, this);
    run.operations = length.operations;
    run.finish();
    return run.result;
  }

  /** @internal */
  frame(): void {
    this.lost(new Error('an idle connection was sent something'));
  }

  /** @internal */
  read(): void {}

  /** @internal */
  lost(error: Error): void {
    this.#run?.fail(error);
  }
}
