import type { Figure, Measured, Sample } from './sample.js';
import type { Contestant, Scenario } from './scenario.js';
import { median, quantile } from './statistics.js';

/** A row of results.json: medians of the rounds. */
export interface Result extends Sample {
  readonly scenario: string;
  readonly server: Contestant;
  /** What is compared: CPU time where nothing else is said. */
  readonly figure: Figure;
  /** Of the figure to that of the baseline right before and after; null where there is none. */
  readonly ratio: number | null;
  readonly ratioQ1: number | null;
  readonly ratioMin: number | null;
  readonly ratioMax: number | null;
  readonly rounds: number;
}

/** The row of a server. The baseline is 1 by definition; its other ratios are those of neighbouring runs: the noise. */
export function summarize(scenario: Scenario, server: Contestant, measured: readonly Measured[]): Result {
  const samples = measured.map(({ sample }) => sample);
  const ratios = measured.flatMap(({ ratio }) => ratio ?? []);
  const figures = Object.fromEntries(
    (Object.keys(samples[0]!) as Figure[]).map((name) => [name, rounded(median(samples.map((each) => each[name]!)))]),
  ) as unknown as Sample;
  return {
    scenario: scenario.name,
    server,
    ...figures,
    figure: scenario.figure ?? 'cpuUsPerOp',
    ...(ratios.length === 0
      ? { ratio: null, ratioQ1: null, ratioMin: null, ratioMax: null }
      : {
          ratio: server === scenario.baseline ? 1 : rounded(median(ratios)),
          ratioQ1: rounded(quantile(ratios, 0.25)),
          ratioMin: rounded(Math.min(...ratios)),
          ratioMax: rounded(Math.max(...ratios)),
        }),
    rounds: samples.length,
  };
}

/** Four digits: more were not measured. */
const rounded = (value: number): number => Number(value.toPrecision(4));
