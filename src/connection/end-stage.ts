import type { Logger } from 'pino';
import { HalyardError } from '../errors.js';
import type { CloseInfo } from '../pipeline/close-info.js';
import { DisconnectContext } from '../pipeline/context.js';
import { run } from '../pipeline/run.js';
import type { Connection } from './connection.js';
import type { WebSocketPath } from './path.js';
import { within } from './within.js';

/** What runs behind the end of a connection: `@OnDisconnect`, then what is to be undone. Each has `closeTimeout`. */
export interface EndStage {
  readonly connection: Connection;
  readonly path: WebSocketPath;
  readonly info: CloseInfo;
  readonly logger: Logger;
  /** Disposes the connection's scope, where it has one. */
  readonly disposeScope: (() => Promise<void>) | undefined;
  /** Told of what fails while things are undone. */
  readonly failed: (error: unknown) => void;
}

/** Whether there is anything to run. */
export function hasEndStage(connection: Connection, path: WebSocketPath, disposeScope: unknown): boolean {
  return path.disconnect.length > 0 || connection.hasCleanUp || disposeScope !== undefined;
}

/** Never rejects. */
export async function runEndStage({ connection, path, info, logger, disposeScope, failed }: EndStage): Promise<void> {
  const { disconnect, route, options, observers } = path;
  for (const plan of disconnect) {
    const c = new DisconnectContext(connection, route, info, undefined, logger);
    const pending = run(plan, c);
    if (pending === undefined) continue;
    await within(options.closeTimeoutMs, pending, () => {
      const error = new HalyardError('TIMEOUT');
      observers.failed(error, c, 'disconnect');
      c.abort(error);
    });
  }
  const late = (): void => failed(new HalyardError('TIMEOUT'));
  if (connection.hasCleanUp) await within(options.closeTimeoutMs, connection.cleanUp.run(failed), late);
  if (disposeScope) await within(options.closeTimeoutMs, disposeScope().catch(failed), late);
}
