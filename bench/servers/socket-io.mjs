/** Socket.IO, without polling and compression; a message is an event. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { handle } from '../work.js';
import { host, serve } from './server.js';

serve(async () => {
  const server = createServer();
  const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false, maxHttpBufferSize: 64 * 1024 });
  const endpoints = {
    echo: (socket) => socket.on('message', (message) => socket.emit('message', handle(message))),
    subscribe: async (socket) => {
      await socket.join('everybody');
      socket.emit('ready');
    },
    publish: (socket) => socket.on('message', (message) => io.to('everybody').emit('message', handle(message))),
  };
  io.on('connection', (socket) => endpoints[socket.handshake.query.endpoint]?.(socket));
  await once(server.listen(0, host), 'listening');
  return server.address().port;
});
