/** What nodes tell each other to do with their connections. */
import { HalyardError } from '../errors.js';
import { encodeValue } from '../protocol/plain.js';
import type { FrameData } from '../protocol/protocol.js';
import { checkCloseCode } from './close-code.js';

/** Every node listens to this one subject. */
export const commandSubject = 'connections';

/** Who a command is for: one connection, all of a user, or all but one. */
export type Target = { readonly id: string } | { readonly user: string } | { readonly except: string | null };

/** What is to be done. */
export type Action = { readonly value: unknown } | { readonly close: CloseOptions };

/** How `close` and `closeUser` end a connection: see `CloseWebSocket.close`. */
export interface CloseOptions {
  /** @default 1000 */
  code?: number;
  /** Cut to 123 bytes. @default '' */
  reason?: string;
}

/** What is to be left out of a broadcast. */
export interface BroadcastOptions {
  /** A connection, or its id, that does not get it. */
  except?: { readonly id: string } | string;
}

export interface Command {
  readonly target: Target;
  readonly data: FrameData | undefined;
  readonly close: { readonly code: number; readonly reason: string } | undefined;
}

/** A command as it travels. A payload that is bytes does so as base64. */
interface WireCommand {
  readonly target: Target;
  readonly send?: { readonly text: string } | { readonly base64: string };
  readonly close?: { readonly code: number; readonly reason: string };
}

export function broadcastTarget({ except }: BroadcastOptions): Target {
  return { except: typeof except === 'object' ? except.id : (except ?? null) };
}

/** Throws `HALYARD_SEND_VALUE`, or `HALYARD_CLOSE_CODE_INVALID`. */
export function encodeCommand(target: Target, action: Action): Uint8Array {
  const command: WireCommand =
    'value' in action ? { target, send: packed(encodeValue(action.value)) } : { target, close: checked(action.close) };
  return Buffer.from(JSON.stringify(command));
}

/** Throws `HALYARD_BROKER_BYTES` for what no node of this version has written. */
export function decodeCommand(bytes: Uint8Array): Command {
  try {
    const { target, send, close } = JSON.parse(Buffer.from(bytes).toString()) as WireCommand;
    if (typeof target !== 'object' || target === null) throw new TypeError('not a command');
    return { target, data: send && ('text' in send ? send.text : Buffer.from(send.base64, 'base64')), close };
  } catch (cause) {
    throw new HalyardError('BROKER_BYTES', { cause });
  }
}

function packed(data: FrameData): { text: string } | { base64: string } {
  return typeof data === 'string' ? { text: data } : { base64: Buffer.from(data).toString('base64') };
}

function checked({ code = 1000, reason = '' }: CloseOptions): { code: number; reason: string } {
  checkCloseCode(code);
  return { code, reason };
}
