import type { ServerName } from './load/dialect.js';
import type { Plan } from './load/load.js';
import type { RunLength } from './load/run.js';
import type { Figure, Sample } from './sample.js';
import type { Memory } from './servers/server.js';

/** A server's process under a scenario's load. */
export interface Trial {
  /** Rejects where an answer was wrong or missing, or a part of the server did not run for every message. */
  run(length: RunLength): Promise<Sample>;
  /** After the garbage collector ran. */
  memory(): Promise<Memory>;
}

/** Which work is measured, on which servers, and what Halyard is held to. */
export interface Scenario {
  readonly name: string;
  readonly what: string;
  readonly plan: Plan;
  readonly servers: readonly ServerName[];
  /** How a run is measured. @default its CPU time */
  readonly measure?: (trial: Trial, length: RunLength) => Promise<Sample>;
  /** Whether each run has a process of its own. */
  readonly freshProcesses?: boolean;
  /** Whether bare `ws` does it too, and runs before and after each other server. @default true */
  readonly compared?: boolean;
  /** What the ratio is of. @default 'cpuUsPerOp' */
  readonly figure?: Figure;
  /** The least that a run does, however slow the machine is. */
  readonly operations: number;
  /** Fewer rounds than others, where one takes long and nothing is compared. */
  readonly rounds?: number;
  /** What is different in a quick run. */
  readonly quick?: { readonly operations?: number; readonly rounds?: number };
  /** How many operations one message stands for. @default 1 */
  readonly perMessage?: number;
  /** What Halyard's ratio to bare `ws` is held to, and where it should end. */
  readonly bar?: number;
  readonly goal?: number;
}
