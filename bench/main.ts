/** Measures: see README.md. Started by bench.mjs. */
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
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
    results: { type: 'string', default: fileURLToPath(new URL('../results.json', import.meta.url)) },
  },
});

const pace: Pace = options.quick
  ? { rounds: 3, roundsPerStart: 3, runMs: 80, warmUp: 3 }
  : { rounds: 9, roundsPerStart: 3, runMs: 350, warmUp: 4 };

const wanted = options.only.flatMap((names) => names.split(','));
const unknown = wanted.filter((name) => !scenarios.some((scenario) => scenario.name === name));
if (unknown.length > 0) {
  console.error(`bench: no scenario ${unknown.join(', ')}; there are ${scenarios.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

rmSync(options.results, { force: true });
console.log(describeMachine());
const only = options.servers.flatMap((names) => names.split(','));
const results: Result[] = [];
const failures: Failure[] = [];
for (const scenario of scenarios) {
  if (wanted.length > 0 && !wanted.includes(scenario.name)) continue;
  const servers = only.length > 0 ? scenario.servers.filter((name) => only.includes(name)) : scenario.servers;
  const comparison = new Comparison({ ...scenario, servers }, pace);
  const measured = await comparison.run();
  results.push(...measured);
  failures.push(...comparison.failures);
  console.log(table(scenario, measured));
  for (const { server, error } of comparison.failures) console.error(`FAILED ${server}: ${error.message}`);
}
writeFileSync(options.results, `${JSON.stringify(results, null, 2)}\n`);
if (failures.length > 0) {
  console.error(`\nbench: ${failures.length} failed or answered wrong`);
  process.exitCode = 1;
}
