/** What the server takes in one piece: two numbers a point. */
const maxNumbers = 128;
/** No more pieces a second than the server allows. */
const pauseMs = 50;
const retryMs = 1000;
/** Who draws without a connection can do so for a while. */
const maxWaiting = 20_000;

/**
 * The own lines on their way to the server: one piece at a time, the next one when it is answered. So the pieces are small
 * where the network is fast, and large where it is slow. After a loss the last piece is sent again; the server knows it.
 */
export class Outbox {
  #socket;
  #listener;
  /** The one that is sent, and those that wait. */
  #lines = [];
  #part = 0;
  /** How many numbers of the first line the server has. */
  #sent = 0;
  #busy = false;

  /** @param listener `onSent(line, lastPart)`: the server has all of it; `onRefused(line, error)`: it does not want it */
  constructor(socket, listener) {
    this.#socket = socket;
    this.#listener = listener;
  }

  get isEmpty() {
    return this.#lines.length === 0;
  }

  get isFull() {
    return this.#lines.reduce((sum, { points }) => sum + points.length, 0) > maxWaiting;
  }

  /** A line that grows until `line.done` is set. */
  add(line) {
    this.#lines.push(line);
    this.pump();
  }

  /** Sends what there is to send. To be called when a line has grown, and when the connection is back. */
  pump() {
    if (!this.#busy && this.#socket.isConnected) void this.#sendNext();
  }

  async #sendNext() {
    const [line] = this.#lines;
    if (line === undefined) return;
    if (this.#sent === line.points.length)
      return void (line.done && this.#finish(() => this.#listener.onSent(line, this.#part - 1)));
    this.#busy = true;
    try {
      // It begins where the last piece has ended.
      const start = Math.max(0, this.#sent - 2);
      const points = line.points.slice(start, start + maxNumbers);
      const { id, color, width } = line;
      await this.#socket.ask('draw', { line: id, part: this.#part, color, width, points });
      this.#part += 1;
      this.#sent = start + points.length;
      await sleep(pauseMs);
    } catch (error) {
      if (error.code === 'RATE_LIMITED' || error.code === 'TIMEOUT') await sleep(retryMs);
      else if (error.code !== 'LOST' && error.code !== 'NOT_SENT')
        this.#finish(() => this.#listener.onRefused(line, error));
    } finally {
      this.#busy = false;
    }
    this.pump();
  }

  #finish(tell) {
    tell();
    this.#lines.shift();
    this.#part = this.#sent = 0;
    this.pump();
  }
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
