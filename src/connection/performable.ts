import type { ConnectContext, DisconnectContext, MessageContext } from '../pipeline/context.js';
import type { Connections } from './connections.js';

/** What a result that does something needs for it. */
export interface Stagehand {
  readonly connections: Connections;
  /** Sends a value to the client, through the interceptors' `post`: under a ref as the reply, when all is done. */
  send(value: unknown): void | PromiseLike<void>;
}

/** A result that is done instead of sent. */
export abstract class Performable {
  /** What it throws is answered like what the endpoint throws. */
  abstract perform(c: MessageContext | ConnectContext | DisconnectContext, stage: Stagehand): Promise<void>;
}
