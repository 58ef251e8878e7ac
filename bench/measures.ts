import { setTimeout as sleep } from 'node:timers/promises';
import type { RunLength } from './load/run.js';
import type { Sample } from './sample.js';
import type { ServerTrial } from './server-trial.js';

/** Longer than a channel that all have left is kept. */
const lingerMs = 5000;

/** What a process has grown by, for each connection that a run has opened and left idle. */
export async function idleMemory(trial: ServerTrial, length: RunLength): Promise<Sample> {
  const before = await trial.memory();
  const sample = await trial.run(length);
  const after = await trial.memory();
  return { ...sample, rssBytes: (after.rssBytes - before.rssBytes) / length.operations };
}

/**
 * Every connection joins its channels at one message and leaves them at the next.
 *
 * @param channels of all connections together
 */
export function channelsMemory(channels: number): (trial: ServerTrial) => Promise<Sample> {
  return async (trial) => {
    const once: RunLength = { ms: 0, operations: 0 };
    const before = await trial.memory();
    const joined = await trial.run(once);
    const between = await trial.memory();
    await trial.run(once);
    return {
      ...joined,
      heapBytes: (between.heapBytes - before.heapBytes) / channels,
      heapBytesLeft: await left(trial, before.heapBytes, channels),
    };
  };
}

/** What is left when it is less than a byte for each, else after so long: a channel lingers at the broker for a while. */
async function left(trial: ServerTrial, heapBytes: number, channels: number): Promise<number> {
  const deadline = performance.now() + lingerMs;
  for (;;) {
    const each = ((await trial.memory()).heapBytes - heapBytes) / channels;
    if (each < 1 || performance.now() > deadline) return each;
    await sleep(100);
  }
}
