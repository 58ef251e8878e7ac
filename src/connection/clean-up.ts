import type { MaybePromise } from '../pipeline/maybe-promise.js';

/** Things to undo when the connection, or the HTTP request, has ended. They run once, the last one added first. */
export class CleanUp {
  #tasks: (() => MaybePromise<void>)[] | undefined = [];
  #failed: (error: unknown) => void = () => undefined;

  /** Added after the end, a task runs at once. */
  add(task: () => MaybePromise<void>): void {
    if (this.#tasks) this.#tasks.push(task);
    else Promise.resolve().then(task).catch(this.#failed);
  }

  /** @internal One failing task does not keep the others from running. */
  async run(failed: (error: unknown) => void): Promise<void> {
    const tasks = this.#tasks ?? [];
    this.#tasks = undefined;
    this.#failed = failed;
    for (const task of tasks.reverse()) {
      try {
        await task();
      } catch (error) {
        failed(error);
      }
    }
  }
}
