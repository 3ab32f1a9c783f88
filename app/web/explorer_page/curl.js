// The same request as a command for a terminal.

/** `files` is a Map of variable path -> File; their names stand for the paths of real files. */
export function asCurl({ query, variables, operationName, key }, files) {
  const head = [`curl ${location.origin}/graphql`];
  if (key) head.push(`-H 'Authorization: Bearer <your key>'`);
  const operation = JSON.stringify({ query, variables, operationName });
  if (!files.size) return [...head, `-H 'Content-Type: application/json'`, `-d ${quoted(operation)}`].join(' \\\n  ');
  const names = [...files.keys()];
  const map = Object.fromEntries(names.map((path, index) => [index, [`variables.${path}`]]));
  return [
    ...head,
    `-H 'GraphQL-Require-Preflight: 1'`,
    `-F operations=${quoted(operation)}`,
    `-F map=${quoted(JSON.stringify(map))}`,
    ...names.map((path, index) => `-F ${index}=@${quoted(files.get(path).name)}`),
  ].join(' \\\n  ');
}

function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
