import { Controller, Get, SetHeader } from 'halyard';
import type { Browser, Page } from 'playwright-core';

/** Serves an empty page, `/blank`: for scripts that talk to the server of their own page. */
@Controller()
export class BlankPage {
  @Get('blank')
  @SetHeader('content-type', 'text/html')
  blank(): string {
    return '<!doctype html><title>blank</title>';
  }
}

/** Opens it in a browser. What its scripts throw is kept in `errors`. */
export async function openBlank(browser: Browser, url: string): Promise<{ page: Page; errors: string[] }> {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('pageerror', ({ message }) => errors.push(message));
  await page.goto(`${url}/blank`);
  return { page, errors };
}
