/**
 * Thrown where a value is something that the compiled reader was not made for: an object that no JSON holds, a validator
 * that answers with a promise. The value then goes through the libraries, from the start.
 */
class Unforeseen extends Error {}

/** One for all: nobody reads its stack. */
export const unforeseen = new Unforeseen();
