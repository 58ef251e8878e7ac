import { BrokerUnavailableError, NodeTimeoutError } from '../errors.js';
import type { Peer } from './peer.js';

/** This instance itself, among those who answer. */
export const self = Symbol('self');
export type Answerer = Peer | typeof self;

/** One question, and the answers that it has got so far. */
export class Round<A> {
  /** Settles when all have answered who are alive, or one has said enough. */
  readonly answers: Promise<A[]>;
  readonly #got = new Map<Answerer, A>();
  /** Who has still to answer; known when the question has come back. */
  #waiting: Set<Answerer> | undefined = undefined;
  #resolve!: (answers: A[]) => void;
  #reject!: (error: unknown) => void;

  constructor(
    /** The name of this instance. */
    private readonly name: () => string,
    /** Whether an answer settles it. */
    private readonly isEnough: (answer: A) => boolean,
  ) {
    this.answers = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The question has come back: whoever was alive before it is known by now, and has been asked. */
  returned(peers: Iterable<Peer>): void {
    this.#waiting = new Set([self, ...peers]);
    for (const answerer of this.#got.keys()) this.#waiting.delete(answerer);
    this.#look();
  }

  take(answerer: Answerer, answer: A): void {
    this.#got.set(answerer, answer);
    if (this.isEnough(answer)) this.#resolve([answer]);
    else this.forget(answerer);
  }

  /** It is not waited for any more. */
  forget(answerer: Answerer): void {
    this.#waiting?.delete(answerer);
    this.#look();
  }

  fail(error: unknown): void {
    this.#reject(error);
  }

  /** It has taken too long. */
  expire(): void {
    if (!this.#waiting) return this.#reject(new BrokerUnavailableError('unknown'));
    const names = [...this.#waiting].map((answerer) => (answerer === self ? this.name() : answerer.name));
    this.#reject(new NodeTimeoutError(names));
  }

  #look(): void {
    if (this.#waiting?.size === 0) this.#resolve([...this.#got.values()]);
  }
}
