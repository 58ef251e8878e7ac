// `npm run start:cluster`: the sample app twice, on PORT (3000) and the next one, as one over Redis: the one at REDIS_URL, or
// one of its own that it starts and stops. With PORT=0 both take any free port.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../build/sample-app/main.js', import.meta.url));
const port = Number(process.env.PORT ?? 3000);
/** The same on both: whoever knows it may look at either. */
const STAFF_KEY = process.env.STAFF_KEY ?? randomUUID();
const children = new Set();
let isStopping = false;

/** A child that is ended with this process; `whenGone` is told when it has ended by itself. */
function run(command, args, options, whenGone) {
  const child = spawn(command, args, options);
  children.add(child);
  child.on('error', whenGone);
  child.on('exit', () => {
    children.delete(child);
    if (!isStopping) whenGone(new Error(`${command} has ended`));
  });
  return child;
}

function stop(code) {
  if (isStopping) return;
  isStopping = true;
  process.exitCode = code;
  for (const child of children) child.kill('SIGTERM');
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port: free } = server.address();
  await new Promise((closed) => server.close(closed));
  return free;
}

/** Starts a Redis that keeps nothing. */
async function startRedis() {
  const directory = mkdtempSync(join(tmpdir(), 'halyard-redis-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  const redisPort = await freePort();
  const args = [
    '--port',
    `${redisPort}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    directory,
    '--save',
    '',
    '--appendonly',
    'no',
  ];
  const ready = new Promise((resolve, reject) => {
    /** @param {Error & { code?: string }} error */
    const whenGone = (error) => {
      const isMissing = error.code === 'ENOENT';
      const remedy =
        'set REDIS_URL to a Redis of yours, or install one (Debian: apt-get install redis-server; macOS: brew install redis)';
      reject(isMissing ? new Error(`redis-server is not installed: ${remedy}`) : error);
      if (!isMissing) stop(1);
    };
    const redis = run('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] }, whenGone);
    redis.stdout.on('data', (chunk) => {
      if (chunk.includes('Ready to accept connections')) resolve();
    });
  });
  await ready;
  return `redis://127.0.0.1:${redisPort}`;
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stop(0));
try {
  // Set and empty is not set.
  const named = process.env.REDIS_URL ?? '';
  const REDIS_URL = named === '' ? await startRedis() : named;
  for (const [index, name] of ['one', 'two'].entries()) {
    const env = { ...process.env, REDIS_URL, STAFF_KEY, PORT: `${port === 0 ? 0 : port + index}` };
    // One that dies does not take the other with it: that is what there are two for.
    const stdio = ['ignore', 'pipe', 'pipe'];
    const node = run(process.execPath, ['--enable-source-maps', main], { env, stdio }, () => {
      const isLast = [...children].every(({ spawnfile }) => spawnfile !== process.execPath);
      console.log(`${name}: has gone${isLast ? '' : '; the other goes on'}`);
      if (isLast) stop(1);
    });
    console.log(`${name}: process ${node.pid}`);
    for (const stream of [node.stdout, node.stderr]) {
      createInterface({ input: stream }).on('line', (line) => console.log(`${name}: ${line}`));
    }
  }
} catch (error) {
  console.error(error.message);
  stop(1);
}
