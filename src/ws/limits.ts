import type { Logger } from 'pino';
import { HalyardError } from '../errors.js';
import type { Request } from '../pipeline/request.js';

export interface Limits {
  /** Open connections of the process. */
  readonly connections: number;
  /** Open connections of one address. */
  readonly connectionsPerIp: number;
  /** Handshakes of one address that wait for guards. */
  readonly handshakesPerIp: number;
}

/** What one admitted upgrade holds, until it is over. */
export class Seat {
  #state: 'pending' | 'open' | 'left' = 'pending';

  constructor(
    private readonly limiter: ConnectionLimiter,
    /** `undefined`: it is counted by no address. */
    private readonly ip: string | undefined,
  ) {}

  /** The handshake is over, the connection is open. */
  seated(): void {
    if (this.#state !== 'pending') return;
    this.#state = 'open';
    this.limiter.seated(this.ip);
  }

  /** Refused, or closed. Once. */
  leave(): void {
    if (this.#state === 'left') return;
    this.limiter.left(this.ip, this.#state === 'open');
    this.#state = 'left';
  }
}

/** Counts connections and handshakes, in all and by address. */
export class ConnectionLimiter {
  #total = 0;
  readonly #open = new Map<string, number>();
  readonly #pending = new Map<string, number>();
  #warned = false;

  constructor(
    private readonly limits: Limits,
    private readonly trustsProxies: boolean,
    private readonly logger: Logger,
  ) {}

  /** Throws `HALYARD_CONNECTION_LIMIT` (503), `HALYARD_IP_LIMIT` or `HALYARD_HANDSHAKE_LIMIT` (429). */
  enter(request: Request): Seat {
    if (this.#total >= this.limits.connections) throw new HalyardError('CONNECTION_LIMIT');
    const ip = this.#addressOf(request);
    if (ip !== undefined) {
      const pending = this.#pending.get(ip) ?? 0;
      if (pending >= this.limits.handshakesPerIp) throw new HalyardError('HANDSHAKE_LIMIT');
      if (pending + (this.#open.get(ip) ?? 0) >= this.limits.connectionsPerIp) throw new HalyardError('IP_LIMIT');
      add(this.#pending, ip, 1);
    }
    this.#total++;
    return new Seat(this, ip);
  }

  /** @internal */
  seated(ip: string | undefined): void {
    if (ip === undefined) return;
    add(this.#pending, ip, -1);
    add(this.#open, ip, 1);
  }

  /** @internal */
  left(ip: string | undefined, wasOpen: boolean): void {
    this.#total--;
    if (ip !== undefined) add(wasOpen ? this.#open : this.#pending, ip, -1);
  }

  /**
   * The address to count by, `undefined` where it says nothing: loopback, and a proxy that nobody told us to trust, whose
   * address all its clients share.
   */
  #addressOf(request: Request): string | undefined {
    const { ip } = request;
    if (/^(?:127\.|::1$|::ffff:127\.)/.test(ip) || ip === '') return undefined;
    if (this.trustsProxies || request.headers['x-forwarded-for'] === undefined) return ip;
    if (!this.#warned) {
      this.#warned = true;
      this.logger.warn(
        { ip },
        'requests carry X-Forwarded-For and trustProxy is not set: limits by address are off for this peer. ' +
          "Behind a proxy set trustProxy, for example createApp({ trustProxy: 'loopback' })",
      );
    }
    return undefined;
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const next = (counts.get(key) ?? 0) + by;
  if (next === 0) counts.delete(key);
  else counts.set(key, next);
}
