/** What every server of the benchmark tells the runner, and how it starts. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { answer } from '../remote.js';
import { counters, type Counters } from '../work.js';

export interface Usage {
  /** Of all threads of the process since it started, user and system. */
  readonly cpuUs: number;
  readonly counters: Counters;
}

export interface Memory {
  readonly rssBytes: number;
  readonly heapBytes: number;
}

// An alias: an interface would not be assignable to a record of commands.
export type ServerCommands = {
  /** Listens on a free port of 127.0.0.1 and resolves with it. */
  listen: () => Promise<number>;
  usage: () => Usage;
  /** After the garbage collector ran. */
  memory: () => Memory;
};

/** Whether permessage-deflate is negotiated. */
export const compressed = process.argv[2] === 'compressed';

/** Where all servers listen. */
export const host = '127.0.0.1';

/** Answers the runner. @param listen starts the server; resolves with the port */
export function serve(listen: () => Promise<number>): void {
  answer<ServerCommands>({
    listen,
    usage: () => {
      const { user, system } = process.cpuUsage();
      return { cpuUs: user + system, counters: { ...counters } };
    },
    memory: () => {
      collectGarbage();
      const { rss, heapUsed } = process.memoryUsage();
      return { rssBytes: rss, heapBytes: heapUsed };
    },
  });
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
