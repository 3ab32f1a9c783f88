// Talks to the server: JSON over HTTP, files as multipart, subscriptions over WebSocket or event stream.

const PLACE = new URL('/graphql', location.href);
const BACKOFF = [500, 1000, 2000, 4000, 8000];
const FINAL_CLOSE = { 4400: 'bad message', 4401: 'not allowed', 4403: 'this key is not valid', 4406: 'wrong protocol', 4429: 'too many initialisations' };

/** Run a query or mutation: {body, status, ms, size}. `files` is a Map of variable path -> File. */
export async function run({ query, variables, operationName, files, key, signal }) {
  const began = performance.now();
  const response = await fetch(PLACE, { ...sent({ query, variables, operationName }, files), headers: headers(key, files), signal });
  const text = await response.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    body = { errors: [{ message: `The server answered ${response.status} with something that is not JSON.` }] };
  }
  return { body, status: response.status, ms: performance.now() - began, size: text.length };
}

function headers(key, files) {
  const found = { accept: 'application/graphql-response+json, application/json;q=0.9' };
  if (key) found.authorization = `Bearer ${key}`;
  if (files?.size) found['graphql-require-preflight'] = '1';
  else found['content-type'] = 'application/json';
  return found;
}

/** GraphQL multipart request specification: operations, map, then the files. */
function sent(operation, files) {
  if (!files?.size) return { method: 'POST', body: JSON.stringify(operation) };
  const variables = structuredClone(operation.variables ?? {});
  const form = new FormData();
  const map = {};
  [...files.keys()].forEach((path, index) => {
    place(variables, path, null);
    map[index] = [`variables.${path}`];
  });
  form.append('operations', JSON.stringify({ ...operation, variables }));
  form.append('map', JSON.stringify(map));
  [...files.values()].forEach((file, index) => form.append(String(index), file));
  return { method: 'POST', body: form };
}

function place(variables, path, value) {
  const steps = path.split('.');
  let holder = variables;
  for (const step of steps.slice(0, -1)) holder = holder[step] ??= {};
  holder[steps.at(-1)] = value;
}

/** Subscribe: calls `on.next(result)`, `on.state(words)` and once `on.end(words)`. Returns a function that stops it. */
export function subscribe(operation, on) {
  const control = new AbortController();
  const way = operation.over === 'sse' ? overEvents : overSocket;
  persist(operation, on, way, control.signal);
  return () => control.abort();
}

async function persist(operation, on, way, signal) {
  for (let attempt = 0; !signal.aborted; ) {
    const outcome = await way(operation, { ...on, next: (result) => { attempt = 0; on.next(result); } }, signal);
    if (signal.aborted) return on.end('stopped');
    if (outcome !== 'lost') return on.end(outcome);
    const pause = BACKOFF[Math.min(attempt, BACKOFF.length - 1)];
    attempt += 1;
    on.state(`connection lost, trying again in ${pause / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return on.end('stopped');
}

/** graphql-transport-ws; resolves to "complete", "lost" (worth another try) or a reason. */
function overSocket({ query, variables, operationName, key }, on, signal) {
  return new Promise((resolve) => {
    const address = new URL(PLACE);
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(address, 'graphql-transport-ws');
    const send = (message) => socket.send(JSON.stringify(message));
    const stop = () => {
      if (socket.readyState === WebSocket.OPEN) send({ id: '1', type: 'complete' });
      socket.close(1000);
    };
    signal.addEventListener('abort', stop, { once: true });
    socket.onopen = () => send({ type: 'connection_init', payload: key ? { authorization: `Bearer ${key}` } : {} });
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === 'connection_ack') {
        on.state('connected');
        send({ id: '1', type: 'subscribe', payload: { query, variables, operationName } });
      } else if (message.type === 'ping') send({ type: 'pong' });
      else if (message.type === 'next') on.next(message.payload);
      else if (message.type === 'error') {
        on.next({ errors: message.payload });
        finish('refused');
      } else if (message.type === 'complete') finish('complete');
    };
    socket.onclose = ({ code, reason }) => {
      signal.removeEventListener('abort', stop);
      const final = FINAL_CLOSE[code];
      resolve(final ? `${reason || final} (${code})` : 'lost');
    };
    const finish = (words) => {
      socket.onclose = null;
      signal.removeEventListener('abort', stop);
      socket.close(1000);
      resolve(words);
    };
  });
}

/** GraphQL over SSE, distinct connections; resolves as overSocket does. */
async function overEvents({ query, variables, operationName, key }, on, signal) {
  try {
    const response = await fetch(PLACE, {
      method: 'POST',
      body: JSON.stringify({ query, variables, operationName }),
      headers: { ...headers(key), accept: 'text/event-stream' },
      signal,
    });
    if (!response.ok) {
      on.next(await response.json());
      return 'refused';
    }
    on.state('connected');
    return await readEvents(response.body, on);
  } catch {
    return 'lost';
  }
}

async function readEvents(stream, on) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return 'lost';
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s)).filter(([name]) => name));
      if (fields.event === 'next') on.next(JSON.parse(fields.data));
      if (fields.event === 'complete') return 'complete';
    }
  }
}
