/**
 * Engines for tests: a `redis-server` or `nats-server` of their own, on a free port, that is stopped, killed and started
 * again at will, and gone when the test that started it is over. Where the program is missing those suites are skipped; in CI
 * they fail.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import { until } from 'halyard/testing';
import { closeLater, forget } from '#internal/testing/closing.js';

interface Program {
  readonly command: string;
  /** The Debian package that has it. */
  readonly package: string;
  readonly scheme: string;
  arguments(port: number, directory: string): string[];
  /** What it prints when it can be connected to. */
  readonly ready: RegExp;
}

const programs = {
  redis: {
    command: 'redis-server',
    package: 'redis-server',
    scheme: 'redis',
    arguments: (port, directory) => [
      '--port',
      `${port}`,
      '--bind',
      '127.0.0.1',
      '--dir',
      directory,
      '--save',
      '',
      '--appendonly',
      'no',
    ],
    ready: /Ready to accept connections/,
  },
  nats: {
    command: 'nats-server',
    package: 'nats-server',
    scheme: 'nats',
    arguments: (port) => ['--addr', '127.0.0.1', '--port', `${port}`],
    ready: /Server is ready/,
  },
} satisfies Record<string, Program>;

export type EngineName = keyof typeof programs;

function isMissing({ command }: Program): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error !== undefined;
}

/** `describe` for suites that need an engine. */
export function describeWith(name: EngineName): typeof describe | typeof describe.skip {
  const program = programs[name];
  if (process.env['CI'] || !isMissing(program)) return describe;
  process.stderr.write(
    `tests with ${name} are skipped: ${program.command} is missing: apt-get install ${program.package}\n`,
  );
  return describe.skip;
}

/** A port that nobody has right now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Starts one, with nothing in it. It is ended after the test, or after the last one where it is started in `beforeAll`. */
export async function startEngine(name: EngineName, extraArguments: readonly string[] = []): Promise<EngineProcess> {
  const directory = await mkdtemp(join(tmpdir(), `halyard-${name}-`));
  for (let attempt = 1; ; attempt++) {
    const engine = new EngineProcess(programs[name], await freePort(), directory, extraArguments);
    closeLater(engine);
    try {
      await engine.start();
      return engine;
    } catch (error) {
      // Somebody else may have taken the port in between.
      forget(engine);
      if (attempt === 3) throw error;
    }
  }
}

/** An engine under test, always on the same port. */
export class EngineProcess {
  #child: ChildProcess | undefined = undefined;
  #isStopped = false;

  constructor(
    private readonly program: Program,
    readonly port: number,
    private readonly directory: string,
    private readonly extraArguments: readonly string[],
  ) {}

  get url(): string {
    return `${this.program.scheme}://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** Starts it, empty, and resolves when it can be connected to. */
  async start(): Promise<void> {
    const { command, ready } = this.program;
    const args = [...this.program.arguments(this.port, this.directory), ...this.extraArguments];
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    let output = '';
    await new Promise<void>((resolve, reject) => {
      const onOutput = (chunk: Buffer): void => {
        output += chunk.toString();
        if (ready.test(output)) resolve();
      };
      child.stdout.on('data', onOutput);
      child.stderr.on('data', onOutput);
      child.on('error', reject);
      child.on('exit', () => reject(new Error(`${command} did not start:\n${output}`)));
    });
    // Read, so that it never waits for a full pipe, and not kept.
    for (const stream of [child.stdout, child.stderr]) stream.removeAllListeners('data').resume();
  }

  /** It neither answers nor goes away (SIGSTOP), as a machine that hangs. Resolves when none of its threads runs any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#child!.kill('SIGSTOP');
    await until(() => isStopped(this.pid), { timeout: 20_000 });
  }

  resume(): void {
    this.#isStopped = false;
    this.#child!.kill('SIGCONT');
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    if (this.#isStopped) this.resume();
    await once(child, 'exit');
  }

  async abandon(): Promise<void> {
    forget(this);
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A thread on another core goes on for a moment: long enough to answer what is sent meanwhile. */
function isStopped(pid: number): boolean {
  const states =
    process.platform === 'linux'
      ? readdirSync(`/proc/${pid}/task`).map((thread) => stateOf(pid, thread))
      : [spawnSync('ps', ['-o', 'state=', '-p', `${pid}`], { encoding: 'utf8' }).stdout.trim()];
  return states.every((state) => state.startsWith('T'));
}

/** The field behind the name, which stands in brackets. A thread that is gone does not run either. */
function stateOf(pid: number, thread: string): string {
  try {
    return /.*\) (\S)/s.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))![1]!;
  } catch {
    return 'T';
  }
}
