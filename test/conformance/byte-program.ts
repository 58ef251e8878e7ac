/**
 * Streams of frames for the fuzzer: a list of bytes is read as a program, so that any list is one, and a shorter list with
 * smaller numbers is a simpler stream. Most frames are valid, or all but one of their bits.
 */
import { closePayload, frame } from 'halyard/testing';

/** What a program comes to. */
export interface Stream {
  readonly bytes: Buffer;
  /** Where it is cut: in ascending order, each once. */
  readonly cuts: readonly number[];
}

const texts = ['', 'a', 'hello', 'grüße', '😀', 'x'.repeat(125), 'y'.repeat(126), 'é'.repeat(99), 'z'.repeat(200)];
const codes = [1000, 1001, 1005, 1006, 999, 1014, 1015, 2999, 3000, 4999, 5000, 0];
/** In characters: at most 125 bytes with the code. */
const maxReason = 40;

class Program {
  #at = 0;

  constructor(private readonly code: Uint8Array) {}

  get isOver(): boolean {
    return this.#at >= this.code.length;
  }

  /** A number below `limit`; 0 behind the end. */
  next(limit: number): number {
    return (this.code[this.#at++] ?? 0) % limit;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.next(list.length)]!;
  }
}

function frameOf(program: Program): Buffer {
  switch (program.next(16)) {
    case 0:
    case 1:
    case 2:
      return frame('text', program.pick(texts));
    case 3:
    case 4:
      return frame('binary', Buffer.alloc(program.next(256), program.next(256)));
    case 5:
      return frame('text', program.pick(texts), { fin: false });
    case 6:
      return frame('continuation', program.pick(texts), { fin: false });
    case 7:
      return frame('continuation', program.pick(texts));
    case 8:
      return frame('ping', Buffer.alloc(program.next(128), 0x70));
    case 9:
      return frame('pong', Buffer.alloc(program.next(128)));
    case 10:
      return frame('close', closePayload(program.pick(codes), program.pick(texts).slice(0, maxReason)));
    case 11:
      // Bytes that may be no UTF-8.
      return frame('text', Buffer.from([program.next(256), program.next(256), program.next(256)]));
    case 12:
      return frame(program.next(16), program.pick(texts), { rsv: program.next(8), fin: program.next(2) === 0 });
    case 13:
      return frame('text', program.pick(texts), { mask: program.next(4) > 0, length: program.next(256) });
    case 14:
      return frame('binary', 'short', { length: 2n ** BigInt(program.next(64)), lengthBits: 64 });
    default:
      return Buffer.from([program.next(256), program.next(256), program.next(256), program.next(256)]);
  }
}

/** Reads a program. */
export function streamOf(code: Uint8Array): Stream {
  const program = new Program(code);
  const cutting = program.next(4);
  const every = program.next(64) + 1;
  const flips = program.next(8);
  const flipAt = program.next(256);
  const frames: Buffer[] = [];
  while (!program.isOver && frames.length < 12) frames.push(frameOf(program));
  const bytes = Buffer.concat(frames);
  // One bit, in one of eight streams.
  if (flips === 7 && bytes.length > 0) bytes[flipAt % bytes.length]! ^= 1 << (flipAt & 7);
  const cuts: number[] = [];
  const step = cutting === 0 ? bytes.length : cutting === 1 ? 1 : every;
  for (let at = step; at < bytes.length; at += step) cuts.push(at);
  return { bytes, cuts };
}

/** The chunks of a stream, copies that may be changed. */
export function chunksOf({ bytes, cuts }: Stream): Buffer[] {
  const ends = [...cuts, bytes.length];
  return ends.map((end, index) => Buffer.from(bytes.subarray(index === 0 ? 0 : ends[index - 1], end)));
}
