import type { Result } from './result.js';
import type { Scenario } from './scenario.js';
import { holds } from './verdict.js';

/** A column, or none where no row has anything to say in it. */
interface Column {
  readonly title: string;
  readonly cell: (result: Result, scenario: Scenario) => string | undefined;
}

const fixed = (value: number | null | undefined): string | undefined => value?.toFixed(2);
const whole = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : Math.round(value).toLocaleString('en');

const columns: readonly Column[] = [
  { title: 'server', cell: ({ server }) => server },
  { title: 'CPU µs/op', cell: ({ cpuUsPerOp }) => fixed(cpuUsPerOp) },
  { title: 'p50 µs', cell: ({ p50Us }) => whole(p50Us) },
  { title: 'p99 µs', cell: ({ p99Us }) => whole(p99Us) },
  { title: 'added µs', cell: ({ addedUs }) => whole(addedUs) },
  { title: 'restored ms', cell: ({ restoredMs }) => whole(restoredMs) },
  { title: 'RSS bytes', cell: ({ rssBytes }) => whole(rssBytes) },
  { title: 'heap bytes', cell: ({ heapBytes }) => whole(heapBytes) },
  { title: 'left', cell: ({ heapBytesLeft }) => fixed(heapBytesLeft) },
  { title: 'ratio', cell: ({ ratio }) => fixed(ratio) },
  { title: 'lower quartile', cell: ({ ratioQ1 }) => fixed(ratioQ1) },
  {
    title: 'min – max',
    cell: ({ ratioMin, ratioMax }) => (ratioMin === null ? undefined : `${fixed(ratioMin)} – ${fixed(ratioMax)}`),
  },
  { title: 'ops/s', cell: ({ opsPerSecond }) => whole(opsPerSecond) },
  { title: 'bytes/op', cell: ({ bytesPerOp }) => whole(bytesPerOp) },
  { title: 'load µs/op', cell: ({ loadCpuUsPerOp }) => fixed(loadCpuUsPerOp) },
  {
    title: 'bar',
    cell: (result, scenario) => (holds(result, scenario) === undefined ? undefined : fixed(scenario.bar)),
  },
  {
    title: 'holds',
    cell: (result, scenario) => {
      const held = holds(result, scenario);
      return held === undefined ? undefined : held ? 'yes' : 'NO';
    },
  },
];

/** The rows of a scenario as text, in columns. */
export function table(scenario: Scenario, results: readonly Result[]): string {
  const cells = columns
    .map(({ title, cell }) => [title, ...results.map((result) => cell(result, scenario) ?? '')])
    .filter(([, ...values]) => values.some((value) => value !== ''))
    .map((column, index) => {
      const width = Math.max(...column.map((text) => text.length));
      return column.map((text) => (index === 0 ? text.padEnd(width) : text.padStart(width)));
    });
  const lines = [0, ...results.map((_, index) => index + 1)].map((row) =>
    cells.map((column) => column[row]).join('  '),
  );
  return [`\n${scenario.name}: ${scenario.what}`, ...lines.map((line) => line.trimEnd())].join('\n');
}
