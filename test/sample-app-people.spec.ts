/** Who is in a room of the sample app: three tabs of two people. */
import { expect, it } from '@jest/globals';
import { Presence, type App } from 'halyard';
import type { BrowserContext, Locator, Page } from 'playwright-core';
import { describeInBrowser } from './browser.js';
import {
  enter,
  input,
  log,
  openContext,
  openSample,
  openTab,
  phone,
  problem,
  say,
  shown,
  status,
  useBrowser,
} from './support/sample-pages.js';

function people(page: Page): Locator {
  return page.locator('#people > li');
}

/** Resolves when the list says exactly this: `Ada you, 2 devices`. */
async function listed(page: Page, ...expected: string[]): Promise<void> {
  await people(page)
    .nth(expected.length - 1)
    .waitFor();
  for (const [index, text] of expected.entries()) {
    await people(page)
      .nth(index)
      .locator('.words', { hasText: new RegExp(`^${text}\\s*$`) })
      .waitFor();
  }
  await people(page).nth(expected.length).waitFor({ state: 'detached' });
}

/** Picks somebody of the list, and writes to that person alone. */
async function sayTo(page: Page, name: string, text: string): Promise<void> {
  await page.getByRole('button', { name }).click();
  await say(page, text);
}

interface Room {
  app: App;
  url: string;
  /** Two tabs of Ada's browser. */
  adas: BrowserContext;
  ada: Page;
  other: Page;
  bo: Page;
}

async function threeTabs(): Promise<Room> {
  const { app, url } = await openSample();
  const adas = await openContext();
  const ada = await enter(`${url}/rooms/garden`, 'Ada', adas);
  const other = await enter(`${url}/rooms/garden`, 'Ada', adas);
  const bo = await enter(`${url}/rooms/garden`, 'Bo');
  await Promise.all([ada, other].map((page) => listed(page, 'Ada you, 2 devices', 'Bo')));
  await listed(bo, 'Bo you', 'Ada 2 devices');
  return { app, url, adas, ada, other, bo };
}

function notices(page: Page): Promise<string[]> {
  return log(page).locator('.notice').allTextContents();
}

/** All that a page has sent and got from here on. */
function framesOf(page: Page): { sent: string[]; received: string[] } {
  const frames = { sent: [] as string[], received: [] as string[] };
  page.on('websocket', (socket) => {
    socket.on('framesent', ({ payload }) => frames.sent.push(String(payload)));
    socket.on('framereceived', ({ payload }) => frames.received.push(String(payload)));
  });
  return frames;
}

describeInBrowser('the people of a room', () => {
  useBrowser();

  it('lists each person once however many tabs, and says that somebody has left when the last one is closed', async () => {
    const { ada, other, bo } = await threeTabs();
    expect(await bo.getByRole('button', { name: 'Ada' }).count()).toBe(1);

    await other.close();
    await listed(bo, 'Bo you', 'Ada');
    await listed(ada, 'Ada you', 'Bo');
    await say(ada, 'I am still here');
    await shown(bo, 'I am still here');
    expect(await notices(bo)).toEqual([]);

    await ada.close();
    await shown(bo, 'Ada has left');
    await listed(bo, 'Bo you');
  });

  it('takes a reload for neither a leave nor a join', async () => {
    const { app, ada, bo } = await threeTabs();
    await bo.reload();
    await status(bo, 'Connected as Bo');
    // What the server would take away later it has taken over: one device, the new one.
    expect((await app.get(Presence).get('room:garden', (await idOf(app, 'Bo'))!))?.metas).toHaveLength(1);
    await say(bo, 'Here I am again');
    await shown(ada, 'Here I am again');
    expect((await notices(ada)).filter((text) => text.includes('Bo'))).toHaveLength(1);
  });

  it('shows who is typing to the others, until the message is sent, the input left, or a while nothing written', async () => {
    const { ada, other, bo } = await threeTabs();
    // Watched while it is written: on a busy machine it could be over before one looks.
    const write = async (writer: Page, text: string, reader: Page, seen: string): Promise<void> => {
      await Promise.all([reader.getByText(seen, { exact: true }).waitFor(), input(writer).pressSequentially(text)]);
    };
    const nobodyIs = (reader: Page): Promise<void> => reader.locator('#typing:empty').waitFor({ state: 'attached' });

    await write(ada, 'Hel', bo, 'Ada is typing…');
    expect(await ada.locator('#typing').textContent()).toBe('');
    await input(ada).press('Enter');
    await shown(bo, 'Hel');
    await nobodyIs(bo);

    await write(other, 'On my other tab', bo, 'Ada is typing…');
    await input(other).blur();
    await nobodyIs(bo);

    await write(bo, 'Me too', ada, 'Bo is typing…');
    await nobodyIs(ada);
    expect(await input(bo).inputValue()).toBe('Me too');
  });

  it('brings a private message to all tabs of that person and of its writer, and to nobody else', async () => {
    const { url, ada, other, bo } = await threeTabs();
    const cy = await openTab(await openContext());
    const frames = framesOf(cy);
    await cy.addInitScript({ content: "sessionStorage.setItem('name', 'Cy')" });
    await cy.goto(`${url}/rooms/garden`);
    await listed(bo, 'Bo you', 'Ada 2 devices', 'Cy');

    await sayTo(bo, 'Ada', 'There is cake for Cy at four');
    for (const page of [ada, other]) {
      const entry = await shown(page, 'There is cake for Cy at four');
      expect(await entry.textContent()).toContain('Bo Only to you');
    }
    expect(await (await shown(bo, 'There is cake for Cy at four')).textContent()).toContain('Only to Ada');

    // Each has an answer to it, which both tabs of the one who wrote it show as well.
    await ada.getByRole('button', { name: 'Reply' }).click();
    await say(ada, 'I bring the candles');
    for (const page of [ada, other]) {
      expect(await (await shown(page, 'I bring the candles')).textContent()).toContain('Only to Bo');
    }
    await shown(bo, 'I bring the candles');

    await ada.getByRole('button', { name: 'Write to all' }).click();
    await say(ada, 'This one is for all');
    await shown(cy, 'This one is for all');
    expect(frames.received.filter((frame) => /cake|candles/.test(frame))).toEqual([]);
  });

  it('finds a person in another room, and says from which room the message comes', async () => {
    const { url, adas, bo } = await threeTabs();
    const elsewhere = await enter(`${url}/rooms/kitchen`, 'Ada', adas);
    await sayTo(bo, 'Ada', 'Where are you?');
    const entry = await shown(elsewhere, 'Where are you?');
    expect(await entry.getByRole('link', { name: '#garden' }).getAttribute('href')).toBe('/rooms/garden');
    await elsewhere.getByRole('button', { name: 'Reply' }).click();
    await say(elsewhere, 'In the kitchen');
    expect(await (await shown(bo, 'In the kitchen')).textContent()).toContain('Only to you, in #kitchen');
  });

  it('tells who writes to somebody that has gone, gives the message back, and shows nobody that it was written', async () => {
    const { ada, other, bo } = await threeTabs();
    const frames = framesOf(bo);
    await bo.reload();
    await listed(bo, 'Bo you', 'Ada 2 devices');
    await bo.getByRole('button', { name: 'Ada' }).click();
    await input(bo).fill('Are you there?');
    await Promise.all([ada.close(), other.close()]);

    await bo.getByText('Only to Ada (has left)').waitFor();
    await input(bo).press('Enter');
    await problem(bo, 'They are not here any more: nobody has got it');
    expect(await input(bo).inputValue()).toBe('Are you there?');
    await input(bo).press('Escape');
    expect(await input(bo).getAttribute('placeholder')).toBe('Write a message');
    expect(frames.sent.filter((frame) => frame.includes('"typing":true'))).toEqual([]);
  });

  it('shows the people of a room in place of its messages on a phone', async () => {
    const { url } = await openSample();
    const page = await enter(`${url}/rooms/garden`, 'Ada', { viewport: phone, isMobile: true, hasTouch: true });
    await enter(`${url}/rooms/garden`, 'Bo');
    await page.getByRole('button', { name: 'People in the room: 2' }).tap();
    expect(await log(page).isVisible()).toBe(false);
    await page.keyboard.press('Escape');
    expect(await log(page).isVisible()).toBe(true);
    await page.getByRole('button', { name: 'People in the room: 2' }).tap();
    await page.getByRole('button', { name: 'Bo' }).tap();
    await say(page, 'From the bus');
    expect(await (await shown(page, 'From the bus')).textContent()).toContain('Only to Bo');
  });
});

async function idOf(app: App, name: string): Promise<string | undefined> {
  const present = await app.get(Presence).list('room:garden');
  return present.find(({ metas }) => metas[0]?.['name'] === name)?.key;
}
