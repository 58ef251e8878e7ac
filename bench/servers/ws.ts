/** The measure of all: a server on bare `ws`, written as its README shows. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { handle, type ChatMessage } from '../work.js';
import { compressed, host, serve } from './server.js';
import { Room } from './ws-room.js';

const subscribers = new Set<WebSocket>();

const parse = (data: RawData): ChatMessage => JSON.parse((data as Buffer).toString()) as ChatMessage;

const echoTo = (socket: WebSocket): unknown =>
  socket.on('message', (data) => socket.send(JSON.stringify(handle(parse(data)))));

const rooms = new Map<string, Room>();

function join(socket: WebSocket, { room, author }: ChatMessage): void {
  const joined = rooms.get(room) ?? new Room(room);
  rooms.set(room, joined);
  joined.join(socket, author);
  socket.on('close', () => {
    joined.leave(socket);
    if (joined.isEmpty) rooms.delete(room);
  });
}

const endpoints: Record<string, (socket: WebSocket) => unknown> = {
  '/echo': echoTo,
  '/validated': echoTo,
  '/guarded': echoTo,
  '/subscribe': (socket) => {
    subscribers.add(socket);
    socket.on('close', () => subscribers.delete(socket));
    socket.send('ready');
  },
  '/presence': (socket) => socket.on('message', (data) => join(socket, handle(parse(data)))),
  '/publish': (socket) =>
    socket.on('message', (data) => {
      const text = JSON.stringify(handle(parse(data)));
      for (const subscriber of subscribers) subscriber.send(text);
    }),
};

serve(async () => {
  const server = createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: compressed, maxPayload: 64 * 1024 });
  sockets.on('connection', (socket, request) => {
    socket.on('error', (error) => console.error(error));
    endpoints[request.url ?? '']?.(socket);
  });
  await once(server.listen(0, host), 'listening');
  return (server.address() as AddressInfo).port;
});
