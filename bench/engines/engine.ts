import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { loadCore, pin } from '../machine.js';

interface Program {
  readonly command: string;
  readonly scheme: string;
  readonly args: (port: number) => string[];
  /** What it prints when it can be connected to. */
  readonly ready: RegExp;
}

const programs = {
  redis: {
    command: 'redis-server',
    scheme: 'redis',
    args: (port) => ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', tmpdir(), '--save', '', '--appendonly', 'no'],
    ready: /Ready to accept connections/,
  },
  nats: {
    command: 'nats-server',
    scheme: 'nats',
    args: (port) => ['--addr', '127.0.0.1', '--port', `${port}`],
    ready: /Server is ready/,
  },
} as const satisfies Record<string, Program>;

export type EngineName = keyof typeof programs;

/** What to install, where the engine is not there. */
export function missingEngine(name: EngineName): string | undefined {
  const { command } = programs[name];
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error ? `install ${command}` : undefined;
}

/** An engine of our own on a free port, and a way to it that can be cut. */
export class Engine {
  readonly #child: ChildProcess;
  readonly #sockets = new Set<Socket>();
  readonly #proxy = createServer((client) => this.#accept(client));

  private constructor(
    private readonly program: Program,
    private readonly port: number,
  ) {
    this.#child = spawn(program.command, program.args(port), { stdio: ['ignore', 'pipe', 'pipe'] });
    if (this.#child.pid !== undefined) pin(this.#child.pid, loadCore);
    process.once('exit', this.#kill);
  }

  static async start(name: EngineName): Promise<Engine> {
    const engine = new Engine(programs[name], await freePort());
    await engine.#ready();
    engine.#proxy.listen(0, '127.0.0.1');
    await once(engine.#proxy, 'listening');
    return engine;
  }

  get url(): string {
    return `${this.program.scheme}://127.0.0.1:${this.port}`;
  }

  /** Through what `cut` cuts. */
  get proxyUrl(): string {
    return `${this.program.scheme}://127.0.0.1:${(this.#proxy.address() as AddressInfo).port}`;
  }

  /** Resets what is connected by `proxyUrl`; who connects anew gets through. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    process.off('exit', this.#kill);
    this.cut();
    this.#proxy.close();
    const gone = once(this.#child, 'exit');
    if (this.#child.kill('SIGKILL')) await gone;
  }

  readonly #kill = (): void => {
    this.#child.kill('SIGKILL');
  };

  async #ready(): Promise<void> {
    let output = '';
    await new Promise<void>((resolve, reject) => {
      const onOutput = (chunk: Buffer): void => {
        output += chunk.toString();
        if (this.program.ready.test(output)) resolve();
      };
      this.#child.stdout!.on('data', onOutput);
      this.#child.stderr!.on('data', onOutput);
      this.#child.on('error', reject);
      this.#child.on('exit', () => reject(new Error(`${this.program.command} did not start: ${output}`)));
    });
  }

  #accept(client: Socket): void {
    const target = connect(this.port, '127.0.0.1');
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => to.destroy());
      from.on('close', () => this.#sockets.delete(from));
      from.pipe(to);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
