import cluster, { type Worker } from 'node:cluster';
import { constants } from 'node:os';
import { textOf } from '../errors.js';

/** A worker is told its place, from 1, in this variable. It also says that there is a relay: see `defaultBroker`. */
const placeVariable = 'HALYARD_WORKER';
/** Before the first of several attempts in a row; each next one waits twice as long. */
const firstPauseMs = 200;
const maxPauseMs = 30_000;
/** Who has run for so long, and then ends, has not failed at its start. */
const settledMs = 30_000;
/** A worker that ends so many times in a row before it listens will not listen at the next attempt either. */
const maxFailedStarts = 5;

/** One of the workers, and those that took its place. */
interface Place {
  readonly number: number;
  worker: Worker | undefined;
  startedMs: number;
  hasListened: boolean;
  /** In a row, since it ran well for the last time. */
  ends: number;
  failedStarts: number;
  timer: NodeJS.Timeout | undefined;
}

/**
 * The workers of `halyard start`. The first one shows that the app starts; then the others are forked. One that ends is
 * started again, after a pause that grows; the first signal is passed on and ends all when they are drained, a second one
 * ends all at once.
 */
export class Workers {
  readonly #places: Place[];
  #haveListened = false;
  #signal: NodeJS.Signals | undefined = undefined;

  /** @param timeoutMs how long workers may drain: one that is blocked never ends itself */
  constructor(
    count: number,
    private readonly timeoutMs: number,
  ) {
    this.#places = Array.from({ length: count }, (_, at) => ({
      number: at + 1,
      worker: undefined,
      startedMs: 0,
      hasListened: false,
      ends: 0,
      failedStarts: 0,
      timer: undefined,
    }));
  }

  /** Rejects when the app cannot be started; ends the process by the signal that it got. */
  run(): Promise<never> {
    return new Promise((_, reject) => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#stop(signal));
      this.#start(this.#places[0]!, reject);
    });
  }

  #start(place: Place, failed: (error: Error) => void): void {
    place.timer = undefined;
    place.startedMs = performance.now();
    place.hasListened = false;
    let worker: Worker;
    try {
      worker = cluster.fork({ [placeVariable]: place.number });
    } catch (error) {
      return this.#ended(place, `could not be forked: ${textOf(error)}`, failed);
    }
    place.worker = worker;
    worker.once('listening', () => {
      place.hasListened = true;
      place.failedStarts = 0;
      if (this.#haveListened) return;
      this.#haveListened = true;
      for (const other of this.#places.slice(1)) if (!this.#signal) this.#start(other, failed);
    });
    worker.on('error', (error) => {
      // Without a process there is no exit to come. Where there is one it could not be sent something: its end shows that.
      if (worker.process.pid === undefined) this.#ended(place, `could not be forked: ${textOf(error)}`, failed);
    });
    worker.once('exit', (code: number | null, signal: string | null) => {
      this.#ended(place, `ended with ${signal ?? `code ${code}`}`, failed);
    });
  }

  #ended(place: Place, how: string, failed: (error: Error) => void): void {
    place.worker = undefined;
    if (this.#signal) return this.#exitWhenAllHave();
    if (!this.#haveListened) return failed(new Error(`the app ${how} before it listened`));
    if (!place.hasListened && ++place.failedStarts >= maxFailedStarts) {
      console.error(`halyard: worker ${place.number} ${how} before it listened, ${maxFailedStarts} times: given up`);
      if (!this.#places.some(({ worker, timer }) => worker ?? timer)) failed(new Error('no worker is left'));
      return;
    }
    if (place.hasListened && performance.now() - place.startedMs > settledMs) place.ends = 0;
    const pauseMs = Math.min(firstPauseMs * 2 ** place.ends++, maxPauseMs);
    console.error(`halyard: worker ${place.number} ${how}: it is started again in ${pauseMs} ms`);
    place.timer = setTimeout(() => this.#start(place, failed), pauseMs);
  }

  #stop(signal: NodeJS.Signals): void {
    const workers = this.#places.flatMap(({ worker }) => worker ?? []);
    if (this.#signal) {
      console.error('halyard: a second signal: exiting at once');
      for (const worker of workers) worker.process.kill('SIGKILL');
      process.exit(1);
    }
    this.#signal = signal;
    for (const { timer } of this.#places) clearTimeout(timer);
    // At a terminal they have had their SIGINT, as all of its processes: this one is of another kind, so it does not count
    // as their second.
    for (const worker of workers) worker.process.kill('SIGTERM');
    setTimeout(() => this.#kill(), this.timeoutMs);
    this.#exitWhenAllHave();
  }

  #kill(): void {
    for (const { number, worker } of this.#places) {
      if (!worker) continue;
      console.error(`halyard: worker ${number} has not ended within ${this.timeoutMs / 1000} s: killed`);
      worker.process.kill('SIGKILL');
    }
  }

  /** Ends when the last worker has, with the code that shells give to a process that the signal ended. */
  #exitWhenAllHave(): void {
    if (this.#places.some(({ worker }) => worker)) return;
    process.exit(128 + constants.signals[this.#signal!]);
  }
}
