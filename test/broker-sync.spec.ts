/** How brokers over an engine tell it what is subscribed to, against an engine whose every answer the test gives. */
import { describe, expect, it } from '@jest/globals';
import { EngineBroker } from '#internal/broker/engine-broker.js';
import type { Engine, EngineEvents } from '#internal/broker/engine.js';
import { closeLater } from '#internal/testing/closing.js';

/** An engine in this process, which carries at once, and answers when it is told to. */
class HeldEngine implements Engine {
  readonly ordering = 'total';
  readonly maxBytes = Infinity;
  readonly lines = [];
  /** What it was asked for. */
  readonly subscribed: (readonly string[])[] = [];
  readonly unsubscribed: (readonly string[])[] = [];
  events!: EngineEvents;
  /** Answers wait for this. */
  hold = Promise.resolve();

  open(events: EngineEvents): void {
    this.events = events;
  }

  publish(token: string, bytes: Uint8Array): Promise<void> {
    setImmediate(() => this.events.received(token, bytes));
    return Promise.resolve();
  }

  subscribe(tokens: readonly string[]): Promise<void> {
    this.subscribed.push(tokens);
    return this.hold;
  }

  unsubscribe(tokens: readonly string[]): Promise<void> {
    this.unsubscribed.push(tokens);
    return this.hold;
  }

  cut(): void {
    // It has no connection.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A broker whose link is up. */
async function openBroker(): Promise<{ broker: EngineBroker; engine: HeldEngine }> {
  const engine = new HeldEngine();
  const broker = new EngineBroker(engine);
  closeLater({ abandon: () => broker.close() });
  const up = new Promise((resolve) => broker.onLink(resolve));
  engine.events.connected();
  await up;
  return { broker, engine };
}

const nothing = (): void => undefined;

describe('subscriptions at an engine', () => {
  it.each(Array.from({ length: 12 }, (_, n) => n))(
    'R-broker-sync one that is made %i steps after the engine has confirmed another is sent as well',
    async (steps) => {
      const { broker, engine } = await openBroker();
      let confirm = nothing;
      engine.hold = new Promise((resolve) => (confirm = resolve));
      const first = broker.subscribe('first', nothing);
      // It has been sent.
      await new Promise(setImmediate);
      expect(engine.subscribed.at(-1)).toEqual(['first']);
      confirm();
      for (let n = 0; n < steps; n++) await Promise.resolve();
      const second = broker.subscribe('second', nothing);
      await Promise.all([first, second]);
      expect(engine.subscribed.at(-1)).toEqual(['second']);
    },
  );

  it('R-broker-sync what was refused in an outage is forgotten, and what has ended in it is not', async () => {
    const { broker, engine } = await openBroker();
    const ended = await broker.subscribe('ended', nothing);
    const again = await broker.subscribe('again', nothing);
    engine.events.lost(new Error('away'));
    await ended();
    await again();
    const refused = ['never', 'twice', 'twice', 'again'].map((subject) => broker.subscribe(subject, nothing));
    for (const subscription of refused) await expect(subscription).rejects.toMatchObject({ outcome: 'rejected' });
    const up = new Promise((resolve) => broker.onLink(resolve));
    engine.events.connected();
    await up;
    expect(engine.unsubscribed).toEqual([['ended', 'again']]);
    expect(engine.subscribed.at(-1)).toEqual([expect.stringMatching(/^probe:/)]);
  });
});
