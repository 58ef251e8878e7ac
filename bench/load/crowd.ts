import { Client, type ClientListener } from './client.js';
import type { Dialect, Endpoint } from './dialect.js';
import { maskedFrame, opcode } from './frames.js';

/** How many handshakes are under way at once: less than what a server's backlog holds. */
const atOnce = 200;

/** How long it may take until the next one is open. */
const stallMs = 15_000;

/** Who gets what open clients receive. */
export interface Traffic {
  frame(client: Client, head: number, data: Buffer, start: number, end: number): void;
  read(client: Client): void;
  /** A connection that should be open failed or was closed. */
  lost(error: Error): void;
}

/** Many clients of one endpoint, opened together and closed together. */
export class Crowd implements ClientListener {
  readonly clients: Client[] = [];
  readonly #hello: Buffer | undefined;
  readonly #beat: { readonly ping: string; readonly pong: Buffer } | undefined;
  readonly #welcomes: number;
  readonly #greeted = new Map<Client, number>();
  #traffic: Traffic | undefined = undefined;
  #wanted = 0;
  #opening = 0;
  #settle: { resolve: () => void; reject: (error: Error) => void } | undefined = undefined;
  #left: (() => void) | undefined = undefined;

  constructor(
    private readonly port: number,
    private readonly dialect: Dialect,
    private readonly endpoint: Endpoint,
    private readonly extensions = '',
  ) {
    this.#hello = dialect.hello === undefined ? undefined : maskedFrame(opcode.text, dialect.hello);
    this.#beat = dialect.beat && { ping: dialect.beat.ping, pong: maskedFrame(opcode.text, dialect.beat.pong) };
    // A subscriber is told when it has joined.
    this.#welcomes = dialect.welcomes + (endpoint === 'subscribe' ? 1 : 0);
  }

  /** Resolves when all are open and welcomed; from then on `traffic` gets what they receive. */
  async open(count: number, traffic: Traffic): Promise<void> {
    this.#wanted = count;
    const ready = new Promise<void>((resolve, reject) => (this.#settle = { resolve, reject }));
    let last = -1;
    const watch = setInterval(() => {
      const open = this.clients.length;
      if (open === last) this.#settle?.reject(new Error(`only ${open} of ${count} clients got in`));
      last = open;
    }, stallMs);
    this.#fill();
    await ready.finally(() => clearInterval(watch));
    this.#settle = undefined;
    this.#traffic = traffic;
  }

  /** Closes in order and resolves when all sockets are closed. */
  async close(): Promise<void> {
    if (this.clients.length === 0) return;
    const left = new Promise<void>((resolve) => (this.#left = resolve));
    const timer = setTimeout(() => this.clients.forEach((client) => client.destroy()), 5000);
    for (const client of this.clients) client.close();
    await left;
    clearTimeout(timer);
  }

  /** @internal */
  opened(client: Client): void {
    if (this.#hello) client.write(this.#hello);
    if (this.#welcomes === 0) this.#welcomed(client);
  }

  /** @internal */
  frame(client: Client, head: number, data: Buffer, start: number, end: number): void {
    if (end - start === this.#beat?.ping.length && data.toString('latin1', start, end) === this.#beat.ping) {
      return client.write(this.#beat.pong);
    }
    if (this.#traffic) return this.#traffic.frame(client, head, data, start, end);
    const welcomes = (this.#greeted.get(client) ?? 0) + 1;
    this.#greeted.set(client, welcomes);
    if (welcomes === this.#welcomes) this.#welcomed(client);
    else if (welcomes > this.#welcomes) this.failed(client, new Error(`unasked: ${data.toString('utf8', start, end)}`));
  }

  /** @internal */
  read(client: Client): void {
    this.#traffic?.read(client);
  }

  /** @internal */
  closed(client: Client, closeCode: number | undefined): void {
    if (!this.#left) return this.failed(client, new Error(`the server closed (${closeCode ?? 'no close frame'})`));
    this.clients.splice(this.clients.indexOf(client), 1);
    if (this.clients.length === 0) this.#left();
  }

  /** @internal */
  failed(_client: Client, error: Error): void {
    if (this.#left) return;
    if (this.#settle) this.#settle.reject(error);
    else this.#traffic?.lost(error);
  }

  #welcomed(client: Client): void {
    this.#greeted.delete(client);
    this.clients.push(client);
    if (this.clients.length === this.#wanted) this.#settle?.resolve();
    else this.#fill();
  }

  #fill(): void {
    while (this.#opening < this.#wanted && this.#opening - this.clients.length < atOnce) {
      this.#opening += 1;
      new Client(this).connect(this.port, this.dialect.path(this.endpoint), this.extensions);
    }
  }
}
