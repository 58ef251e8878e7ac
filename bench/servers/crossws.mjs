/** crossws with its adapter for Node and its own publish and subscribe. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import crossws from 'crossws/adapters/node';
import { handle } from '../work.js';
import { host, serve } from './server.js';

serve(async () => {
  const server = createServer();
  const adapter = crossws({
    serverOptions: { maxPayload: 64 * 1024 },
    hooks: {
      upgrade: ({ url }) => ({ namespace: 'bench', context: { endpoint: new URL(url).pathname } }),
      open(peer) {
        if (peer.context.endpoint !== '/subscribe') return;
        peer.subscribe('everybody');
        peer.send('ready');
      },
      message(peer, message) {
        const handled = handle(message.json());
        if (peer.context.endpoint === '/publish') peer.publish('everybody', JSON.stringify(handled));
        else peer.send(JSON.stringify(handled));
      },
    },
  });
  server.on('upgrade', (request, socket, head) => void adapter.handleUpgrade(request, socket, head));
  await once(server.listen(0, host), 'listening');
  return server.address().port;
});
