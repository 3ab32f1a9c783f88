// Files that travel with an operation: each is put at a path in the variables.

import { escaped } from './tokens.js';

export class Files {
  constructor(host) {
    this.host = host;
    this.rows = [];
    host.addEventListener('click', (event) => this.#click(event));
    host.addEventListener('dragover', (event) => event.preventDefault());
    host.addEventListener('drop', (event) => this.#drop(event));
    this.#draw();
  }

  clear() {
    this.rows = [];
    this.#draw();
  }

  /** Make room for a file at `path`, such as `input.file`. */
  offer(path) {
    this.rows.push({ path, file: null });
    this.#draw();
  }

  /** Map of variable path -> File, of those that have been chosen. */
  chosen() {
    return new Map(this.rows.filter((row) => row.file && row.path).map((row) => [row.path, row.file]));
  }

  #draw() {
    const rows = this.rows.map(
      (row, index) => `<div class="file"><input data-path="${index}" value="${escaped(row.path)}" aria-label="Variable" spellcheck="false">
        <label class="button">${row.file ? escaped(row.file.name) : 'Choose a file'}<input type="file" data-file="${index}" accept="image/png,image/jpeg,image/webp" hidden></label>
        <span class="quiet">${row.file ? `${Math.ceil(row.file.size / 1024)} KiB` : ''}</span>
        <button data-drop="${index}" aria-label="Remove">✕</button></div>`,
    );
    this.host.innerHTML = `<p class="quiet">A file takes the place of a variable. Choose one, or drop it here.</p>${rows.join('')}<button data-add>Add a file</button>`;
    for (const input of this.host.querySelectorAll('[data-path]')) {
      input.onchange = () => { this.rows[Number(input.dataset.path)].path = input.value.trim(); };
    }
    for (const input of this.host.querySelectorAll('[data-file]')) {
      input.onchange = () => this.#put(Number(input.dataset.file), input.files[0]);
    }
  }

  #put(index, file) {
    if (!file) return;
    this.rows[index].file = file;
    this.#draw();
  }

  #click(event) {
    const drop = event.target.closest('[data-drop]');
    if (drop) this.rows.splice(Number(drop.dataset.drop), 1);
    else if (event.target.closest('[data-add]')) this.rows.push({ path: 'input.file', file: null });
    else return;
    this.#draw();
  }

  #drop(event) {
    event.preventDefault();
    const file = event.dataTransfer.files[0];
    const free = this.rows.findIndex((row) => !row.file);
    if (free < 0) this.rows.push({ path: 'input.file', file: null });
    this.#put(free < 0 ? this.rows.length - 1 : free, file);
  }
}
