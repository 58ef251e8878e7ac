/** `halyard start`: real processes that share a port. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { TestClient, until } from 'halyard/testing';
import { closeLater } from '#internal/testing/closing.js';
import { startNode, type Script } from './support/script.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cli = join(root, 'dist/cli/halyard.js');
const entry = join(root, 'build/test/fixtures/cluster-app.js');
const minutes = 180_000;
/** Three processes start, one after the other, on whatever else the machine does. */
const patience = 60_000;

interface Running {
  readonly primary: Script;
  readonly pids: readonly number[];
  /** A client of the worker with this pid, in a room. */
  enter(room: string, pid: number): Promise<TestClient>;
  url(path: string): string;
}

function start(args: readonly string[], env?: NodeJS.ProcessEnv): Script {
  return startNode([cli, 'start', ...args], env);
}

/** Two workers that listen. */
async function startTwo(env?: NodeJS.ProcessEnv, options: readonly string[] = []): Promise<Running> {
  const primary = start(['--workers', '2', ...options, entry, 'one', 'two'], env);
  await until(() => primary.lines.filter((line) => line.startsWith('listening')).length === 2, { timeout: patience });
  const [, port] = primary.lines[0]!.split(' ');
  const connect = async (room: string): Promise<{ client: TestClient; pid: number }> => {
    const client = new TestClient(`ws://127.0.0.1:${port}/rooms/${room}`, {}, patience);
    closeLater({ abandon: () => client.abandon() });
    await client.opened();
    return { client, pid: Number((await nextText(client, /^pid /)).split(' ')[1]) };
  };
  return {
    primary,
    pids: primary.lines.map((line) => Number(line.split(' ')[2])),
    url: (path) => `http://127.0.0.1:${port}${path}`,
    async enter(room, wanted) {
      for (;;) {
        const { client, pid } = await connect(room);
        if (pid === wanted) return client;
        await client.close();
      }
    },
  };
}

/** The next text that matches; others are presence. */
async function nextText(client: TestClient, pattern: RegExp): Promise<string> {
  for (;;) {
    const text = String(await client.next());
    if (pattern.test(text)) return text;
  }
}

/** Who is in a room, as a client is told. */
class Roster {
  readonly #pids = new Map<string, number>();

  constructor(private readonly client: TestClient) {}

  /** Reads on until these processes have somebody there, one each. */
  async shows(pids: readonly number[]): Promise<void> {
    const wanted = new Set(pids);
    while (this.#pids.size !== wanted.size || [...this.#pids.values()].some((pid) => !wanted.has(pid))) {
      type List = Record<string, { metas: { pid: number }[] }>;
      const text = await nextText(this.client, /presence/);
      const { event, payload } = JSON.parse(text) as { event: string; payload: List & { joins: List; leaves: List } };
      const isState = event === 'presence_state';
      const joins: List = isState ? payload : payload.joins;
      const leaves: List = isState ? {} : payload.leaves;
      for (const key of Object.keys(leaves)) this.#pids.delete(key);
      for (const [key, { metas }] of Object.entries(joins)) this.#pids.set(key, metas[0]!.pid);
    }
  }
}

describe('halyard start', () => {
  it(
    'R-start-share workers share the port, their messages and their presence; the app is told its place and its arguments',
    async () => {
      const { pids, enter, url } = await startTwo();
      expect(new Set(pids).size).toBe(2);
      const [one, two] = [await enter('a', pids[0]!), await enter('a', pids[1]!)];
      await new Roster(one).shows(pids);
      await new Roster(two).shows(pids);
      one.send('hello');
      expect(await nextText(two, /hello/)).toBe('hello');
      two.send('hi');
      expect(await nextText(one, /hi/)).toBe('hi');
      const places = new Set<string>();
      while (places.size < 2) {
        const { worker, args } = (await (
          await fetch(url('/rooms/a'), { headers: { connection: 'close' } })
        ).json()) as {
          worker: string;
          args: string[];
        };
        expect(args).toEqual(['one', 'two']);
        places.add(worker);
      }
      expect([...places].sort()).toEqual(['1', '2']);
    },
    minutes,
  );

  it(
    'R-start-restart a worker that is killed is started again; those of the other one stay, and see it go',
    async () => {
      const { primary, pids, enter } = await startTwo();
      const [one, two] = [await enter('a', pids[0]!), await enter('a', pids[1]!)];
      const roster = new Roster(one);
      await roster.shows(pids);
      process.kill(pids[1]!, 'SIGKILL');
      await two.closed();
      await roster.shows([pids[0]!]);
      await until(() => primary.lines.filter((line) => line.startsWith('listening')).length === 3, {
        timeout: patience,
      });
      expect(primary.errors).toEqual(['halyard: worker 2 ended with SIGKILL: it is started again in 200 ms']);
      const third = Number(primary.lines.findLast((line) => line.startsWith('listening'))!.split(' ')[2]);
      const three = await enter('a', third);
      await roster.shows([pids[0]!, third]);
      three.send('back');
      expect(await nextText(one, /back/)).toBe('back');
    },
    minutes,
  );

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'R-start-drain %s drains all workers, also where the terminal sends it to each of them as well',
    async (signal) => {
      const { primary, pids, enter } = await startTwo();
      const clients = [await enter('a', pids[0]!), await enter('b', pids[1]!)];
      for (const client of clients) client.send('work');
      for (const pid of pids) await primary.saw(`working ${pid}`);
      if (signal === 'SIGINT') for (const pid of pids) process.kill(pid, signal);
      primary.kill(signal);
      for (const client of clients) {
        expect(await nextText(client, /done/)).toBe('done');
        expect((await client.closed()).code).toBe(1001);
      }
      expect(await primary.exited()).toBe(signal === 'SIGTERM' ? 143 : 130);
      expect(primary.errors).toEqual([]);
      for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    },
    minutes,
  );

  it(
    'R-start-drain a second signal ends all at once',
    async () => {
      const { primary, pids, enter } = await startTwo();
      const client = await enter('a', pids[0]!);
      client.send('stuck');
      primary.kill('SIGTERM');
      // It drains: the other worker, which has nothing to do, is gone.
      await until(() => !isAlive(pids[1]!), { timeout: patience });
      expect(isAlive(pids[0]!)).toBe(true);
      primary.kill('SIGTERM');
      expect(await primary.exited()).toBe(1);
      await until(() => !isAlive(pids[0]!), { timeout: patience });
      expect(primary.errors).toEqual(['halyard: a second signal: exiting at once']);
    },
    minutes,
  );

  it(
    'R-start-drain a worker that has not drained in time is killed',
    async () => {
      const { primary, pids, enter } = await startTwo({}, ['--timeout', '1']);
      const client = await enter('a', pids[0]!);
      client.send('stuck');
      primary.kill('SIGTERM');
      expect(await primary.exited()).toBe(143);
      expect(primary.errors).toContain('halyard: worker 1 has not ended within 1 s: killed');
      for (const pid of pids) expect(isAlive(pid)).toBe(false);
    },
    minutes,
  );

  it(
    'R-start-fail an app that cannot start is started once, and shows why',
    async () => {
      const broken = start(['--workers', '3', join(root, 'build/test/fixtures/broken-app.js')]);
      expect(await broken.exited()).toBe(1);
      expect(broken.errors.join('\n')).toContain('HALYARD_BOOT_CONTROLLER EmptyController');
      // With this line Node ends what it says of an error that nobody caught.
      expect(broken.errors.filter((line) => line.startsWith('Node.js v'))).toHaveLength(1);
      expect(broken.errors.at(-1)).toBe('halyard: the app ended with code 1 before it listened');
    },
    minutes,
  );

  it(
    'R-start-fail a worker that cannot start any more is given up after five attempts; the last one takes the rest along',
    async () => {
      const directory = await mkdtemp(join(tmpdir(), 'halyard-start-'));
      closeLater({ abandon: () => rm(directory, { recursive: true, force: true }) });
      const BREAKS = join(directory, 'broken');
      const { primary, pids, enter } = await startTwo({ BREAKS });
      const client = await enter('a', pids[0]!);
      await writeFile(BREAKS, '');
      process.kill(pids[1]!, 'SIGKILL');
      const said = (): string[] => primary.errors.filter((line) => line.startsWith('halyard: '));
      for (let attempt = 0; attempt <= 5; attempt++) await until(() => said().length > attempt, { timeout: patience });
      expect(said()).toEqual([
        'halyard: worker 2 ended with SIGKILL: it is started again in 200 ms',
        ...[400, 800, 1600, 3200].map((ms) => `halyard: worker 2 ended with code 1: it is started again in ${ms} ms`),
        'halyard: worker 2 ended with code 1 before it listened, 5 times: given up',
      ]);
      client.send('hello');
      expect(await nextText(client, /hello/)).toBe('hello');
      process.kill(pids[0]!, 'SIGKILL');
      expect(await primary.exited()).toBe(1);
      expect(primary.errors.at(-1)).toBe('halyard: no worker is left');
    },
    minutes,
  );

  it(
    'R-start-fail a worker that cannot be forked is tried again like one that ends; the others stay',
    async () => {
      // The system has no process to give: here because it finds no directory to start one in.
      const preload = `import cluster from 'node:cluster';
        if (cluster.isPrimary) process.on('SIGUSR2', () => {
          const isBroken = cluster.settings.cwd !== '/nowhere';
          cluster.setupPrimary({ cwd: isBroken ? '/nowhere' : '/' });
          console.log(isBroken ? 'broken' : 'mended');
        });`;
      const { primary, pids, enter } = await startTwo({
        NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(preload)}`,
      });
      const client = await enter('a', pids[0]!);
      primary.kill('SIGUSR2');
      await primary.saw('broken');
      process.kill(pids[1]!, 'SIGKILL');
      await until(() => primary.errors.length >= 2, { timeout: patience });
      expect(primary.errors.slice(0, 2)).toEqual([
        'halyard: worker 2 ended with SIGKILL: it is started again in 200 ms',
        expect.stringMatching(
          /^halyard: worker 2 could not be forked: spawn .* ENOENT: it is started again in 400 ms$/,
        ),
      ]);
      client.send('hello');
      expect(await nextText(client, /hello/)).toBe('hello');
      primary.kill('SIGUSR2');
      await primary.saw('mended');
      await until(() => primary.lines.filter((line) => line.startsWith('listening')).length === 3, {
        timeout: patience,
      });
    },
    minutes,
  );

  it(
    'says on one line what it was given instead of an entry or a number',
    async () => {
      for (const [args, text] of [
        [['nowhere.js'], 'nowhere.js does not exist'],
        [['--workers', '0', entry], '--workers 0 is not valid: an integer from 1'],
        [['--workers', 'many', entry], '--workers many is not valid: an integer from 1'],
        [['--timeout', 'soon', entry], '--timeout soon is not valid: seconds, above 0 and up to 86400'],
        [['--timeout', '0', entry], '--timeout 0 is not valid: seconds, above 0 and up to 86400'],
      ] as const) {
        const failed = start(args);
        expect(await failed.exited()).toBe(1);
        expect(failed.errors).toEqual([`halyard: ${text}`]);
      }
    },
    minutes,
  );
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
