/** A headless Chromium for tests. On a machine without one those tests are skipped; in CI they fail. */
import { existsSync } from 'node:fs';
import { describe } from '@jest/globals';
import { chromium, type Browser } from 'playwright-core';

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const isMissing = !existsSync(executablePath);
const remedy = `${executablePath} is missing: apt-get install chromium, or set CHROMIUM_PATH`;
const isSkipped = isMissing && !process.env['CI'];
if (isSkipped) process.stderr.write(`tests in a browser are skipped: ${remedy}\n`);

export const describeInBrowser = isSkipped ? describe.skip : describe;

/** The caller closes it. */
export function startBrowser(): Promise<Browser> {
  if (isMissing) throw new Error(remedy);
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
