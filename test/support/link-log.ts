import { expect } from '@jest/globals';
import type { Broker, LinkState } from 'halyard';
import { until } from 'halyard/testing';

/** What a broker tells of its link. */
export class LinkLog {
  readonly events: { readonly state: LinkState; readonly atMs: number }[] = [];

  constructor(private readonly broker: Broker) {
    broker.onLink((state) => this.events.push({ state, atMs: performance.now() }));
  }

  get states(): LinkState[] {
    return this.events.map(({ state }) => state);
  }

  /** Waits until the link is in this state. */
  async is(state: LinkState, timeout = 20_000): Promise<void> {
    await until(() => this.broker.health().link === state, { timeout });
  }

  /** Waits until it has been down, and is up again. */
  async recovers(from: number, timeout = 20_000): Promise<void> {
    await until(() => this.events.length >= from + 2 && this.broker.health().link === 'up', { timeout });
  }

  /** `down` and `up` in turn. */
  expectAlternating(): void {
    for (const [at, { state }] of this.events.entries()) {
      if (at > 0) expect(state).not.toBe(this.events[at - 1]!.state);
    }
  }
}
