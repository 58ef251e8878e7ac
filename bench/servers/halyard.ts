/** Halyard with its defaults and an observer. Limits are raised, none is off. */
import { createApp } from 'halyard';
import { Traffic } from './halyard-components.js';
import * as controllers from './halyard-controllers.js';
import { compressed, host, serve } from './server.js';

serve(async () => {
  const app = await createApp({
    controllers: Object.values(controllers),
    use: [Traffic],
    limits: { connections: 50_000, handshakes: 10_000, channelsPerConnection: 10_000 },
    compression: compressed,
    logger: { level: 'warn' },
  });
  const { port } = await app.listen({ port: 0, host });
  return port;
});
