import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { pinned } from './machine.js';

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
   * @param file compiled module, which calls `answer`
   */
  constructor(
    readonly name: string,
    file: URL,
    options: { readonly core: number; readonly args?: readonly string[]; readonly execArgv?: readonly string[] },
  ) {
    const { execPath, execArgv } = pinned(options.core, options.execArgv ?? []);
    this.#child = fork(file, options.args ?? [], { execPath, execArgv });
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
  process.on('message', ({ id, name, args }: Question) => {
    const command = commands[name] as ((...args: unknown[]) => unknown) | undefined;
    Promise.resolve()
      .then(() => {
        if (!command) throw new Error(`no command ${name}`);
        return command(...args);
      })
      .then(
        (value) => process.send!({ id, value } satisfies Reply),
        (error: unknown) =>
          process.send!({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      )
      .catch(() => process.exit(1));
  });
}
