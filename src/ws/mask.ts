/** The mask as it lies in memory, whatever the order of bytes in a word is. */
const maskBytes = new Uint8Array(4);
const maskWord = new Int32Array(maskBytes.buffer);

/**
 * Takes a client's mask off, in place and by words of four bytes (RFC 6455 §5.3).
 *
 * @param keyAt where the four bytes of the mask are
 */
export function unmask(buffer: Uint8Array, keyAt: number, from: number, to: number): void {
  const front = Math.min(to - from, -(buffer.byteOffset + from) & 3);
  const aligned = from + front;
  const count = (to - aligned) >> 2;
  for (let i = 0; i < 4; i++) maskBytes[i] = buffer[keyAt + ((front + i) & 3)]!;
  for (let i = 0; i < front; i++) buffer[from + i]! ^= buffer[keyAt + i]!;
  if (count > 0) {
    const words = new Int32Array(buffer.buffer, buffer.byteOffset + aligned, count);
    const mask = maskWord[0]!;
    for (let i = 0; i < count; i++) words[i]! ^= mask;
  }
  for (let i = 0, at = aligned + count * 4; at < to; i++, at++) buffer[at]! ^= maskBytes[i]!;
}
