import { beforeAll, describe, expect, it } from '@jest/globals';
import { closePayload, frame } from 'halyard/testing';
import { endpoints, expectAlive, expectClosed, expectGoodbye, expectMessage, maxPayload } from './endpoints.js';

const maxFragments = 128;

/** The frames of a message in fragments. */
function fragments(opcode: 'text' | 'binary', parts: readonly (string | Buffer)[]): Buffer[] {
  return parts.map((part, index) =>
    frame(index === 0 ? opcode : 'continuation', part, { fin: index === parts.length - 1 }),
  );
}

describe.each(endpoints)('fragments on %s', (endpoint) => {
  beforeAll(async () => void (await endpoint.start()));

  it.each([
    ['two', ['ab', 'cd']],
    ['an empty first one', ['', 'abcd']],
    ['an empty last one', ['abcd', '']],
    ['nothing but empty ones', ['', '', '']],
    ['one byte each', 'abcdefgh'.split('')],
    ['large ones', ['x'.repeat(30_000), 'y'.repeat(35_000)]],
  ])('R-rfc-fragments puts a message together: %s', async (_what, parts) => {
    const client = await endpoint.connect();
    client.write(Buffer.concat(fragments('text', parts)));
    await expectMessage(client, parts.join(''));
    client.write(Buffer.concat(fragments('binary', parts)));
    await expectMessage(client, Buffer.from(parts.join('')));
    await expectGoodbye(client);
  });

  it('R-rfc-fragments answers control frames between fragments, before the message', async () => {
    const client = await endpoint.connect();
    const parts = fragments('text', ['a', 'b', 'c']);
    client.write(
      Buffer.concat([parts[0]!, frame('ping', 'one'), parts[1]!, frame('pong', 'x'), frame('ping', 'two'), parts[2]!]),
    );
    for (const payload of ['one', 'two']) {
      const pong = await client.nextFrame();
      expect([pong.opcode, pong.payload.toString()]).toEqual([10, payload]);
    }
    await expectMessage(client, 'abc');
    await expectGoodbye(client);
  });

  it('R-rfc-fragments closes in the middle of a message', async () => {
    const client = await endpoint.connect();
    client.write(Buffer.concat([frame('text', 'a', { fin: false }), frame('close', closePayload(1001))]));
    await expectClosed(client, 1001);
  });

  it(`R-err-fragments takes ${maxFragments} fragments, and not one more`, async () => {
    const client = await endpoint.connect();
    const parts = Array.from({ length: maxFragments }, () => 'x');
    client.write(Buffer.concat(fragments('text', parts)));
    await expectMessage(client, parts.join(''));
    // They are counted for each message.
    client.write(Buffer.concat(fragments('binary', parts)));
    await expectMessage(client, Buffer.from(parts.join('')));
    client.write(Buffer.concat(fragments('text', [...parts, 'x'])));
    await expectClosed(client, 1008);
  });

  it('R-err-size counts all fragments of a message together, and each message anew', async () => {
    const client = await endpoint.connect();
    const half = 'x'.repeat(maxPayload / 2);
    for (let n = 0; n < 2; n++) {
      client.write(Buffer.concat(fragments('text', [half, half])));
      await expectMessage(client, half + half);
    }
    client.write(Buffer.concat(fragments('text', [half, half, 'x'])));
    await expectClosed(client, 1009);
  });

  it('R-err-frame refuses a message within a message, and a continuation of none', async () => {
    const begun = frame('text', 'a', { fin: false });
    const broken = [
      [begun, frame('text', 'b')],
      [begun, frame('binary', 'b')],
      [begun, frame('text', 'b', { fin: false })],
      [frame('binary', '', { fin: false }), frame('text', 'b')],
      [frame('continuation', 'a')],
      [frame('continuation', 'a', { fin: false })],
      [begun, frame('continuation', 'b'), frame('continuation', 'c')],
    ];
    for (const [index, bytes] of broken.entries()) {
      const client = await endpoint.connect();
      client.write(Buffer.concat(bytes));
      if (index === broken.length - 1) await expectMessage(client, 'ab');
      await expectClosed(client, 1002);
    }
  });

  it('R-rfc-fragments waits for the end of a message as long as it takes', async () => {
    const client = await endpoint.connect();
    const other = await endpoint.connect();
    client.write(frame('text', 'a', { fin: false }));
    await expectAlive(other);
    client.write(frame('continuation', 'b'));
    await expectMessage(client, 'ab');
    await expectGoodbye(client);
    await expectGoodbye(other);
  });
});
