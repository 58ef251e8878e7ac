/**
 * The benchmark from end to end, with so little work that its figures mean nothing: bare `ws` and Halyard, which need no
 * installation. And that it sees wrong answers.
 */
import { execFile, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocketServer } from 'ws';

const root = fileURLToPath(new URL('../../', import.meta.url));
const minute = 60_000;

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function node(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: root, timeout: minute }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr });
    });
  });
}

describe('npm run bench', () => {
  let directory = '';
  const opened: (ChildProcess | WebSocketServer)[] = [];
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'halyard-bench-'));
    expect(await node('scripts/build.mjs', 'bench')).toMatchObject({ code: 0, stdout: '' });
  }, minute);
  afterAll(() => rm(directory, { recursive: true, force: true }));
  afterEach(() => {
    for (const each of opened.splice(0)) {
      if (each instanceof WebSocketServer) each.close();
      else each.kill('SIGKILL');
    }
  });

  const bench = (...args: string[]): Promise<Ended> =>
    node('bench/bench.mjs', '--no-install', '--no-build', '--quick', '--scale', '0.02', ...args);

  it(
    'prints a table, replaces the old result, and draws a chart',
    async () => {
      const out = join(directory, 'results');
      await writeFile(`${out}.json`, 'old');
      const { code, stdout, stderr } = await bench('--only', 'guarded-echo-16', '--servers', 'halyard', '--out', out);
      expect(stderr).toBe('');
      expect(code).toBe(0);
      expect(stdout).toMatch(/^guarded-echo-16: .*\nserver .*CPU µs\/op .*bar +holds\nws .*\nhalyard .*(?:yes|NO)$/m);
      const rows = JSON.parse(await readFile(`${out}.json`, 'utf8')) as Record<string, unknown>[];
      expect(rows).toEqual(
        ['ws', 'halyard'].map((server) =>
          expect.objectContaining({
            scenario: 'guarded-echo-16',
            server,
            cpuUsPerOp: expect.any(Number),
            ratio: server === 'ws' ? 1 : expect.any(Number),
            ratioQ1: expect.any(Number),
            ratioMin: expect.any(Number),
            ratioMax: expect.any(Number),
            opsPerSecond: expect.any(Number),
            rounds: 3,
          }),
        ),
      );
      expect(await readFile(`${out}.svg`, 'utf8')).toMatch(/^<svg [^]*>halyard<[^]*<\/svg>\n$/);
    },
    minute,
  );

  it('says which scenarios there are', async () => {
    const { code, stderr } = await bench('--only', 'echo-17');
    expect(stderr).toContain('no scenario echo-17; there are echo-16, echo-1,');
    expect(code).toBe(2);
  });

  /** What the load generator says of a server that answers what `reply` makes of the nth message. */
  async function judge(reply: (text: string, count: number) => string | undefined): Promise<unknown> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    opened.push(server);
    await once(server, 'listening');
    let count = 0;
    server.on('connection', (socket) =>
      socket.on('message', (data: Buffer) => {
        const answer = reply(data.toString(), (count += 1));
        if (answer === undefined) socket.terminate();
        else socket.send(answer);
      }),
    );
    const load = fork(join(root, 'bench/build/load/load.js'));
    opened.push(load);
    const ask = async (name: string, ...args: unknown[]): Promise<unknown> => {
      load.send({ id: 1, name, args });
      const [answer] = (await once(load, 'message')) as [{ value?: unknown; error?: string }];
      return answer.error ?? answer.value;
    };
    const { port } = server.address() as AddressInfo;
    await ask('open', 'ws', port, { kind: 'echo', endpoint: 'echo', connections: 1, inFlight: 16 });
    return ask('run', { ms: 1, operations: 1000 });
  }

  it('counts all answers, and compares a part of them', async () => {
    const result = (await judge((text) => text)) as { operations: number; compared: number };
    expect(result.operations).toBeGreaterThanOrEqual(1000);
    expect(result.compared).toBeGreaterThanOrEqual(Math.floor(result.operations / 13));
  });

  it('sees an answer that has another length, even a single one', async () => {
    expect(await judge((text, count) => (count === 700 ? `${text} ` : text))).toMatch(/wrong answer/);
  });

  it('sees answers of the right length that say something else', async () => {
    expect(await judge((text) => text.replace('lobby', 'attic'))).toMatch(/wrong answer: .*attic.*, not .*lobby/);
  });

  it('sees an answer that comes twice', async () => {
    let last = '';
    const twice = (text: string, count: number): string => (count === 500 ? last : (last = text));
    expect(await judge(twice)).toMatch(/wrong answer/);
  });

  // Which of them it is depends on whether it reads or writes first.
  it('sees a connection that the server ends', async () => {
    expect(await judge((text, count) => (count === 700 ? undefined : text))).toMatch(
      /the server closed|ECONNRESET|EPIPE/,
    );
  });
});
