// A browser's own EventSource on a job: node eventsource.mjs <chromium> <page> <address of the stream>.
import { opened } from './browser.mjs';

const [, , chromium, url, stream] = process.argv;
const { page, close } = await opened(chromium, url);
const found = await page.evaluate(
  (address) => new Promise((resolve) => {
    const seen = [];
    const source = new EventSource(address);
    source.onmessage = (event) => seen.push([event.lastEventId, JSON.parse(event.data).sequence]);
    source.addEventListener('complete', () => seen.push('complete'));
    source.onerror = () => { // at the end of every stream; CLOSED only once the server has answered 204
      if (source.readyState === EventSource.CLOSED) resolve(seen);
    };
  }),
  stream,
);
await close();
console.log(JSON.stringify(found));
