/** The sample app and browsers that look at it, closed after each test. */
import { afterAll, afterEach, beforeAll, expect, jest } from '@jest/globals';
import { createApp, type App, type Broker } from 'halyard';
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { sampleApp } from '../../sample-app/app.js';
import { startBrowser } from '../browser.js';

export const desktop = { width: 1280, height: 800 };
export const phone = { width: 390, height: 844 };
/**
 * How long something may take that never comes: several browsers may share one busy core. Shorter than Jest's patience, so
 * that a test that fails says what it has waited for.
 */
const waitMs = 20_000;

let browser: Browser | undefined;
const opened: { close(): Promise<void> }[] = [];
/** What no page may have at the end of a test: exceptions, and what the content security policy has stopped. */
const complaints: string[] = [];

/** To be called once by each spec: starts the browser, and closes after each test what it has opened. */
export function useBrowser(): void {
  jest.setTimeout(120_000);
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterEach(async () => {
    const closed = await Promise.allSettled(opened.splice(0).map((thing) => thing.close()));
    expect(closed.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(complaints.splice(0)).toEqual([]);
  });
  afterAll(() => browser?.close());
}

export async function openSample({ port = 0, ...settings }: { port?: number; broker?: Broker } = {}): Promise<{
  app: App;
  url: string;
  port: number;
}> {
  const app = await createApp({
    ...sampleApp('ahoy'),
    logger: false,
    signals: false,
    shutdown: { timeout: '2s' },
    ...settings,
  });
  opened.push(app);
  const listening = await app.listen({ port, host: '127.0.0.1' });
  return { app, url: listening.url, port: listening.port };
}

/** A browser of somebody's own: two of them share nothing. */
export async function openContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const context = await browser!.newContext({ viewport: desktop, reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(waitMs);
  opened.push(context);
  return context;
}

export async function openTab(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) complaints.push(message.text());
  });
  return page;
}

/** A tab, in a browser of its own. */
export async function openPage(options?: BrowserContextOptions): Promise<Page> {
  return openTab(await openContext(options));
}

/** Comes to a page with a name, as after a reload: nobody is asked for one. Tabs of one context and name are one person. */
export async function come(
  address: string,
  name: string,
  where?: BrowserContextOptions | BrowserContext,
): Promise<Page> {
  const page = where && 'newPage' in where ? await openTab(where) : await openPage(where);
  await page.addInitScript({ content: `sessionStorage.setItem('name', ${JSON.stringify(name)})` });
  await page.goto(address);
  return page;
}

export async function enter(
  address: string,
  name: string,
  where?: BrowserContextOptions | BrowserContext,
): Promise<Page> {
  const page = await come(address, name, where);
  await status(page, `Connected as ${name}`);
  return page;
}

export function status(page: Page, text: string): Promise<void> {
  return page.getByRole('status').filter({ hasText: text }).waitFor();
}

export function problem(page: Page, text: string): Promise<void> {
  return page.getByRole('alert').filter({ hasText: text }).waitFor();
}

export function input(page: Page): Locator {
  return page.getByLabel('Message', { exact: true });
}

export function log(page: Page): Locator {
  return page.getByRole('log');
}

export async function say(page: Page, text: string): Promise<void> {
  await input(page).fill(text);
  await input(page).press('Enter');
}

/** Resolves when the room shows this text; throws where it is there twice. */
export async function shown(page: Page, text: string): Promise<Locator> {
  const entry = log(page).locator('> :not(.pending)').filter({ hasText: text });
  await entry.waitFor();
  return entry;
}

/** Asks the page until a condition holds. `waitForFunction` would run it in the page, where the policy forbids `eval`. */
export async function until(page: Page, condition: string): Promise<void> {
  const deadline = performance.now() + waitMs;
  while (!(await page.evaluate<boolean>(condition))) {
    if (performance.now() > deadline) throw new Error(`it never came to ${condition}`);
  }
}

export async function boxOf(locator: Locator): Promise<{ left: number; right: number; top: number; bottom: number }> {
  const box = await locator.boundingBox();
  if (!box) throw new Error(`${String(locator)} cannot be seen`);
  return { left: box.x, right: box.x + box.width, top: box.y, bottom: box.y + box.height };
}

/** Nothing sticks out of the page, and what is to be touched is large enough for a thumb. */
export async function expectToFit(page: Page, { width, height }: { width: number; height: number }): Promise<void> {
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
  for (const target of await page.locator('button:visible, a:visible, textarea:visible, input:visible').all()) {
    const { left, right, top, bottom } = await boxOf(target);
    expect(Math.min(right - left, bottom - top)).toBeGreaterThanOrEqual(44);
    expect(Math.min(left, top, width - right, height - bottom)).toBeGreaterThanOrEqual(0);
  }
}
