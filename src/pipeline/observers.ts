import type { Logger } from 'pino';
import { statusOf } from '../errors.js';
import type { DropReason, Dropped, Observer, Outcome, Stage } from './components.js';
import type { CloseInfo } from './close-info.js';
import type { Context } from './context.js';
import { diagnostics } from './diagnostics.js';
import { isThenable } from './maybe-promise.js';

/** Tells all observers of one route; what one of them throws is logged and stops nothing. */
export class Observers {
  /** Somebody asks how messages ended: only then are they timed. */
  readonly watchHandled: boolean;

  constructor(
    private readonly list: readonly Observer[],
    private readonly logger: Logger,
    /** What was dropped, counted by reason. */
    private readonly drops: Record<string, number>,
  ) {
    this.watchHandled = list.some((observer) => observer.handled !== undefined);
  }

  opened(c: Context): void {
    for (const observer of this.list) this.#tell(observer, 'opened', () => observer.opened?.(c));
  }

  handled(c: Context, outcome: Outcome): void {
    for (const observer of this.list) this.#tell(observer, 'handled', () => observer.handled?.(c, outcome));
  }

  dropped(c: Context, reason: DropReason, count = 1, channel?: string): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + count;
    const dropped: Dropped = channel === undefined ? { reason, count } : { reason, count, channel };
    if (diagnostics.drop.hasSubscribers) diagnostics.drop.publish({ context: c, dropped });
    for (const observer of this.list) this.#tell(observer, 'dropped', () => observer.dropped?.(c, dropped));
  }

  /** Logs what is the server's fault, with its stack; what is the client's only for debugging. */
  failed(error: unknown, c: Context, stage: Stage): void {
    const fields = { err: error, id: c.id, stage, handler: c.route.handler };
    // That a client goes without a word, or breaks the framing, is nothing that the server could mend.
    if (stage !== 'socket' && statusOf(error) >= 500) this.logger.error(fields, 'a handler or component failed');
    else this.logger.debug(fields, 'refused');
    if (diagnostics.error.hasSubscribers) diagnostics.error.publish({ error, context: c, stage });
    for (const observer of this.list) this.#tell(observer, 'failed', () => observer.failed?.(error, c, stage));
  }

  closed(c: Context, info: CloseInfo): void {
    for (const observer of this.list) this.#tell(observer, 'closed', () => observer.closed?.(c, info));
  }

  #tell(observer: Observer, method: string, call: () => unknown): void {
    try {
      const result = call();
      // An observer is synchronous by contract; one that is not must still not end the process.
      if (isThenable(result)) result.then(undefined, (error: unknown) => this.#complain(observer, method, error));
    } catch (error) {
      this.#complain(observer, method, error);
    }
  }

  #complain(observer: Observer, method: string, error: unknown): void {
    this.logger.error({ err: error, observer: observer.constructor?.name, method }, 'an observer failed');
  }
}
