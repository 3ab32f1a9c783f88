// What the explorer's editor and panels do: node editing.mjs <chromium> <url>.
import { opened, pause, runHere, said, until } from './browser.mjs';

const [, , chromium, url] = process.argv;
const { page, notes, close } = await opened(chromium, url);
const found = {};

async function write(text) {
  await page.click('#query textarea');
  await page.keyboard.down('Control');
  await page.keyboard.press('a');
  await page.keyboard.up('Control');
  await page.keyboard.press('Backspace');
  await page.keyboard.type(text);
}

try {
  await write('{ hel');
  await page.waitForSelector('.popup:not([hidden])');
  found.offered = await page.$$eval('.popup .option span:first-child', (all) => all.map((one) => one.textContent));
  await page.keyboard.press('Tab');
  found.accepted = await page.$eval('#query textarea', (area) => area.value);
  await runHere(page);
  await until(page, '.json', /Hello world/);

  await write('query A { hello nothing }');
  await page.keyboard.press('Escape');
  await runHere(page);
  await until(page, '.refusals', /nothing/);
  found.underlined = await page.$eval('.ink .wrong', (mark) => mark.textContent);

  await write('query Many($n:String){hello(name:$n) ...F}fragment F on Query{who}');
  await page.keyboard.press('Escape');
  await page.click('#tidy');
  found.tidied = await page.$eval('#query textarea', (area) => area.value);

  await page.click('#variables textarea');
  await page.keyboard.type('{ "n": }');
  await runHere(page);
  await until(page, '#trouble', /not valid JSON/);

  await page.click('[data-tab="docs"]');
  await page.type('#docs input', 'hello');
  found.docs = await said(page, '#docs .page');
  await page.click('[data-tab="past"]');
  found.past = await page.$$eval('[data-past] b', (all) => all.map((one) => one.textContent));

  await page.evaluate(() => localStorage.setItem('likeness.explorer.query', JSON.stringify('subscription { ticks }')));
  await page.evaluate(() => localStorage.setItem('likeness.explorer.variables', JSON.stringify('')));
  await page.reload({ waitUntil: 'networkidle0' });
  await page.focus('#query textarea');
  await runHere(page);
  await until(page, '#status', /connected|event/);
  await until(page, '.json', /"ticks": 7/);
  await runHere(page);
  await until(page, '#status', /stopped/);
  await pause(100);
} finally {
  Object.assign(found, notes());
  await close();
}
console.log(JSON.stringify(found));
