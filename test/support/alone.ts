import { parseDuration } from '#internal/connection/options.js';
import { Presence, type PresenceOptions } from '#internal/presence/presence.js';

/** A presence of one node, without an app and without other nodes. */
export function alone(options: Partial<PresenceOptions> = {}): Presence {
  const topics = new Map<string, (data: never) => unknown>();
  return new Presence({
    questions: {
      on: (topic, answer) => void topics.set(topic, answer),
      ask: <A>(topic: string, data: unknown) => Promise.resolve([topics.get(topic)!(data as never) as A]),
    },
    maxKeys: 2000,
    channelsPerConnection: 100,
    parseDuration,
    failed: (error) => {
      throw error;
    },
    replicate: () => ({
      enter: () => Promise.resolve(),
      leave: () => undefined,
      changed: () => undefined,
      metrics: () => ({ nodes: 0, stale: false, gaps: 0, lost: 0, audits: 0, repairs: 0 }),
      close: () => Promise.resolve(),
    }),
    ...options,
  });
}
