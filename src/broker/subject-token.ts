import { createHash } from 'node:crypto';

/** What every engine takes as it is; `=` begins what is escaped. */
const plain = /^[A-Za-z0-9_:/-]+$/;
const special = /[^A-Za-z0-9_:/-]/gu;
/** A longer one goes by its hash: an engine's protocol may bound a line (NATS: 4096 bytes). */
const maxLength = 1024;

/**
 * A subject as an engine is told it. Subjects are data, any characters and any length; to an engine some are wildcards,
 * separators or no text at all (a lone surrogate). So all but letters, digits and `_ : / -` is escaped, and no two subjects
 * have one token.
 */
export function subjectToken(subject: string): string {
  if (plain.test(subject) && subject.length <= maxLength) return subject;
  const token = subject.replace(special, (character) => `=${character.codePointAt(0)!.toString(16)}=`);
  // Neither of these is the token of anything else: an escape has a digit behind its `=`.
  if (token === '') return '==';
  return token.length <= maxLength ? token : `=:${createHash('sha256').update(token).digest('base64url')}`;
}
