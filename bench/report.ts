import type { Result } from './result.js';
import type { Scenario } from './scenarios.js';
import { holds } from './verdict.js';

const columns = ['server', 'CPU µs/op', 'ratio', 'lower quartile', 'min – max', 'ops/s', 'load µs/op', 'bar', 'holds'];

/** The rows of a scenario as text, right-aligned but the names. */
export function table(scenario: Scenario, results: readonly Result[]): string {
  const rows = [columns, ...results.map((result) => row(scenario, result))];
  const widths = columns.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const lines = rows.map((cells) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
  return [`\n${scenario.name}: ${scenario.what}`, ...lines].join('\n');
}

function row(scenario: Scenario, result: Result): string[] {
  const held = holds(result, scenario);
  return [
    result.server,
    result.cpuUsPerOp.toFixed(2),
    result.ratio.toFixed(2),
    result.ratioQ1.toFixed(2),
    `${result.ratioMin.toFixed(2)} – ${result.ratioMax.toFixed(2)}`,
    Math.round(result.opsPerSecond).toLocaleString('en'),
    result.loadCpuUsPerOp.toFixed(2),
    held === undefined ? '' : scenario.bar!.toFixed(2),
    held === undefined ? '' : held ? 'yes' : 'NO',
  ];
}
