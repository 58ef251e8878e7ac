import type { CleanUp } from '../connection/clean-up.js';
import type { HttpContext } from '../pipeline/context.js';
import { exchangeOf } from './exchange.js';

/** What an endpoint wants undone when its HTTP request has ended. */
export function cleanUpOf(c: HttpContext): CleanUp {
  return exchangeOf(c).cleanUp;
}
