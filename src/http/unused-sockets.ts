import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Connections that have carried no request yet, such as browsers open in advance. Node counts them as busy: a server that
 * closes would wait for them, and has stopped the timer that would end them.
 */
export class UnusedSockets {
  readonly #sockets = new Set<Socket>();
  #closing = false;

  /** To be made when the listeners for upgrades are there: one more, alone, would leave upgrades without an answer. */
  constructor(server: Server, isTls: boolean) {
    const sockets = this.#sockets;
    // One listener for all: an idle connection is to cost as little as it can.
    function forget(this: Socket): void {
      sockets.delete(this);
    }
    const use = ({ socket }: IncomingMessage): void => {
      if (sockets.delete(socket)) socket.off('close', forget);
    };
    server.on(isTls ? 'secureConnection' : 'connection', (socket: Socket) => {
      if (this.#closing) {
        socket.destroy();
        return;
      }
      sockets.add(socket);
      socket.on('close', forget);
    });
    server.on('request', use);
    if (server.listenerCount('upgrade') > 0) server.prependListener('upgrade', use);
  }

  /** Those that are there, and those that come before the server has stopped to listen. */
  destroy(): void {
    this.#closing = true;
    for (const socket of this.#sockets) socket.destroy();
  }
}
