/** A server's frames: header and payload in one piece, as two would be a write of two chunks (RFC 6455 §5.2). */

/** The first byte of a frame that is a whole message, or a control frame. */
export const finText = 0x81;
export const finBinary = 0x82;
export const finClose = 0x88;
export const finPing = 0x89;
export const finPong = 0x8a;
/** RSV1: the payload is compressed (RFC 7692 §6). */
export const compressedBit = 0x40;

const maxHeaderBytes = 10;
/** A frame that is kept keeps its slab, so that this is not more than a few small frames. */
const slabBytes = 16 * 1024;
/** Longer texts are measured first, and have a buffer of their own. */
const maxSlabText = 1024;

/**
 * Frames are made one behind the other in a slab, so that those of one tick lie next to each other and are written as one
 * piece without being copied.
 */
let slab = Buffer.allocUnsafeSlow(slabBytes);
let slabUsed = 0;

/** The frame of a message. */
export function encodeFrame(data: string | Uint8Array): Buffer {
  if (typeof data !== 'string') return encodeBytes(finBinary, data);
  return data.length <= maxSlabText ? encodeSlabText(data) : encodeLongText(data);
}

/** A frame with any first byte. */
export function encodeBytes(first: number, payload: Uint8Array): Buffer {
  const length = payload.byteLength;
  const start = headerBytes(length);
  const frame = allocate(start + length);
  writeHeader(frame, 0, first, length);
  frame.set(payload, start);
  return frame;
}

/** Text whose length in bytes is not known before it is there. */
function encodeSlabText(text: string): Buffer {
  const most = maxHeaderBytes + text.length * 3;
  if (most > slabBytes - slabUsed) renewSlab();
  const at = slabUsed;
  // As many bytes as characters, unless there is more than ASCII in it.
  const guess = headerBytes(text.length);
  const length = slab.write(text, at + guess, 'utf8');
  const start = headerBytes(length);
  if (start !== guess) slab.copyWithin(at + start, at + guess, at + guess + length);
  writeHeader(slab, at, finText, length);
  slabUsed = at + start + length;
  return slab.subarray(at, slabUsed);
}

function encodeLongText(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const start = headerBytes(length);
  const frame = Buffer.allocUnsafeSlow(start + length);
  writeHeader(frame, 0, finText, length);
  frame.write(text, start, 'utf8');
  return frame;
}

function allocate(bytes: number): Buffer {
  if (bytes > slabBytes / 4) return Buffer.allocUnsafeSlow(bytes);
  if (bytes > slabBytes - slabUsed) renewSlab();
  slabUsed += bytes;
  return slab.subarray(slabUsed - bytes, slabUsed);
}

function renewSlab(): void {
  slab = Buffer.allocUnsafeSlow(slabBytes);
  slabUsed = 0;
}

function headerBytes(payloadBytes: number): number {
  return payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : maxHeaderBytes;
}

function writeHeader(frame: Buffer, at: number, first: number, length: number): void {
  frame[at] = first;
  if (length < 126) {
    frame[at + 1] = length;
  } else if (length < 65_536) {
    frame[at + 1] = 126;
    frame.writeUInt16BE(length, at + 2);
  } else {
    frame[at + 1] = 127;
    frame.writeUInt32BE(Math.floor(length / 2 ** 32), at + 2);
    frame.writeUInt32BE(length >>> 0, at + 6);
  }
}
