import { HalyardError, type ErrorPayload } from '../errors.js';
import type { EncodablePublication, FrameData, InboundMessage, PresenceList, Protocol, Ref } from './protocol.js';

const maxRefLength = 64;
const openingBrace = 0x7b;

/** The event names that the protocol itself uses. */
export function isReservedEvent(event: string): boolean {
  return event === '' || /^(?:reply|error|end|dropped|gap|presence_.*)$/s.test(event);
}

/** For any WebSocket client: values travel as they are, an envelope is used only where a client used one. */
export const plain: Protocol = {
  name: 'plain',

  decode(message: InboundMessage) {
    // An envelope is a JSON object in text. What only looks like one is the business of the endpoint without event.
    if (message.isBinary || (message.raw[0] !== openingBrace && !startsLikeObject(message.raw))) return;
    const text = message.text();
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return;
    }
    const { event, payload, ref } = value as { event?: unknown; payload?: unknown; ref?: unknown };
    if (typeof event !== 'string') return;
    if (mayHoldForbiddenKey.test(text)) refuseForbiddenKeys(value);
    message.enveloped = true;
    message.event = event;
    message.payload = payload;
    if (ref === undefined) return;
    if (!isRef(ref)) {
      throw new HalyardError('BODY_INVALID', {
        message: `"ref" must be a string of at most ${maxRefLength} characters, or an integer`,
      });
    }
    message.ref = ref;
  },

  encodeReply(value, ref) {
    if (ref === undefined) return encodeValue(value);
    return `{"event":"reply","ref":${JSON.stringify(ref)},"payload":${stringify(value)}}`;
  },

  encodeError(payload: ErrorPayload, ref) {
    const text = stringify(payload);
    return ref === undefined
      ? `{"event":"error","payload":${text}}`
      : `{"event":"error","payload":${text},"ref":${JSON.stringify(ref)}}`;
  },

  encodeEnd(ref) {
    return `{"event":"end","ref":${JSON.stringify(ref)}}`;
  },

  encodePublication({ channel, event, payload }: EncodablePublication): FrameData {
    if (event === undefined) return payload;
    const head = `{"event":${JSON.stringify(event)},"channel":${JSON.stringify(channel)}`;
    return `${head},"payload":${payload as string}}`;
  },

  encodeDropped(channel, count) {
    return `{"event":"dropped","channel":${JSON.stringify(channel)},"count":${count}}`;
  },

  encodeGap(channel) {
    return `{"event":"gap","channel":${JSON.stringify(channel)}}`;
  },

  encodePresenceState(channel, list) {
    return `{"event":"presence_state","channel":${JSON.stringify(channel)},"payload":${encodeList(list)}}`;
  },

  encodePresenceDiff(channel, joins, leaves) {
    const payload = `{"joins":${encodeList(joins)},"leaves":${encodeList(leaves)}}`;
    return `{"event":"presence_diff","channel":${JSON.stringify(channel)},"payload":${payload}}`;
  },

  encodePresenceCount(channel, count) {
    return `{"event":"presence_count","channel":${JSON.stringify(channel)},"payload":{"count":${count}}}`;
  },
};

/** Text put together: as an object a key such as `__proto__` would be lost, and the metas are JSON already. */
function encodeList(list: PresenceList): string {
  let text = '';
  for (const [key, metas] of list) {
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:{"metas":[${metas.map(({ json }) => json).join(',')}]}`;
  }
  return `{${text}}`;
}

/**
 * A value as it travels in a publication: with an event as JSON, without one as a frame of its own. Throws
 * `HALYARD_SEND_VALUE`, also for bytes with an event, which JSON does not hold.
 */
export function serialize(value: unknown, event: string | undefined): FrameData {
  if (event === undefined) return encodeValue(value);
  if (isBinaryValue(value))
    throw new HalyardError('SEND_VALUE', { message: 'bytes cannot be published with an event' });
  return stringify(value);
}

/** A value as a frame of its own: text and bytes as they are, all else as JSON. */
export function encodeValue(value: unknown): FrameData {
  if (typeof value === 'string' || value instanceof Uint8Array) return value;
  return isBinaryValue(value) ? toBytes(value) : stringify(value);
}

/** Whether a value travels as a binary frame. */
export function isBinaryValue(value: unknown): value is ArrayBufferView | ArrayBufferLike {
  return (
    ArrayBuffer.isView(value) ||
    value instanceof ArrayBuffer ||
    (typeof SharedArrayBuffer !== 'undefined' && value instanceof SharedArrayBuffer)
  );
}

function toBytes(value: ArrayBufferView | ArrayBufferLike): Uint8Array {
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value);
}

function stringify(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new HalyardError('SEND_VALUE', { message: `not serialisable as JSON: ${(cause as Error).message}`, cause });
  }
  if (text === undefined) {
    if (value === undefined) return 'null';
    throw new HalyardError('SEND_VALUE', { message: `a ${typeof value} cannot be sent` });
  }
  // An Observable that was piped shows the one before it.
  if (text === '{}' || text.startsWith('{"source":{')) refuseEmptied(value as object);
  return text;
}

/** What to send instead of values that hold something of which JSON shows nothing. */
const insteadOf: ReadonlyMap<string, string> = new Map([
  ['[object Map]', 'a Map: send an object or an array of its entries'],
  ['[object Set]', 'a Set: send an array of its values'],
  ['[object Error]', 'an Error: throw it, or send its message'],
  ['[object Promise]', 'a promise: await it first'],
]);

/** Throws for what would arrive as an empty object without anybody knowing. */
function refuseEmptied(value: { toJSON?: unknown; subscribe?: unknown; pipe?: unknown }): void {
  if (typeof value.toJSON === 'function') return;
  const advice =
    typeof value.subscribe === 'function' && typeof value.pipe === 'function'
      ? 'an Observable: return an async iterable or a generator'
      : insteadOf.get(Object.prototype.toString.call(value));
  if (advice) throw new HalyardError('SEND_VALUE', { message: `JSON shows nothing of ${advice}` });
}

/** A ref as clients may give it. */
function isRef(ref: unknown): ref is Ref {
  return typeof ref === 'string' ? ref.length <= maxRefLength : Number.isSafeInteger(ref);
}

function startsLikeObject(raw: Uint8Array): boolean {
  let at = 0;
  while (at < raw.length && raw[at]! <= 0x20) at++;
  return raw[at] === openingBrace;
}

/** Keys through which a value could reach an object's prototype. */
export const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const mayHoldForbiddenKey = /__proto__|constructor|prototype|\\u/;

/**
 * JSON from a client. Throws `HALYARD_BODY_INVALID` for what is no JSON, and for the keys `__proto__`, `constructor` and
 * `prototype` at any depth.
 */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new HalyardError('BODY_INVALID', { message: 'the body is not valid JSON', cause });
  }
  if (mayHoldForbiddenKey.test(text)) refuseForbiddenKeys(value);
  return value;
}

/** Throws `HALYARD_BODY_INVALID` for such a key at any depth. Not recursive: a body may be nested as deep as its size allows. */
export function refuseForbiddenKeys(root: unknown): void {
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, child] of Object.entries(value)) {
      if (forbiddenKeys.has(key))
        throw new HalyardError('BODY_INVALID', { message: `the key "${key}" is not allowed` });
      if (typeof child === 'object') pending.push(child);
    }
  }
}
