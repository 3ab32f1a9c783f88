// The page: puts the editors, the panels and the transport together.

import { Editor } from './editor.js';
import { colouredGraphql, colouredJson, escaped, operations } from './tokens.js';
import { prettified } from './layout.js';
import { completions, explained } from './complete.js';
import { INTROSPECTION, Schema } from './schema.js';
import { Docs } from './docs.js';
import { Result } from './result.js';
import { Files } from './files.js';
import { learned, STORY } from './story.js';
import { run, subscribe } from './transport.js';
import { furnish } from './furniture.js';
import { asCurl } from './curl.js';
import { addToHistory, clearHistory, history, key, recall, remember, setKey } from './store.js';

const el = (id) => document.getElementById(id);
const state = { schema: null, stop: null, known: recall('known', {}), step: null, reached: 0 };

const query = new Editor(el('query'), {
  label: 'GraphQL document',
  coloured: colouredGraphql,
  complete: (text, cursor) => state.schema && completions(text, cursor, state.schema),
  explain: (text, cursor) => state.schema && explained(text, cursor, state.schema),
  changed: () => { remember('query', query.text); listOperations(); },
});
const variables = new Editor(el('variables'), {
  label: 'Variables, as JSON',
  coloured: (text) => colouredJson(text),
  changed: () => { remember('variables', variables.text); },
});
const files = new Files(el('files'), () => operationVariables());
const result = new Result(el('result'));
const docs = new Docs(el('docs'), (text, given) => open(text, given));

/** Put an operation into the editors. */
function open(text, given, step = null) {
  query.text = prettified(text);
  variables.text = given && Object.keys(given).length ? JSON.stringify(given, null, 2) : '';
  files.clear();
  state.step = step;
  if (step?.files) files.offer(step.files);
  remember('query', query.text);
  remember('variables', variables.text);
  low(step?.files ? 'files' : 'variables');
  listOperations();
  drawStory();
  query.focus();
}

function listOperations() {
  const found = operations(query.text);
  const select = el('operation');
  const before = select.value;
  select.innerHTML = found.map((one, index) => `<option value="${index}">${escaped(one.name ?? `${one.kind} ${index + 1}`)}</option>`).join('');
  if (before && before < found.length) select.value = before;
  select.hidden = found.length < 2;
  return found;
}

/** The operation at the cursor, else the one chosen. */
function chosen() {
  const found = listOperations();
  const here = found.findIndex((one) => query.cursor >= one.start && query.cursor <= one.end);
  if (document.activeElement === query.area && here >= 0) el('operation').value = String(here);
  return found[Number(el('operation').value) || 0] ?? null;
}

function operationVariables() {
  const text = variables.text.trim();
  return text ? JSON.parse(text) : {};
}

function trouble(words) {
  el('trouble').textContent = words;
}

async function start() {
  if (state.stop) return state.stop();
  trouble('');
  el('next').hidden = true;
  let given;
  try {
    given = operationVariables();
  } catch (error) {
    low('variables');
    return trouble(`The variables are not valid JSON: ${error.message}`);
  }
  const operation = chosen();
  if (!operation) return trouble('There is no operation to run.');
  const asked = { query: query.text, variables: given, operationName: operation.name ?? undefined, key: key() };
  if (operation.kind === 'subscription') return watch(asked, operation);
  return ask(asked, operation);
}

async function ask(asked, operation) {
  const control = new AbortController();
  running(() => control.abort());
  status('', true);
  result.busy();
  try {
    const answer = await run({ ...asked, files: files.chosen(), signal: control.signal });
    result.show(answer.body);
    mark(answer.body);
    const size = answer.size > 2048 ? `${(answer.size / 1024).toFixed(1)} KiB` : `${answer.size} bytes`;
    status(`${answer.status} · ${Math.round(answer.ms)} ms · ${size}`, answer.status < 400 && !answer.body.errors);
    note(asked, operation, !answer.body.errors);
    learn(answer.body);
    follow(answer.body);
  } catch (error) {
    result.clear();
    status(error.name === 'AbortError' ? 'stopped' : 'The server cannot be reached.', false);
  } finally {
    running(null);
  }
}

function watch(asked, operation) {
  let count = 0;
  let failed = false;
  result.busy();
  status('connecting', true);
  const stop = subscribe({ ...asked, over: el('over').value }, {
    next(body) {
      count += 1;
      failed ||= Boolean(body.errors);
      result.update(body, count);
      if (body.errors) mark(body);
      status(`${count} event${count === 1 ? '' : 's'}`, !body.errors);
    },
    state(words) { status(`${count ? `${count} events · ` : ''}${words}`, true); },
    end(words) {
      status(`${count} event${count === 1 ? '' : 's'} · ${words}`, !failed && ['complete', 'stopped'].includes(words));
      if (!count) result.clear();
      note(asked, operation, !failed);
      running(null);
      suggest(failed || !count ? null : STORY.find((step) => step.title === 'See the candidates'));
    },
  });
  running(stop);
}

function running(stop) {
  state.stop = stop;
  el('run').textContent = stop ? '■ Stop' : '▶ Run';
  el('run').classList.toggle('stop', Boolean(stop));
}

function status(words, fine) {
  el('status').textContent = words;
  el('status').classList.toggle('bad', !fine);
}

/** Underline what the server complains about. */
function mark(body) {
  const lines = query.text.split('\n');
  const marks = (body.errors ?? []).flatMap((error) => (error.locations ?? []).map(({ line, column }) => {
    const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
    return { start, end: start + 1, title: error.message };
  }));
  query.mark(marks);
}

function note(asked, operation, ok) {
  const name = operation.name ?? operation.kind;
  addToHistory({ query: asked.query, variables: variables.text, name, ok, at: Date.now() });
  drawPast();
}

function learn(body) {
  const found = learned(body);
  if (!Object.keys(found).length) return;
  state.known = { ...state.known, ...found };
  remember('known', state.known);
  drawKnown();
  drawStory();
}

/** After an answer without refusals: watch the job it asked for, else the story's next step. */
function follow(body) {
  const payloads = Object.values(body.data ?? {});
  if (body.errors || payloads.some((payload) => payload?.userErrors?.length)) return suggest(null);
  if (state.step) state.reached = Math.max(state.reached, STORY.indexOf(state.step));
  if (payloads.some((payload) => payload?.job?.status === 'QUEUED')) return suggest(STORY.find((step) => step.wants === 'jobId'));
  return suggest(state.step ? (STORY[state.reached + 1] ?? null) : null);
}

/** Offer a step. What only looks begins with that press; what changes something is opened, to be read first. */
function suggest(step) {
  const button = el('next');
  button.hidden = !step;
  if (!step) return;
  button.textContent = `${step.title} →`;
  button.onclick = () => {
    button.hidden = true;
    openStep(step);
    if (!step.query.startsWith('mutation')) start();
  };
}

function openStep(step) {
  open(step.query, step.variables(state.known), step);
}

function drawKnown() {
  const { name, subjectId, jobId } = state.known;
  const chips = [];
  if (subjectId) chips.push(`<span class="chip" title="${escaped(subjectId)}">${escaped(name ?? 'persona')}</span>`);
  if (jobId) chips.push(`<span class="chip" title="${escaped(jobId)}">latest job</span>`);
  el('known').innerHTML = chips.join('');
}

function drawStory() {
  const rows = STORY.map((step, index) => {
    const missing = step.wants && !state.known[step.wants];
    const current = state.step === step ? ' aria-current="step"' : '';
    return `<li><button data-step="${index}"${current}${missing ? ' class="later"' : ''}><b>${escaped(step.title)}</b><span>${escaped(step.about)}</span></button></li>`;
  });
  el('story').innerHTML = `<p class="quiet">From a name to a locked appearance. Ids are carried from step to step.</p><ol>${rows.join('')}</ol>`;
}

function drawPast() {
  const rows = history().map((entry, index) => {
    const time = new Date(entry.at).toLocaleString([], { dateStyle: 'short', timeStyle: 'short' });
    return `<li><button data-past="${index}"><b class="${entry.ok ? '' : 'bad'}">${escaped(entry.name)}</b><span>${escaped(time)}</span></button></li>`;
  });
  const clear = rows.length ? '<button id="forget">Forget all</button>' : '<p class="quiet">What you run is remembered here, in this browser only.</p>';
  el('past').innerHTML = `<ol>${rows.join('')}</ol>${clear}`;
}

function low(name) {
  for (const tab of document.querySelectorAll('[data-low]')) {
    const on = tab.dataset.low === name;
    tab.setAttribute('aria-selected', String(on));
    el(tab.dataset.low).hidden = !on;
  }
}

async function loadSchema() {
  const { body, status: code } = await run({ query: INTROSPECTION, key: key() });
  if (body.data) {
    state.schema = new Schema(body.data);
    docs.show(state.schema);
    return trouble('');
  }
  return trouble(code === 401 ? 'This server needs a key: enter it above.' : body.errors[0].message);
}

el('run').onclick = start;
el('tidy').onclick = () => query.replaceAll(prettified(query.text));
el('take').onclick = () => navigator.clipboard.writeText(result.text);
el('copy').onclick = () => {
  try {
    navigator.clipboard.writeText(asCurl({ query: query.text, variables: operationVariables(), operationName: chosen()?.name ?? undefined, key: key() }, files.chosen()));
  } catch (error) {
    trouble(error.message);
  }
};
el('key').value = key();
el('key').onchange = () => { setKey(el('key').value.trim()); loadSchema(); };
el('over').value = recall('over', 'ws');
el('over').onchange = () => remember('over', el('over').value);
el('operation').onchange = () => query.focus();
document.addEventListener('keydown', (event) => {
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key === 'Enter') { event.preventDefault(); start(); }
  if (command && event.shiftKey && event.key.toLowerCase() === 'f') { event.preventDefault(); el('tidy').click(); }
});
document.addEventListener('click', (event) => {
  const step = event.target.closest('[data-step]');
  const past = event.target.closest('[data-past]');
  const tab = event.target.closest('[data-low]');
  if (step) openStep(STORY[Number(step.dataset.step)]);
  if (past) {
    const entry = history()[Number(past.dataset.past)];
    open(entry.query, null);
    variables.text = entry.variables;
  }
  if (tab) low(tab.dataset.low);
  if (event.target.id === 'forget') { clearHistory(); drawPast(); }
});

furnish();
drawStory();
drawPast();
drawKnown();
const kept = recall('query', '');
if (kept) {
  query.text = kept;
  variables.text = recall('variables', '');
  listOperations();
} else openStep(STORY[0]);
loadSchema();
