import type { HalyardError } from '../errors.js';
import type { FrameData, SharedFrame } from '../protocol/protocol.js';

/**
 * The socket below a connection.
 *
 * An implementation MUST keep the order of everything that is sent, `close` included; MUST write what is sent within one
 * tick with one system call where it can; MUST NOT throw when the peer is gone: what is sent then is dropped; MUST answer
 * the peer's close frame, and end the socket of a peer that does not go; and MUST call `closed` exactly once, after which it
 * calls nothing any more.
 */
export interface Transport {
  /** Starts to report. */
  listen(listener: TransportListener, receiver: MessageReceiver): void;
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
  /** Messages wait, but for those that one read of the socket may have brought already. */
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
  /** All that was buffered has been taken, or almost all; called after `bufferedBytes` was 16 KiB or more. */
  drained(): void;
  /** The peer broke the framing, and was told so by the error's close code; `closed` follows. */
  broke(error: HalyardError): void;
  /** @param code what the peer sent, else what was sent to it, else 1006 */
  closed(code: number, reason: string, wasClean: boolean): void;
}
