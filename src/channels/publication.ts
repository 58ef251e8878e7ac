import { HalyardError } from '../errors.js';
import { isReservedEvent, serialize } from '../protocol/plain.js';
import type { FrameData } from '../protocol/protocol.js';

export interface PublishOptions {
  /** A subscriber, or its id, that does not get it. */
  except?: { readonly id: string } | string;
  /** Goes out as `{"event","channel","payload"}`; without it the value as it is. */
  event?: string;
}

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
const maxNameBytes = 200;

/** What a channel is called at the broker. */
export function channelSubject(channel: string): string {
  return `c:${channel}`;
}

/** Channel names are data: 1 to 200 bytes, any characters. Throws `HALYARD_CHANNEL_NAME`. */
export function checkName(channel: string): void {
  if (typeof channel === 'string' && channel.length > 0 && Buffer.byteLength(channel) <= maxNameBytes) return;
  throw new HalyardError('CHANNEL_NAME');
}

/**
 * A value to be published, serialised now: what the caller does to it afterwards does not show. Throws
 * `HALYARD_CHANNEL_NAME`, `HALYARD_EVENT_RESERVED`, or `HALYARD_SEND_VALUE`.
 */
export function makePublication(
  channel: string,
  value: unknown,
  { event, except }: PublishOptions,
  senderId: string | undefined,
): Publication {
  checkName(channel);
  if (event !== undefined && isReservedEvent(event)) {
    throw new HalyardError('EVENT_RESERVED', { message: `the event name ${JSON.stringify(event)} is reserved` });
  }
  const payload = serialize(value, event);
  return {
    channel,
    senderId,
    timestamp: Date.now(),
    event,
    except: typeof except === 'object' ? except.id : except,
    payload,
    form: formOf(value, event, payload),
  };
}

/** What the payload of a published value holds. */
function formOf(value: unknown, event: string | undefined, payload: FrameData): PayloadForm {
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
