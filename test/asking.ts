import { expect } from '@jest/globals';
import type { TestClient } from 'halyard/testing';

/** Sends a message and resolves with the answer. */
export async function ask(client: TestClient, message: string | Uint8Array | object): Promise<unknown> {
  client.send(message);
  return client.json();
}

/** The error frame of a message. */
export function errorFrame(code: string, message: string | RegExp, details?: unknown): object {
  const text: unknown = typeof message === 'string' ? message : expect.stringMatching(message);
  return { event: 'error', payload: { code, message: text, ...(details === undefined ? {} : { details }) } };
}

/** The error frame of a body that breaks rules. */
export function broken(...details: unknown[]): object {
  return errorFrame('VALIDATION_FAILED', 'the body breaks a rule', details);
}
