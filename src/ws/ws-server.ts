import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import type { ResolvedConnectionOptions } from '../connection/options.js';
import type { Reply } from '../pipeline/reply.js';
import type { Deflate } from './deflate.js';
import { oneLine } from './refusal.js';
import { WsTransport } from './ws-transport.js';

/** One upgrade that has been checked and admitted. */
export interface Admitted {
  readonly raw: IncomingMessage;
  readonly socket: Duplex;
  /** What has been read behind the request. */
  readonly head: Buffer;
  readonly subprotocol: string;
  readonly reply: Reply;
}

/** Answers with `ws` the upgrades on which compression was agreed. */
export class CompressedUpgrades {
  /** `ws` servers by what distinguishes them: they hold options, no connections. */
  readonly #servers = new Map<string, WebSocketServer>();
  /** The one whose 101 is being written: `ws` asks for protocol and headers by callbacks. */
  #current: Admitted | undefined = undefined;

  constructor(private readonly maxFragments: number) {}

  /** Sends the 101. `undefined`: the client has gone, its socket is destroyed. */
  accept(admitted: Admitted, deflate: Deflate, options: ResolvedConnectionOptions): WsTransport | undefined {
    const { raw, socket, head } = admitted;
    // `ws` negotiates by itself: it is shown the one offer that was accepted.
    const headers = { ...raw.headers, 'sec-websocket-extensions': deflate.offer };
    const request = Object.create(raw, { headers: { value: headers } }) as IncomingMessage;
    let accepted: WebSocket | undefined;
    this.#current = admitted;
    this.#serverFor(options).handleUpgrade(request, socket, head, (ws) => (accepted = ws));
    this.#current = undefined;
    return accepted && new WsTransport(accepted, socket, deflate.windowBits);
  }

  #serverFor(options: ResolvedConnectionOptions): WebSocketServer {
    const key = `${options.maxPayloadBytes} ${options.closeTimeoutMs}`;
    const existing = this.#servers.get(key);
    if (existing) return existing;
    const server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: options.maxPayloadBytes,
      maxFragments: this.maxFragments,
      maxBufferedChunks: 4096,
      maxPendingAutoPongs: 60,
      perMessageDeflate: true,
      // Where the client closes: it might keep the socket for ever. Where we do, the session's terms are shorter.
      closeTimeout: options.closeTimeoutMs,
      handleProtocols: () => {
        const selected = this.#current?.subprotocol ?? '';
        return selected === '' ? false : selected;
      },
    } as ServerOptions);
    server.on('headers', (lines: string[]) => {
      for (const [name, value] of this.#current?.reply.headers ?? []) lines.push(`${name}: ${oneLine(value)}`);
    });
    this.#servers.set(key, server);
    return server;
  }
}
