import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { checkCloseCode } from '../connection/close-code.js';
import { HalyardError, HttpError, payloadOf, statusOf } from '../errors.js';
import { Answer, CloseWith } from '../pipeline/components.js';
import type { Context, UpgradeContext } from '../pipeline/context.js';
import type { Responder } from '../pipeline/plan.js';

/** What a refused client is told. */
export interface Refused {
  readonly status: number;
  readonly code: string;
  readonly body: unknown;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** A catcher chose close code and reason. */
  readonly close: CloseWith | undefined;
}

/** How long a refused client may take to read its answer. */
export const lingerMs = 1000;

/** Notes why an upgrade is refused; the answer is sent by the upgrade server. */
export class RefusalNotes implements Responder<UpgradeContext> {
  readonly #notes = new WeakMap<Context, Refused>();

  constructor(private readonly exposeErrors: boolean) {}

  of(c: UpgradeContext): Refused | undefined {
    return this.#notes.get(c);
  }

  respond(): void {
    // An upgrade that is not refused has no answer but the 101.
  }

  fail(c: UpgradeContext, error: unknown): void {
    const body = payloadOf(error, this.exposeErrors);
    const headers = error instanceof HttpError ? Object.entries(error.headers ?? {}) : headersOf(error);
    this.#notes.set(c, { status: statusOf(error), code: body.code, body, headers, close: undefined });
  }

  answer(c: UpgradeContext, answer: Answer, error: unknown): void {
    const { code } = payloadOf(error, this.exposeErrors);
    const status = answer.status ?? statusOf(error);
    this.#notes.set(c, { status, code, body: answer.value, headers: [], close: undefined });
  }

  close(c: UpgradeContext, close: CloseWith, error: unknown): void {
    checkCloseCode(close.code);
    const body = payloadOf(error, this.exposeErrors);
    this.#notes.set(c, { status: statusOf(error), code: body.code, body, headers: [], close });
  }
}

/** Headers that the status itself demands. */
function headersOf(error: unknown): [string, string][] {
  if (!(error instanceof HalyardError)) return [];
  if (error.wireCode === 'UPGRADE_REQUIRED') return [['upgrade', 'websocket']];
  if (error.wireCode === 'DRAINING' || error.wireCode === 'CONNECTION_LIMIT') return [['retry-after', '1']];
  return [];
}

/** Answers an upgrade with an HTTP response and ends the socket, also that of a client that does not read it. */
export function writeRefusal(
  socket: Duplex,
  refused: Pick<Refused, 'status' | 'body' | 'headers'>,
  extraHeaders: readonly (readonly [name: string, value: string])[] = [],
): void {
  if (socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const isText = typeof refused.body === 'string';
  const body = isText ? refused.body : JSON.stringify(refused.body ?? null);
  const lines = [
    `HTTP/1.1 ${refused.status} ${STATUS_CODES[refused.status] ?? ''}`,
    `Content-Type: ${isText ? 'text/plain' : 'application/json'}; charset=utf-8`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    ...[...refused.headers, ...extraHeaders].map(([name, value]) => `${name}: ${oneLine(value)}`),
  ];
  socket.on('error', () => undefined);
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
  // What the client still sends is read and thrown away: unread bytes would turn the end into a reset, and the answer
  // could be lost with it.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
}

/** No header value may start a line of its own. */
export function oneLine(value: string): string {
  return value.replace(/[\r\n]+/g, ' ');
}
