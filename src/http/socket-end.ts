import type { Socket } from 'node:net';

const waiting = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls back when a socket has closed. One listener for all, as there is no telling how many requests a client pipelines.
 *
 * @returns takes it back
 */
export function whenClosed(socket: Socket, callback: () => void): () => void {
  const callbacks = waiting.get(socket) ?? listen(socket);
  callbacks.add(callback);
  return () => callbacks.delete(callback);
}

function listen(socket: Socket): Set<() => void> {
  const callbacks = new Set<() => void>();
  waiting.set(socket, callbacks);
  socket.once('close', () => {
    for (const call of callbacks) call();
  });
  return callbacks;
}
