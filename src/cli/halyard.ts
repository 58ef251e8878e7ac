#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { cac } from 'cac';
import { textOf } from '../errors.js';
import { printRoutes } from './routes.js';
import { startWorkers } from './start.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const cli = cac('halyard');

cli
  .command('routes <entry>', 'Print the routes of the app that a module creates')
  .example('halyard routes dist/main.js')
  .action(printRoutes);
cli
  .command('start <entry> [...args]', 'Run the app that a module creates in several processes that share its port')
  .option('--workers <count>', 'How many', { default: availableParallelism() })
  .option('--timeout <seconds>', 'How long they may drain when it is stopped, before they are killed', { default: 30 })
  .example('halyard start --workers 2 dist/main.js')
  .action(startWorkers);
cli.help();
cli.version(version);

async function main(): Promise<void> {
  cli.parse(process.argv, { run: false });
  const { matchedCommand, args, options } = cli;
  if (matchedCommand) return (await cli.runMatchedCommand()) as void;
  if (options['help'] === true || options['version'] === true) return undefined;
  cli.outputHelp();
  throw new Error(args.length > 0 ? `unknown command ${args[0]}` : 'a command is missing');
}

main().catch((error: unknown) => {
  console.error(`halyard: ${textOf(error)}`);
  process.exit(1);
});
