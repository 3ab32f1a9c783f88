// Shows what came back: JSON with colours, pictures found in it, refusals in words, and live progress of a job.

import { colouredJson, escaped } from './tokens.js';

const PICTURE = /^(data:image\/(png|jpeg|webp|gif);base64,|.*\/files\/[^?]+\?e=)/;
const SHORTENED = 120;
const LONGEST_SHOWN = 400_000;

export class Result {
  constructor(host) {
    this.host = host;
    this.clear();
  }

  clear() {
    this.text = '';
    this.host.innerHTML = `<div class="empty"><p>Answers appear here.</p>
      <p><kbd>Ctrl</kbd> <kbd>Enter</kbd> runs the operation at the cursor,<br><kbd>Ctrl</kbd> <kbd>Space</kbd> says what may be written.</p></div>`;
  }

  busy() {
    this.host.innerHTML = '<div class="empty"><p class="working">Working…</p></div>';
  }

  /** One answer. */
  show(body) {
    this.text = JSON.stringify(body, null, 2);
    this.host.innerHTML = `${refusals(body)}${gallery(body)}<pre class="json"></pre>`;
    this.#json(body);
  }

  /** The newest event of a stream; the one before it gives way, pictures stay in place. */
  update(body, count) {
    this.text = JSON.stringify(body, null, 2);
    const progress = Object.values(body.data ?? {}).find((value) => value && typeof value.fraction === 'number' && value.variants);
    let live = this.host.querySelector('.live');
    if (!live) {
      this.host.innerHTML = '<div class="live"></div><div class="told"></div><div class="pictures"></div><pre class="json"></pre>';
      live = this.host.querySelector('.live');
    }
    if (progress) draw(live, progress);
    this.host.querySelector('.told').innerHTML = refusals(body);
    if (!progress) this.host.querySelector('.pictures').innerHTML = gallery(body);
    live.dataset.count = count;
    this.#json(body);
  }

  #json(body) {
    const text = JSON.stringify(body, (_, value) => (typeof value === 'string' ? shortened(value) : value), 2);
    this.host.querySelector('.json').innerHTML = text.length > LONGEST_SHOWN ? escaped(text) : colouredJson(text);
  }
}

/** Long data addresses are cut in what is shown; the whole text is copied. */
function shortened(text) {
  return text.startsWith('data:') && text.length > SHORTENED ? `${text.slice(0, 60)}… (${text.length} characters)` : text;
}

function refusals(body) {
  const told = [];
  for (const error of body.errors ?? []) told.push({ code: error.extensions?.code ?? 'ERROR', words: error.message, at: error.path?.join('.') });
  for (const payload of Object.values(body.data ?? {})) {
    for (const error of payload?.userErrors ?? []) told.push({ code: error.code ?? '', words: error.message ?? '', at: error.field?.join('.') });
  }
  const rows = told.map(({ code, words, at }) => `<li><b>${escaped(code)}</b> ${escaped(words)}${at ? ` <code>${escaped(at)}</code>` : ''}</li>`);
  return rows.length ? `<ul class="refusals">${rows.join('')}</ul>` : '';
}

function gallery(body) {
  const found = pictures(body.data, []);
  if (!found.length) return '';
  const shown = found.slice(0, 40).map(
    ({ address, path, caption }) => `<figure><a href="${escaped(address)}" target="_blank" rel="noopener" title="${escaped(path)}"><img src="${escaped(address)}" alt="${escaped(path)}" loading="lazy"></a>${caption ? `<figcaption>${escaped(caption)}</figcaption>` : ''}</figure>`,
  );
  return `<div class="pictures">${shown.join('')}</div>`;
}

/** What the object that a picture stands in says of it. */
function told({ versionNumber, status, name }) {
  return [versionNumber && `#${versionNumber}`, typeof status === 'string' ? status : null, typeof name === 'string' ? name : null].filter(Boolean).join(' ');
}

function pictures(value, path, found = [], seen = new Set(), caption = '') {
  if (typeof value === 'string') {
    const same = value.replace(/\?.*/, '').replace(/\/(original|256|512)$/, '');
    const saved = path.at(-1) === 'downloadUrl';
    if (!saved && PICTURE.test(value) && !seen.has(same)) {
      seen.add(same);
      found.push({ address: value, path: path.join('.'), caption });
    }
  } else if (value && typeof value === 'object') {
    const entries = Object.entries(value).sort(([one], [two]) => Number(two.startsWith('thumbnail')) - Number(one.startsWith('thumbnail')));
    for (const [name, inner] of entries) pictures(inner, [...path, name], found, seen, told(value) || caption);
  }
  return found;
}

/** A job's progress: bars and pictures that change in place. */
function draw(live, progress) {
  if (!live.firstChild) {
    live.innerHTML = '<header><b class="status"></b> <span class="phase"></span><span class="eta"></span></header><progress max="1"></progress><p class="message"></p><div class="variants"></div>';
  }
  const set = (name, text) => { live.querySelector(name).textContent = text; };
  set('.status', progress.status ?? '');
  live.dataset.status = progress.status ?? '';
  set('.phase', progress.phase === progress.status ? '' : (progress.phase ?? '').replaceAll('_', ' ').toLowerCase());
  set('.eta', waiting(progress));
  set('.message', progress.message ?? '');
  live.querySelector('progress').value = progress.fraction;
  const holder = live.querySelector('.variants');
  progress.variants.forEach((variant, index) => drawVariant(holder, variant, index));
}

function waiting({ queuePosition, etaSeconds }) {
  const parts = [];
  if (queuePosition) parts.push(`number ${queuePosition} in the queue`);
  if (etaSeconds !== null && etaSeconds !== undefined) parts.push(`about ${Math.max(1, Math.round(etaSeconds))} s left`);
  return parts.join(' · ');
}

function drawVariant(holder, { variant, step, steps, fraction, preview }, index) {
  let card = holder.children[index];
  if (!card) {
    card = document.createElement('figure');
    card.innerHTML = '<div class="frame"><img alt="" hidden></div><progress max="1"></progress><figcaption></figcaption>';
    holder.append(card);
  }
  const picture = card.querySelector('img');
  const address = preview?.dataUri ?? variant?.thumbnailUrl ?? variant?.url;
  if (address && picture.getAttribute('src') !== address) {
    picture.src = address;
    picture.alt = `variant ${variant?.versionNumber ?? index + 1}`;
    picture.hidden = false;
  }
  card.classList.toggle('preview', Boolean(preview));
  card.querySelector('progress').value = fraction;
  const failed = variant?.failure?.message ? ` · ${variant.failure.message}` : '';
  card.querySelector('figcaption').textContent = `${variant?.versionNumber ? `#${variant.versionNumber} ` : ''}${variant?.status ?? ''} · step ${step} of ${steps}${failed}`;
}
