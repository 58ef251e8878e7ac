/** Measures: see README.md. Started by bench.mjs. */
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chart } from './chart.js';
import { Comparison, type Failure, type Pace } from './comparison.js';
import { describeMachine } from './machine.js';
import { table } from './report.js';
import type { Result } from './result.js';
import { scenarios } from './scenarios.js';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    servers: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    scale: { type: 'string', default: '1' },
    out: { type: 'string', default: fileURLToPath(new URL('../results', import.meta.url)) },
  },
});

const scale = Number(options.scale);
const pace: Pace = {
  ...(options.quick
    ? { rounds: 3, roundsPerStart: 3, runMs: 50 * scale, share: scale / 3, warmUp: 3 }
    : { rounds: 9, roundsPerStart: 3, runMs: 250 * scale, share: scale, warmUp: 4 }),
  ...(options.rounds && { rounds: Number(options.rounds) }),
};

const names = scenarios.map(({ name }) => name);
const only = chosen(options.only, names, 'scenario');
const everybody = [...new Set(scenarios.flatMap((scenario) => scenario.servers))];
// Starting the others would take a quick run most of its time.
const servers =
  options.quick && options.servers.length === 0 ? ['halyard'] : chosen(options.servers, everybody, 'server');
const files = { results: `${options.out}.json`, chart: `${options.out}.svg` };
for (const file of Object.values(files)) rmSync(file, { force: true });

// So that what was started ends too.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const machine = describeMachine();
console.log(machine);
const results: Result[] = [];
const failures: Failure[] = [];
for (const scenario of scenarios.filter(({ name }) => only.includes(name))) {
  if (options.quick && scenario.quick === false && options.only.length === 0) continue;
  const missing = scenario.missing?.();
  if (missing) {
    console.log(`\n${scenario.name}: not measured: ${missing}`);
    continue;
  }
  const compared = scenario.servers.filter((name) => servers.includes(name));
  if (compared.length === 0) continue;
  const quick = options.quick && scenario.quick ? scenario.quick : {};
  const comparison = new Comparison({ ...scenario, ...quick, servers: compared }, pace);
  const measured = await comparison.run();
  results.push(...measured);
  failures.push(...comparison.failures);
  console.log(table(scenario, measured));
  for (const { server, error } of comparison.failures) console.error(`FAILED ${server}: ${error.message}`);
}
writeFileSync(files.results, `${JSON.stringify(results, null, 2)}\n`);
writeFileSync(files.chart, chart(results, machine));
if (failures.length > 0) {
  console.error(`\nbench: ${failures.length} failed or answered wrong`);
  process.exitCode = 1;
}

/** What was asked for, of names that there are; all of them where nothing was. */
function chosen(given: readonly string[], known: readonly string[], kind: string): readonly string[] {
  const asked = given.flatMap((list) => list.split(','));
  const unknown = asked.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`bench: no ${kind} ${unknown.join(', ')}; there are ${known.join(', ')}`);
    process.exit(2);
  }
  return asked.length > 0 ? asked : known;
}
