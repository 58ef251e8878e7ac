import { pathToFileURL } from 'node:url';
import { glob } from 'tinyglobby';

import { textOf, type BootProblem } from '../errors.js';

import { readRecord, type Class } from '../metadata/metadata.js';

/** Classes as they are, and those that the modules of globs export. */
export async function loadControllers(given: readonly (Class | string)[], problems: BootProblem[]): Promise<Class[]> {
  const classes: Class[] = [];
  for (const entry of given) {
    if (typeof entry !== 'string') {
      classes.push(entry);
      continue;
    }
    const files = await glob(entry, { absolute: true });
    const problem = (reason: string, fix: string): unknown =>
      problems.push({ code: 'HALYARD_BOOT_SETTING', where: `controllers: ${entry}`, reason, fix });
    if (files.length === 0)
      problem('no file matches', 'globs are relative to the working directory, and name built files');
    for (const file of files.sort()) {
      try {
        const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
        for (const value of Object.values(module)) {
          if (typeof value === 'function' && readRecord(value as unknown as Class).controller)
            classes.push(value as unknown as Class);
        }
      } catch (error) {
        const text = textOf(error);
        const circular = text.endsWith('before initialization');
        problem(
          `${file} cannot be loaded: ${text}`,
          circular ? 'two files import each other: move what both need into a third' : 'mend the module',
        );
      }
    }
  }
  return classes;
}
