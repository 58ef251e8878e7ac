import { callListener } from './listener.js';

type Listener = (bytes: Uint8Array) => void;

/** Who listens to which subject in this process. */
export class Subscriptions {
  readonly #listeners = new Map<string, Set<Listener>>();

  /** @returns takes it back, once, and says whether it was the last one of its subject */
  add(subject: string, onBytes: Listener): () => boolean {
    let listeners = this.#listeners.get(subject);
    if (!listeners) this.#listeners.set(subject, (listeners = new Set()));
    // A listener of its own for each subscription: one function may subscribe twice.
    const listener: Listener = (bytes) => onBytes(bytes);
    listeners.add(listener);
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0 || this.#listeners.get(subject) !== listeners) return false;
      this.#listeners.delete(subject);
      return true;
    };
  }

  has(subject: string): boolean {
    return this.#listeners.has(subject);
  }

  /** All subjects that somebody listens to. */
  subjects(): IterableIterator<string> {
    return this.#listeners.keys();
  }

  deliver(subject: string, bytes: Uint8Array): void {
    const listeners = this.#listeners.get(subject);
    if (!listeners) return;
    for (const listener of listeners) callListener(listener, bytes);
  }

  clear(): void {
    this.#listeners.clear();
  }
}
