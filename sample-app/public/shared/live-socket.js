/** The first wait after a loss is at most this long; the bound doubles with every attempt that fails. */
const firstDelayMs = 500;
const longestDelayMs = 30_000;
/** A server that has not answered a message for so long is not there any more, whatever the socket says. */
const answerMs = 10_000;

/** What the server, or the lack of it, has to say about a message. */
export class SocketError extends Error {
  constructor({ code, message, details }) {
    super(details?.map((detail) => detail.message).join(', ') ?? message);
    this.code = code;
  }
}

/**
 * A WebSocket that comes back when it is lost.
 *
 * `onEvent(event, payload, channel)` gets what the server sends, `onBytes(buffer)` its binary frames. `onState(state)` gets
 * one of `{ name: 'connecting', again }`, `{ name: 'connected', again }`, `{ name: 'waiting', seconds }` and
 * `{ name: 'refused', code, reason }`, after which nothing more is tried.
 */
export class LiveSocket {
  #url;
  #protocols;
  #listener;
  #socket;
  #connected = false;
  #again = false;
  #attempt = 0;
  #timer;
  #nextRef = 1;
  /** Messages that the server has not answered, by their `ref`. */
  #unanswered = new Map();

  constructor(url, protocols, listener) {
    this.#url = url;
    this.#protocols = protocols;
    this.#listener = listener;
    // The device knows better than any timer when it is worth trying.
    window.addEventListener('online', () => this.retry());
    window.addEventListener('offline', () => this.#drop());
    this.#open();
  }

  get isConnected() {
    return this.#connected;
  }

  /** Bytes that have not left this device yet. */
  get bufferedAmount() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** Resolves when the server has done what the message asks; rejects with a `SocketError` if not, or perhaps not. */
  ask(event, payload) {
    if (!this.#connected) return Promise.reject(new SocketError(notSent));
    return new Promise((resolve, reject) => {
      const ref = this.#nextRef++;
      const timer = setTimeout(() => this.#drop(), answerMs);
      this.#unanswered.set(ref, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ event, payload, ref }));
    });
  }

  /** For what is of no use any more by the time that it could be sent again. */
  tell(event, payload) {
    if (this.#connected) this.#socket.send(JSON.stringify({ event, payload }));
  }

  sendBytes(bytes) {
    if (this.#connected) this.#socket.send(bytes);
  }

  /** Does not wait any longer. */
  retry() {
    if (this.#timer !== undefined) this.#open();
  }

  #open() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#listener.onState({ name: 'connecting', again: this.#again });
    const socket = (this.#socket = new WebSocket(this.#url, this.#protocols));
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', ({ data }) => {
      if (socket !== this.#socket) return;
      if (typeof data === 'string') this.#receive(JSON.parse(data));
      else this.#listener.onBytes?.(data);
    });
    socket.addEventListener('close', ({ code, reason }) => {
      if (socket === this.#socket) this.#closed(code, reason);
    });
  }

  #receive({ event, payload, ref, channel }) {
    if (event === 'reply') return this.#answer(ref)?.resolve(payload);
    if (event === 'error' && ref !== undefined) return this.#answer(ref)?.reject(new SocketError(payload));
    // Not the `open` of the socket but the server's first word says that we are in: a refusal is an open and a close.
    if (event === 'welcome') {
      this.#connected = true;
      this.#attempt = 0;
      this.#listener.onState({ name: 'connected', again: this.#again });
      this.#again = true;
    }
    return this.#listener.onEvent(event, payload, channel);
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
    for (const ref of this.#unanswered.keys()) this.#answer(ref).reject(new SocketError(lost(code)));
    if (isFinal(code)) return this.#listener.onState({ name: 'refused', code, reason });
    // A server that stops says for how long (close code 1001, "retry-after=800"), to each page something else. Otherwise full
    // jitter: a random part of the bound, so that a thousand pages do not come back in the same second.
    const retryAfter = code === 1001 ? /^retry-after=(\d+)$/.exec(reason)?.[1] : undefined;
    const ms = Number(retryAfter ?? Math.random() * firstDelayMs * 2 ** this.#attempt);
    this.#attempt += 1;
    return this.#wait(Date.now() + Math.min(ms, longestDelayMs));
  }

  #wait(until) {
    const ms = until - Date.now();
    if (ms <= 0) return this.#open();
    this.#listener.onState({ name: 'waiting', seconds: Math.ceil(ms / 1000) });
    this.#timer = setTimeout(() => this.#wait(until), ms % 1000 || 1000);
    return undefined;
  }
}

/** 4000 + an HTTP status: 4400 and the like are our mistake and stay so; "too many" and "too slow" pass. */
function isFinal(code) {
  return code >= 4400 && code < 4500 && code !== 4408 && code !== 4429;
}

const notSent = { code: 'NOT_SENT', message: 'You are not connected.' };

function lost(code) {
  return code === 1009
    ? { code: 'TOO_LARGE', message: 'This is far too long for the server.' }
    : { code: 'LOST', message: 'The connection broke before the server answered. If it is not above, send it again.' };
}
