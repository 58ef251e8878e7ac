/** Offered names that carry a token, not a protocol: read by guards, never echoed. */
const tokenPrefix = 'auth.';

/**
 * The first offered subprotocol that the path speaks. `''`: none was asked for, or nothing but a token was offered;
 * `undefined`: none fits.
 */
export function selectProtocol(offered: string | undefined, spoken: readonly string[]): string | undefined {
  const names = (offered ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith(tokenPrefix));
  return names.length === 0 ? '' : names.find((name) => spoken.includes(name));
}
