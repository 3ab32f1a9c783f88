// What the page remembers between visits, in this browser only. The key is kept for this tab alone.

const PREFIX = 'likeness.explorer.';

export function recall(name, otherwise) {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // A full or forbidden store costs nothing but the memory.
  }
}

export function key() {
  return sessionStorage.getItem(`${PREFIX}key`) ?? '';
}

export function setKey(value) {
  sessionStorage.setItem(`${PREFIX}key`, value);
}

const LONGEST = 60;

/** What was run, newest first: [{query, variables, name, at, ok}]. Running the same again moves it up. */
export function history() {
  return recall('history', []);
}

export function addToHistory(entry) {
  const same = (other) => other.query === entry.query && other.variables === entry.variables;
  remember('history', [entry, ...history().filter((other) => !same(other))].slice(0, LONGEST));
}

export function clearHistory() {
  remember('history', []);
}
