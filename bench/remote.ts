import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { pin } from './machine.js';

/** What a process of the benchmark can be asked: each name is a question, answered over IPC. */
export type Commands = Record<string, (...args: never[]) => unknown>;

interface Question {
  readonly id: number;
  readonly name: string;
  readonly args: unknown[];
}

type Reply = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

/** A process of its own, on a core of its own where the machine has two. */
export class Remote<C extends Commands> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  readonly #exited: Promise<unknown>;
  #asked = 0;
  #death: Error | undefined = undefined;

  /**
   * @param name what errors call it
   * @param process one that was forked already, or the compiled module to fork; it calls `answer`
   * @param options core: which one it is kept on
   */
  constructor(
    readonly name: string,
    process: ChildProcess | URL,
    options: { readonly core: number; readonly args?: readonly string[] },
  ) {
    this.#child = process instanceof URL ? fork(process, options.args ?? []) : process;
    if (this.#child.pid !== undefined) pin(this.#child.pid, options.core);
    this.#exited = once(this.#child, 'exit').then(([code, signal]) =>
      this.#die(new Error(`${name} ended (${String(signal ?? code)})`)),
    );
    this.#child.on('error', (error) => this.#die(error));
    this.#child.on('message', (reply: Reply) => {
      const waiter = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if ('error' in reply) waiter?.reject(new Error(`${name}: ${reply.error}`));
      else waiter?.resolve(reply.value as never);
    });
  }

  /** Rejects with what the process threw, or when it ends. */
  ask<K extends keyof C & string>(name: K, ...args: Parameters<C[K]>): Promise<Awaited<ReturnType<C[K]>>> {
    if (this.#death) return Promise.reject(this.#death);
    return new Promise((resolve, reject) => {
      const id = (this.#asked += 1);
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, name, args } satisfies Question);
    });
  }

  /** Ends it, and resolves when it has ended. */
  async stop(): Promise<void> {
    this.#death ??= new Error(`${this.name} was stopped`);
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #die(error: Error): void {
    this.#death ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#death);
    this.#waiting.clear();
  }
}

/** In the child: answers until the runner goes away. */
export function answer<C extends Commands>(commands: C): void {
  process.on('disconnect', () => process.exit());
  process.on('message', ({ id, name, args }: Partial<Question>) => {
    // A worker of a cluster is sent other things as well.
    if (id === undefined || name === undefined) return;
    const command = commands[name] as ((...args: unknown[]) => unknown) | undefined;
    Promise.resolve()
      .then(() => {
        if (!command) throw new Error(`no command ${name}`);
        return command(...args!);
      })
      .then(
        (value) => process.send!({ id, value } satisfies Reply),
        (error: unknown) =>
          process.send!({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      )
      .catch(() => process.exit(1));
  });
}
