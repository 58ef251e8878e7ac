import { beforeAll, describe, it } from '@jest/globals';
import { frame } from 'halyard/testing';
import { endpoints, expectClosed, expectGoodbye, expectMessage } from './endpoints.js';

/** Characters at the edges of what one, two, three and four bytes hold, and some that are odd and allowed. */
const valid = [
  0x00, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfeff, 0xfffd, 0xfffe, 0xffff, 0x1_0000, 0x1_f600, 0x1_fffe,
  0x10_ffff,
];

const invalid: readonly (readonly [what: string, bytes: readonly number[]])[] = [
  ['a continuation byte alone', [0x80]],
  ['the last continuation byte alone', [0xbf]],
  ['two continuation bytes', [0x80, 0xbf]],
  ['a character of two bytes cut off', [0xc3]],
  ['a character of three bytes cut off', [0xe2, 0x82]],
  ['a character of four bytes cut off', [0xf0, 0x9f, 0x98]],
  ['two bytes in place of one: 0', [0xc0, 0x80]],
  ['two bytes in place of one: /', [0xc0, 0xaf]],
  ['two bytes in place of one: DEL', [0xc1, 0xbf]],
  ['three bytes in place of two', [0xe0, 0x80, 0xaf]],
  ['three bytes in place of two, the last', [0xe0, 0x9f, 0xbf]],
  ['four bytes in place of three', [0xf0, 0x80, 0x80, 0xaf]],
  ['four bytes in place of three, the last', [0xf0, 0x8f, 0xbf, 0xbf]],
  ['the first high surrogate', [0xed, 0xa0, 0x80]],
  ['the last high surrogate', [0xed, 0xaf, 0xbf]],
  ['the first low surrogate', [0xed, 0xb0, 0x80]],
  ['the last low surrogate', [0xed, 0xbf, 0xbf]],
  ['a pair of surrogates', [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]],
  ['a character above the last one', [0xf4, 0x90, 0x80, 0x80]],
  ['a character of four bytes far above', [0xf7, 0xbf, 0xbf, 0xbf]],
  ['a character of five bytes', [0xf8, 0x88, 0x80, 0x80, 0x80]],
  ['a character of six bytes', [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80]],
  ['the byte FE', [0xfe]],
  ['the byte FF', [0xff]],
  ['a beginning in place of a continuation', [0xc3, 0xc3, 0xa9]],
  ['ASCII in place of a continuation', [0xe2, 0x82, 0x41]],
];

/** A text in two fragments, cut behind `at` bytes. */
function inTwo(bytes: Buffer, at: number): Buffer {
  return Buffer.concat([
    frame('text', bytes.subarray(0, at), { fin: false }),
    frame('continuation', bytes.subarray(at)),
  ]);
}

describe.each(endpoints)('UTF-8 on %s', (endpoint) => {
  beforeAll(async () => void (await endpoint.start()));

  it('R-rfc-utf8 takes every kind of character, whole and cut at every byte', async () => {
    const client = await endpoint.connect();
    for (const character of valid) {
      // Short, and long enough for the other way in which masks are taken off.
      for (const around of ['', 'x', 'x'.repeat(200)]) {
        const text = `${around}${String.fromCodePoint(character)}${around}`;
        const bytes = Buffer.from(text);
        client.write(frame('text', bytes));
        await expectMessage(client, text);
        for (let at = Math.max(0, around.length - 1); at <= Math.min(bytes.length, around.length + 5); at++) {
          client.write(inTwo(bytes, at));
          await expectMessage(client, text);
        }
      }
    }
    await expectGoodbye(client);
  });

  it('R-rfc-utf8 takes a text in fragments of one byte, and one whose bytes arrive one by one', async () => {
    const client = await endpoint.connect();
    const text = valid.map((character) => String.fromCodePoint(character)).join('');
    const bytes = [...Buffer.from(text)];
    client.write(
      Buffer.concat(
        bytes.map((byte, index) =>
          frame(index === 0 ? 'text' : 'continuation', Buffer.from([byte]), { fin: index === bytes.length - 1 }),
        ),
      ),
    );
    await expectMessage(client, text);
    for (const byte of frame('text', text)) {
      client.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expectMessage(client, text);
    await expectGoodbye(client);
  });

  it.each(invalid)('R-err-utf8 refuses %s', async (_what, bytes) => {
    for (const [before, behind] of [
      ['', ''],
      ['ä', 'ö'],
      ['x'.repeat(300), ''],
    ] as const) {
      // A cut character is one only at the end.
      const text = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(behind)]);
      const whole = await endpoint.connect();
      whole.write(frame('text', text));
      await expectClosed(whole, 1007);
      for (let at = 0; at <= bytes.length; at++) {
        const cut = await endpoint.connect();
        cut.write(inTwo(text, before === 'ä' ? at + 2 : before.length + at));
        await expectClosed(cut, 1007);
      }
    }
  });

  it('R-rfc-utf8 takes as bytes what is no text', async () => {
    const client = await endpoint.connect();
    for (const [, bytes] of invalid) {
      client.write(frame('binary', Buffer.from(bytes)));
      await expectMessage(client, Buffer.from(bytes));
    }
    await expectGoodbye(client);
  });
});
