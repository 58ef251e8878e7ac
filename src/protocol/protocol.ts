import type { ErrorPayload } from '../errors.js';

/** A reference that a client gave its message: a string of at most 64 characters, or an integer. */
export type Ref = string | number;

/** What travels as one frame: text, or bytes. */
export type FrameData = string | Uint8Array;

/** A message as it came, and what a decoder read off it. */
export interface InboundMessage {
  readonly raw: Uint8Array;
  readonly isBinary: boolean;
  /** The message as text. */
  text(): string;
  /** The message is an envelope, `{"event","payload"?,"ref"?}`: its body is `payload`. */
  enveloped: boolean;
  event: string | undefined;
  payload: unknown;
  ref: Ref | undefined;
}

/** What a protocol needs to know of a publication. */
export interface EncodablePublication {
  readonly channel: string;
  readonly event: string | undefined;
  /** Serialised: bytes, or text; with an event the text is JSON. */
  readonly payload: FrameData;
}

/** Who is present: the metas of each key, each already JSON. */
export type PresenceList = Iterable<readonly [key: string, metas: readonly { readonly json: string }[]]>;

/**
 * How messages are encoded on one connection.
 *
 * An implementation MUST be free of state, so that what it encodes for one connection can be sent to all that speak it,
 * MUST NOT throw on anything that a client sent other than through `HalyardError`, and MUST throw
 * `HALYARD_SEND_VALUE` for a value that cannot be encoded.
 */
export interface Protocol {
  readonly name: string;
  /** Reads an envelope into the message's fields, which are empty before. Called only where a path has `event` endpoints. */
  decode(message: InboundMessage): void;
  /** A reply, or one value of a stream. Without a ref the value as it is. */
  encodeReply(value: unknown, ref: Ref | undefined): FrameData;
  encodeError(payload: ErrorPayload, ref: Ref | undefined): string;
  /** The end of a stream that was asked for with a ref. */
  encodeEnd(ref: Ref): string;
  encodePublication(publication: EncodablePublication): FrameData;
  /** How many publications a slow reader did not get. */
  encodeDropped(channel: string, count: number): string;
  /** That publications of a channel may have been lost: how many, nobody knows. */
  encodeGap(channel: string): string;
  /** All that are present in a channel. */
  encodePresenceState(channel: string, list: PresenceList): FrameData;
  /** Metas that went, and all metas of keys that were touched. */
  encodePresenceDiff(channel: string, joins: PresenceList, leaves: PresenceList): FrameData;
  /** How many keys are present, where there are too many to list. */
  encodePresenceCount(channel: string, count: number): FrameData;
}

/** One frame for many connections: encoded once, and framed once by the first transport that sends it. */
export class SharedFrame {
  /** The frame as it goes on the wire, where a transport made it. */
  framed: Uint8Array | undefined = undefined;
  /** The same, compressed, by the bits of its window. */
  deflated: Map<number, Uint8Array> | undefined = undefined;

  constructor(readonly data: FrameData) {}
}
