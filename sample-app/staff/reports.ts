import { randomUUID } from 'node:crypto';
import { Channels, Connections, Injectable, Presence } from 'halyard';
import { report } from './node-report.js';

/** Where staff pages listen, and where those who have one open are tracked. */
export const staffChannel = 'staff';
const everyMs = 1000;

/**
 * Tells the staff pages once a second what this process has open. Each process speaks for itself: the page adds up what it
 * hears, and forgets a process that has fallen silent. So nobody has to know all, however many processes there are.
 */
@Injectable()
export class Reports {
  /** Another one for each start of a process. */
  readonly #node = randomUUID();
  readonly #timer = setInterval(() => this.#publish(), everyMs).unref();
  readonly #endListening: () => void;

  constructor(
    private readonly channels: Channels,
    private readonly connections: Connections,
    private readonly presence: Presence,
  ) {
    // The first one to look does not wait for the next second. And as this process listens, it has the list of those who
    // look at hand: asking for it every second costs nothing.
    this.#endListening = presence.onJoin(staffChannel, () => this.#publish());
  }

  /** What cannot be published is logged. The list cannot be had when the app is closed: then nobody looks. */
  #publish(): void {
    this.presence.count(staffChannel).then(
      (looking) => {
        if (looking === 0) return;
        const payload = { node: this.#node, pid: process.pid, ...report(this.connections) };
        void this.channels.publish(staffChannel, payload, { event: 'report' });
      },
      () => undefined,
    );
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#endListening();
  }
}
