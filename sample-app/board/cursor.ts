import { HttpError, type Message } from 'halyard';
import { boardHeight, boardWidth } from './stroke.js';

const refusal =
  'A binary frame is a place on the board, two 16-bit numbers; all else has an event: draw, undo, clear, all';

/** Where somebody points, as it comes in: x and y, 16 bits each. Refuses every other frame. */
export function placeOf(message: Message): Buffer {
  const bytes = message.bytes();
  const isPlace = message.isBinary && bytes.length === 4;
  if (!isPlace || bytes.readUInt16BE(0) > boardWidth || bytes.readUInt16BE(2) > boardHeight) {
    throw new HttpError(400, refusal, { code: 'FRAME_INVALID' });
  }
  return bytes;
}

/** As it goes out: 8 bytes that say who it is, and the place. JSON would be ten times as long, twenty times a second. */
export function cursorOf(person: string, place: Buffer): Buffer {
  return Buffer.concat([Buffer.from(person, 'hex'), place]);
}
