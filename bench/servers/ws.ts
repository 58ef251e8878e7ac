/** The measure of all: a server on bare `ws`, as its README shows one. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { echo, type ChatMessage } from '../work.js';
import { host, serve } from './server.js';

const subscribers = new Set<WebSocket>();

const parse = (data: RawData): ChatMessage => JSON.parse((data as Buffer).toString()) as ChatMessage;

const endpoints: Record<string, (socket: WebSocket) => void> = {
  '/echo': (socket) => socket.on('message', (data) => socket.send(JSON.stringify(echo(parse(data))))),
  '/subscribe': (socket) => {
    subscribers.add(socket);
    socket.on('close', () => subscribers.delete(socket));
    socket.send('ready');
  },
  '/publish': (socket) =>
    socket.on('message', (data) => {
      const text = JSON.stringify(echo(parse(data)));
      for (const subscriber of subscribers) subscriber.send(text);
    }),
};

serve(async () => {
  const server = createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 64 * 1024 });
  sockets.on('connection', (socket, request) => {
    socket.on('error', (error) => console.error(error));
    endpoints[request.url ?? '']?.(socket);
  });
  await once(server.listen(0, host), 'listening');
  return (server.address() as AddressInfo).port;
});
