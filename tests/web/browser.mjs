// Opens a page in headless Chromium and notes what it asks for, what it says and what breaks.
import puppeteer from 'puppeteer-core';

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** {page, notes, close}; `notes` = {hosts, problems}. Nothing but `host` can be reached. */
export async function opened(chromium, url) {
  const host = new URL(url).host;
  const browser = await puppeteer.launch({
    executablePath: chromium,
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${new URL(url).hostname}`],
  });
  const page = await browser.newPage();
  await page.setViewport({ width: 1440, height: 900 });
  const notes = { hosts: new Set(), problems: [] };
  page.on('request', (request) => {
    if (!request.url().startsWith('data:')) notes.hosts.add(new URL(request.url()).host);
  });
  page.on('requestfailed', (request) => notes.problems.push(`failed: ${request.url()}`));
  page.on('console', (message) => {
    if (['error', 'warn', 'warning'].includes(message.type())) notes.problems.push(message.text());
  });
  page.on('pageerror', (error) => notes.problems.push(String(error)));
  await page.goto(url, { waitUntil: 'networkidle0' });
  return { page, notes: () => ({ hosts: [...notes.hosts], problems: notes.problems, host }), close: () => browser.close() };
}

/** Press Ctrl Enter in the page. */
export async function runHere(page) {
  await page.keyboard.down('Control');
  await page.keyboard.press('Enter');
  await page.keyboard.up('Control');
}

/** What an element of the page says now. */
export const said = (page, selector) => page.$eval(selector, (found) => found.textContent);

/** Wait until an element says something that matches. */
export async function until(page, selector, pattern) {
  try {
    await page.waitForFunction(
      (where, what) => new RegExp(what, 's').test(document.querySelector(where)?.textContent ?? ''),
      { timeout: 30_000 },
      selector,
      pattern.source,
    );
  } catch (error) {
    const text = await page.$eval(selector, (found) => found.textContent).catch(() => '(nothing)');
    throw new Error(`${selector} never matched ${pattern}; it says: ${text.slice(0, 600)}`, { cause: error });
  }
}
