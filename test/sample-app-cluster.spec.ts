/** The sample app on two ports over Redis, as `npm run start:cluster` starts it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import { describeInBrowser } from './browser.js';
import { describeWith, startEngine } from './support/engines.js';
import { enter, say, shown, status, useBrowser } from './support/sample-pages.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Cluster {
  readonly script: ChildProcess;
  readonly nodes: readonly { readonly url: string; readonly pid: number }[];
}

async function startCluster(env: NodeJS.ProcessEnv): Promise<Cluster> {
  const script = spawn(process.execPath, ['scripts/start-cluster.mjs'], {
    cwd: root,
    env: { ...process.env, PORT: '0', ...env },
  });
  let output = '';
  const nodes = await new Promise<Cluster['nodes']>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      output += chunk.toString();
      const found = ['one', 'two'].map((name) => ({
        url: new RegExp(`^${name}: The chat is open: (\\S+)`, 'm').exec(output)?.[1] ?? '',
        pid: Number(new RegExp(`^${name}: process (\\d+)`, 'm').exec(output)?.[1]),
      }));
      if (found.every(({ url }) => url !== '')) resolve(found);
    };
    script.stdout.on('data', take);
    script.stderr.on('data', take);
    script.on('exit', () => reject(new Error(`it ended: ${output}`)));
  });
  return { script, nodes };
}

async function stop({ script }: Cluster): Promise<void> {
  if (script.exitCode !== null) return;
  const ended = once(script, 'exit');
  script.kill('SIGTERM');
  await ended;
}

describeWith('redis')('the sample app on two ports', () => {
  describeInBrowser('in a browser', () => {
    useBrowser();

    it('talks across the two, and survives the kill of one', async () => {
      const engine = await startEngine('redis');
      const cluster = await startCluster({ REDIS_URL: engine.url });
      try {
        const [first, second] = cluster.nodes;
        const ada = await enter(`${first!.url}/rooms/garden`, 'Ada');
        const bo = await enter(`${second!.url}/rooms/garden`, 'Bo');
        const cyd = await enter(`${second!.url}/rooms/garden`, 'Cyd');
        await say(ada, 'from one node');
        await shown(bo, 'from one node');
        await say(bo, 'to the other');
        await shown(ada, 'to the other');
        await bo.locator('#people > li', { hasText: 'Ada' }).waitFor();

        process.kill(first!.pid, 'SIGKILL');
        await status(ada, 'econnect');
        await say(bo, 'still here');
        await shown(cyd, 'still here');
        // No ghost: its lease runs out.
        await bo.locator('#people > li', { hasText: 'Ada' }).waitFor({ state: 'detached' });
      } finally {
        await stop(cluster);
      }
    });
  });

  it('starts a Redis of its own where none is named, and stops all that it has started', async () => {
    const cluster = await startCluster({ REDIS_URL: '' });
    try {
      const page = await fetch(`${cluster.nodes[0]!.url}/healthz`);
      expect(page.status).toBe(200);
    } finally {
      await stop(cluster);
    }
    expect(cluster.nodes.filter(({ pid }) => isAlive(pid))).toEqual([]);
  });
});

it('says what to install where there is no Redis', async () => {
  const script = spawn(process.execPath, ['scripts/start-cluster.mjs'], {
    cwd: root,
    env: { ...process.env, PATH: '/nowhere', REDIS_URL: '', PORT: '0' },
  });
  let output = '';
  script.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(script, 'close')) as [number];
  expect(output).toContain('apt-get install redis-server');
  expect(code).toBe(1);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
