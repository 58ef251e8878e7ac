import { HalyardError } from '../errors.js';
import type { FrameData } from '../protocol/protocol.js';

/** A value on its way to the subscribers of a channel, as it travels between nodes. */
export interface Publication {
  readonly channel: string;
  /** The id of the connection that published; `undefined`: code outside of a connection. */
  readonly senderId: string | undefined;
  /** When it was published, in milliseconds since 1970. */
  readonly timestamp: number;
  readonly event: string | undefined;
  /** The id of a connection that does not get it. */
  readonly except: string | undefined;
  /** Serialised: bytes, which go out as a binary frame, or text; with an event the text is JSON. */
  readonly payload: FrameData;
}

const newline = 0x0a;

/** A line of JSON with everything but the payload, and behind it the payload as it is. */
export function encodePublication(publication: Publication): Uint8Array {
  const { channel, senderId, timestamp, event, except, payload } = publication;
  const isText = typeof payload === 'string';
  const head = Buffer.from(
    `${JSON.stringify({ c: channel, s: senderId, t: timestamp, e: event, x: except, b: isText ? undefined : 1 })}\n`,
  );
  return Buffer.concat([head, isText ? Buffer.from(payload) : payload]);
}

/** Throws `HALYARD_BROKER_BYTES` for what no node of this version has written. */
export function decodePublication(bytes: Uint8Array): Publication {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = buffer.indexOf(newline);
  try {
    const { c, s, t, e, x, b } = JSON.parse(buffer.toString('utf8', 0, end)) as Record<string, unknown>;
    if (end < 0 || typeof c !== 'string' || typeof t !== 'number') throw new TypeError('not a publication');
    return {
      channel: c,
      senderId: s as string | undefined,
      timestamp: t,
      event: e as string | undefined,
      except: x as string | undefined,
      payload: b === 1 ? buffer.subarray(end + 1) : buffer.toString('utf8', end + 1),
    };
  } catch (cause) {
    throw new HalyardError('BROKER_BYTES', { cause });
  }
}
