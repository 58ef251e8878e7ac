/** The staff page of the sample app. */
import { expect, it } from '@jest/globals';
import { memoryBroker } from 'halyard';
import type { Page } from 'playwright-core';
import { describeInBrowser } from './browser.js';
import {
  enter,
  expectToFit,
  log,
  openContext,
  openPage,
  openSample,
  phone,
  problem,
  shown,
  status,
  useBrowser,
} from './support/sample-pages.js';

async function openStaff(url: string, options?: Parameters<typeof openPage>[0]): Promise<Page> {
  const page = await openPage(options);
  await page.goto(`${url}/staff?key=ahoy`);
  await status(page, 'Live');
  return page;
}

/** Resolves when the page shows these numbers. */
async function numbers(page: Page, expected: { [label: string]: number }): Promise<void> {
  for (const [label, number] of Object.entries(expected)) {
    await page.locator('dl > div', { hasText: new RegExp(`^\\s*${label}\\s+${number}\\s`) }).waitFor();
  }
}

/** Resolves when a row of a table reads like this. */
function row(page: Page, text: string): Promise<void> {
  return page
    .locator('tbody tr', { hasText: new RegExp(`^.?${text}\\s*(Remove)?$`) })
    .first()
    .waitFor();
}

describeInBrowser('the staff page', () => {
  useBrowser();

  it('shows live how many connections, channels and people there are, and who is where with how many tabs', async () => {
    const { url } = await openSample();
    const adas = await openContext();
    const ada = await enter(`${url}/rooms/garden`, 'Ada', adas);
    const staff = await openStaff(url);
    await numbers(staff, { Connections: 2, People: 1, Channels: 2, Processes: 1 });
    await row(staff, 'Ada #garden ?1');

    await enter(`${url}/rooms/kitchen`, 'Ada', adas);
    await enter(`${url}/rooms/garden`, 'Bo');
    await numbers(staff, { Connections: 4, People: 2, Channels: 3 });
    await row(staff, 'Ada #garden, #kitchen ?2');
    await row(staff, 'Bo #garden ?1');
    await row(staff, 'room:garden ?2');

    await ada.close();
    await numbers(staff, { Connections: 3, People: 2, Channels: 3 });
    await row(staff, 'Ada #kitchen ?1');
    await row(staff, 'room:garden ?1');
  });

  it('announces to all that have a page open, in whichever room', async () => {
    const { url } = await openSample();
    const ada = await enter(`${url}/rooms/garden`, 'Ada');
    const bo = await enter(`${url}/rooms/kitchen`, 'Bo');
    const staff = await openStaff(url);
    await staff.getByLabel('Announcement').fill('There is cake in the kitchen');
    await staff.getByLabel('Announcement').press('Enter');
    for (const page of [ada, bo]) {
      expect(await (await shown(page, 'There is cake in the kitchen')).textContent()).toContain('Announcement');
    }
    await staff.getByRole('listitem').filter({ hasText: 'There is cake in the kitchen' }).waitFor();
    expect(await staff.getByLabel('Announcement').inputValue()).toBe('');

    await staff.getByLabel('Announcement').fill('   ');
    await staff.getByRole('button', { name: 'Announce' }).click();
    await problem(staff, 'An announcement has 1 to 200 characters');
  });

  it('removes a person: all tabs say so, and none comes back by itself', async () => {
    const { url } = await openSample();
    const ada = await enter(`${url}/rooms/garden`, 'Ada');
    const bos = await openContext();
    const tabs = [await enter(`${url}/rooms/garden`, 'Bo', bos), await enter(`${url}/rooms/garden`, 'Bo', bos)];
    const staff = await openStaff(url);
    await staff.getByRole('button', { name: 'Remove Bo' }).click();
    await staff.getByRole('dialog').getByText('All 2 connections are closed').waitFor();
    await staff.keyboard.press('Escape');
    await row(staff, 'Bo #garden ?2');

    await staff.getByRole('button', { name: 'Remove Bo' }).click();
    await staff.getByRole('button', { name: 'Remove', exact: true }).click();
    for (const tab of tabs) {
      await tab.getByRole('heading', { name: 'Staff has closed your connection' }).waitFor();
      expect(await log(tab).isVisible()).toBe(false);
    }
    await numbers(staff, { Connections: 2, People: 1 });
    await shown(ada, 'Bo has left');
    await numbers(staff, { Connections: 2, People: 1 });
  });

  it('lets nobody in without the key, and asks for it', async () => {
    const { url } = await openSample();
    const page = await openPage();
    await page.goto(`${url}/staff`);
    await status(page, 'Not allowed');
    await page.getByLabel('Staff key').fill('aye');
    await page.getByRole('button', { name: 'Open' }).click();
    await status(page, 'Not allowed');
    await page.getByLabel('Staff key').fill('ahoy');
    await page.getByRole('button', { name: 'Open' }).click();
    await status(page, 'Live');
  });

  it('adds up what several processes report, and forgets one that has stopped', async () => {
    const broker = memoryBroker();
    const one = await openSample({ broker });
    const other = await openSample({ broker });
    const staff = await openStaff(one.url);
    await numbers(staff, { Connections: 1, Processes: 2 });
    await enter(`${other.url}/rooms/garden`, 'Ada');
    await numbers(staff, { Connections: 2, People: 1, Processes: 2 });
    await staff.getByLabel('Announcement').fill('The other one stops');
    await staff.getByLabel('Announcement').press('Enter');
    await staff.getByRole('listitem').filter({ hasText: 'The other one stops' }).waitFor();
    await other.app.close();
    await numbers(staff, { Connections: 1, People: 0, Processes: 1 });
  });

  it('fits a phone', async () => {
    const { url } = await openSample();
    await enter(`${url}/rooms/${'garden'.repeat(6)}`, 'A'.repeat(30));
    const staff = await openStaff(url, { viewport: phone, isMobile: true, hasTouch: true });
    await staff.getByRole('button', { name: 'Remove' }).waitFor();
    expect(await staff.evaluate('document.documentElement.scrollWidth')).toBe(phone.width);
    await expectToFit(staff, {
      width: phone.width,
      height: Number(await staff.evaluate('document.body.scrollHeight')),
    });
  });
});
