import type { Result } from './result.js';
import type { Scenario } from './scenarios.js';

/** Whether a row holds its bar: the lower quartile at or under it, the median within 1.1 × of it. */
export function holds(result: Result, { bar }: Scenario): boolean | undefined {
  if (result.server !== 'halyard' || bar === undefined) return undefined;
  return result.ratioQ1 <= bar && result.ratio <= 1.1 * bar;
}
