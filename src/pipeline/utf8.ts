import { isUtf8 } from 'node:buffer';
import { HalyardError } from '../errors.js';

/** Bytes of which nobody knows yet that they are text. Throws `HALYARD_BODY_INVALID` where they are no UTF-8. */
export function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new HalyardError('BODY_INVALID', { message: 'the body is not valid UTF-8' });
  return bytes.toString();
}
