/** What our parser, and the receiver of `ws`, make of chunks, as lines that can be compared. */
import type { Writable } from 'node:stream';
import * as ws from 'ws';
import { FrameParser } from '#internal/ws/frame-parser.js';

export interface Limits {
  readonly maxPayload: number;
  readonly maxFragments: number;
}

/** The end of a connection whose client wrote a length in more bytes than it needs, which `ws` lets pass. */
export const longLength = 'broke 1002: a length must take as few bytes as possible';

/** The part of `ws` that its types leave out. */
const { Receiver } = ws as unknown as { Receiver: new (options: Limits & { isServer: boolean }) => Writable };

/** Our parser, which tells `heard` of what it reads. */
export function startParser(heard: (event: string) => void, { maxPayload, maxFragments }: Limits): FrameParser {
  return new FrameParser(
    maxPayload,
    maxFragments,
    { receive: (raw, isBinary) => heard(`${isBinary ? 'binary' : 'text'} ${raw.toString('latin1')}`) },
    {
      pinged: (payload) => heard(`ping ${payload.toString('latin1')}`),
      ponged: () => heard('pong'),
      closing: (code, reason) => heard(`close ${code} ${reason}`),
      broke: ({ closeCode, message }) => heard(`broke ${closeCode}: ${message}`),
    },
  );
}

export function eventsOfOurs(chunks: readonly Buffer[], limits: Limits): string[] {
  const events: string[] = [];
  const parser = startParser((event) => events.push(event), limits);
  for (const chunk of chunks) parser.read(chunk);
  return events;
}

const closeCodes: Readonly<Record<string, number>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009,
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
};

export function eventsOfWs(chunks: readonly Buffer[], limits: Limits): string[] {
  const events: string[] = [];
  let isOver = false;
  const receiver = new Receiver({ isServer: true, ...limits });
  receiver.on('message', (data: Buffer, isBinary: boolean) =>
    events.push(`${isBinary ? 'binary' : 'text'} ${data.toString('latin1')}`),
  );
  receiver.on('ping', (data: Buffer) => events.push(`ping ${data.toString('latin1')}`));
  receiver.on('pong', () => events.push('pong'));
  receiver.on('conclude', (code: number, reason: Buffer) => {
    isOver = true;
    events.push(`close ${code} ${reason.toString()}`);
  });
  for (const chunk of chunks) {
    if (isOver) break;
    // It calls back before it returns, as long as nothing is compressed; `write` would tell of an error a turn later.
    receiver._write(chunk, 'latin1', (error) => {
      if (!error) return;
      isOver = true;
      events.push(`broke ${closeCodes[(error as NodeJS.ErrnoException).code ?? ''] ?? 1002}`);
    });
  }
  return events;
}
