// The main story, told by the explorer: node story.mjs <chromium> <url> <picture> <folder for screenshots> <ws|sse>.
import { opened, runHere, said, until } from './browser.mjs';

const [, , chromium, url, picture, folder, over] = process.argv;
const { page, notes, close } = await opened(chromium, url);
const found = { statuses: [], previews: 0 };

async function step(title) {
  await page.evaluate((wanted) => {
    [...document.querySelectorAll('[data-step]')].find((button) => button.querySelector('b').textContent === wanted).click();
  }, title);
}

async function ran(title) {
  await step(title);
  await runHere(page);
  await until(page, '#status', /\d+ · \d+ ms/);
  return JSON.parse(await page.$eval('.json', (shown) => shown.textContent));
}

/** Press the offered step, watch to the end, and count the previews that were drawn. */
async function watched(shot) {
  await page.waitForSelector('#next:not([hidden])');
  await page.evaluate(() => {
    window.previews = new Set();
    new MutationObserver(() => {
      for (const image of document.querySelectorAll('.preview img')) window.previews.add(image.src);
    }).observe(document.getElementById('result'), { subtree: true, childList: true, attributes: true });
    document.getElementById('next').click();
  });
  await page.waitForSelector('.preview img[src^="data:image"]');
  if (shot) await page.screenshot({ path: `${folder}/live.png` });
  await until(page, '#status', /complete/);
  found.previews += await page.evaluate(() => window.previews.size);
  found.statuses.push(await said(page, '.live .status'));
  await page.waitForFunction(() => [...document.querySelectorAll('.variants img')].every((image) => image.naturalWidth > 0));
}

try {
  await page.select('#over', over);
  await page.screenshot({ path: `${folder}/first.png` });
  found.viewer = (await ran('Look around')).data.viewer.handle;
  const created = (await ran('Create a persona')).data.createPersona;
  found.created = created.persona.baseImageStatus;
  found.offered = [await said(page, '#next')];
  await ran('Generate a base image');
  await watched(true);
  const seen = (await ran('See the candidates')).data.node;
  found.candidates = seen.baseImageHistory.nodes.map((one) => one.status);
  await page.waitForFunction(() => [...document.querySelectorAll('.pictures img')].filter((image) => image.naturalWidth > 0).length === 2);
  await page.screenshot({ path: `${folder}/candidates.png` });
  found.captions = await page.$$eval('.pictures figcaption', (all) => all.map((one) => one.textContent));
  await ran('Reject the draft');
  found.offered.push(await said(page, '#next'));
  await ran('Refine it');
  await watched(false);
  await step('Upload a picture');
  await (await page.$('#files input[type=file]')).uploadFile(picture);
  await page.focus('#query textarea');
  await runHere(page);
  await until(page, '.json', /uploadBaseImage/);
  found.uploaded = JSON.parse(await said(page, '.json')).data.uploadBaseImage;
  const approved = (await ran('Approve it')).data.approveBaseImage.subject;
  found.approved = [approved.baseImageStatus, approved.appearanceLocked];
  found.refused = (await ran('Try to change the look')).data.updatePersona.userErrors[0].code;
  found.told = await said(page, '.refusals');
  await page.screenshot({ path: `${folder}/refused.png` });
} finally {
  Object.assign(found, notes());
  await page.screenshot({ path: `${folder}/last.png` });
  await close();
}
console.log(JSON.stringify(found));
