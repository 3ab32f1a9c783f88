// A text editor: a transparent textarea over its own coloured text, with completion. Knows no GraphQL by itself.

import { escaped } from './tokens.js';

const PAIRS = { '{': '}', '(': ')', '[': ']' };

/**
 * `coloured(text, marks)` gives HTML; `complete(text, cursor)` gives {from, prefix, options} or null;
 * `explain(text, cursor)` gives {title, description} or null.
 */
export class Editor {
  constructor(host, { coloured, complete, explain, label, changed }) {
    this.host = host;
    this.coloured = coloured;
    this.complete = complete;
    this.explain = explain;
    this.changed = changed ?? (() => {});
    this.marks = [];
    host.classList.add('editor');
    host.innerHTML = `<pre class="ink" aria-hidden="true"></pre>
      <textarea spellcheck="false" autocapitalize="off" autocomplete="off" wrap="off"></textarea>
      <div class="popup" role="listbox" hidden></div><div class="hint" hidden></div>`;
    [this.ink, this.area, this.popup, this.hint] = host.children;
    this.area.setAttribute('aria-label', label);
    this.area.addEventListener('input', (event) => this.#typed(event));
    this.area.addEventListener('scroll', () => this.#follow());
    this.area.addEventListener('keydown', (event) => this.#key(event));
    this.area.addEventListener('blur', () => setTimeout(() => this.#close(), 150));
    this.area.addEventListener('click', () => this.#close());
    this.area.addEventListener('mousemove', (event) => this.#hover(event));
    this.area.addEventListener('mouseleave', () => { this.hint.hidden = true; });
    this.#paint();
  }

  get text() {
    return this.area.value;
  }

  set text(value) {
    this.area.value = value;
    this.area.setSelectionRange(0, 0);
    this.area.scrollTop = 0;
    this.mark([]);
  }

  get cursor() {
    return this.area.selectionStart;
  }

  focus() {
    this.area.focus();
  }

  /** Underline places: [{start, end, title}]. */
  mark(marks) {
    this.marks = marks;
    this.#paint();
  }

  /** Replace everything, so that undo brings it back. */
  replaceAll(text) {
    if (text === this.text) return;
    this.area.focus();
    this.area.select();
    this.#insert(text);
    this.area.setSelectionRange(0, 0);
  }

  #insert(text) {
    if (!document.execCommand('insertText', false, text)) {
      this.area.setRangeText(text, this.area.selectionStart, this.area.selectionEnd, 'end');
      this.#typed({});
    }
  }

  #paint() {
    this.ink.innerHTML = this.coloured(this.area.value, this.marks);
    this.#follow();
  }

  #follow() {
    this.ink.style.transform = `translate(${-this.area.scrollLeft}px, ${-this.area.scrollTop}px)`;
    if (!this.popup.hidden) this.#place(this.popup, this.offered.from);
  }

  #typed(event) {
    this.marks = [];
    this.#paint();
    this.changed();
    const wanted = event.inputType === 'insertText' && /[\w$@.]/.test(event.data ?? '');
    if (wanted || !this.popup.hidden) this.#offer(false);
  }

  #offer(asked) {
    this.offered = this.complete?.(this.text, this.cursor) ?? null;
    const only = this.offered?.options.length === 1 && this.offered.options[0].text === this.offered.prefix;
    if (!this.offered?.options.length || (only && !asked) || (!asked && !this.offered.prefix)) return this.#close();
    this.chosen = 0;
    this.#list();
    return undefined;
  }

  #list() {
    const rows = this.offered.options.map(
      (option, index) => `<div role="option" class="option" data-index="${index}" aria-selected="${index === this.chosen}">
        <span>${escaped(option.text)}</span><span class="detail">${escaped(option.detail ?? '')}</span></div>`,
    );
    const about = this.offered.options[this.chosen].description;
    this.popup.innerHTML = `<div class="options">${rows.join('')}</div>${about ? `<p class="about">${escaped(about)}</p>` : ''}`;
    this.popup.hidden = false;
    this.#place(this.popup, this.offered.from);
    this.popup.querySelector('[aria-selected="true"]').scrollIntoView({ block: 'nearest' });
    for (const row of this.popup.querySelectorAll('.option')) {
      row.addEventListener('mousedown', (event) => {
        event.preventDefault();
        this.chosen = Number(row.dataset.index);
        this.#accept();
      });
    }
  }

  #accept() {
    const option = this.offered.options[this.chosen];
    this.area.setSelectionRange(this.offered.from, this.area.selectionEnd);
    this.#insert(option.insert ?? option.text);
    this.#close();
  }

  #close() {
    this.popup.hidden = true;
  }

  #key(event) {
    if (!this.popup.hidden && this.#popupKey(event)) {
      event.preventDefault();
      return;
    }
    if (event.key === ' ' && event.ctrlKey) {
      event.preventDefault();
      this.#offer(true);
    } else if (event.key === 'Tab' && !event.shiftKey && !event.ctrlKey && !this.leaving) {
      event.preventDefault();
      this.#insert('  ');
    } else if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.#newLine();
    } else if (event.key in PAIRS && this.area.selectionStart === this.area.selectionEnd) {
      event.preventDefault();
      this.#insert(event.key + PAIRS[event.key]);
      this.area.setSelectionRange(this.cursor - 1, this.cursor - 1);
    } else if (Object.values(PAIRS).includes(event.key) && this.text[this.cursor] === event.key) {
      event.preventDefault();
      this.area.setSelectionRange(this.cursor + 1, this.cursor + 1);
    }
    this.leaving = event.key === 'Escape'; // Escape, then Tab, leaves the editor
  }

  #popupKey(event) {
    const last = this.offered.options.length - 1;
    if (event.key === 'ArrowDown') this.chosen = Math.min(last, this.chosen + 1);
    else if (event.key === 'ArrowUp') this.chosen = Math.max(0, this.chosen - 1);
    else if (event.key === 'Escape') return this.#close() ?? true;
    else if (event.key === 'Tab' || (event.key === 'Enter' && !event.ctrlKey && !event.metaKey)) return this.#accept() ?? true;
    else return false;
    this.#list();
    return true;
  }

  #newLine() {
    const { text, cursor } = this;
    const line = text.slice(text.lastIndexOf('\n', cursor - 1) + 1, cursor);
    const indent = line.match(/^ */)[0];
    const opens = '{(['.includes(text[cursor - 1] ?? ' ');
    if (opens && '})]'.includes(text[cursor] ?? ' ')) {
      this.#insert(`\n${indent}  \n${indent}`);
      this.area.setSelectionRange(this.cursor - indent.length - 1, this.cursor - indent.length - 1);
    } else this.#insert(`\n${indent}${opens ? '  ' : ''}`);
  }

  #hover(event) {
    clearTimeout(this.waiting);
    this.hint.hidden = true;
    if (!this.explain) return;
    const { offsetX, offsetY } = event;
    this.waiting = setTimeout(() => {
      const at = this.#at(offsetX, offsetY);
      const found = at === null ? null : this.explain(this.text, at);
      if (!found) return;
      this.hint.innerHTML = `<b>${escaped(found.title)}</b>${found.description ? `<p>${escaped(found.description)}</p>` : ''}`;
      this.hint.hidden = false;
      this.#place(this.hint, at);
    }, 350);
  }

  #measure() {
    const style = getComputedStyle(this.area);
    if (!this.width) {
      const context = document.createElement('canvas').getContext('2d');
      context.font = `${style.fontSize} ${style.fontFamily}`;
      this.width = context.measureText('m'.repeat(100)).width / 100;
    }
    return { line: parseFloat(style.lineHeight), left: parseFloat(style.paddingLeft), top: parseFloat(style.paddingTop) };
  }

  #at(x, y) {
    const { line, left, top } = this.#measure();
    const row = Math.floor((y + this.area.scrollTop - top) / line);
    const lines = this.text.split('\n');
    const column = Math.floor((x + this.area.scrollLeft - left) / this.width);
    if (row < 0 || row >= lines.length || column < 0 || column >= lines[row].length) return null;
    return lines.slice(0, row).reduce((sum, text) => sum + text.length + 1, 0) + column;
  }

  #place(box, index) {
    const { line, left, top } = this.#measure();
    const before = this.text.slice(0, index).split('\n');
    const x = left + before.at(-1).length * this.width - this.area.scrollLeft;
    const y = top + before.length * line - this.area.scrollTop;
    box.style.left = `${Math.max(4, Math.min(x, this.host.clientWidth - box.offsetWidth - 4))}px`;
    const room = this.host.clientHeight - y;
    const above = room < box.offsetHeight && y - line > box.offsetHeight;
    box.style.top = `${above ? y - line - box.offsetHeight : y}px`;
  }
}
