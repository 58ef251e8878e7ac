import type { Origins } from '../connection/options.js';
import type { Request } from '../pipeline/request.js';

/**
 * Whether a browser may connect from this origin. Browsers send cookies along with a WebSocket from any page, so
 * without this check every site could act as the user (RFC 6455 §10.2). A request without an origin is no browser's.
 */
export function isOriginAllowed(origins: Origins, request: Request, production: boolean): boolean {
  const { origin } = request.headers;
  if (typeof origins === 'function') return origins(origin, request);
  if (origin === undefined || origins === '*') return true;
  if (origins === 'same-host') return isSameHost(origin, request, production);
  // `search` starts at the front also where the expression is global, and keeps its place.
  return origins.some((allowed) => (typeof allowed === 'string' ? allowed === origin : origin.search(allowed) !== -1));
}

/** The scheme is ignored: behind a proxy that ends TLS it differs. */
function isSameHost(origin: string, request: Request, production: boolean): boolean {
  let from: URL;
  let to: URL;
  try {
    from = new URL(origin);
    to = new URL(`${from.protocol}//${request.host}`);
  } catch {
    return false;
  }
  if (from.host === to.host) return true;
  return !production && isLocal(from.hostname) && isLocal(to.hostname);
}

function isLocal(hostname: string): boolean {
  return /^(?:localhost|.*\.localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname);
}
