import type { FrameData, SharedFrame } from '../protocol/protocol.js';

/**
 * The socket below a connection.
 *
 * An implementation MUST keep the order of everything that is sent, `close` included; MUST write what is sent within one
 * tick with one system call where it can; MUST NOT throw when the peer is gone: what is sent then is dropped; and MUST
 * call `closed` exactly once, after which it calls nothing any more.
 */
export interface Transport {
  /** Bytes handed over and not yet taken by the operating system. */
  readonly bufferedBytes: number;
  /** Bytes that the peer has sent so far. */
  readonly receivedBytes: number;
  /** @returns false: a close frame was sent or received, nothing more can reach the peer */
  send(data: FrameData): boolean;
  sendShared(frame: SharedFrame): boolean;
  ping(): void;
  /** Sends a close frame behind what was sent before. The code is valid, the reason at most 123 bytes. */
  close(code: number, reason: string): void;
  /** Ends the socket at once. */
  terminate(): void;
  pause(): void;
  resume(): void;
}

/** Who a transport gives messages to. */
export interface MessageReceiver {
  /** A whole message. Invalid UTF-8, oversized and broken frames never come here. */
  receive(raw: Buffer, isBinary: boolean): void;
}

/** Who a transport reports to. */
export interface TransportListener {
  pong(): void;
  /** All that was buffered has been taken. */
  drained(): void;
  /**
   * The socket or the peer's framing failed; `closed` follows.
   *
   * @param closeCode with which the peer's mistake was answered; `undefined`: the socket itself failed
   */
  broke(error: Error, closeCode: number | undefined): void;
  /** @param code what the peer sent, else what was sent to it, else 1006 */
  closed(code: number, reason: string, wasClean: boolean): void;
}
