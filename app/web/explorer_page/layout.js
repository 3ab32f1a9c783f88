// Lays a GraphQL document out anew: two spaces a level, one field a line, arguments on their line. Comments stay.

import { graphqlTokens } from './tokens.js';

const ENDS_VALUE = new Set(['name', 'number', 'string', 'variable']);

export function prettified(text) {
  const tokens = graphqlTokens(text).filter((token) => token.kind !== 'space');
  const layout = new Layout(tokens);
  const definitions = [];
  while (layout.more()) definitions.push(layout.definition());
  return `${joined(definitions)}\n`;
}

/** Definitions apart by an empty line; a comment stays with what follows it. */
function joined(definitions) {
  return definitions.reduce((out, part) => {
    if (!out) return part;
    return out + (out.split('\n').at(-1).startsWith('#') ? '\n' : '\n\n') + part;
  }, '');
}

class Layout {
  constructor(tokens) {
    this.tokens = tokens;
    this.at = 0;
  }

  more() {
    return this.at < this.tokens.length;
  }

  peek() {
    return this.tokens[this.at] ?? { kind: 'end', text: '' };
  }

  take() {
    return this.tokens[this.at++];
  }

  definition() {
    if (this.peek().kind === 'comment') return this.take().text.trimEnd();
    let head = '';
    while (this.more() && this.peek().text !== '{') {
      if (this.peek().text === '(') head += this.inline();
      else head += (head && !head.endsWith(' ') ? ' ' : '') + this.take().text;
    }
    if (!this.more()) return head;
    return `${head}${head ? ' ' : ''}${this.block(0)}`;
  }

  /** `{ … }` of a selection. */
  block(level) {
    this.take();
    const lines = [];
    while (this.more() && this.peek().text !== '}') lines.push('  '.repeat(level + 1) + this.selection(level + 1));
    this.take();
    return lines.length ? `{\n${lines.join('\n')}\n${'  '.repeat(level)}}` : '{}';
  }

  selection(level) {
    if (this.peek().kind === 'comment') return this.take().text.trimEnd();
    let line = this.take().text;
    if (line === '...') {
      if (this.peek().text === 'on') line += ` ${this.take().text} ${this.more() ? this.take().text : ''}`;
      else if (this.peek().kind === 'name') line += this.take().text;
    } else if (this.peek().text === ':') {
      this.take();
      line += `: ${this.more() ? this.take().text : ''}`;
    }
    for (;;) {
      if (this.peek().text === '(') line += this.inline();
      else if (this.peek().kind === 'directive') line += ` ${this.take().text}`;
      else break;
    }
    return this.peek().text === '{' ? `${line} ${this.block(level)}` : line;
  }

  /** `( … )` on one line, commas between its items. */
  inline() {
    let out = '';
    let depth = 0;
    let previous = null;
    do {
      const token = this.take();
      out += separator(previous, token) + token.text + (token.kind === 'comment' ? '\n' : '');
      if ('([{'.includes(token.text)) depth += 1;
      if (')]}'.includes(token.text)) depth -= 1;
      previous = token;
    } while (depth > 0 && this.more());
    return out;
  }
}

function separator(previous, token) {
  if (!previous || previous.kind === 'comment' || '(['.includes(previous.text) || '):]!'.includes(token.text)) return '';
  if ('{}'.includes(token.text) && previous.text === '{') return token.text === '}' ? '' : ' ';
  if (token.text === '}') return ' ';
  const ended = ENDS_VALUE.has(previous.kind) || '})]!'.includes(previous.text);
  return ended && (ENDS_VALUE.has(token.kind) || '{['.includes(token.text)) ? ', ' : ' ';
}
