import { beforeAll, describe, expect, it } from '@jest/globals';
import { closePayload, frame } from 'halyard/testing';
import { seededRandom } from '../support/random.js';
import {
  deflate,
  endpoints,
  expectAlive,
  expectClosed,
  expectGoodbye,
  expectMessage,
  masked,
  maxPayload,
} from './endpoints.js';

const continuation = 0;
const text = 1;
const binary = 2;
const close = 8;
const ping = 9;
const pong = 10;

describe.each(endpoints)('frames on %s', (endpoint) => {
  beforeAll(async () => void (await endpoint.start()));

  it.each([0, 1, 125, 126, 127, 128, 191, 192, 1023, 1024, 65_535, 65_536])(
    'R-rfc-frame takes and sends %i bytes of text and of bytes',
    async (length) => {
      const client = await endpoint.connect();
      const bytes = Buffer.from(Array.from({ length }, (_, index) => (index * 7) & 0xff));
      client.write(frame('text', 'x'.repeat(length)));
      await expectMessage(client, 'x'.repeat(length));
      client.write(frame('binary', bytes));
      await expectMessage(client, bytes);
      await expectGoodbye(client);
    },
  );

  it('R-err-size refuses one byte more than the limit as soon as the header says so', async () => {
    for (const opcode of ['text', 'binary'] as const) {
      const client = await endpoint.connect();
      client.write(frame(opcode, '', { length: maxPayload + 1 }));
      await expectClosed(client, 1009);
    }
  });

  it('R-err-size refuses lengths that no number holds', async () => {
    for (const length of [2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 62n, 2n ** 63n, 2n ** 64n - 1n]) {
      const client = await endpoint.connect();
      client.write(frame('binary', '', { length, lengthBits: 64 }));
      await expectClosed(client, 1009);
    }
  });

  it.each([
    [16, 0],
    [16, 125],
    [64, 0],
    [64, 126],
    [64, 65_535],
  ] as const)('R-err-frame refuses a length in %i bits that needs fewer: %i', async (lengthBits, length) => {
    const client = await endpoint.connect();
    client.write(frame('binary', Buffer.alloc(length), { lengthBits }));
    // RFC 6455 §5.2: "the minimal number of bytes MUST be used". `ws` does not insist on it.
    if (endpoint.isDeflated) await expectMessage(client, Buffer.alloc(length));
    else await expectClosed(client, 1002);
  });

  const combinations = Array.from({ length: 256 }, (_, index) => ({
    opcode: index & 15,
    rsv: (index >> 4) & 7,
    fin: index < 128,
  }));
  it.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'R-err-frame knows all opcodes, final or not, with reserved bits %i',
    async (rsv) => {
      for (const { opcode, fin } of combinations.filter((one) => one.rsv === rsv)) {
        const client = await endpoint.connect();
        const isCompressed = rsv === 4 && (opcode === text || opcode === binary);
        const payload = isCompressed ? deflate('x') : opcode === close ? closePayload(1000) : 'x';
        client.write(frame(opcode, payload, { fin, rsv }));
        const isKnown = [text, binary, close, ping, pong].includes(opcode) && (fin || opcode < close);
        if (!isKnown || (rsv !== 0 && !(isCompressed && endpoint.isDeflated))) {
          await expectClosed(client, 1002);
          continue;
        }
        if (opcode === close) {
          await expectClosed(client, 1000);
          continue;
        }
        if (opcode === ping) expect(await client.nextFrame()).toMatchObject({ opcode: pong, rsv: 0, fin: true });
        if (opcode < close) {
          if (!fin) client.write(frame('continuation'));
          await expectMessage(client, opcode === text ? 'x' : Buffer.from('x'));
        }
        await expectAlive(client);
        client.reset();
      }
    },
  );

  it('R-err-frame refuses a frame that is not masked, of whatever kind', async () => {
    for (const opcode of [continuation, text, binary, close, ping, pong]) {
      const client = await endpoint.connect();
      if (opcode === continuation) client.write(frame('text', 'a', { fin: false }));
      client.write(frame(opcode, '', { mask: false }));
      await expectClosed(client, 1002);
    }
  });

  it('R-rfc-frame takes every mask off, at every length and place', async () => {
    const client = await endpoint.connect();
    const keys = [
      [0, 0, 0, 0],
      [0xff, 0xff, 0xff, 0xff],
      [1, 2, 3, 4],
      [0x80, 0, 0x7f, 0xfe],
    ].map((key) => Buffer.from(key));
    const lengths = [
      ...Array.from({ length: 24 }, (_, index) => index),
      125,
      126,
      127,
      190,
      191,
      192,
      193,
      194,
      195,
      1001,
    ];
    for (const key of keys) {
      const messages = lengths.map((length) =>
        Buffer.from(Array.from({ length }, (_, index) => (index * 31 + 5) & 0xff)),
      );
      // Behind each other, so that their payloads begin at all places of a word.
      client.write(Buffer.concat(messages.map((message) => masked(binary, message, key))));
      for (const message of messages) await expectMessage(client, message);
    }
    await expectGoodbye(client);
  });

  it('R-rfc-frame reads frames that arrive in any pieces', async () => {
    const random = seededRandom();
    const upTo = (limit: number): number => Math.floor(random() * limit);
    const client = await endpoint.connect();
    for (let round = 0; round < 20; round++) {
      const sent: (string | Buffer)[] = [];
      const frames: Buffer[] = [];
      for (let n = 0; n < 30; n++) {
        const length = [upTo(10), upTo(200), 120 + upTo(12), upTo(3000)][upTo(4)]!;
        const message = upTo(2) === 0 ? 'é'.repeat(length >> 1) : Buffer.alloc(length, n);
        sent.push(message);
        const key = Buffer.from([upTo(256), upTo(256), upTo(256), upTo(256)]);
        frames.push(masked(typeof message === 'string' ? text : binary, Buffer.from(message as string), key));
        if (upTo(5) === 0) frames.push(masked(pong, Buffer.from('unasked'), key));
      }
      const bytes = Buffer.concat(frames);
      for (let at = 0; at < bytes.length;) {
        const next = at + 1 + upTo([1, 3, 20, 500, 5000][upTo(5)]!);
        client.write(bytes.subarray(at, next));
        // So that the server reads it before the next piece comes.
        await new Promise((resolve) => setImmediate(resolve));
        at = next;
      }
      for (const message of sent) await expectMessage(client, message);
    }
    await expectGoodbye(client);
  });

  it('R-rfc-frame reads a message that arrives byte by byte', async () => {
    const client = await endpoint.connect();
    const message = 'grüße '.repeat(60);
    for (const byte of frame('text', message)) {
      client.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expectMessage(client, message);
    await expectGoodbye(client);
  });
});
