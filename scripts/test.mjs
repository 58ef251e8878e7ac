// Builds, then runs Jest on what was built. `npm test -- test/echo.spec.ts -t 'R-ret-void'`: any Jest option goes through.
//   --no-check   run in spite of type errors, while a file elsewhere is half written
//   --no-build   run what the last build left
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';

const own = new Set(['--no-check', '--no-build']);
const given = process.argv.slice(2);
const check = !given.includes('--no-check');

if (!given.includes('--no-build') && !(build('lib', { check }) && build('test', { check })) && check) process.exit(1);

const child = spawn(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--enable-source-maps',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    // Jest sees the compiled specs: test/echo.spec.ts is build/test/echo.spec.js.
    ...given.filter((argument) => !own.has(argument)).map((argument) => argument.replace(/\.spec\.ts$/, '.spec.js')),
  ],
  { cwd: fileURLToPath(new URL('..', import.meta.url)), stdio: 'inherit' },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
});
