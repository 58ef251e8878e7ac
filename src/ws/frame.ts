/**
 * A server's frame in one contiguous buffer: header and payload together are one write, where two chunks would be a
 * writev of two (RFC 6455 §5.2).
 */
export function encodeFrame(data: string | Uint8Array): Buffer {
  return typeof data === 'string' ? encodeText(data) : encodeBinary(data);
}

const finText = 0x81;
const finBinary = 0x82;

function encodeText(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const header = headerLength(length);
  const frame = Buffer.allocUnsafe(header + length);
  writeHeader(frame, finText, length);
  frame.write(text, header, 'utf8');
  return frame;
}

function encodeBinary(bytes: Uint8Array): Buffer {
  const header = headerLength(bytes.byteLength);
  const frame = Buffer.allocUnsafe(header + bytes.byteLength);
  writeHeader(frame, finBinary, bytes.byteLength);
  frame.set(bytes, header);
  return frame;
}

function headerLength(payloadLength: number): number {
  return payloadLength < 126 ? 2 : payloadLength < 65536 ? 4 : 10;
}

function writeHeader(frame: Buffer, first: number, length: number): void {
  frame[0] = first;
  if (length < 126) {
    frame[1] = length;
  } else if (length < 65536) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2);
    frame.writeUInt32BE(length >>> 0, 6);
  }
}
