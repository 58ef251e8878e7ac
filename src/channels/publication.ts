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
  /** Serialised: bytes, which go out as a binary frame, or text. */
  readonly payload: FrameData;
  /** What the payload holds; with an event JSON. Clients are not told, but who reads a publication on a node is. */
  readonly form: PayloadForm;
}

export type PayloadForm = 'json' | 'text' | 'bytes';

const newline = 0x0a;
const forms: ReadonlySet<unknown> = new Set<PayloadForm>(['json', 'text', 'bytes']);

/** What the payload of a published value holds. */
export function formOf(value: unknown, event: string | undefined, payload: FrameData): PayloadForm {
  if (typeof payload !== 'string') return 'bytes';
  return typeof value === 'string' && event === undefined ? 'text' : 'json';
}

/** What was published: a value, a text, or bytes, the caller's to keep. Throws `HALYARD_BROKER_BYTES`. */
export function readPayload({ payload, form }: Publication): unknown {
  if (typeof payload !== 'string') return Buffer.from(payload);
  if (form !== 'json') return payload;
  try {
    return JSON.parse(payload);
  } catch (cause) {
    throw new HalyardError('BROKER_BYTES', { cause });
  }
}

/** A line of JSON with everything but the payload, and behind it the payload as it is. */
export function encodePublication(publication: Publication): Uint8Array {
  const { channel, senderId, timestamp, event, except, payload, form } = publication;
  const f = form === 'json' ? undefined : form;
  const head = Buffer.from(`${JSON.stringify({ c: channel, s: senderId, t: timestamp, e: event, x: except, f })}\n`);
  return Buffer.concat([head, typeof payload === 'string' ? Buffer.from(payload) : payload]);
}

/** Throws `HALYARD_BROKER_BYTES` for what no node of this version has written. */
export function decodePublication(bytes: Uint8Array): Publication {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = buffer.indexOf(newline);
  try {
    const { c, s, t, e, x, f = 'json' } = JSON.parse(buffer.toString('utf8', 0, end)) as Record<string, unknown>;
    if (end < 0 || typeof c !== 'string' || typeof t !== 'number' || !forms.has(f)) {
      throw new TypeError('not a publication');
    }
    return {
      channel: c,
      senderId: s as string | undefined,
      timestamp: t,
      event: e as string | undefined,
      except: x as string | undefined,
      payload: f === 'bytes' ? buffer.subarray(end + 1) : buffer.toString('utf8', end + 1),
      form: f as PayloadForm,
    };
  } catch (cause) {
    throw new HalyardError('BROKER_BYTES', { cause });
  }
}
