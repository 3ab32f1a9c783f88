// The schema as pages to read: search, types, fields, and a way to try every root field.

import { escaped } from './tokens.js';
import { typeText } from './schema.js';

/** Shows `schema` in `host`; `use(document, variables)` puts an example into the editor. */
export class Docs {
  constructor(host, use) {
    this.host = host;
    this.use = use;
    this.trail = [];
    host.innerHTML = `<input type="search" placeholder="Search types and fields" aria-label="Search the schema">
      <div class="page"></div>`;
    [this.search, this.page] = host.children;
    this.search.addEventListener('input', () => this.#render());
    this.page.addEventListener('click', (event) => this.#click(event));
  }

  show(schema) {
    this.schema = schema;
    this.#render();
  }

  open(name) {
    this.search.value = '';
    this.trail.push(name);
    this.#render();
  }

  #click(event) {
    const target = event.target.closest('[data-type],[data-back],[data-use]');
    if (!target) return;
    event.preventDefault();
    if (target.dataset.back !== undefined) {
      this.trail.pop();
      this.#render();
    } else if (target.dataset.use) {
      const [kind, name] = target.dataset.use.split('.');
      const { query, variables } = this.schema.skeleton(kind, this.schema.root(kind).byName.get(name));
      this.use(query, variables);
    } else this.open(target.dataset.type);
  }

  #render() {
    if (!this.schema) return;
    const words = this.search.value.trim().toLowerCase();
    const type = this.schema.type(this.trail.at(-1));
    if (words) this.page.innerHTML = this.#found(words);
    else if (type) this.page.innerHTML = `<a href="#" data-back class="back">← ${escaped(this.trail.at(-2) ?? 'Schema')}</a>${this.#type(type)}`;
    else this.page.innerHTML = this.#front();
    this.page.scrollTop = 0;
  }

  #front() {
    const roots = Object.entries(this.schema.roots)
      .filter(([, name]) => name)
      .map(([kind, name]) => `<h3>${escaped(name)}</h3>${this.#fields(this.schema.type(name), kind)}`);
    const types = this.schema
      .visible()
      .filter((type) => !Object.values(this.schema.roots).includes(type.name))
      .map((type) => `<a href="#" data-type="${type.name}" class="type k-${type.kind}">${type.name}</a>`);
    const about = this.schema.description ? `<p>${escaped(this.schema.description)}</p>` : '';
    return `${about}${roots.join('')}<h3>Types</h3><div class="types">${types.join(' ')}</div>`;
  }

  #type(type) {
    const kind = { OBJECT: 'type', INTERFACE: 'interface', INPUT_OBJECT: 'input', ENUM: 'enum', SCALAR: 'scalar', UNION: 'union' }[type.kind];
    const parts = [`<h2><small>${kind}</small> ${type.name}</h2>`, this.#words(type.description)];
    if (type.specifiedByURL) parts.push(`<p class="quiet">Specified by ${escaped(type.specifiedByURL)}</p>`);
    if (type.interfaces?.length) parts.push(`<p class="quiet">Implements ${type.interfaces.map((one) => this.#link(one.name)).join(', ')}</p>`);
    if (type.possibleTypes?.length) parts.push(`<p class="quiet">Is one of ${type.possibleTypes.map((one) => this.#link(one.name)).join(', ')}</p>`);
    if (type.fields || type.inputFields) parts.push(this.#fields(type));
    for (const value of type.enumValues ?? []) parts.push(`<div class="field"><code>${value.name}</code>${this.#words(value.description)}</div>`);
    return parts.join('');
  }

  #fields(type, rootKind) {
    return (type.fields ?? type.inputFields).map((field) => this.#field(field, rootKind)).join('');
  }

  #field(field, rootKind) {
    const args = (field.args ?? []).map(
      (arg) => `<div class="arg" title="${escaped(arg.description ?? '')}">${arg.name}: ${this.#link(null, arg.type)}${this.#default(arg)}</div>`,
    );
    const tryIt = rootKind ? `<button data-use="${rootKind}.${field.name}" title="Put an example into the editor">try</button>` : '';
    const old = field.isDeprecated ? `<p class="old">Deprecated: ${escaped(field.deprecationReason ?? '')}</p>` : '';
    return `<div class="field">${tryIt}<code><b>${field.name}</b>: ${this.#link(null, field.type)}${this.#default(field)}</code>
      ${this.#words(field.description)}${old}${args.join('')}</div>`;
  }

  #found(words) {
    const types = [];
    const fields = [];
    for (const type of this.schema.visible()) {
      if (type.name.toLowerCase().includes(words)) types.push(`<a href="#" data-type="${type.name}" class="type k-${type.kind}">${type.name}</a>`);
      for (const field of [...(type.fields ?? []), ...(type.inputFields ?? []), ...(type.enumValues ?? [])]) {
        if (field.name.toLowerCase().includes(words)) {
          fields.push(`<div class="field"><code>${this.#link(type.name)}.<b>${field.name}</b></code>${this.#words(field.description)}</div>`);
        }
      }
    }
    if (!types.length && !fields.length) return '<p class="quiet">Nothing is called that.</p>';
    return `<div class="types">${types.join(' ')}</div>${fields.slice(0, 80).join('')}`;
  }

  #link(name, reference) {
    const text = name ?? typeText(reference);
    return escaped(text).replace(/\w+/, (found) => `<a href="#" data-type="${found}">${found}</a>`);
  }

  #default(input) {
    return input.defaultValue === null || input.defaultValue === undefined ? '' : ` = ${escaped(input.defaultValue)}`;
  }

  #words(text) {
    return text ? `<p>${escaped(text)}</p>` : '';
  }
}
