import { HalyardError, HttpError, textOf } from '../errors.js';

/** What Fastify, its plugins, `http-errors` and Express-style middleware put on an error. */
interface ForeignError {
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly status?: unknown;
  readonly headers?: unknown;
}

/**
 * An error that came from Fastify, from one of the user's plugins or from an Express-style middleware as one of ours:
 * catchers, observers and clients see the status that it carries. Others stay what they are.
 */
export function asHttpError(error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return error;
  if (error instanceof HttpError || error instanceof HalyardError) return error;
  const { code, statusCode, status = statusCode, headers } = error as ForeignError;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new HalyardError('BODY_SIZE', { cause: error });
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new HalyardError('BODY_INVALID', { message: textOf(error), cause: error });
  }
  if (!Number.isInteger(status) || (status as number) < 400 || (status as number) > 599) return error;
  // What a server fault says is not for clients: they get the status' own text.
  const message = (status as number) < 500 ? textOf(error) : undefined;
  return new HttpError(status as number, message, {
    cause: error,
    ...(isRecord(headers) ? { headers: toText(headers) } : {}),
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function toText(headers: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
