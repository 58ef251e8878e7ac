import type { Connection } from './connection.js';

/** The open connections of this process. */
export class Connections {
  readonly #byId = new Map<string, Connection>();

  /** @internal */
  add(connection: Connection): void {
    this.#byId.set(connection.id, connection);
  }

  /** @internal */
  delete(connection: Connection): void {
    this.#byId.delete(connection.id);
  }

  get(id: string): Connection | undefined {
    return this.#byId.get(id);
  }

  ids(): string[] {
    return [...this.#byId.keys()];
  }

  count(): number {
    return this.#byId.size;
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#byId.values();
  }
}
