import type { Result } from './result.js';
import type { Scenario } from './scenario.js';

/**
 * Whether Halyard's row holds its bar: the lower quartile at or under it and the median within 1.1 × of it; a percentile of
 * latency where the median is at or under it. Undefined where there is no bar.
 */
export function holds({ server, ratio, ratioQ1 }: Result, { bar, figure }: Scenario): boolean | undefined {
  if (server !== 'halyard' || bar === undefined || ratio === null || ratioQ1 === null) return undefined;
  return figure === 'p99Us' ? ratio <= bar : ratioQ1 <= bar && ratio <= 1.1 * bar;
}
