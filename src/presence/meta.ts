/** What is told of one device, and the limits of what may be told. */
import { HalyardError } from '../errors.js';

/** What an app tells of one device: a plain object, at most 1 KiB as JSON. */
export type Meta = Record<string, unknown>;

const maxNameBytes = 200;
const maxMetaBytes = 1024;
/** What presence itself writes into a meta. */
const ownNames = ['phx_ref', 'connectionId', 'joinedAt'] as const;

/** Channel names are data: 1 to 200 bytes, any characters. */
export function checkChannel(channel: string): void {
  if (!isName(channel)) throw new HalyardError('CHANNEL_NAME');
}

/** So are keys. */
export function checkKey(key: string): void {
  if (!isName(key)) throw new HalyardError('PRESENCE_KEY');
}

/** A meta as JSON. Throws `HALYARD_PRESENCE_META`. */
export function encodeMeta(meta: Meta): string {
  if (!isPlainObject(meta)) throw invalid('a meta is a plain object');
  for (const name of ownNames) {
    if (Object.hasOwn(meta, name)) throw invalid(`"${name}" is presence's own: a meta cannot have it`);
  }
  let json: string | undefined;
  try {
    json = JSON.stringify(meta);
  } catch (cause) {
    throw invalid(`not serialisable as JSON: ${(cause as Error).message}`, cause);
  }
  // A `toJSON` of its own may have made anything of it.
  if (!json?.startsWith('{')) throw invalid('a meta is an object as JSON, too');
  const bytes = Buffer.byteLength(json);
  if (bytes > maxMetaBytes) throw invalid(`a meta has at most ${maxMetaBytes} bytes as JSON, this one has ${bytes}`);
  return json;
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && name.length > 0 && Buffer.byteLength(name) <= maxNameBytes;
}

function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function invalid(message: string, cause?: unknown): HalyardError {
  return new HalyardError('PRESENCE_META', cause === undefined ? { message } : { message, cause });
}
