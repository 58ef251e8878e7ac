import { existsSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { onAppCreated } from '../app/inspect.js';
import type { RouteDescription } from '../app/describe.js';

const columns = ['METHOD', 'PATH', 'EVENT', 'HANDLER', 'RUNS'] as const;

/** Loads a module and, as soon as it creates an app, prints that app's routes and ends the process: it never listens. */
export async function printRoutes(entry: string): Promise<void> {
  const file = resolve(entry);
  if (!existsSync(file)) throw new Error(`${entry} does not exist`);
  if (/\.[cm]?tsx?$/.test(file))
    throw new Error(`${entry} is TypeScript: give the built file, for example dist/main.js`);
  onAppCreated((app) => {
    writeSync(process.stdout.fd, `${formatRoutes(app.routes())}\n`);
    process.exit(0);
  });
  await import(pathToFileURL(file).href);
  // A module may create its app in a function that runs on after it was loaded; one that does not leaves nothing to do.
  await new Promise((done) => process.once('beforeExit', done));
  throw new Error(`${entry} created no app: it should call createApp when it is loaded`);
}

/** The routes as a table, one line each. */
export function formatRoutes(routes: readonly RouteDescription[]): string {
  const rows = routes.map((route): string[] => [
    route.method.toUpperCase(),
    route.path,
    route.event ?? '',
    route.handler,
    // Before the bar once per connection or request, behind it for each message.
    [route.admission, route.handling]
      .map((names) => names.join(' → '))
      .filter(Boolean)
      .join(' | '),
  ]);
  const widths = columns.map((column, at) => Math.max(column.length, ...rows.map((row) => row[at]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => (at === cells.length - 1 ? cell : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd();
  return [line(columns), ...rows.map(line)].join('\n');
}
