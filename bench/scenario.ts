import type { ServerName } from './load/dialect.js';
import type { RunLength } from './load/run.js';
import type { Figure, Sample } from './sample.js';

/** Who is measured: a server, or a client of an engine that carries between nodes. */
export type Contestant = ServerName | 'ioredis' | 'nats' | 'node:cluster';

/** A contestant's processes, and those that give it work. */
export interface Trial {
  /** Starts them. Resolves when they can be given work. */
  open(): Promise<void>;
  /** One run. Rejects where an answer was wrong or missing, or a part of the server did not run for every message. */
  measure(length: RunLength): Promise<Sample>;
  stop(): Promise<void>;
}

/** Which work is measured, on which servers, and what Halyard is held to. */
export interface Scenario {
  readonly name: string;
  readonly what: string;
  /** What runs before and after each of the others; where there is none nothing is compared. */
  readonly baseline?: Contestant;
  readonly servers: readonly Contestant[];
  readonly trial: (name: Contestant) => Trial;
  /** Whether each run has processes of its own. */
  readonly freshProcesses?: boolean;
  /** What the ratio is of. @default 'cpuUsPerOp' */
  readonly figure?: Figure;
  /** The least that a run does, however slow the machine is. */
  readonly operations: number;
  /** The least number of operations before a server is measured, where it is at its best later than in other work. */
  readonly warmUp?: number;
  /** Fewer rounds than others, where one takes long and nothing is compared. */
  readonly rounds?: number;
  /** What is different in a quick run; `false`: it takes too long for one, unless it is asked for by its name. */
  readonly quick?: { readonly operations?: number; readonly rounds?: number } | false;
  /** What Halyard's ratio to the baseline is held to, and where it should end. */
  readonly bar?: number;
  readonly goal?: number;
  /** What is not there to measure it with. */
  readonly missing?: () => string | undefined;
}
