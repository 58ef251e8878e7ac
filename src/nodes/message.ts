/** What nodes say to each other, whatever it is about. */

/** Who says it. */
export interface Head {
  /** The name of the node. */
  readonly n: string;
  /** Its incarnation: random, new at each start. */
  readonly i: string;
  /** How often its link has come up: what was published before may be lost. */
  readonly g: number;
}

/** What is said: its kind, and what goes with that. */
export interface Body {
  readonly t: string;
}

/** What nodes say of themselves. */
export type Sign =
  /** Just started: an older incarnation of the name is no more. */
  | { readonly t: 'hello' }
  | { readonly t: 'beat' }
  | { readonly t: 'bye' }
  /** To oneself: what was published before it has been read. */
  | { readonly t: 'probe'; readonly k: number };

export function encode(head: Head, body: Body): Uint8Array {
  return Buffer.from(JSON.stringify({ ...head, ...body }));
}

/** `undefined`: none of ours, or of a version that is not understood. */
export function decode(bytes: Uint8Array): (Head & Body) | undefined {
  try {
    const message = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as Head & Body;
    return typeof message.i === 'string' && typeof message.t === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}
