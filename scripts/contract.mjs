// Holds docs/contract.md and the tests together: every id of the contract begins the name of a test that runs, and every
// id that begins a test's name is in the contract. Read as text: a name must be spelled out where the test is written.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ID = /^R-[a-z0-9]+(?:-[a-z0-9]+)*$/;
// A table row or a list item: what stands before its first words.
const ROW = /^\s*(?:\||[-*+]\s|\d+[.)]\s)\s*(?:\[[ x]\]\s+)?/;
const LEADING_IDS = /^(?:[`*]*(R-[\w-]+)[`*]*[\s,:]*)+/;
const BACKTICKED = /`(R-[\w-]+)`/g;
// The first argument of any call where it begins with an id: it(…), it.each(…)(…), (found ? describe : describe.skip)(…).
const NAME = /([\w$.]*)\(\s*(['"`])(R-(?:(?!\2)[^\\\n]|\\.)*)\2/;
// Comments, and strings that only look like the beginning of one ('/files/*'), are stepped over.
const STEPPED_OVER = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/;
const NAME_OR_NOT = new RegExp(`${NAME.source}|${STEPPED_OVER.source}`, 'g');
const NEVER_RUNS = /^x(?:it|test|describe)$|\.(?:skip|todo)$/;

/** @returns {{ defined: Map<string, number[]>, mentioned: Map<string, number[]> }} ids with the lines they are on */
export function idsInContract(markdown) {
  const defined = new Map();
  const mentioned = new Map();
  const put = (map, id, line) => map.set(id, [...(map.get(id) ?? []), line]);
  let fenced = false;
  for (const [index, line] of markdown.split('\n').entries()) {
    if (/^\s*(?:```|~~~)/.test(line)) fenced = !fenced;
    if (fenced) continue;
    const row = ROW.exec(line);
    const leading = row ? (LEADING_IDS.exec(line.slice(row[0].length))?.[0] ?? '') : '';
    for (const id of leading.match(/R-[\w-]+/g) ?? []) put(defined, id, index + 1);
    for (const [, id] of line.matchAll(BACKTICKED)) put(mentioned, id, index + 1);
  }
  return { defined, mentioned };
}

/** @returns {{ id: string, line: number, runs: boolean }[]} */
export function idsInSpec(source) {
  const found = [];
  for (const match of source.matchAll(NAME_OR_NOT)) {
    const [, callee, , name] = match;
    if (name === undefined) continue;
    const line = source.slice(0, match.index + match[0].indexOf('R-')).split('\n').length;
    for (const word of name.split(/\s+/)) {
      if (!word.startsWith('R-')) break;
      found.push({ id: word.replace(/[,:;.]$/, ''), line, runs: !NEVER_RUNS.test(callee) });
    }
  }
  return found;
}

function main(root) {
  const contractPath = join(root, 'docs/contract.md');
  if (!existsSync(contractPath)) return ['docs/contract.md is missing: the contract has no ids to hold the tests to.'];

  const { defined, mentioned } = idsInContract(readFileSync(contractPath, 'utf8'));
  const problems = [];
  if (defined.size === 0) problems.push('docs/contract.md has no row that begins with an id such as `R-ret-void`.');
  for (const [id, lines] of defined) {
    if (lines.length > 1) problems.push(`${id}  twice in the contract: lines ${lines.join(', ')}`);
    if (!ID.test(id)) problems.push(`${id}  is no id (lower case, digits, hyphens): docs/contract.md:${lines[0]}`);
  }
  for (const [id, lines] of mentioned) {
    if (!defined.has(id)) problems.push(`${id}  mentioned, but no row begins with it: docs/contract.md:${lines[0]}`);
  }

  const shown = new Set();
  const testDirectory = join(root, 'test');
  const specs = existsSync(testDirectory)
    ? readdirSync(testDirectory, { encoding: 'utf8', recursive: true })
        .filter((path) => /\.(?:spec|chaos)\.ts$/.test(path))
        .sort()
    : [];
  let names = 0;
  for (const path of specs) {
    for (const { id, line, runs } of idsInSpec(readFileSync(join(testDirectory, path), 'utf8'))) {
      names += 1;
      if (runs) shown.add(id);
      if (!defined.has(id)) problems.push(`${id}  named by a test, not in the contract: test/${path}:${line}`);
    }
  }
  for (const [id, lines] of defined) {
    if (!shown.has(id)) problems.push(`${id}  no test shows it: docs/contract.md:${lines[0]}`);
  }

  if (problems.length === 0) {
    console.log(`contract: ${defined.size} ids, each shown by a test (${names} mentions in ${specs.length} specs)`);
  }
  return problems;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = main(fileURLToPath(new URL('..', import.meta.url)));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) {
    console.error(`contract: ${problems.length} problem${problems.length === 1 ? '' : 's'}`);
    process.exitCode = 1;
  }
}
