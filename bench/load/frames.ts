import { randomBytes } from 'node:crypto';

export const opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A client's frame: final, masked with a random key (RFC 6455 §5.3). */
export function maskedFrame(code: number, payload: Buffer | string): Buffer {
  const data = Buffer.from(payload);
  const lengthBytes = data.length < 126 ? 0 : data.length < 65_536 ? 2 : 8;
  const start = 2 + lengthBytes + 4;
  const frame = Buffer.allocUnsafe(start + data.length);
  frame[0] = 0x80 | code;
  frame[1] = 0x80 | (lengthBytes === 0 ? data.length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) frame.writeUInt16BE(data.length, 2);
  if (lengthBytes === 8) frame.writeBigUInt64BE(BigInt(data.length), 2);
  const key = randomBytes(4);
  key.copy(frame, 2 + lengthBytes);
  for (let index = 0; index < data.length; index += 1) frame[start + index] = data[index]! ^ key[index & 3]!;
  return frame;
}

/** Gets what a reader finds. Offsets are into `data`, which is only valid during the call. */
export interface FrameListener {
  /** @param head first byte of the frame: FIN, RSV and opcode */
  frame(head: number, data: Buffer, start: number, end: number): void;
}

/** Finds the frames in what a server sends; copies nothing but a frame that a read cut in two. */
export class FrameReader {
  #rest: Buffer | undefined = undefined;

  constructor(private readonly listener: FrameListener) {}

  /** Reports each whole frame of what came so far. Throws on a masked frame, which a server may not send. */
  read(chunk: Buffer): void {
    const data = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    while (at + 2 <= data.length) {
      let length = data[at + 1]!;
      let start = at + 2;
      if (length === 126) {
        start = at + 4;
        if (start > data.length) break;
        length = data.readUInt16BE(at + 2);
      } else if (length === 127) {
        start = at + 10;
        if (start > data.length) break;
        length = Number(data.readBigUInt64BE(at + 2));
      } else if (length > 127) {
        throw new Error('the server sent a masked frame');
      }
      const end = start + length;
      if (end > data.length) break;
      this.listener.frame(data[at]!, data, start, end);
      at = end;
    }
    this.#rest = at < data.length ? Buffer.from(data.subarray(at)) : undefined;
  }
}
