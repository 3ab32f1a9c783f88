// The schema as the page knows it: fetched by introspection, indexed by name.

const TYPE_REF = 'kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } }';
const INPUT = `name description defaultValue type { ${TYPE_REF} }`;

export const INTROSPECTION = `query Introspection {
  __schema {
    description
    queryType { name } mutationType { name } subscriptionType { name }
    directives { name description locations args { ${INPUT} } }
    types {
      kind name description specifiedByURL isOneOf
      fields(includeDeprecated: true) {
        name description isDeprecated deprecationReason
        type { ${TYPE_REF} }
        args { ${INPUT} }
      }
      inputFields { ${INPUT} }
      enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
      interfaces { name }
      possibleTypes { name }
    }
  }
}`;

/** An index over an introspection result. */
export class Schema {
  constructor(introspection) {
    const found = introspection.__schema;
    this.description = found.description;
    this.roots = {
      query: found.queryType?.name,
      mutation: found.mutationType?.name,
      subscription: found.subscriptionType?.name,
    };
    this.directives = new Map(found.directives.map((directive) => [directive.name, directive]));
    this.types = new Map(found.types.map((type) => [type.name, type]));
    for (const type of found.types) {
      type.byName = new Map((type.fields ?? type.inputFields ?? []).map((field) => [field.name, field]));
    }
  }

  type(name) {
    return this.types.get(name);
  }

  root(kind) {
    return this.type(this.roots[kind]);
  }

  /** The type that a reference ends in, without lists and non-nulls. */
  named(reference) {
    return this.type(bare(reference));
  }

  field(type, name) {
    if (name === '__typename') return { name, description: 'The name of this type.', args: [], type: { kind: 'SCALAR', name: 'String' } };
    return type?.byName.get(name);
  }

  /** Types that people look at: no introspection types. */
  visible() {
    return [...this.types.values()].filter((type) => !type.name.startsWith('__'));
  }

  /** A runnable document for a root field: its required arguments as variables, its plain fields selected. */
  skeleton(kind, field) {
    const required = field.args.filter((argument) => argument.type.kind === 'NON_NULL' && argument.defaultValue === null);
    const name = field.name[0].toUpperCase() + field.name.slice(1);
    const declared = required.map((argument) => `$${argument.name}: ${typeText(argument.type)}`).join(', ');
    const given = required.map((argument) => `${argument.name}: $${argument.name}`).join(', ');
    const selection = this.#selection(this.named(field.type), 0);
    const head = `${kind} ${name}${declared ? `(${declared})` : ''} {\n`;
    const query = `${head}  ${field.name}${given ? `(${given})` : ''}${selection}\n}\n`;
    const variables = Object.fromEntries(required.map((argument) => [argument.name, this.#example(argument.type)]));
    return { query, variables };
  }

  #selection(type, depth) {
    if (!type?.fields) return '';
    const pad = '  '.repeat(depth + 2);
    const lines = [];
    for (const field of type.fields) {
      if (field.isDeprecated || field.args.some((argument) => argument.type.kind === 'NON_NULL' && argument.defaultValue === null)) continue;
      const inner = this.named(field.type);
      if (!inner?.fields) lines.push(pad + field.name);
      else if (depth < 1 && !/Connection$/.test(inner.name) && inner.name !== type.name) {
        const nested = this.#selection(inner, depth + 1);
        if (nested) lines.push(pad + field.name + nested);
      } else if (/Connection$/.test(inner.name) && depth === 0) continue;
      else if (field.name === 'nodes' && depth === 0) lines.push(`${pad}nodes {\n${pad}  id\n${pad}}`);
      if (lines.length >= 14) break;
    }
    return lines.length ? ` {\n${lines.join('\n')}\n${'  '.repeat(depth + 1)}}` : '';
  }

  #example(reference) {
    if (reference.kind === 'NON_NULL') return this.#example(reference.ofType);
    if (reference.kind === 'LIST') return [];
    const type = this.type(reference.name);
    if (type?.inputFields) {
      const needed = type.inputFields.filter((field) => field.type.kind === 'NON_NULL' && field.defaultValue === null);
      return Object.fromEntries(needed.map((field) => [field.name, this.#example(field.type)]));
    }
    if (type?.enumValues) return type.enumValues[0].name;
    return { Int: 1, Float: 1, Boolean: false }[reference.name] ?? '';
  }
}

/** A type reference as it is written: `[ID!]!`. */
export function typeText(reference) {
  if (reference.kind === 'NON_NULL') return `${typeText(reference.ofType)}!`;
  if (reference.kind === 'LIST') return `[${typeText(reference.ofType)}]`;
  return reference.name;
}

export function bare(reference) {
  let found = reference;
  while (found?.ofType) found = found.ofType;
  return found?.name;
}
