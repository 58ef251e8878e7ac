/** Processes that a test starts: one of the modules in this folder, or another program of Node's. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from 'halyard/testing';
import { closeLater, forget } from '#internal/testing/closing.js';

/** Starts `test/support/<name>.ts`. It is killed after the test. */
export function startScript(name: string, args: readonly string[] = []): Script {
  return startNode([fileURLToPath(new URL(`${name}.js`, import.meta.url)), ...args]);
}

/** Starts Node. It is killed after the test. */
export function startNode(args: readonly string[], env: NodeJS.ProcessEnv = {}): Script {
  const script = new Script(spawn(process.execPath, args, { stdio: 'pipe', env: { ...process.env, ...env } }));
  closeLater(script);
  return script;
}

export class Script {
  /** What it has printed so far. */
  readonly lines: string[] = [];
  readonly errors: string[] = [];
  readonly #exit: Promise<number | string>;

  constructor(private readonly child: ChildProcess) {
    createInterface(child.stdout!).on('line', (line) => this.lines.push(line));
    createInterface(child.stderr!).on('line', (line) => this.errors.push(line));
    // Not before all that it printed was read.
    this.#exit = once(child, 'close').then(([code, signal]) => (code as number | null) ?? (signal as string));
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Waits for a line that it prints: this one, or one that matches. */
  async saw(line: string | RegExp | ((printed: string) => boolean), timeout = 60_000): Promise<string> {
    const isIt = (printed: string): boolean => {
      if (typeof line === 'string') return printed === line;
      return typeof line === 'function' ? line(printed) : line.test(printed);
    };
    const find = (): string | undefined => this.lines.find(isIt);
    try {
      return (await until(find, { timeout }))!;
    } catch (cause) {
      const printed = [...this.lines, ...this.errors].join('\n');
      throw new Error(`${String(line)} was not printed, but:\n${printed}`, { cause });
    }
  }

  /** Waits for its end: its code, or the signal that ended it. */
  exited(): Promise<number | string> {
    return this.#exit;
  }

  /** Writes a line to its standard input. */
  say(line: string): void {
    this.child.stdin!.write(`${line}\n`);
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async abandon(): Promise<void> {
    forget(this);
    const { exitCode, signalCode } = this.child;
    if (exitCode !== null || signalCode !== null) return;
    this.kill('SIGKILL');
    // What it has started may hold its output open for longer.
    await once(this.child, 'exit');
  }
}
