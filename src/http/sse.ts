import { HalyardError, type ErrorPayload } from '../errors.js';
import { encodeValue } from '../protocol/plain.js';
import type { StreamFormat } from './stream-format.js';

export interface SseFields {
  /** Text as it is, anything else as JSON. Without it browsers note `id` and `retry` and dispatch nothing. */
  data?: unknown;
  /** @default 'message' */
  event?: string;
  /** Comes back as the header `Last-Event-ID` when the browser reconnects. */
  id?: string;
  /** How long the browser waits before it reconnects, in milliseconds. */
  retry?: number;
}

/**
 * A value of an `@Sse` endpoint that says more than its data.
 *
 * @example yield new SseEvent({ event: 'price', id: String(price.version), data: price });
 */
export class SseEvent {
  readonly data: unknown;
  readonly event: string | undefined;
  readonly id: string | undefined;
  readonly retry: number | undefined;

  /** Throws `HALYARD_SEND_VALUE` for an `event` or `id` that would end its line, and a `retry` that is no integer. */
  constructor({ data, event, id, retry }: SseFields) {
    if (event !== undefined && /[\r\n]/.test(event)) throw unsendable('the name of an event is one line');
    if (id !== undefined && /[\r\n\0]/.test(id)) throw unsendable('the id of an event is one line, without NUL');
    if (retry !== undefined && !(Number.isSafeInteger(retry) && retry >= 0)) {
      throw unsendable('retry is an integer of milliseconds');
    }
    this.data = data;
    this.event = event;
    this.id = id;
    this.retry = retry;
  }
}

/** `text/event-stream`, as https://html.spec.whatwg.org/multipage/server-sent-events.html has it. */
export const eventStream: StreamFormat = {
  contentType: 'text/event-stream',
  heartbeat: ':\n\n',

  encode(value) {
    if (value instanceof SseEvent) return encodeEvent(value);
    return encodeEvent({ data: value === undefined ? null : value });
  },

  encodeError(payload: ErrorPayload) {
    return encodeEvent({ event: 'error', data: payload });
  },
};

function encodeEvent({ data, event, id, retry }: SseFields): string {
  let text = '';
  if (event !== undefined) text += `event: ${event}\n`;
  if (id !== undefined) text += `id: ${id}\n`;
  if (retry !== undefined) text += `retry: ${retry}\n`;
  if (data !== undefined) for (const line of textOf(data).split(/\r\n|\r|\n/)) text += `data: ${line}\n`;
  return `${text}\n`;
}

function textOf(data: unknown): string {
  const encoded = encodeValue(data);
  if (typeof encoded === 'string') return encoded;
  throw unsendable('bytes cannot be sent as an event: encode them, in base64 for example');
}

function unsendable(message: string): HalyardError {
  return new HalyardError('SEND_VALUE', { message });
}
