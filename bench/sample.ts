/** What one run of one server came to. */
export interface Sample {
  /** CPU time of the server's process, all threads, user and system. */
  readonly cpuUsPerOp: number;
  /** CPU time of the load generator. Where it is above the server's, the server waits for it. */
  readonly loadCpuUsPerOp?: number;
  readonly opsPerSecond: number;
  /** What clients received, heads of frames included. */
  readonly bytesPerOp?: number;
  /** From the write of a message to the read of its answer, in the load generator; from a publication to its delivery. */
  readonly p50Us?: number;
  readonly p99Us?: number;
  /** What is added by the engine to the time from a publication to its delivery, at the median. */
  readonly addedUs?: number;
  /** From the loss of the connection until 100 000 channels are subscribed again. */
  readonly restoredMs?: number;
  /** Memory of the server's process for each idle connection. */
  readonly rssBytes?: number;
  /** Heap for each joined channel, and what is left of it when all have been left. */
  readonly heapBytes?: number;
  readonly heapBytesLeft?: number;
}

/** What a scenario can be about. */
export type Figure = keyof Sample;

/** A sample and, where it is compared, what its figure is to that of bare `ws` before and after. */
export interface Measured {
  readonly sample: Sample;
  readonly ratio: number | null;
}
