/** What the brokers of a cluster's processes say to the relay in its primary, and how it gets there. */

/** From a node, which is one broker, to the relay. Each is answered with `ack`, in order. */
export type Request = { readonly node: number; readonly n: number } & (
  | { readonly halyard: 'ping' | 'bye' }
  /** The first one is empty: it shows that bytes arrive as such. */
  | { readonly halyard: 'hello' | 'publish'; readonly parcel: Uint8Array }
  | { readonly halyard: 'subscribe' | 'unsubscribe'; readonly subjects: readonly string[] }
);

/** From the relay to a node. */
export type Answer = { readonly node: number } & (
  | { readonly halyard: 'ack'; readonly n: number }
  | { readonly halyard: 'deliver'; readonly parcel: Uint8Array }
  /** It took too little: from here on something is missing, and it is subscribed to nothing. */
  | { readonly halyard: 'cut' }
);

/** One side of the way between a process and the primary. What is sent arrives in order, and never synchronously. */
export interface Port<Sent, Received> {
  /** @param sent when it was handed to the system, or could not be */
  send(message: Sent, sent?: (error: Error | null) => void): void;
  /** @returns stops listening */
  listen(onMessage: (message: Received) => void, onClosed: () => void): () => void;
}

/** Whether a message between processes is one of these, and not the app's own. */
export function isOurs(message: unknown): message is Request & Answer {
  return typeof message === 'object' && message !== null && 'halyard' in message && 'node' in message;
}

/** The way from a worker to its primary. */
export class WorkerPort implements Port<Request, Answer> {
  send(message: Request, sent?: (error: Error | null) => void): void {
    // A channel that is closed calls back with an error.
    process.send!(message, undefined, undefined, sent ?? (() => undefined));
  }

  listen(onMessage: (message: Answer) => void, onClosed: () => void): () => void {
    const filtered = (message: unknown): void => {
      if (isOurs(message)) onMessage(message);
    };
    process.on('message', filtered);
    process.on('disconnect', onClosed);
    return () => {
      process.off('message', filtered);
      process.off('disconnect', onClosed);
    };
  }
}

/** The way within the primary: a pair, of which each hears what the other sends. */
export class LocalPort<Sent, Received> implements Port<Sent, Received> {
  readonly #queue: (() => void)[] = [];
  #listener: ((message: Received) => void) | undefined = undefined;

  constructor(private readonly deliver: (message: Sent) => void) {}

  static pair<A, B>(): [LocalPort<A, B>, LocalPort<B, A>] {
    const one: LocalPort<A, B> = new LocalPort((message) => other.receive(message));
    const other: LocalPort<B, A> = new LocalPort((message) => one.receive(message));
    return [one, other];
  }

  send(message: Sent, sent?: (error: Error | null) => void): void {
    const deliver = (): void => {
      sent?.(null);
      this.deliver(message);
    };
    if (this.#queue.push(deliver) > 1) return;
    setImmediate(() => {
      for (const next of this.#queue.splice(0)) next();
    });
  }

  receive(message: Received): void {
    this.#listener?.(message);
  }

  listen(onMessage: (message: Received) => void): () => void {
    this.#listener = onMessage;
    return () => (this.#listener = undefined);
  }
}
