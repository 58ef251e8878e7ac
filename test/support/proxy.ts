/** A TCP proxy for tests that break a network: it delays, goes silent, and cuts. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { closeLater, forget } from '#internal/testing/closing.js';

/** Starts one in front of a port of this machine. It is closed after the test. */
export async function startProxy(targetPort: number): Promise<Proxy> {
  const proxy = new Proxy(targetPort);
  await proxy.listen();
  closeLater(proxy);
  return proxy;
}

/** One client's connection and what it is connected to. */
interface Pair {
  readonly client: Socket;
  readonly target: Socket;
  isFrozen: boolean;
}

export class Proxy {
  /** How long each chunk takes, in either direction. What is under way stays in order. */
  delayMs = 0;
  /** Chunks are cut into pieces of so many bytes, each of which takes as long. */
  pieceBytes = Infinity;
  /** New connections are reset. */
  isRefusing = false;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #isFrozen = false;

  constructor(
    /** Where new connections go. */
    public targetPort: number,
  ) {
    this.#server = createServer({ pauseOnConnect: true }, (client) => this.#accept(client));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many connections are open, frozen ones included. */
  get connections(): number {
    return this.#pairs.size;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** From now on nothing passes and nothing is closed, on connections that are there and on new ones: all are half-open. */
  freeze(): void {
    this.#isFrozen = true;
    for (const pair of this.#pairs) this.#freezePair(pair);
  }

  /** New connections work again. Those that were frozen stay dead for ever. */
  thaw(): void {
    this.#isFrozen = false;
  }

  /** Resets all connections; new ones work. */
  drop(): void {
    for (const { client, target } of this.#pairs) {
      client.resetAndDestroy();
      target.resetAndDestroy();
    }
  }

  async abandon(): Promise<void> {
    forget(this);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const { client, target } of this.#pairs) {
      client.destroy();
      target.destroy();
    }
    await closed;
  }

  #accept(client: Socket): void {
    if (this.isRefusing) return void client.resetAndDestroy();
    const target = connect(this.targetPort, '127.0.0.1');
    const pair: Pair = { client, target, isFrozen: false };
    this.#pairs.add(pair);
    if (this.#isFrozen) this.#freezePair(pair);
    this.#carry(pair, client, target);
    this.#carry(pair, target, client);
    client.once('close', () => this.#pairs.delete(pair));
    client.resume();
  }

  #carry(pair: Pair, from: Socket, to: Socket): void {
    from.setNoDelay(true);
    let last = Promise.resolve();
    // Behind what is under way, however the delay has changed in between.
    const later = (act: () => void): void => {
      const at = performance.now() + this.delayMs;
      last = last.then(async () => {
        const leftMs = this.pieceBytes < Infinity ? this.delayMs : at - performance.now();
        if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
        if (!pair.isFrozen) act();
      });
    };
    const write = (piece: Buffer): void => {
      if (to.write(piece)) return;
      from.pause();
      to.once('drain', () => {
        if (!pair.isFrozen) from.resume();
      });
    };
    from.on('data', (chunk: Buffer) => {
      const { pieceBytes } = this;
      for (let at = 0; at < chunk.length; at += pieceBytes) later(() => write(chunk.subarray(at, at + pieceBytes)));
    });
    from.on('end', () => later(() => to.end()));
    from.on('error', () => {
      if (!pair.isFrozen) to.resetAndDestroy();
    });
    from.on('close', () => {
      if (!pair.isFrozen) later(() => to.destroySoon());
    });
  }

  #freezePair(pair: Pair): void {
    pair.isFrozen = true;
    // Read no more, so that the sender's buffers fill as those of a sender to nowhere do.
    pair.client.pause();
    pair.target.pause();
  }
}
