/** The two transports under one suite: a path without compression is ours, one that negotiated it is read by `ws`. */
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { expect } from '@jest/globals';
import { Controller, Message, WebSocket, type Observer } from 'halyard';
import { closePayload, frame, testApp, type RawClient, type ServerFrame, type TestApp } from 'halyard/testing';
import { Ledger } from '../support/ledger.js';

export const maxPayload = 65_536;

@Controller('', { maxPayload, closeTimeout: 500 })
export class Echo {
  @WebSocket('ours')
  ours(message: Message): string | Buffer {
    return message.isBinary ? message.bytes() : message.text();
  }
  @WebSocket('deflate', { compression: true })
  deflate(message: Message): string | Buffer {
    return message.isBinary ? message.bytes() : message.text();
  }
}

/** One transport, and how a client gets to it. */
export class Endpoint {
  #app!: TestApp;
  readonly ledger = new Ledger();

  constructor(
    /** As `describe.each` shows it. */
    readonly name: string,
    /** Whether permessage-deflate is negotiated, and the transport therefore that of `ws`. */
    readonly isDeflated: boolean,
  ) {}

  toString(): string {
    return this.name;
  }

  get path(): string {
    return this.isDeflated ? '/deflate' : '/ours';
  }

  get offer(): string | undefined {
    return this.isDeflated ? 'permessage-deflate' : undefined;
  }

  async start(...use: Observer[]): Promise<TestApp> {
    this.#app = await testApp({ controllers: [Echo], use: [this.ledger, ...use] });
    return this.#app;
  }

  /** A client whose handshake is done. */
  async connect(): Promise<RawClient> {
    const client = await this.#app.raw();
    const head = await client.handshake(this.path, { headers: { 'sec-websocket-extensions': this.offer } });
    expect([head.status, head.headers['sec-websocket-extensions']]).toEqual([
      101,
      this.isDeflated ? 'permessage-deflate; server_no_context_takeover' : undefined,
    ]);
    return client;
  }
}

export const endpoints: readonly Endpoint[] = [
  new Endpoint('our own transport', false),
  new Endpoint('the transport of ws, for compression', true),
];

/** The content of a message that came in one frame. */
export function content({ rsv, payload }: ServerFrame): Buffer {
  return rsv === 4 ? inflate(payload) : payload;
}

/** What a compressed payload, which stands for itself, inflates to. */
export function inflate(payload: Uint8Array, windowBits = 15): Buffer {
  return inflateRawSync(Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]), {
    windowBits,
    finishFlush: constants.Z_SYNC_FLUSH,
  });
}

/** A payload as a client compresses it that keeps no context. */
export function deflate(data: string | Uint8Array): Buffer {
  return deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

/** Expects the next message: a text, or bytes. */
export async function expectMessage(client: RawClient, data: string | Uint8Array): Promise<void> {
  const received = await client.nextFrame();
  const isText = typeof data === 'string';
  expect([received.fin, received.opcode]).toEqual([true, isText ? 1 : 2]);
  expect(content(received).equals(Buffer.from(data as string))).toBe(true);
}

/** Expects that a message is answered: that the connection lives. */
export async function expectAlive(client: RawClient, text = 'still there'): Promise<void> {
  client.write(frame('text', text));
  await expectMessage(client, text);
}

/** Expects that the server closes with a code, and then ends the connection. */
export async function expectClosed(client: RawClient, code: number): Promise<void> {
  const { opcode, fin, rsv, payload } = await client.nextFrame();
  expect({ opcode, fin, rsv, code: payload.length === 0 ? 1005 : payload.readUInt16BE(0) }).toEqual({
    opcode: 8,
    fin: true,
    rsv: 0,
    code,
  });
  await client.ended();
}

/** Says goodbye and expects it back. */
export async function expectGoodbye(client: RawClient): Promise<void> {
  client.write(frame('close', closePayload(1000)));
  await expectClosed(client, 1000);
}

/** A client's frame with a mask of its own. */
export function masked(opcode: number, payload: Uint8Array, key: Uint8Array): Buffer {
  const plain = frame(opcode, payload, { mask: false });
  const start = plain.length - payload.length;
  const header = Buffer.from(plain.subarray(0, start));
  header[1]! |= 0x80;
  return Buffer.concat([header, key, payload.map((byte, index) => byte ^ key[index % 4]!)]);
}
