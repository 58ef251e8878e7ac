/** Plain counters of one app, since it was created. */
export class Metrics {
  /** Handshakes by result: `accepted`, or the code of the refusal. */
  readonly handshakes: Record<string, number> = Object.create(null) as Record<string, number>;
  /** What was not handled or not delivered, by reason. */
  readonly drops: Record<string, number> = Object.create(null) as Record<string, number>;
  /** Ended connections by close code. */
  readonly closes: Record<string, number> = Object.create(null) as Record<string, number>;
}

/** Adds to a counter that may not exist yet. */
export function count(counters: Record<string, number>, key: string | number, by = 1): void {
  counters[key] = (counters[key] ?? 0) + by;
}
