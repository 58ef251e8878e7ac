import type { Ref } from '../protocol/protocol.js';

/** Bound by type: tells an endpoint's client to go away. */
export abstract class CloseWebSocket {
  /**
   * Starts the end of the connection and returns at once: messages that wait are handled and answered, queued sends
   * follow, then the close frame, and the socket is ended at the latest after `closeTimeout`. A second call does nothing.
   *
   * @param code 1000-1003, 1007-1014 or 3000-4999, else `HALYARD_CLOSE_CODE_INVALID` is thrown. @default 1000
   * @param reason cut to 123 bytes at a character boundary
   */
  abstract close(code?: number, reason?: string): void;
}

/** Bound by type: sends values while the endpoint runs, each through the `post` of its interceptors. */
export abstract class Sender<T = unknown> {
  /** The ref of the message that is being handled: values carry it. */
  abstract readonly ref: Ref | undefined;

  /**
   * Sends a value. Resolves when the client's socket has room; what the client does not read holds the caller back.
   * Not awaiting it is safe: a failure reaches observers and the log. After the connection has closed it does nothing.
   */
  abstract send(value: T): Promise<void>;
}
