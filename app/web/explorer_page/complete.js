// What may stand at the cursor: walks the tokens before it and keeps track of the type it is in.

import { graphqlTokens, meaningful } from './tokens.js';
import { bare, typeText } from './schema.js';

/** {prefix, from, options: [{text, detail, description, insert}]} at `cursor`; null inside strings and comments. */
export function completions(text, cursor, schema) {
  const all = graphqlTokens(text);
  const here = all.find((token) => token.start < cursor && cursor <= token.end);
  if (here && ['comment', 'string'].includes(here.kind)) return null;
  const typing = here && ['name', 'variable', 'directive'].includes(here.kind) ? here : null;
  const from = typing ? typing.start : cursor;
  const prefix = text.slice(from, cursor);
  const before = meaningful(all.filter((token) => token.end <= from));
  const state = walk(before, schema);
  const options = offered(state, schema, prefix, text);
  const wanted = prefix.toLowerCase();
  const ranked = options
    .filter((option) => option.text.toLowerCase().includes(wanted))
    .sort((one, two) => rank(one, wanted) - rank(two, wanted));
  return { prefix, from, options: ranked.slice(0, 60) };
}

/** The field, argument or type that the name at `cursor` stands for: {title, description} or null. */
export function explained(text, cursor, schema) {
  const all = graphqlTokens(text);
  const here = all.find((token) => token.start <= cursor && cursor < token.end && token.kind === 'name');
  if (!here) return null;
  const frame = walk(meaningful(all.filter((token) => token.end <= here.start)), schema).at(-1);
  if (frame.kind === 'selection') {
    const field = schema.field(frame.type, here.text);
    return field && { title: `${field.name}: ${typeText(field.type)}`, description: field.description };
  }
  const input = frame.inputs?.get(here.text);
  if (input) return { title: `${input.name}: ${typeText(input.type)}`, description: input.description };
  const type = schema.type(here.text);
  return type ? { title: type.name, description: type.description } : null;
}

function rank(option, wanted) {
  const text = option.text.toLowerCase();
  return (text.startsWith(wanted) ? 0 : 1000) + (option.text.startsWith('__') ? 500 : 0);
}

function walk(tokens, schema) {
  const frames = [{ kind: 'document' }];
  for (const token of tokens) {
    const top = frames.at(-1);
    const step = STEPS[top.kind];
    step(token, top, frames, schema);
  }
  return frames;
}

const STEPS = {
  document(token, top, frames, schema) {
    if (token.kind === 'name') {
      if (/^(query|mutation|subscription)$/.test(token.text)) Object.assign(top, { root: token.text, on: false, type: null });
      else if (token.text === 'fragment') Object.assign(top, { root: 'fragment', on: false, type: null });
      else if (token.text === 'on') top.on = true;
      else if (top.on) top.type = schema.type(token.text);
    } else if (token.kind === 'directive') top.directive = schema.directives.get(token.text.slice(1));
    else if (token.text === '(') {
      frames.push(top.directive ? inputs('arguments', top.directive.args) : { kind: 'variables' });
      top.directive = null;
    } else if (token.text === '{') {
      frames.push({ kind: 'selection', type: top.type ?? schema.root(top.root ?? 'query') });
      Object.assign(top, { root: null, type: null, on: false });
    }
  },

  selection(token, top, frames, schema) {
    if (token.kind === 'spread') Object.assign(top, { spread: true, on: false, fragment: null, field: null });
    else if (token.kind === 'directive') top.directive = schema.directives.get(token.text.slice(1));
    else if (token.kind === 'name') {
      if (top.on) Object.assign(top, { fragment: schema.type(token.text), on: false });
      else if (top.spread && token.text === 'on') top.on = true;
      else if (top.spread && !top.fragment) top.spread = false;
      else Object.assign(top, { field: schema.field(top.type, token.text), spread: false, fragment: null });
    } else if (token.text === '(') {
      frames.push(inputs('arguments', (top.directive ?? top.field)?.args ?? []));
      top.directive = null;
    } else if (token.text === '{') {
      const inner = top.spread ? (top.fragment ?? top.type) : top.field && schema.named(top.field.type);
      frames.push({ kind: 'selection', type: inner });
      Object.assign(top, { spread: false, fragment: null });
    } else if (token.text === '}') frames.pop();
  },

  arguments: inputStep,
  object: inputStep,

  list(token, top, frames, schema) {
    if (token.text === '{') frames.push(inputs('object', schema.named(top.type)?.inputFields ?? []));
    else if (token.text === '[') frames.push({ kind: 'list', type: top.type });
    else if (token.text === ']') frames.pop();
  },

  variables(token, top, frames) {
    if (token.text === ':') top.wants = 'type';
    else if (token.text === '=') top.wants = 'value';
    else if (token.kind === 'variable') top.wants = null;
    else if (token.text === ')') frames.pop();
  },
};

function inputs(kind, list) {
  return { kind, inputs: new Map(list.map((input) => [input.name, input])), input: null };
}

function inputStep(token, top, frames, schema) {
  if (token.text === ')' || token.text === '}') {
    frames.pop();
    const parent = frames.at(-1);
    if (parent.inputs) parent.input = null;
  } else if (top.input && token.text === '{') frames.push(inputs('object', schema.named(top.input.type)?.inputFields ?? []));
  else if (top.input && token.text === '[') {
    frames.push({ kind: 'list', type: top.input.type });
    top.input = null;
  } else if (token.text === ':') top.input = top.last ?? null;
  else if (token.kind === 'name' && !top.input) top.last = top.inputs.get(token.text);
  else if (token.text !== ':') top.input = null;
}

function offered(frames, schema, prefix, text) {
  const top = frames.at(-1);
  if (prefix.startsWith('@')) return [...schema.directives.values()].map((found) => option(`@${found.name}`, 'directive', found));
  if (top.kind === 'document') {
    if (top.on) return typeOptions(schema, (type) => Boolean(type.fields));
    return ['query', 'mutation', 'subscription', 'fragment'].map((word) => ({ text: word, detail: '' }));
  }
  if (top.kind === 'variables') return top.wants === 'type' ? typeOptions(schema, (type) => !type.fields && !type.possibleTypes) : [];
  if (top.kind === 'selection') return selectionOptions(top, schema, text);
  if (top.kind === 'list') return valueOptions(top.type, schema, text);
  if (top.input) return valueOptions(top.input.type, schema, text);
  return [...top.inputs.values()].map((input) => ({ ...option(input.name, typeText(input.type), input), insert: `${input.name}: ` }));
}

function selectionOptions(top, schema, text) {
  if (top.on) return typeOptions(schema, (type) => Boolean(type.fields));
  if (top.spread) {
    const named = [...text.matchAll(/\bfragment\s+(\w+)/g)].map((match) => ({ text: match[1], detail: 'fragment' }));
    return [{ text: 'on', detail: 'of a type' }, ...named];
  }
  const fields = top.type?.fields ?? [];
  return [...fields, schema.field(top.type, '__typename')].map((field) => option(field.name, typeText(field.type), field));
}

function valueOptions(reference, schema, text) {
  const type = schema.type(bare(reference));
  const variables = [...new Set(text.match(/\$\w+/g) ?? [])].map((name) => ({ text: name, detail: 'variable' }));
  if (type?.enumValues) return [...type.enumValues.map((value) => option(value.name, type.name, value)), ...variables];
  if (type?.name === 'Boolean') return ['true', 'false'].map((word) => ({ text: word, detail: 'Boolean' })).concat(variables);
  return variables;
}

function typeOptions(schema, wanted) {
  return schema.visible().filter(wanted).map((type) => option(type.name, type.kind.toLowerCase(), type));
}

function option(text, detail, { description, isDeprecated }) {
  return { text, detail: isDeprecated ? `${detail} · deprecated` : detail, description };
}
