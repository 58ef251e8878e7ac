/** The chat of the sample app as people see it: real browsers, a real server. */
import { expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { describeInBrowser } from './browser.js';
import {
  boxOf,
  come,
  enter,
  expectToFit,
  input,
  log,
  openPage,
  openSample,
  phone,
  problem,
  say,
  shown,
  status,
  until,
  useBrowser,
} from './support/sample-pages.js';

const tooLong = 'A message has 1 to 500 characters';

/** Fills in the first page, which a room shows as well to those who have no name yet. */
async function fillIn(page: Page, name: string): Promise<void> {
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Enter the room' }).click();
}

describeInBrowser('the chat of the sample app', () => {
  useBrowser();

  it('shows two people in a room what they write, their own messages on the right and the other ones on the left', async () => {
    const { url } = await openSample();
    const ada = await enter(`${url}/rooms/garden`, 'Ada');
    const bo = await enter(`${url}/rooms/garden`, 'Bo');
    await shown(ada, 'Bo has joined');

    await say(ada, 'Did anybody water the tomatoes?');
    const own = await shown(ada, 'Did anybody water the tomatoes?');
    const other = await shown(bo, 'Did anybody water the tomatoes?');
    expect(await other.textContent()).toContain('Ada');
    const { left, right } = await boxOf(log(ada));
    expect((await boxOf(own.locator('.bubble'))).left).toBeGreaterThan((left + right) / 2);
    expect((await boxOf(other.locator('.bubble'))).right).toBeLessThan((left + right) / 2);
    expect(await input(ada).inputValue()).toBe('');

    await say(bo, 'Yes, at seven.');
    await shown(ada, 'Yes, at seven.');
    await bo.close();
    await shown(ada, 'Bo has left');
  });

  it('asks on its first page for a name and a room, and the address of the room brings others there', async () => {
    const { url } = await openSample();
    const ada = await openPage();
    await ada.goto(url);
    expect(await ada.getByRole('textbox', { name: 'Room' }).inputValue()).toBe('lobby');
    await fillIn(ada, 'Ada');
    await status(ada, 'Connected as Ada');
    await say(ada, 'Anybody here?');
    await shown(ada, 'Anybody here?');

    expect(ada.url()).toBe(`${url}/rooms/lobby`);
    const bo = await openPage();
    await bo.goto(ada.url());
    await fillIn(bo, 'Bo');
    await shown(bo, 'Anybody here?');
    const elsewhere = await enter(`${url}/rooms/garden`, 'Cy');
    expect(await log(elsewhere).locator('> *').count()).toBe(0);
  });

  it('gives a message that breaks a rule back to its writer, with what the server says of it', async () => {
    const { url } = await openSample();
    const ada = await enter(`${url}/rooms/garden`, 'Ada');

    await say(ada, 'x'.repeat(501));
    await problem(ada, tooLong);
    expect(await input(ada).inputValue()).toBe('x'.repeat(501));
    expect(await input(ada).getAttribute('aria-invalid')).toBe('true');

    await say(ada, '   ');
    await problem(ada, tooLong);
    expect(await log(ada).locator('> *').count()).toBe(0);

    await say(ada, 'x'.repeat(500));
    await shown(ada, 'x'.repeat(500));
    expect(await ada.getByRole('alert').textContent()).toBe('');
  });

  it('loses the connection to a message of more than 64 KB, but not the message', async () => {
    const { url } = await openSample();
    const ada = await enter(`${url}/rooms/garden`, 'Ada');
    await say(ada, 'said before');
    await shown(ada, 'said before');
    await say(ada, 'x'.repeat(70_000));
    await problem(ada, 'This is far too long for the server.');
    await status(ada, 'Connected again');
    expect(await input(ada).inputValue()).toHaveLength(70_000);
    // The history, which comes again with the new connection, is not shown twice.
    await shown(ada, 'said before');
  });

  it('shows markup in a message or a name as the text that it is, and runs nothing of it', async () => {
    const { url } = await openSample();
    const markup = '<img src=x onerror="window.ran = true"><script>window.ran = true</script>';
    const eve = await enter(`${url}/rooms/garden`, '<b>Eve</b>');
    const bo = await enter(`${url}/rooms/garden`, 'Bo');

    await say(eve, markup);
    for (const page of [eve, bo]) {
      const entry = await shown(page, markup);
      expect(await entry.locator('img, script, b').count()).toBe(0);
      expect(await page.evaluate('window.ran')).toBeUndefined();
    }
    expect(await (await shown(bo, markup)).textContent()).toContain('<b>Eve</b>');
  });

  it('tells somebody without the key that the staff room is not allowed, and does not try again', async () => {
    const { url } = await openSample();
    const eve = await openPage();
    await eve.clock.install();
    let attempts = 0;
    eve.on('websocket', () => (attempts += 1));

    await eve.goto(`${url}/rooms/staff`);
    await fillIn(eve, 'Eve');
    await eve.getByRole('heading', { name: 'You are not allowed in here' }).waitFor();
    await eve.clock.runFor('10:00');
    await status(eve, 'Not allowed');
    expect(attempts).toBe(1);
    expect(await input(eve).isVisible()).toBe(false);

    // The key stays with the address, also when a name is asked for first.
    const ada = await openPage();
    await ada.goto(`${url}/rooms/staff?key=ahoy`);
    await fillIn(ada, 'Ada');
    await status(ada, 'Connected as Ada');
  });

  it('tells somebody whose room cannot be what a room may be called', async () => {
    const { url } = await openSample();
    const ada = await come(`${url}/rooms/${'x'.repeat(41)}`, 'Ada');
    await ada.getByText('A room has a name of up to 40 letters').waitFor();
    await status(ada, 'Refused');
  });

  it('shows in a room what is announced there over HTTP, and refuses an announcement that breaks a rule', async () => {
    const { url } = await openSample();
    const ada = await enter(`${url}/rooms/garden`, 'Ada');
    const announce = (room: string, text: string): Promise<Response> =>
      fetch(`${url}/rooms/${room}/announce`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text }),
      });

    expect((await announce('garden', 'There is cake in the kitchen')).status).toBe(201);
    const entry = await shown(ada, 'There is cake in the kitchen');
    expect(await entry.textContent()).toContain('Announcement');

    const refused = await announce('garden', '');
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ code: 'VALIDATION_FAILED', details: [{ path: 'text' }] });
    expect((await announce('staff', 'Psst')).status).toBe(403);
  });

  it('brings everybody back after a restart of the server, says so, and keeps what was written meanwhile', async () => {
    const first = await openSample();
    const ada = await enter(`${first.url}/rooms/garden`, 'Ada');
    const bo = await enter(`${first.url}/rooms/garden`, 'Bo');
    await say(ada, 'said before');
    await shown(bo, 'said before');

    await first.app.close();
    await Promise.all([ada, bo].map((page) => status(page, 'Reconnecting')));
    await say(ada, 'written meanwhile');
    await problem(ada, 'What you wrote stays here');
    expect(await input(ada).inputValue()).toBe('written meanwhile');

    await openSample({ port: first.port });
    await Promise.all([ada, bo].map((page) => status(page, 'Connected again')));
    for (const page of [ada, bo]) {
      await shown(page, 'You are back in the room');
      await shown(page, 'said before');
    }
    expect(await ada.getByRole('alert').textContent()).toBe('');

    await input(ada).press('Enter');
    await shown(bo, 'written meanwhile');
    await say(bo, 'and an answer');
    await shown(ada, 'and an answer');
    expect(await (await shown(ada, 'written meanwhile')).getAttribute('class')).toContain('own');
  });

  it('does not move the page of somebody who reads further up, and says how much is new', async () => {
    const { url } = await openSample();
    const ada = await enter(`${url}/rooms/garden`, 'Ada', { viewport: phone });
    const bo = await enter(`${url}/rooms/garden`, 'Bo');
    for (let number = 1; number <= 8; number++) {
      await say(bo, `line ${number}.\n\n\n.`);
      await shown(ada, `line ${number}.`);
    }
    const top = (): Promise<number> => ada.evaluate<number>("document.getElementById('log').scrollTop");
    expect(await top()).toBeGreaterThan(0);

    // The page hears of a scroll with the next frame: what is said before that must not move it either.
    await ada.evaluate("document.addEventListener('scroll', (event) => event.stopPropagation(), true)");
    await ada.evaluate("document.getElementById('log').scrollTop = 40");
    await say(bo, 'the newest');
    await ada.getByRole('button', { name: '1 new message' }).click({ trial: true });
    expect(await top()).toBe(40);

    await ada.getByRole('button', { name: '1 new message' }).click();
    const newest = await boxOf(await shown(ada, 'the newest'));
    expect(newest.bottom).toBeLessThanOrEqual((await boxOf(log(ada))).bottom);
    await ada.getByRole('button', { name: '1 new message' }).waitFor({ state: 'hidden' });
  });

  it.each([phone, { width: 320, height: 568 }])(
    'fits a phone of $width by $height, with its keyboard too',
    async (size) => {
      const { url } = await openSample();
      const page = await enter(`${url}/rooms/${'garden'.repeat(6)}`, 'A'.repeat(30), {
        viewport: size,
        isMobile: true,
        hasTouch: true,
      });
      await say(page, `${'long'.repeat(50)}\nhttps://example.com/${'very/'.repeat(40)}`);
      await shown(page, 'https://example.com');
      expect(await page.evaluate("document.getElementById('log').scrollWidth")).toBe(size.width);
      await expectToFit(page, size);

      // What a keyboard leaves of the page.
      await page.setViewportSize({ width: size.width, height: 300 });
      await until(page, "document.getElementById('text').getBoundingClientRect().bottom <= 300");
      const newest = "[...document.querySelectorAll('#log time')].at(-1).getBoundingClientRect().bottom";
      await until(page, `${newest} <= document.getElementById('text').getBoundingClientRect().top`);
    },
  );
});
