import type { ServerName } from './load/dialect.js';

/** A row of results.json. */
export interface Result {
  readonly scenario: string;
  readonly server: ServerName;
  /** CPU time of the server's process, all threads, user and system: the median of the rounds. */
  readonly cpuUsPerOp: number;
  /** To bare `ws` right before and after: the median of the rounds. */
  readonly ratio: number;
  readonly ratioQ1: number;
  readonly ratioMin: number;
  readonly ratioMax: number;
  readonly opsPerSecond: number;
  readonly rounds: number;
  /** CPU time of the load generator. Where it is above the server's, that waits for it. */
  readonly loadCpuUsPerOp: number;
}
