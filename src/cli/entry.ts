import { statSync } from 'node:fs';
import { resolve } from 'node:path';

/** The path of an entry module that a command was given. Throws what is wrong with it. */
export function entryFile(entry: string): string {
  const file = resolve(entry);
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) throw new Error(`${entry} does not exist`);
  if (!found.isFile()) throw new Error(`${entry} is no file: give the built entry, for example dist/main.js`);
  if (/\.[cm]?tsx?$/.test(file)) {
    throw new Error(`${entry} is TypeScript: give the built file, for example dist/main.js`);
  }
  return file;
}
