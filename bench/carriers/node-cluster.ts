/** `process.send` to the primary and back, as bytes: what a broker over it cannot be cheaper than. */
import type { Envelope } from './cluster-primary.js';
import { serveCarrier } from './carrier.js';

serveCarrier({
  open(_url, onBytes) {
    process.on('message', (message: Partial<Envelope>) => {
      if (message.carried) onBytes(message.carried);
    });
    return Promise.resolve();
  },

  publish: (carried) =>
    new Promise<void>((resolve, reject) => {
      process.send!({ carried } satisfies Envelope, undefined, undefined, (error) =>
        error ? reject(error) : resolve(),
      );
    }),
});
