/** The first wait after a loss is at most this long; the bound doubles with every attempt that fails. */
const firstDelayMs = 500;
const longestDelayMs = 30_000;
/** A server that has not answered a message for so long is not there any more, whatever the socket says. */
const answerMs = 10_000;

/** What the server, or the lack of it, has to say about a message. */
export class RoomError extends Error {
  constructor({ code, message, details }) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/**
 * A WebSocket to a room, which comes back when it is lost.
 *
 * `onEvent(event, payload)` gets what the room sends. `onState(state)` gets one of
 * `{ name: 'connecting', again }`, `{ name: 'connected', again }`, `{ name: 'waiting', seconds }` and
 * `{ name: 'refused', code, reason }`, after which nothing more is tried.
 */
export class RoomSocket {
  #url;
  #onEvent;
  #onState;
  #socket;
  #connected = false;
  #again = false;
  #attempt = 0;
  #timer;
  #nextRef = 1;
  /** Messages that the server has not answered, by their `ref`. */
  #unanswered = new Map();

  constructor(url, { onEvent, onState }) {
    this.#url = url;
    this.#onEvent = onEvent;
    this.#onState = onState;
    // The device knows better than any timer when it is worth trying.
    window.addEventListener('online', () => this.retry());
    window.addEventListener('offline', () => this.#drop());
    this.#open();
  }

  get isConnected() {
    return this.#connected;
  }

  /** Resolves when the server has done what the message asks; rejects with a `RoomError` if it has not, or may not have. */
  send(event, payload) {
    return new Promise((resolve, reject) => {
      const ref = this.#nextRef++;
      const timer = setTimeout(() => this.#drop(), answerMs);
      this.#unanswered.set(ref, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ event, payload, ref }));
    });
  }

  /** Does not wait any longer. */
  retry() {
    if (this.#timer !== undefined) this.#open();
  }

  #open() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#onState({ name: 'connecting', again: this.#again });
    const socket = (this.#socket = new WebSocket(this.#url));
    socket.addEventListener('message', ({ data }) => {
      if (socket === this.#socket) this.#receive(JSON.parse(data));
    });
    socket.addEventListener('close', ({ code, reason }) => {
      if (socket === this.#socket) this.#closed(code, reason);
    });
  }

  #receive({ event, payload, ref }) {
    if (event === 'reply') return this.#answer(ref)?.resolve(payload);
    if (event === 'error' && ref !== undefined) return this.#answer(ref)?.reject(new RoomError(payload));
    // Not the `open` of the socket but the room's first word says that we are in: a refusal is an open and a close.
    if (event === 'welcome') {
      this.#connected = true;
      this.#attempt = 0;
      this.#onState({ name: 'connected', again: this.#again });
      this.#again = true;
    }
    return this.#onEvent(event, payload);
  }

  #answer(ref) {
    const waiting = this.#unanswered.get(ref);
    this.#unanswered.delete(ref);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  /** Gives up a connection of which nothing is heard; its own close could take minutes. */
  #drop() {
    if (!this.#connected) return;
    this.#socket.close();
    this.#socket = undefined;
    this.#closed(1006, '');
  }

  #closed(code, reason) {
    this.#connected = false;
    for (const ref of this.#unanswered.keys()) this.#answer(ref).reject(new RoomError(lost(code)));
    if (isFinal(code)) return this.#onState({ name: 'refused', code, reason });
    // Full jitter: a random part of the bound, so that a thousand pages do not come back in the same second. A server that
    // stops says for how long it will be away (close code 1001, "retry-after=800").
    const retryAfter = code === 1001 ? /^retry-after=(\d+)$/.exec(reason)?.[1] : undefined;
    const bound = Math.min(longestDelayMs, Number(retryAfter ?? firstDelayMs * 2 ** this.#attempt));
    this.#attempt += 1;
    return this.#wait(Date.now() + Math.random() * bound);
  }

  #wait(until) {
    const ms = until - Date.now();
    if (ms <= 0) return this.#open();
    this.#onState({ name: 'waiting', seconds: Math.ceil(ms / 1000) });
    this.#timer = setTimeout(() => this.#wait(until), ms % 1000 || 1000);
    return undefined;
  }
}

/** 4000 + an HTTP status: 4400 and the like are our mistake and stay so; "too many" and "too slow" pass. */
function isFinal(code) {
  return code >= 4400 && code < 4500 && code !== 4408 && code !== 4429;
}

function lost(code) {
  return code === 1009
    ? { code: 'TOO_LARGE', message: 'This is far too long for the server.' }
    : { code: 'LOST', message: 'The connection broke before the server answered. If it is not above, send it again.' };
}
