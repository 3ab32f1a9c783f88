// Takes the README's picture: node picture.mjs <chromium> <url> <file>. The server must have a model that draws.
import { opened, runHere, until } from './browser.mjs';

const [, , chromium, url, file] = process.argv;
const { page, close } = await opened(chromium, url);

async function step(title) {
  await page.evaluate((wanted) => {
    [...document.querySelectorAll('[data-step]')].find((button) => button.querySelector('b').textContent === wanted).click();
  }, title);
}

/** Put something into the variables' input, as somebody who types would. */
async function wish(given) {
  await page.evaluate((more) => {
    const area = document.querySelector('#variables textarea');
    const variables = JSON.parse(area.value);
    Object.assign(variables.input, more);
    area.value = JSON.stringify(variables, null, 2);
    area.dispatchEvent(new Event('input', { bubbles: true }));
  }, given);
}

try {
  await page.setViewport({ width: 1440, height: 860 });
  await step('Create a persona');
  await runHere(page);
  await until(page, '#status', /\d+ · \d+ ms/);
  await step('Generate a base image');
  await wish({ count: 4, steps: 30, seed: 11 });
  await runHere(page);
  await page.waitForSelector('#next:not([hidden])');
  await page.click('#next');
  await page.waitForFunction(() => {
    const cards = [...document.querySelectorAll('.live figure')];
    const done = cards.filter((card) => /DRAFT/.test(card.textContent) && card.querySelector('img').naturalWidth > 100);
    return done.length >= 2 && cards.some((card) => /RUNNING/.test(card.textContent));
  }, { timeout: 180_000 });
  await page.screenshot({ path: file });
} finally {
  await close();
}
