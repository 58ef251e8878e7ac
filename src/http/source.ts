import { Readable } from 'node:stream';

/** What an endpoint may return to send value after value. */
export type ValueIterable = AsyncIterable<unknown> | Iterator<unknown>;

/** Bytes that are sent as they come. */
export type ByteStream = Readable | ReadableStream;

export function isByteStream(value: unknown): value is ByteStream {
  return (value instanceof Readable && !value.readableObjectMode) || value instanceof ReadableStream;
}

/** Async iterables and generators; arrays, maps and strings are values. */
export function isValueIterable(value: unknown): value is ValueIterable {
  if (typeof value !== 'object' || value === null) return false;
  if (Symbol.asyncIterator in value) return true;
  return Symbol.iterator in value && typeof (value as { next?: unknown }).next === 'function';
}

/** The values of an iterable, pulled one by one until it is stopped. */
export class Source {
  readonly #iterator: AsyncIterator<unknown> | Iterator<unknown>;
  #stopped = false;
  /** Ends the `next` that waits. */
  #release: ((result: IteratorResult<unknown>) => void) | undefined = undefined;

  constructor(
    iterable: ValueIterable,
    /** Told of what `return()` throws. */
    private readonly failed: (error: unknown) => void,
  ) {
    this.#iterator = Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  async next(): Promise<IteratorResult<unknown>> {
    if (this.#stopped) return { done: true, value: undefined };
    const result = await new Promise<IteratorResult<unknown>>((resolve, reject) => {
      this.#release = resolve;
      // An iterator may be synchronous, and may throw.
      Promise.resolve(this.#iterator.next()).then(resolve, reject);
    });
    return result.done === true ? result : { done: false, value: await result.value };
  }

  /** Calls `return()` and does not wait for it, as an iterator may hang in `next()`. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#release?.({ done: true, value: undefined });
    try {
      Promise.resolve(this.#iterator.return?.()).catch(this.failed);
    } catch (error) {
      this.failed(error);
    }
  }
}
