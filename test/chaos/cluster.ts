/** The nodes of the chaos suite: processes that are started, asked, stopped and killed. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { FromNode, NodeArguments, Seen } from './messages.js';

const script = fileURLToPath(new URL('node.js', import.meta.url));

export class NodeProcess {
  port = 0;
  /** Neither killed nor stopped. */
  isRunning = true;
  readonly #child: ChildProcess;
  readonly #listening: Promise<void>;
  readonly #asked = new Map<number, (seen: Seen | undefined) => void>();
  #questions = 0;
  #output = '';

  constructor(readonly settings: NodeArguments) {
    this.#child = fork(script, [JSON.stringify(settings)], { silent: true });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.on('data', (chunk: Buffer) => (this.#output = `${this.#output}${chunk.toString()}`.slice(-4000)));
    }
    this.#listening = new Promise((resolve, reject) => {
      this.#child.on('message', (message: FromNode) => {
        if (message.type === 'seen') this.#answer(message.id, message.seen);
        if (message.type !== 'listening') return;
        this.port = message.port;
        resolve();
      });
      this.#child.on('exit', (code, signal) => {
        this.isRunning = false;
        for (const id of this.#asked.keys()) this.#answer(id, undefined);
        reject(new Error(`node ${settings.name} ended with ${signal ?? code}: ${this.#output}`));
      });
    });
    // Who waits for it is told; one that ends later was meant to, or the check says so.
    this.#listening.catch(() => undefined);
  }

  /** What it has printed, the end of it: for whoever looks for the reason. */
  get output(): string {
    return this.#output;
  }

  /** Ended by itself: nobody killed it. */
  get hasCrashed(): boolean {
    return this.#child.exitCode !== null && this.#child.exitCode !== 0;
  }

  listening(): Promise<void> {
    return this.#listening;
  }

  /** What it sees now; `undefined`: it does not answer. */
  async see(): Promise<Seen | undefined> {
    if (!this.isRunning || !this.#child.connected) return undefined;
    const id = ++this.#questions;
    const answer = new Promise<Seen | undefined>((resolve) => this.#asked.set(id, resolve));
    this.#child.send({ id });
    const timer = setTimeout(() => this.#answer(id, undefined), 2000);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }

  /** SIGSTOP: it does nothing, and its sockets stay open. */
  pause(): void {
    this.isRunning = false;
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
    this.isRunning = true;
  }

  /** SIGKILL. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** SIGTERM: it drains. */
  drain(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.isRunning = false;
    this.#child.kill(signal);
    await ended;
  }

  #answer(id: number, seen: Seen | undefined): void {
    this.#asked.get(id)?.(seen);
    this.#asked.delete(id);
  }
}

/** Looks again and again, as there is no single thing to wait for. @returns how long it took; `undefined`: too long */
export async function settles(isSettled: () => Promise<boolean>, withinMs: number): Promise<number | undefined> {
  const start = performance.now();
  for (;;) {
    if (await isSettled()) return performance.now() - start;
    if (performance.now() - start > withinMs) return undefined;
    await sleep(20);
  }
}
