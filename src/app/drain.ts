import type { Session } from '../connection/session.js';

/** Connections that one wave closes, and that a server is expected to take back within a second. */
const perWave = 1000;
/** How much of the time to drain the waves may take; the rest is for handlers and close handshakes. */
const shareOfTimeout = 0.5;
/** After this much of it sockets are cut off; what is left is for the hooks of those connections. */
const shareBeforeCutOff = 0.9;

/**
 * Closes all sessions 1001 in waves and waits for their ends. Each is told to come back after a random time of its own:
 * `retry-after=<ms>`, spread over one second per 1000 connections, so that those who follow do not meet them all at once.
 * Never takes longer than `timeoutMs`, whatever handlers and hooks do.
 */
export async function drain(
  sessions: ReadonlyMap<Session, unknown>,
  { timeoutMs, waves }: { readonly timeoutMs: number; readonly waves: number | undefined },
): Promise<void> {
  if (sessions.size === 0) return;
  const open = [...sessions.keys()];
  const count = Math.min(open.length, waves ?? Math.ceil(open.length / perWave));
  const spreadMs = Math.max(1000, (open.length / perWave) * 1000);
  const pauseMs = Math.min(1000, (timeoutMs * shareOfTimeout) / count);
  const timers = new Set<NodeJS.Timeout>();
  for (let wave = 0; wave < count; wave++) {
    const members = open.slice((wave * open.length) / count, ((wave + 1) * open.length) / count);
    const close = (): void => {
      for (const session of members) session.close(1001, `retry-after=${Math.floor(Math.random() * spreadMs)}`);
    };
    if (wave === 0) close();
    else timers.add(setTimeout(close, wave * pauseMs));
  }
  const cutOff = (): void => {
    for (const session of sessions.keys()) session.terminate();
  };
  timers.add(setTimeout(cutOff, timeoutMs * shareBeforeCutOff));
  const over = new Promise((resolve) => timers.add(setTimeout(resolve, timeoutMs)));
  await Promise.race([Promise.all(open.map((session) => session.ended())), over]);
  for (const timer of timers) clearTimeout(timer);
}
