// Compiles: `node scripts/build.mjs [lib] [sample] [test] [bench] [--no-check]`. Each output is cleared first: a stale spec would still run.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const targets = {
  lib: { project: 'tsconfig.build.json', clear: 'dist' },
  sample: { project: 'tsconfig.sample.json', clear: 'build/sample-app' },
  test: { project: 'tsconfig.test.json', clear: 'build' },
  bench: { project: 'bench/tsconfig.build.json', clear: 'bench/build' },
};

/**
 * @param {string} name a key of `targets`
 * @param {{ check?: boolean }} [options] `check: false` emits in spite of type errors: for a quick look only
 * @returns {boolean} whether it compiled
 */
export function build(name, { check = true } = {}) {
  const target = targets[name];
  if (!target) throw new Error(`Unknown target "${name}": one of ${Object.keys(targets).join(', ')}`);
  rmSync(`${root}${target.clear}`, { recursive: true, force: true });
  const args = ['node_modules/typescript/bin/tsc', '-p', target.project, ...(check ? [] : ['--noCheck'])];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  // tsc keeps the shebang, not the mode.
  const bin = `${root}dist/cli/halyard.js`;
  if (name === 'lib' && existsSync(bin)) chmodSync(bin, 0o755);
  return status === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2).filter((argument) => argument !== '--no-check');
  const check = !process.argv.includes('--no-check');
  process.exitCode = (names.length > 0 ? names : ['lib']).every((name) => build(name, { check })) ? 0 : 1;
}
