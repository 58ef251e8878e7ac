/**
 * What Node's sockets cost alone: those that its HTTP server has upgraded, one write of one ready buffer for each answer or
 * delivery, and nothing above that but the JSON. It knows short, whole text frames alone, no pings, closes, limits or errors: no
 * server that anybody could use, but what is faster does not use Node's streams.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { handle, type ChatMessage } from '../work.js';
import { host, serve } from './server.js';

const subscribers = new Set<Socket>();

/** The frame that answers a client's frame. */
function answer(frame: Buffer, start: number, end: number): Buffer {
  for (let i = start; i < end; i++) frame[i]! ^= frame[start - 4 + ((i - start) & 3)]!;
  return encode(JSON.stringify(handle(JSON.parse(frame.toString('latin1', start, end)) as ChatMessage)));
}

function encode(text: string): Buffer {
  const frame = Buffer.allocUnsafe(2 + text.length);
  frame[0] = 0x81;
  frame[1] = text.length;
  frame.write(text, 2, 'latin1');
  return frame;
}

/** Calls back with each answer to the frames of a chunk. */
function onFrames(socket: Socket, answered: (frame: Buffer) => void): void {
  socket.on('data', (chunk: Buffer) => {
    for (let at = 0; at < chunk.length;) {
      const end = at + 6 + (chunk[at + 1]! & 0x7f);
      answered(answer(chunk, at + 6, end));
      at = end;
    }
  });
}

const endpoints: Record<string, (socket: Socket) => unknown> = {
  '/echo': (socket) => onFrames(socket, (frame) => socket.write(frame)),
  '/subscribe': (socket) => {
    subscribers.add(socket);
    socket.on('close', () => subscribers.delete(socket)).resume();
    socket.write(encode('ready'));
  },
  '/publish': (socket) =>
    onFrames(socket, (frame) => {
      for (const subscriber of subscribers) subscriber.write(frame);
    }),
};

serve(async () => {
  const server = createServer();
  server.on('upgrade', ({ headers, url }, socket: Socket) => {
    const accept = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`,
    );
    socket.setNoDelay(true);
    socket.on('error', (error) => console.error(error));
    endpoints[url ?? '']?.(socket);
  });
  await once(server.listen(0, host), 'listening');
  return (server.address() as AddressInfo).port;
});
