// `npm run bench`: builds Halyard and the benchmark, installs the servers that it is measured against, and runs it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from '../scripts/build.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const given = process.argv.slice(2);
const options = given.filter((argument) => argument !== '--no-build' && argument !== '--no-install');

if (!given.includes('--no-install') && !installed()) {
  console.log('bench: installing the servers to compare with, into bench/node_modules (once)');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: here,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    console.error('bench: npm ci failed in bench/');
    process.exit(1);
  }
}
linkHalyard();
if (!given.includes('--no-build') && !(build('lib') && build('bench'))) process.exit(1);

const child = spawn(process.execPath, ['--enable-source-maps', `${here}build/main.js`, ...options], {
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
});

/** Whether what is installed is what the lock file says: npm keeps a copy of it, without the package itself. */
function installed() {
  const copy = `${here}node_modules/.package-lock.json`;
  if (!existsSync(copy)) return false;
  const has = JSON.parse(readFileSync(copy, 'utf8')).packages;
  const wants = JSON.parse(readFileSync(`${here}package-lock.json`, 'utf8')).packages;
  return Object.entries(wants).every(
    ([path, { version, optional }]) => path === '' || optional === true || has[path]?.version === version,
  );
}

/** As a workspace would: what is measured is dist, by the name that users import. npm would install its peers twice. */
function linkHalyard() {
  const link = `${here}node_modules/halyard`;
  if (existsSync(link)) return;
  mkdirSync(`${here}node_modules`, { recursive: true });
  symlinkSync('../..', link, 'junction');
}
