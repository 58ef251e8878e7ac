import { beforeAll, describe, expect, it } from '@jest/globals';
import { closePayload, frame, type RawClient } from 'halyard/testing';
import { endpoints, expectAlive, expectClosed, expectGoodbye, expectMessage } from './endpoints.js';

async function expectPong(client: RawClient, payload: Buffer): Promise<void> {
  const pong = await client.nextFrame();
  expect([pong.opcode, pong.fin, pong.rsv, pong.payload.equals(payload)]).toEqual([10, true, 0, true]);
}

describe.each(endpoints)('control frames on %s', (endpoint) => {
  beforeAll(async () => void (await endpoint.start()));

  it('R-rfc-ping answers a ping with its payload, of any bytes and up to 125 of them', async () => {
    const client = await endpoint.connect();
    for (const payload of [Buffer.alloc(0), Buffer.from([0]), Buffer.from([0xff, 0xfe]), Buffer.alloc(125, 0xaa)]) {
      client.write(frame('ping', payload));
      await expectPong(client, payload);
    }
    await expectGoodbye(client);
  });

  it('R-rfc-ping answers pings that come at once, each in its turn', async () => {
    const client = await endpoint.connect();
    const payloads = Array.from({ length: 50 }, (_, index) => Buffer.from(`ping ${index}`));
    client.write(Buffer.concat(payloads.map((payload) => frame('ping', payload))));
    for (const payload of payloads) await expectPong(client, payload);
    await expectGoodbye(client);
  });

  it('R-rfc-ping takes a pong that nobody asked for', async () => {
    const client = await endpoint.connect();
    client.write(Buffer.concat([frame('pong'), frame('pong', 'x'.repeat(125))]));
    await expectAlive(client);
    await expectGoodbye(client);
  });

  it.each(['ping', 'pong', 'close'] as const)(
    'R-err-frame refuses a %s of 126 bytes, or in fragments',
    async (opcode) => {
      const tooLong = opcode === 'close' ? closePayload(1000, 'x'.repeat(124)) : 'x'.repeat(126);
      for (const bytes of [
        frame(opcode, tooLong),
        frame(opcode, '', { fin: false }),
        // In 16 and 64 bits no length is small enough.
        frame(opcode, 'xx', { lengthBits: 16 }),
        frame(opcode, 'xx', { lengthBits: 64 }),
      ]) {
        const client = await endpoint.connect();
        client.write(bytes);
        await expectClosed(client, 1002);
      }
    },
  );

  it.each([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])(
    'R-rfc-close gives the close code %i back',
    async (code) => {
      for (const reason of ['', 'bye', 'ü'.repeat(61)]) {
        const client = await endpoint.connect();
        client.write(frame('close', closePayload(code, reason)));
        const { opcode, payload } = await client.nextFrame();
        expect([opcode, payload.readUInt16BE(0), payload.toString('utf8', 2)]).toEqual([8, code, reason]);
        expect(await client.ended()).toEqual({ reset: false });
      }
      expect(await endpoint.ledger.lastClosing()).toMatchObject({ code, wasClean: true });
    },
  );

  it('R-rfc-close answers a close frame without a code with one', async () => {
    const client = await endpoint.connect();
    client.write(frame('close'));
    expect(await client.nextFrame()).toMatchObject({ opcode: 8, payload: Buffer.alloc(0) });
    expect(await client.ended()).toEqual({ reset: false });
  });

  it.each([0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])(
    'R-err-frame refuses the close code %i',
    async (code) => {
      const client = await endpoint.connect();
      client.write(frame('close', closePayload(code)));
      await expectClosed(client, 1002);
    },
  );

  it('R-err-frame refuses a close frame of one byte', async () => {
    const client = await endpoint.connect();
    client.write(frame('close', Buffer.from([3])));
    await expectClosed(client, 1002);
  });

  it.each([[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]])(
    'R-err-utf8 refuses a close reason that is not UTF-8',
    async (...bytes) => {
      const client = await endpoint.connect();
      client.write(frame('close', closePayload(1000, Buffer.from(bytes))));
      await expectClosed(client, 1007);
    },
  );

  it('R-rfc-close handles what came before a close frame, and nothing that comes behind it', async () => {
    const client = await endpoint.connect();
    client.write(
      Buffer.concat([
        frame('text', 'before'),
        frame('close', closePayload(1000)),
        frame('text', 'behind'),
        frame('ping', 'behind'),
        frame(3, 'broken'),
      ]),
    );
    await expectMessage(client, 'before');
    await expectClosed(client, 1000);
  });

  it('R-rfc-close ends the connection of a client that answers the close and goes on sending', async () => {
    const client = await endpoint.connect();
    client.write(frame('text', 'x', { mask: false }));
    const closing = await client.nextFrame();
    client.write(Buffer.concat([frame('close', closing.payload), frame('text', 'x'.repeat(10_000))]));
    await client.ended();
  });

  it('R-err-gone takes the half-close of a client that has not said goodbye for its end', async () => {
    const before = endpoint.ledger.closings.length;
    const client = await endpoint.connect();
    await expectAlive(client);
    client.write(frame('text', 'the last'));
    client.end();
    await expectMessage(client, 'the last');
    expect(await client.ended()).toEqual({ reset: false });
    expect(await endpoint.ledger.lastClosing(before + 1)).toMatchObject({ code: 1006, wasClean: false });
  });
});
