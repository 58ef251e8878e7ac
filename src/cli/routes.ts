import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { onAppCreated } from '../app/inspect.js';
import type { RouteDescription } from '../app/describe.js';
import { textOf } from '../errors.js';
import { entryFile } from './entry.js';

const columns = ['METHOD', 'PATH', 'EVENT', 'HANDLER', 'VALIDATION', 'RUNS'] as const;

/** Loads a module and, as soon as it creates an app, prints that app's routes and ends the process: it never listens. */
export async function printRoutes(entry: string): Promise<void> {
  const file = entryFile(entry);
  onAppCreated((app) => {
    writeSync(process.stdout.fd, `${formatRoutes(app.routes())}\n`);
    process.exit(0);
  });
  // A module may create its app in a function that runs on after it was loaded, or wait for what never comes: in both
  // cases it is over when there is nothing left to do.
  const idle = new Promise((done) => process.once('beforeExit', done));
  const failed = new Promise<never>((_, reject) => process.once('unhandledRejection', reject));
  try {
    await Promise.race([import(pathToFileURL(file).href), failed, idle]);
    await Promise.race([failed, idle]);
  } catch (error) {
    // What is wrong with the app says where it is. The package that says so may be another copy of this one.
    if ((error as { code?: unknown } | undefined)?.code === 'HALYARD_BOOT') throw error;
    const text = error instanceof Error ? (error.stack ?? error.message) : textOf(error);
    throw new Error(`${entry} failed: ${text}`, { cause: error });
  }
  throw new Error(`${entry} created no app: it should call createApp when it is loaded`);
}

/** The routes as a table, one line each. */
export function formatRoutes(routes: readonly RouteDescription[]): string {
  const rows = routes.map((route): string[] => [
    route.method,
    route.path,
    route.event ?? '',
    route.handler,
    route.validation ?? '',
    // Before the bar once per connection or request, behind it for each message.
    [route.admission, route.handling]
      .map((names) => names.join(' → '))
      .filter(Boolean)
      .join(' | '),
  ]);
  const widths = columns.map((column, at) => Math.max(column.length, ...rows.map((row) => row[at]!.length)));
  const isFilled = columns.map((_, at) => rows.some((row) => row[at] !== ''));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => (at === cells.length - 1 ? cell : cell.padEnd(widths[at]!)))
      .filter((_, at) => isFilled[at])
      .join('  ')
      .trimEnd();
  return [line(columns), ...rows.map(line)].join('\n');
}
