import { chatMessage, variants } from '../work.js';
import type { Client } from './client.js';
import type { Dialect } from './dialect.js';
import { maskedFrame, opcode } from './frames.js';
import type { Run } from './run.js';

/** Every so manieth answer is compared byte for byte; no divisor of `variants`, so that each variant has its turn. */
const sampleEvery = 13;
/** FIN and the opcode of text. */
const wholeText = 0x80 | opcode.text;

/** What clients of a server say, made once: masked frames of all variants in a row, and what must come back for each. */
export class Script {
  readonly #frames: Buffer;
  /** Where each frame begins, and the last one ends. */
  readonly #offsets: number[] = [0];
  protected readonly answers: readonly Buffer[];
  #seen = 0;

  /** @param textLength characters of the messages' text */
  constructor(dialect: Dialect, textLength?: number) {
    const messages = Array.from({ length: variants }, (_, index) => JSON.stringify(chatMessage(index, textLength)));
    const frames = messages.map((json) => maskedFrame(opcode.text, dialect.request(json)));
    // Twice, so that a burst that begins anywhere is one slice.
    this.#frames = Buffer.concat([...frames, ...frames]);
    for (const frame of [...frames, ...frames]) this.#offsets.push(this.#offsets.at(-1)! + frame.length);
    this.answers = messages.map((json) => Buffer.from(dialect.reply(json)));
  }

  /** Frames of the next messages that a client sends. @param count at most `variants` */
  next(client: Client, count: number): Buffer {
    const from = client.sent;
    client.sent = (from + count) % variants;
    return this.#frames.subarray(this.#offsets[from], this.#offsets[from + count]);
  }

  /** Counts an answer, which must be the one to the client's next message. Throws where it is not. */
  check(run: Run, client: Client, head: number, data: Buffer, start: number, end: number): void {
    const index = client.expected;
    client.expected = (index + 1) % variants;
    this.#seen += 1;
    const sampled = this.#seen % sampleEvery === 0;
    if (sampled) run.compared += 1;
    if (!this.matches(index, sampled, head, data, start, end)) {
      const answer = data.toString('utf8', start, end).slice(0, 300);
      throw new Error(`wrong answer: ${answer}, not ${this.answers[index]!.toString().slice(0, 300)}`);
    }
    run.operations += 1;
  }

  /** @param sampled whether every byte is looked at */
  protected matches(index: number, sampled: boolean, head: number, data: Buffer, start: number, end: number): boolean {
    const answer = this.answers[index]!;
    if (head !== wholeText || end - start !== answer.length) return false;
    return !sampled || data.compare(answer, 0, answer.length, start, end) === 0;
  }
}
