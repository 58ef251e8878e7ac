import { pino, type Logger, type LoggerOptions } from 'pino';

/** Longer texts are cut in the log: they may be a client's. */
const maxTextLength = 1000;

/** An instance as it is; options, or nothing, as a new one; `false` as one that is silent. */
export function createLogger(setting: LoggerOptions | Logger | false | undefined): Logger {
  if (setting === false) return pino({ level: 'silent' });
  if (isLogger(setting)) return setting;
  return pino({ serializers: { err: serializeError }, ...setting });
}

function isLogger(setting: LoggerOptions | Logger | undefined): setting is Logger {
  return setting !== undefined && 'child' in setting;
}

/** pino escapes what it writes; what a client can make long is cut as well. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return cut(String(error));
  const { code } = error as { code?: string | number };
  return {
    type: error.name,
    ...(code === undefined ? {} : { code: cut(String(code)) }),
    message: cut(error.message),
    stack: error.stack === undefined ? undefined : error.stack.slice(0, 8 * maxTextLength),
    ...(error.cause === undefined ? {} : { cause: serializeError(error.cause) }),
  };
}

function cut(text: string): string {
  return text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text;
}
