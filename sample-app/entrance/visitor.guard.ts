import { createHash, randomUUID } from 'node:crypto';
import { HttpError, Injectable, type Context, type Guard } from 'halyard';

const secret = /^[A-Za-z0-9_-]{22,64}$/;

/**
 * Knows people by the secret that their browser has made up: `new WebSocket(url, ['plain', 'auth.<secret>'])`. As a
 * subprotocol it is in no address, so in nobody's history or log.
 *
 * Others see a hash of it, which becomes `connection.user`: it says who wrote, and lets nobody write in that one's place.
 * Who brings none is somebody new each time.
 */
@Injectable()
export class Visitor implements Guard {
  canActivate(context: Context): boolean {
    // HTTP is for machines, which are nobody in particular.
    if (context.kind !== 'upgrade') return true;
    const token = context.request.protocolToken ?? randomUUID();
    if (!secret.test(token)) throw new HttpError(401, 'A secret has 22 to 64 characters of base64url');
    context.user = createHash('sha256').update(token).digest('hex').slice(0, 16);
    return true;
  }
}
