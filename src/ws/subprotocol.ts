import { plain } from '../protocol/plain.js';

/** Offered names that carry a token, not a protocol: read by guards, never echoed. */
const tokenPrefix = 'auth.';

/** Halyard's own protocols may be asked for on every path. */
const known: readonly string[] = [plain.name];

/**
 * The first offered subprotocol that the path lists or that Halyard knows. `''`: none was asked for, or nothing but a
 * token was offered; `undefined`: none fits.
 *
 * A browser that offers anything fails the connection where nothing is selected, so one that offers a token offers
 * `plain` as well: `new WebSocket(url, ['plain', 'auth.' + token])`.
 */
export function selectProtocol(offered: string | undefined, spoken: readonly string[]): string | undefined {
  if (offered === undefined) return '';
  const names = offered
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith(tokenPrefix));
  return names.length === 0 ? '' : names.find((name) => spoken.includes(name) || known.includes(name));
}
