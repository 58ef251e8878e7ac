import { constants, inflateRawSync } from 'node:zlib';
import { opcode } from './frames.js';
import { Script } from './script.js';

/** FIN, RSV1 and the opcode of text: a whole compressed message (RFC 7692 §6). */
const wholeCompressedText = 0x80 | 0x40 | opcode.text;
/** What a sender leaves out at the end of a message (RFC 7692 §7.2.1). */
const tail = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/** Answers that come compressed. Without context takeover one and the same message must always have the same length. */
export class CompressedScript extends Script {
  readonly #lengths: (number | undefined)[] = [];

  protected override matches(
    index: number,
    sampled: boolean,
    head: number,
    data: Buffer,
    start: number,
    end: number,
  ): boolean {
    const length = this.#lengths[index];
    if (head !== wholeCompressedText || (length !== undefined && end - start !== length)) return false;
    if (length !== undefined && !sampled) return true;
    this.#lengths[index] = end - start;
    const message = Buffer.concat([data.subarray(start, end), tail]);
    return inflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).equals(this.answers[index]!);
  }
}
