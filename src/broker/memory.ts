import { HalyardError } from '../errors.js';
import type { Broker, BrokerHealth, Unsubscribe } from './broker.js';
import { Subscriptions } from './subscriptions.js';

/**
 * Carries publications within one process: the default. Apps that are given the same instance share channels and
 * presence, and see one order.
 */
export function memoryBroker(): Broker {
  return new MemoryBroker();
}

class MemoryBroker implements Broker {
  readonly ordering = 'total';
  readonly #subscriptions = new Subscriptions();
  #pending: [subject: string, bytes: Uint8Array][] = [];
  #closed = false;

  publish(subject: string, bytes: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.reject(new HalyardError('BROKER_CLOSED'));
    // One queue for all subjects is what makes the order total.
    if (this.#pending.push([subject, bytes]) === 1) queueMicrotask(() => this.#flush());
    return taken;
  }

  subscribe(subject: string, onBytes: (bytes: Uint8Array) => void): Promise<Unsubscribe> {
    if (this.#closed) return Promise.reject(new HalyardError('BROKER_CLOSED'));
    const remove = this.#subscriptions.add(subject, onBytes);
    return Promise.resolve(() => {
      remove();
      return taken;
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
    this.#subscriptions.clear();
    this.#pending = [];
    return Promise.resolve();
  }

  #flush(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const [subject, bytes] of pending) this.#subscriptions.deliver(subject, bytes);
  }
}

const taken = Promise.resolve();
