export interface EngineUrl {
  readonly protocol: string;
  /** With its port. */
  readonly host: string;
  readonly user: string;
  readonly password: string;
}

/** What is said of one that is none. */
export const escapeHint = 'what is special in a password must be escaped, as %40 for @';

/** With at most one `@`, before the host: behind another one, or a `#`, a part of a password would be taken for it. */
const unambiguous = /^[a-z]+:\/\/(?:[^@/?#]*@)?[^@/?#]*(?:[/?][^@#]*)?$/i;

/**
 * Reads the URL of an engine; `undefined` where it is none. Hosts are shown in errors and in `health()`: no part of a
 * password may become one, so what is special in it must be escaped.
 */
export function readEngineUrl(text: string): EngineUrl | undefined {
  if (!unambiguous.test(text) || !URL.canParse(text)) return undefined;
  const { protocol, host, username, password } = new URL(text);
  try {
    return { protocol, host, user: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    // A `%` that begins no escape.
    return undefined;
  }
}
