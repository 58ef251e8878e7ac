import type { RunLength } from './load/run.js';
import type { Sample } from './sample.js';
import type { Trial } from './scenario.js';

/** What a process has grown by, for each connection that a run has opened and left idle. */
export async function idleMemory(trial: Trial, length: RunLength): Promise<Sample> {
  const before = await trial.memory();
  const sample = await trial.run(length);
  const after = await trial.memory();
  return { ...sample, rssBytes: (after.rssBytes - before.rssBytes) / length.operations };
}

/** Every connection joins its channels at one message and leaves them at the next. @param length operations are channels */
export async function channelsMemory(trial: Trial, { operations }: RunLength): Promise<Sample> {
  const before = await trial.memory();
  const joined = await trial.run({ ms: 0, operations: 0 });
  const between = await trial.memory();
  await trial.run({ ms: 0, operations: 0 });
  const after = await trial.memory();
  return {
    ...joined,
    heapBytes: (between.heapBytes - before.heapBytes) / operations,
    heapBytesLeft: (after.heapBytes - before.heapBytes) / operations,
  };
}
