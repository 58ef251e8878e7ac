import { HalyardError } from '../errors.js';
import type { Broker, BrokerHealth, Unsubscribe } from './broker.js';

type Listener = (bytes: Uint8Array) => void;

/**
 * Carries publications within one process: the default. Apps that are given the same instance share channels and
 * presence, and see one order.
 */
export function memoryBroker(): Broker {
  return new MemoryBroker();
}

class MemoryBroker implements Broker {
  readonly ordering = 'total';
  readonly #listeners = new Map<string, Set<Listener>>();
  #pending: [subject: string, bytes: Uint8Array][] = [];
  #closed = false;

  publish(subject: string, bytes: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.reject(new HalyardError('BROKER_CLOSED'));
    // One queue for all subjects is what makes the order total.
    if (this.#pending.push([subject, bytes]) === 1) queueMicrotask(() => this.#flush());
    return taken;
  }

  subscribe(subject: string, onBytes: Listener): Promise<Unsubscribe> {
    if (this.#closed) return Promise.reject(new HalyardError('BROKER_CLOSED'));
    let listeners = this.#listeners.get(subject);
    if (!listeners) this.#listeners.set(subject, (listeners = new Set()));
    // A listener of its own for each subscription: one function may subscribe twice.
    const listener: Listener = (bytes) => onBytes(bytes);
    listeners.add(listener);
    return Promise.resolve(() => {
      if (listeners.delete(listener) && listeners.size === 0 && this.#listeners.get(subject) === listeners) {
        this.#listeners.delete(subject);
      }
      return Promise.resolve();
    });
  }

  onLink(): () => void {
    // Memory is never down.
    return () => undefined;
  }

  health(): BrokerHealth {
    return { link: this.#closed ? 'down' : 'up', queued: this.#pending.length };
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    this.#pending = [];
    return Promise.resolve();
  }

  #flush(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const [subject, bytes] of pending) {
      for (const listener of this.#listeners.get(subject) ?? []) {
        try {
          listener(bytes);
        } catch (error) {
          // Not ours to handle, and not the next listener's to suffer: reported like any uncaught error, on its own stack.
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    }
  }
}

const taken = Promise.resolve();
