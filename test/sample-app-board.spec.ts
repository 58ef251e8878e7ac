/** The board of the sample app: what one draws, the others see. */
import { expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { describeInBrowser } from './browser.js';
import {
  boxOf,
  come,
  enter,
  expectToFit,
  openPage,
  openSample,
  phone,
  status,
  until,
  useBrowser,
} from './support/sample-pages.js';

type Place = readonly [x: number, y: number];

/** The place in the window of a place on the board, of which both sides are 1. */
async function at(page: Page, [x, y]: Place): Promise<[number, number]> {
  const { left, right, top, bottom } = await boxOf(page.locator('canvas'));
  return [left + x * (right - left), top + y * (bottom - top)];
}

async function drag(page: Page, from: Place, to: Place): Promise<void> {
  await page.mouse.move(...(await at(page, from)));
  await page.mouse.down();
  await page.mouse.move(...(await at(page, to)), { steps: 5 });
  await page.mouse.up();
}

/** Resolves when something is drawn at a place, or nothing. */
async function inked(page: Page, [x, y]: Place, isInked = true): Promise<void> {
  const alpha = `(() => {
    const canvas = document.getElementById('canvas');
    const x = Math.round(${x} * canvas.width), y = Math.round(${y} * canvas.height);
    return canvas.getContext('2d').getImageData(x, y, 1, 1).data[3];
  })()`;
  await until(page, `${alpha} ${isInked ? '>' : '<'} 128`);
}

/** Resolves when what screen readers are told of the board is this. */
function summary(page: Page, text: string): Promise<void> {
  return page.locator('#summary', { hasText: new RegExp(`^${text}$`) }).waitFor({ state: 'attached' });
}

describeInBrowser('the board', () => {
  useBrowser();

  it('shows in another tab what is drawn, and the cursor that draws it, and all of it to one who comes later', async () => {
    const { url } = await openSample();
    const ada = await enter(`${url}/board/garden`, 'Ada');
    const bo = await enter(`${url}/board/garden`, 'Bo');
    await ada.getByText('Nothing is here yet').waitFor();
    await ada.getByRole('listitem').filter({ hasText: 'Bo' }).waitFor();

    await drag(ada, [0.25, 0.25], [0.75, 0.75]);
    await inked(bo, [0.5, 0.5]);
    await inked(bo, [0.5, 0.25], false);
    await summary(bo, '1 line by 1 person');
    await bo.locator('.cursor', { hasText: 'Ada' }).waitFor();
    const [x, y] = await at(bo, [0.75, 0.75]);
    const cursor = "document.querySelector('.cursor').getBoundingClientRect()";
    await until(bo, `Math.abs(${cursor}.left - ${x}) < 2 && Math.abs(${cursor}.top - ${y}) < 2`);
    expect(await ada.locator('.cursor').count()).toBe(0);

    const cy = await enter(`${url}/board/garden`, 'Cy');
    await inked(cy, [0.5, 0.5]);
    await cy.getByText('Nothing is here yet').waitFor({ state: 'hidden' });
    await drag(cy, [0.25, 0.75], [0.4, 0.6]);
    await summary(ada, '2 lines by 2 people');
    const elsewhere = await enter(`${url}/board/kitchen`, 'Di');
    await summary(elsewhere, '0 lines by 0 people');
  });

  it("undoes one's own last line, and clears the board for all once that is asked for twice", async () => {
    const { url } = await openSample();
    const ada = await enter(`${url}/board/garden`, 'Ada');
    const bo = await enter(`${url}/board/garden`, 'Bo');
    await drag(ada, [0.1, 0.2], [0.9, 0.2]);
    await summary(bo, '1 line by 1 person');
    await drag(bo, [0.1, 0.8], [0.9, 0.8]);
    await summary(ada, '2 lines by 2 people');

    await ada.getByRole('button', { name: 'Undo my last line' }).click();
    await inked(bo, [0.5, 0.2], false);
    await summary(bo, '1 line by 1 person');
    await ada.keyboard.press('Control+z');
    await ada.getByText('There is no line of yours on the board.').waitFor();
    await inked(ada, [0.5, 0.8]);

    await ada.getByRole('button', { name: 'Clear the board' }).click();
    await ada.getByRole('button', { name: 'Keep' }).click();
    await ada.getByRole('button', { name: 'Clear the board' }).click();
    await ada.getByRole('button', { name: 'Clear', exact: true }).click();
    for (const page of [ada, bo]) {
      await page.getByText('Ada has cleared the board').waitFor();
      await summary(page, '0 lines by 0 people');
      await inked(page, [0.5, 0.8], false);
    }
  });

  it('keeps what is drawn without a connection, and brings it to the others when that is back', async () => {
    const first = await openSample();
    const ada = await enter(`${first.url}/board/garden`, 'Ada');
    await first.app.close();
    await status(ada, 'Reconnecting');
    await drag(ada, [0.25, 0.5], [0.75, 0.5]);
    await drag(ada, [0.5, 0.25], [0.5, 0.45]);
    await inked(ada, [0.6, 0.5]);

    const { url } = await openSample({ port: first.port });
    const bo = await enter(`${url}/board/garden`, 'Bo');
    await summary(bo, '2 lines by 1 person');
    await inked(bo, [0.6, 0.5]);
    await inked(bo, [0.5, 0.3]);
  });

  it('asks for the whole board where it is told that strokes were dropped', async () => {
    const { url } = await openSample();
    const ada = await enter(`${url}/board/garden`, 'Ada');
    // As if this page had been too slow: what is drawn does not reach it, and then it is told so.
    const slow = await openPage();
    let toPage: ((text: string) => void) | undefined;
    await slow.routeWebSocket(/board/, (socket) => {
      const server = socket.connectToServer();
      toPage = (text) => socket.send(text);
      server.onMessage((message) => {
        if (!String(message).includes('"drawn"')) socket.send(message);
      });
    });
    await slow.addInitScript({ content: "sessionStorage.setItem('name', 'Bo')" });
    await slow.goto(`${url}/board/garden`);
    await status(slow, 'Connected as Bo');

    await drag(ada, [0.25, 0.25], [0.75, 0.75]);
    await summary(ada, '1 line by 1 person');
    await slow.locator('.cursor', { hasText: 'Ada' }).waitFor();
    await summary(slow, '0 lines by 0 people');
    toPage!('{"event":"dropped","channel":"cursors:garden","count":1}');
    toPage!('{"event":"dropped","channel":"board:garden","count":1}');
    await summary(slow, '1 line by 1 person');
    await inked(slow, [0.5, 0.5]);
  });

  it('is drawn on with the arrow keys and the space bar', async () => {
    const { url } = await openSample();
    const ada = await enter(`${url}/board/garden`, 'Ada');
    const bo = await enter(`${url}/board/garden`, 'Bo');
    await ada.getByRole('application').focus();
    await ada.keyboard.press('Space');
    await status(ada, 'Pen down');
    for (let step = 0; step < 5; step++) await ada.keyboard.press('ArrowRight');
    await ada.keyboard.press('Space');
    await status(ada, 'Pen up');
    await inked(bo, [0.55, 0.5]);
    await inked(bo, [0.45, 0.5], false);
    await bo.locator('.cursor', { hasText: 'Ada' }).waitFor();
  });

  it.each([phone, { width: 844, height: 390 }])(
    'fits a phone of $width by $height, and a finger draws',
    async (size) => {
      const { url } = await openSample();
      const page = await enter(`${url}/board/garden`, 'A'.repeat(30), {
        viewport: size,
        isMobile: true,
        hasTouch: true,
      });
      const bo = await enter(`${url}/board/garden`, 'Bo');
      await expectToFit(page, size);
      await page.getByLabel('Broad').check();
      await page.touchscreen.tap(...(await at(page, [0.5, 0.5])));
      await inked(bo, [0.5, 0.5]);
    },
  );

  it('is reached from the room that it belongs to, and leads back there; who has no name is asked for it', async () => {
    const { url } = await openSample();
    const page = await openPage();
    await page.goto(`${url}/board`);
    await page.getByLabel('Your name').fill('Ada');
    await page.getByRole('button', { name: 'Go to the board' }).click();
    await status(page, 'Connected as Ada');
    expect(page.url()).toBe(`${url}/board/lobby`);
    await page.getByRole('link', { name: 'To the chat of this room' }).click();
    await page.getByRole('link', { name: 'Draw on the board' }).click();
    await status(page, 'Connected as Ada');
    expect(page.url()).toBe(`${url}/board/lobby`);

    const staff = await openPage();
    await staff.goto(`${url}/staff?key=ahoy`);
    await staff.getByRole('row').filter({ hasText: 'board #lobby' }).waitFor();
    await staff.getByLabel('Announcement').fill('The board closes at six');
    await staff.getByLabel('Announcement').press('Enter');
    await page.getByText('The board closes at six').waitFor();

    const eve = await come(`${url}/board/staff`, 'Eve');
    await status(eve, 'Not allowed');
  });
});
