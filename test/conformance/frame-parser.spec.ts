import { describe, expect, it } from '@jest/globals';
import { closePayload, frame } from 'halyard/testing';
import { eventsOfOurs, startParser } from './parser-events.js';

const limits = { maxPayload: 1_000_000, maxFragments: 128 };

describe('the parser', () => {
  it('R-rfc-close knows of all 65 536 close codes which may be received', () => {
    const taken: number[] = [];
    for (let code = 0; code < 65_536; code++) {
      const [event] = eventsOfOurs([frame('close', closePayload(code))], limits);
      if (event === `close ${code} `) taken.push(code);
      else if (!event?.startsWith('broke 1002')) throw new Error(`${code}: ${event}`);
    }
    const range = (from: number, to: number): number[] =>
      Array.from({ length: to - from + 1 }, (_, index) => from + index);
    expect(taken).toEqual([...range(1000, 1003), ...range(1007, 1014), ...range(3000, 4999)]);
  });

  it('R-err-size reserves little for what has come, whatever a header promises', () => {
    const before = process.memoryUsage().arrayBuffers;
    const parsers = Array.from({ length: 200 }, () => {
      const parser = startParser(() => undefined, limits);
      parser.read(frame('binary', 'x'.repeat(500), { length: limits.maxPayload, fin: false }));
      return parser;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(parsers.length * 4096);
  });

  it('R-err-fragments keeps one buffer for a message, however small its fragments and their pieces are', () => {
    const events: string[] = [];
    const parser = startParser((event) => events.push(event), { maxPayload: 70_000, maxFragments: 70_000 });
    for (let n = 0; n < 60_000; n++) parser.read(frame(n === 0 ? 'binary' : 'continuation', 'x', { fin: false }));
    for (const byte of frame('continuation', 'y'.repeat(9000))) parser.read(Buffer.from([byte]));
    expect(events).toEqual([`binary ${'x'.repeat(60_000)}${'y'.repeat(9000)}`]);
  });

  it('R-order-queue stops behind the message that pauses it, and goes on where it stopped', () => {
    const events: string[] = [];
    const parser = startParser((event) => {
      events.push(event);
      parser.pause();
    }, limits);
    parser.read(Buffer.concat(['one', 'two', 'three'].map((text) => frame('text', text))));
    expect(events).toEqual(['text one']);
    parser.resume();
    expect(events).toEqual(['text one', 'text two']);
    parser.resume();
    expect(events).toEqual(['text one', 'text two', 'text three']);
  });
});
