import type { Logger } from 'pino';
import { HalyardError } from '../errors.js';
import type { Stage } from '../pipeline/components.js';
import { ConnectContext } from '../pipeline/context.js';
import { fail, failUncaught } from '../pipeline/outcome.js';
import type { Plan } from '../pipeline/plan.js';
import { run } from '../pipeline/run.js';
import type { Connection } from './connection.js';
import type { LifelongEndpoint, PathHandle } from './path.js';
import { within } from './within.js';

/** What runs for a connection as a whole, and not for one of its messages; each for no longer than its time. */
export class ConnectStage {
  /** Of what runs now. */
  #current: ConnectContext | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(
    private readonly connection: Connection,
    private readonly path: PathHandle,
    private readonly logger: Logger,
  ) {}

  /** Something runs that nobody has an answer of yet. */
  get isPending(): boolean {
    return this.#current !== undefined && !this.#current.settled;
  }

  /** Runs the connect plans from `index` on, one after the other, as long as the connection stays open. */
  run(index = 0): Promise<void> | undefined {
    const { connect, connectTimeoutMs } = this.path.current;
    for (let at = index; at < connect.length; at++) {
      if (this.connection.state !== 'open') break;
      const pending = this.#start(connect[at]!, connectTimeoutMs, 'connect');
      if (pending !== undefined) return pending.then(() => this.run(at + 1));
    }
    this.#current = undefined;
    return undefined;
  }

  /** Starts the endpoint that runs as long as the connection. @returns its context, and its end */
  runLifelong({ plan, timeoutMs }: LifelongEndpoint): { c: ConnectContext; over: Promise<void> } {
    const over = this.#start(plan, timeoutMs, 'endpoint') ?? Promise.resolve();
    return { c: this.#current!, over };
  }

  abort(): void {
    this.#current?.abandon();
  }

  /** Ends an open stream, which would never end by itself. */
  endStream(): void {
    if (this.#current?.streaming) this.#current.abandon();
  }

  /** It is not waited for any more. */
  forget(): void {
    clearTimeout(this.#timer);
  }

  #start(plan: Plan<ConnectContext>, timeoutMs: number | false, stage: Stage): Promise<void> | undefined {
    const c = new ConnectContext(this.connection, this.path.current.route, this.logger);
    this.#current = c;
    const pending = run(plan, c);
    if (pending === undefined) return undefined;
    const armed = (timer: NodeJS.Timeout): unknown => (this.#timer = timer);
    const late = (): void | Promise<void> => {
      const error = new HalyardError('TIMEOUT');
      const answer = (): void | Promise<void> => failUncaught(plan, c, error);
      // A catcher that hangs as well has had its time.
      if (c.settled) return answer();
      const caught = fail(plan, c, error, stage, 'timeout');
      c.abort(error);
      return timeoutMs !== false && caught ? within(timeoutMs, caught, answer, armed) : caught;
    };
    return within(timeoutMs, pending, late, armed);
  }
}
