import { BrokerUnavailableError, errorTable, HalyardError, textOf, type WireCode } from '../errors.js';

/** An error as it travels between nodes. */
export interface RemoteError {
  /** A code of this table, or of another version's. */
  readonly code: string;
  readonly message: string;
  readonly details?: unknown;
  readonly outcome?: 'rejected' | 'unknown';
}

export function packError(error: unknown): RemoteError {
  if (!(error instanceof HalyardError)) return { code: 'INTERNAL', message: textOf(error) };
  const { wireCode: code, message, details } = error;
  const outcome = error instanceof BrokerUnavailableError ? { outcome: error.outcome } : undefined;
  return { code, message, details, ...outcome };
}

/** The same error here; the cause of one that is nobody's business is told to the log alone. */
export function unpackError({ code, message, details, outcome }: RemoteError): HalyardError {
  if (outcome !== undefined) return new BrokerUnavailableError(outcome, { message });
  if (code === 'INTERNAL' || !Object.hasOwn(errorTable, code)) {
    return new HalyardError('INTERNAL', { cause: new Error(`on another node: ${code}: ${message}`) });
  }
  return new HalyardError(code as WireCode, { message, details });
}
