/** permessage-deflate (RFC 7692) as far as a server that shares its frames needs it. */
import { constants, deflateRawSync } from 'node:zlib';
import * as ws from 'ws';
import { HalyardError } from '../errors.js';
import type { FrameData } from '../protocol/protocol.js';
import { compressedBit, encodeBytes, finBinary, finText } from './frame.js';

/** The part of `ws` that its types leave out: a map of null prototype, from extension to offers, from parameter to values. */
const { extension } = ws as unknown as {
  extension: { parse(header: string): Record<string, Record<string, (string | true)[]>[]> };
};

/** What was agreed on. */
export interface Deflate {
  /** The one offer that was accepted, as a client would make it. */
  readonly offer: string;
  /** The window of what the server sends is 2 to this power. */
  readonly windowBits: number;
}

const maxWindowBits = 15;
/** zlib knows no raw deflate with a window of 8 bits. */
const minWindowBits = 9;

/**
 * Finds the first offer that can be kept; an invalid one is declined like one that is not known (RFC 7692 §7). Throws
 * `HALYARD_UPGRADE_INVALID` for a header that is no list of extensions.
 */
export function negotiateDeflate(header: string | undefined): Deflate | undefined {
  if (header === undefined) return undefined;
  let offers: Record<string, (string | true)[]>[] | undefined;
  try {
    offers = extension.parse(header)['permessage-deflate'];
  } catch (cause) {
    throw new HalyardError('UPGRADE_INVALID', { message: 'Sec-WebSocket-Extensions is invalid', cause });
  }
  for (const offer of offers ?? []) {
    const accepted = accept(offer);
    if (accepted) return accepted;
  }
  return undefined;
}

function accept(offer: Record<string, (string | true)[]>): Deflate | undefined {
  let windowBits = maxWindowBits;
  // Always: each message then stands alone, and one compressed frame can go to all that receive it.
  const parameters = ['permessage-deflate', 'server_no_context_takeover'];
  for (const [name, [value, ...more]] of Object.entries(offer)) {
    if (more.length > 0) return undefined;
    switch (name) {
      case 'server_no_context_takeover':
        if (value !== true) return undefined;
        break;
      case 'client_no_context_takeover':
        if (value !== true) return undefined;
        parameters.push(name);
        break;
      case 'server_max_window_bits':
        if (!isWindowBits(value) || Number(value) < minWindowBits) return undefined;
        windowBits = Number(value);
        parameters.push(`${name}=${windowBits}`);
        break;
      case 'client_max_window_bits':
        // We can read the largest window, so the client need not be held to a smaller one.
        if (value !== true && !isWindowBits(value)) return undefined;
        break;
      default:
        return undefined;
    }
  }
  return { offer: parameters.join('; '), windowBits };
}

/** 8 to 15, without leading zeros (RFC 7692 §7.1.2). */
function isWindowBits(value: string | true | undefined): boolean {
  return typeof value === 'string' && /^(?:[89]|1[0-5])$/.test(value);
}

/** The compressed frame of a message, which needs nothing of the messages before it. */
export function encodeDeflated(data: FrameData, windowBits: number): Buffer {
  const expected = typeof data === 'string' ? data.length : data.byteLength;
  const deflated = deflateRawSync(data, {
    windowBits,
    finishFlush: constants.Z_SYNC_FLUSH,
    chunkSize: Math.max(constants.Z_MIN_CHUNK, expected >> 1),
  });
  // The flush ends in an empty block of four bytes, which the receiver puts back (RFC 7692 §7.2.1).
  const payload = deflated.subarray(0, deflated.length - 4);
  return encodeBytes(compressedBit | (typeof data === 'string' ? finText : finBinary), payload);
}
