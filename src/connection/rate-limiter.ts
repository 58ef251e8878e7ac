import type { ResolvedRateLimit } from './options.js';

/** A token bucket (https://en.wikipedia.org/wiki/Token_bucket): `burst` at once, `messages` per `perMs` on average. */
export class TokenBucket {
  #tokens: number;
  #at = performance.now();

  constructor(private readonly limit: ResolvedRateLimit) {
    this.#tokens = limit.burst;
  }

  /** 0: taken; else the milliseconds until one token is there. */
  take(): number {
    const now = performance.now();
    const { messages, perMs, burst } = this.limit;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) * messages) / perMs);
    this.#at = now;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.ceil(((1 - this.#tokens) * perMs) / messages);
  }

  /** Nothing is missing: forgetting this bucket changes nothing. */
  get isFull(): boolean {
    const { messages, perMs, burst } = this.limit;
    return this.#tokens + ((performance.now() - this.#at) * messages) / perMs >= burst;
  }
}

/** The buckets of one limit, by connection, user or address. Full ones are forgotten. */
export class RateLimiter {
  readonly #buckets = new Map<string, TokenBucket>();
  #sweepAt = 1024;

  constructor(readonly limit: ResolvedRateLimit) {}

  bucket(key: string): TokenBucket {
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      if (this.#buckets.size >= this.#sweepAt) this.#sweep();
      this.#buckets.set(key, (bucket = new TokenBucket(this.limit)));
    }
    return bucket;
  }

  /** Amortised: doubles the mark where sweeping frees too little. */
  #sweep(): void {
    for (const [key, bucket] of this.#buckets) if (bucket.isFull) this.#buckets.delete(key);
    this.#sweepAt = Math.max(1024, this.#buckets.size * 2);
  }
}
