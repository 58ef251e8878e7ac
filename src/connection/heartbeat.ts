import type { Transport } from './transport.js';

/** Who is told of a peer that has gone. */
export interface HeartbeatListener {
  /** No pong came within an interval. */
  peerLost(): void;
}

/** Finds out that a peer has gone without a word: it must answer one ping before the next is due. */
export class Heartbeat {
  #timer: NodeJS.Timeout | undefined = undefined;
  #awaitingPong = false;
  #paused = false;
  /** What had been received when a pong was found missing. */
  #dryAtBytes: number | undefined = undefined;
  #stopped = false;

  constructor(
    private readonly transport: Transport,
    private readonly intervalMs: number,
    private readonly listener: HeartbeatListener,
  ) {
    this.#timer = setTimeout(beat, intervalMs, this);
  }

  pong(): void {
    this.#awaitingPong = false;
  }

  /** We have stopped reading: pings go on, but the pong of one that is under way may not be read any more. */
  pause(): void {
    this.#paused = true;
    this.#awaitingPong = false;
  }

  resume(): void {
    this.#paused = false;
    this.#awaitingPong = false;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** @internal One interval has passed. */
  beat(): void {
    if (this.#stopped) return;
    if (this.#awaitingPong) {
      const { receivedBytes } = this.transport;
      // A process that was busy has not read yet what the client sent in time, and a pong may stand behind messages:
      // only of a client that is read dry without one it can be said that there was none.
      if (receivedBytes === this.#dryAtBytes) return this.listener.peerLost();
      this.#dryAtBytes = receivedBytes;
      setImmediate(beat, this);
      return;
    }
    this.#dryAtBytes = undefined;
    this.#awaitingPong = !this.#paused;
    this.transport.ping();
    this.#timer = setTimeout(beat, this.intervalMs, this);
  }
}

/** One function for all timers: no closure per connection. */
function beat(heartbeat: Heartbeat): void {
  heartbeat.beat();
}
