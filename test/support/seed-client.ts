/** Clients as the seeds show them: their code runs to the letter, in a page of the app that it talks to. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Controller, Get, SetHeader } from 'halyard';
import { closeLater } from '#internal/testing/closing.js';
import { until, type TestApp } from 'halyard/testing';
import type { Browser, ConsoleMessage, Page } from 'playwright-core';

/** A browser takes its time. */
const slow = { timeout: 30_000 };

/** The text of `test/seeds/clients/<name>.txt`. Of a host that it names, `localhost:3000` say, it gets the app's. */
export function clientCode(name: string, app: TestApp): string {
  return withHost(clientText(name), new URL(app.url).host);
}

export function clientText(name: string): string {
  const file = fileURLToPath(new URL(`../../../test/seeds/clients/${name}.txt`, import.meta.url));
  return readFileSync(file, 'utf8');
}

export function withHost(code: string, host: string): string {
  return code.replaceAll(/\blocalhost:\d+/g, host);
}

/** Serves the page that the scripts run in. */
@Controller()
export class ClientPage {
  @Get('client')
  @SetHeader('content-type', 'text/html')
  page(): string {
    return '<!doctype html><title>client</title><body></body>';
  }
}

/** A page of the app, and what its scripts have written to the console. */
export class ClientTab {
  /** The arguments of each call, objects as values. */
  readonly said: unknown[][] = [];
  /** What was thrown, or written with `console.error`. */
  readonly errors: string[] = [];

  private constructor(readonly page: Page) {
    page.on('pageerror', ({ message }) => this.errors.push(message));
    page.on('console', (message) => void this.#hear(message));
  }

  static async open(browser: Browser, app: TestApp, path = '/client'): Promise<ClientTab> {
    const page = await browser.newPage();
    const tab = new ClientTab(page);
    closeLater({ abandon: () => page.close() });
    await page.goto(app.url + path);
    return tab;
  }

  /** Runs scripts in one task, each as a `<script>` of its own: what one declares the next ones see. */
  async run(...scripts: string[]): Promise<void> {
    await this.page.evaluate(`for (const textContent of ${JSON.stringify(scripts)}) {
      document.body.append(Object.assign(document.createElement('script'), { textContent }));
    }`);
  }

  /** Waits until the scripts have said so much. */
  async heard(count: number): Promise<void> {
    await until(() => this.said.length >= count && !this.said.some((words) => words.length === 0), slow);
  }

  async #hear(message: ConsoleMessage): Promise<void> {
    // What the browser itself has to say comes without arguments.
    if (message.args().length === 0) return;
    // Objects have to be asked for: what is said meanwhile must not overtake it.
    const index = this.said.push([]) - 1;
    if (message.type() === 'error') this.errors.push(message.text());
    try {
      this.said[index] = await Promise.all(message.args().map((argument) => argument.jsonValue() as unknown));
    } catch {
      // The page was closed: nobody looks any more.
    }
  }
}
