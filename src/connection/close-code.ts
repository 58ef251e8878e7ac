import { InvalidCloseCodeError } from '../errors.js';

/** A close frame holds 125 bytes, of which the code takes two (RFC 6455 §5.5). */
const maxReasonBytes = 123;

/**
 * Throws `HALYARD_CLOSE_CODE_INVALID` for a code that a server may not send: 1004-1006 and 1015 are never sent,
 * 1016-2999 are reserved (RFC 6455 §7.4).
 */
export function checkCloseCode(code: number): void {
  const valid =
    Number.isInteger(code) &&
    ((code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999));
  if (!valid) throw new InvalidCloseCodeError(code);
}

/** A reason cut to 123 bytes of UTF-8, never within a character. */
export function cutReason(reason: string): string {
  if (Buffer.byteLength(reason) <= maxReasonBytes) return reason.toWellFormed?.() ?? reason;
  const { written } = new TextEncoder().encodeInto(reason, scratch);
  return scratch.toString('utf8', 0, written);
}

const scratch = Buffer.alloc(maxReasonBytes);
