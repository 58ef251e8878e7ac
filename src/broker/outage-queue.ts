import { BrokerUnavailableError } from '../errors.js';

/** Publications that may wait, how many bytes of them, and how long. */
const maxPublications = 1000;
const maxBytes = 4 * 1024 ** 2;
export const maxWaitMs = 2000;

interface Waiting {
  readonly token: string;
  readonly bytes: Uint8Array;
  readonly deadlineMs: number;
  readonly resolve: (sent: Promise<void>) => void;
  readonly reject: (error: Error) => void;
}

/** Publications that wait for the link, in order and within bounds: what finds no room or waits too long is refused. */
export class OutageQueue {
  #waiting: Waiting[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param reason why the link is down, for those who are refused */
  constructor(private readonly reason: () => Error | undefined) {}

  get size(): number {
    return this.#waiting.length;
  }

  /** Settles when it was sent, and how that ended; rejects with outcome `rejected` where it was not. */
  add(token: string, bytes: Uint8Array): Promise<void> {
    if (this.#waiting.length >= maxPublications || this.#bytes + bytes.length > maxBytes) {
      return Promise.reject(this.#refusal('too many publications wait for the broker'));
    }
    this.#bytes += bytes.length;
    this.#timer ??= setTimeout(() => this.#expire(), maxWaitMs);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ token, bytes, deadlineMs: performance.now() + maxWaitMs, resolve, reject });
    });
  }

  /** Sends all, the oldest first. */
  drain(send: (token: string, bytes: Uint8Array) => Promise<void>): void {
    for (const { token, bytes, resolve } of this.#take(this.#waiting.length)) resolve(send(token, bytes));
  }

  /** Refuses all. */
  fail(error: Error): void {
    for (const { reject } of this.#take(this.#waiting.length)) reject(error);
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    const late = this.#waiting.findIndex(({ deadlineMs }) => deadlineMs > now);
    for (const { reject } of this.#take(late < 0 ? this.#waiting.length : late)) {
      reject(this.#refusal('the broker could not be reached in time'));
    }
    const next = this.#waiting[0];
    if (next) this.#timer = setTimeout(() => this.#expire(), next.deadlineMs - now);
  }

  #take(count: number): Waiting[] {
    const taken = this.#waiting.splice(0, count);
    for (const { bytes } of taken) this.#bytes -= bytes.length;
    if (this.#waiting.length === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    return taken;
  }

  #refusal(message: string): Error {
    return new BrokerUnavailableError('rejected', { message, cause: this.reason() });
  }
}
