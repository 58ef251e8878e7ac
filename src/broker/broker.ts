/** What carries publications between nodes. It knows nothing of channels, presence or connections. */

/** Takes a subscription back. Calling it again does nothing. */
export type Unsubscribe = () => Promise<void>;

/** `up`: what is published arrives; `down`: nothing is known. Between down and up anything may have been lost. */
export type LinkState = 'up' | 'down';

export interface BrokerHealth {
  readonly link: LinkState;
  /** Publications that wait for the link. */
  readonly queued: number;
  /** Round trip of the last probe, where one is made. */
  readonly latencyMs?: number;
  /** Why the link is down, where that is known. Holds no password. */
  readonly reason?: string;
}

/**
 * The contract of a broker. One suite, `brokerContract` of `halyard/testing`, runs unchanged against all of them.
 *
 * An implementation MUST deliver to every subscription of every node, the publisher's own included; MUST NOT deliver
 * before the synchronous part of the publishing call has ended; MUST deliver what one node publishes to one subject in
 * that order, and with `ordering: 'total'` all that is published to one subject in one order everywhere; MUST carry any
 * bytes, also none, under any subject (no character of one is special); and MUST survive a listener that throws.
 */
export interface Broker {
  readonly ordering: 'total' | 'publisher';
  /**
   * Resolves when the engine took it. Rejects with a `BrokerUnavailableError`, whose `outcome` says whether it may have
   * happened: `rejected` or `unknown`; with `HALYARD_BROKER_SIZE` where it is more than the engine carries. The bytes must
   * not change until it has settled.
   */
  publish(subject: string, bytes: Uint8Array): Promise<void>;
  /** Resolves when the subscription is active at the engine. Rejects with a `BrokerUnavailableError`. */
  subscribe(subject: string, onBytes: (bytes: Uint8Array) => void): Promise<Unsubscribe>;
  /**
   * Told of each change of the link; not of its present state, and not of `close`. Where something is delivered after a
   * `down` and before the `up`, a further loss is told as another `down`.
   */
  onLink(listener: (state: LinkState) => void): () => void;
  health(): BrokerHealth;
  /** Ends subscriptions and connections of its own making. Idempotent. */
  close(): Promise<void>;
}
