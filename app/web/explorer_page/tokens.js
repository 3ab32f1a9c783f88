// Cuts GraphQL and JSON text into tokens, for colours, completion and layout. Knows no schema.

const GRAPHQL = new RegExp(
  [
    '(?<comment>#[^\\n]*)',
    '(?<string>"""(?:[^"\\\\]|\\\\.|"(?!""))*(?:"""|$)|"(?:[^"\\\\\\n]|\\\\.)*"?)',
    '(?<number>-?\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)',
    '(?<variable>\\$\\w*)',
    '(?<directive>@\\w*)',
    '(?<spread>\\.\\.\\.)',
    '(?<name>[A-Za-z_]\\w*)',
    '(?<punctuation>[{}()\\[\\]:=!|&])',
    '(?<space>[\\s,\\uFEFF]+)',
    '(?<other>.)',
  ].join('|'),
  'gs',
);

const JSON_TEXT = /(?<string>"(?:[^"\\\n]|\\.)*"?)(?<key>\s*:)?|(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<name>true|false|null)|(?<punctuation>[{}[\]:,])|(?<space>\s+)|(?<other>.)/gs;

const KEYWORDS = new Set(['query', 'mutation', 'subscription', 'fragment', 'on', 'true', 'false', 'null']);

/** Tokens of a GraphQL document: {kind, text, start, end}; together they are the whole text. */
export function graphqlTokens(text) {
  const tokens = [];
  for (const match of text.matchAll(GRAPHQL)) {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    const start = match.index;
    tokens.push({ kind, text: match[0], start, end: start + match[0].length });
  }
  return tokens;
}

/** The tokens that mean something: no spaces, commas or comments. */
export function meaningful(tokens) {
  return tokens.filter((token) => token.kind !== 'space' && token.kind !== 'comment');
}

/** Named and unnamed operations of a document: [{kind, name, start, end}]. */
export function operations(text) {
  const found = [];
  let depth = 0;
  let current = null;
  for (const token of meaningful(graphqlTokens(text))) {
    if (depth === 0 && token.kind === 'name' && /^(query|mutation|subscription|fragment)$/.test(token.text)) {
      current = { kind: token.text, name: null, start: token.start, end: text.length };
      if (token.text !== 'fragment') found.push(current);
    } else if (depth === 0 && token.text === '{' && (!current || current.closed)) {
      current = { kind: 'query', name: null, start: token.start, end: text.length };
      found.push(current);
    } else if (depth === 0 && token.kind === 'name' && current && !current.name && !current.closed) {
      current.name = token.text;
    }
    if ('{('.includes(token.text)) depth += 1;
    if ('})'.includes(token.text)) {
      depth = Math.max(0, depth - 1);
      if (depth === 0 && token.text === '}' && current) {
        current.end = token.end;
        current.closed = true;
      }
    }
  }
  return found;
}

/** The same text as HTML, coloured; `marks` are [{start, end, title}] to underline. */
export function colouredGraphql(text, marks = []) {
  const parts = [];
  let afterFragmentOn = false;
  for (const token of graphqlTokens(text)) {
    let kind = token.kind;
    if (kind === 'name') {
      if (KEYWORDS.has(token.text)) kind = 'keyword';
      else if (afterFragmentOn) kind = 'type';
      afterFragmentOn = token.text === 'on';
    }
    const mark = marks.find((found) => found.start < token.end && token.start < found.end);
    parts.push(span(kind, token.text, kind !== 'space' && mark ? mark.title : null));
  }
  return `${parts.join('')}\n`;
}

/** JSON text as coloured HTML. */
export function colouredJson(text) {
  const parts = [];
  for (const match of text.matchAll(JSON_TEXT)) {
    const { string, key, number, name, punctuation } = match.groups;
    if (string !== undefined) {
      parts.push(span(key === undefined ? 'string' : 'key', string));
      if (key !== undefined) parts.push(span('punctuation', key));
    } else if (number !== undefined) parts.push(span('number', number));
    else if (name !== undefined) parts.push(span('keyword', name));
    else if (punctuation !== undefined) parts.push(span('punctuation', punctuation));
    else parts.push(escaped(match[0]));
  }
  return `${parts.join('')}\n`;
}

/** Text that is safe inside HTML. */
export function escaped(text) {
  return text.replace(/[&<>"]/g, (found) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[found]);
}

function span(kind, text, title = null) {
  if (kind === 'space' || kind === 'other') return escaped(text);
  const wrong = title === null ? '' : ` wrong" title="${escaped(title)}`;
  return `<span class="t-${kind}${wrong}">${escaped(text)}</span>`;
}
