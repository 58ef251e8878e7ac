/** What `EngineBroker` needs of the client of an engine. */
import { BrokerUnavailableError } from '../errors.js';
import type { Broker } from './broker.js';

/** One connection to an engine. */
export interface Line {
  /** Grows with whatever comes in, answers to pings included. */
  readonly received: number;
  /** Asks for a sign of life. Never throws. */
  ping(): void;
}

/** What an engine tells. */
export interface EngineEvents {
  /** All its connections are ready. Whether subscriptions survived is for `subscribe` to know. */
  readonly connected: () => void;
  /** One of them is lost, or could not be made. May come again and again. */
  readonly lost: (reason: Error) => void;
  readonly received: (token: string, bytes: Uint8Array) => void;
  /** It has ended a subscription that was active; the connection lives. */
  readonly refused: (token: string, reason: Error) => void;
}

/**
 * The client of an engine: it connects, and connects again for ever, until `close`. It keeps nothing back: what cannot be
 * sent now is rejected, and so is what was sent and not confirmed when the connection goes.
 */
export interface Engine {
  readonly ordering: Broker['ordering'];
  /** Of one publication. */
  readonly maxBytes: number;
  readonly lines: readonly Line[];
  open(events: EngineEvents): void;
  /** Resolves when the engine took it. Rejects with `unconfirmed` or `unsent`. */
  publish(token: string, bytes: Uint8Array): Promise<void>;
  /**
   * Makes sure that these are active at the engine; costs nothing for those that are. Rejects where one of them is refused:
   * which one shows when they are asked for again in smaller numbers. Not called again before it has settled.
   */
  subscribe(tokens: readonly string[]): Promise<void>;
  unsubscribe(tokens: readonly string[]): Promise<void>;
  /** Cuts connections that seem dead, without waiting for the other side, and connects anew. */
  cut(): void;
  /** Ends all that it made; what was sent is given a moment to be confirmed. */
  close(): Promise<void>;
}

/** Sent, and not confirmed: it may have been published. */
export function unconfirmed(cause: unknown): BrokerUnavailableError {
  return new BrokerUnavailableError('unknown', {
    message: 'the broker did not confirm this publication: it may have been delivered',
    cause: bare(cause),
  });
}

/** Not sent, or refused by the engine. */
export function unsent(cause: unknown): BrokerUnavailableError {
  return new BrokerUnavailableError('rejected', { cause: bare(cause) });
}

/** An error of a client without what hangs on it: the failed command may hold a password, or a whole publication. */
export function bare(error: unknown): Error {
  return new Error(error instanceof Error ? error.message || error.name : String(error));
}

/** Waits for `promise`, whatever comes of it, but not for long. */
export async function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([promise.catch(() => undefined), over]);
  clearTimeout(timer);
}
