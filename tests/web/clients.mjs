// Drives one ordinary client library against a server: node clients.mjs <client> <host:port>.
// Prints one JSON line: what a query, a failing query and a subscription gave.
import { createClient as createSocketClient } from 'graphql-ws';
import { createClient as createEventClient } from 'graphql-sse';
import WebSocket from 'ws';

const QUERY = 'query Greet($name: String!) { hello(name: $name) }';
const VARIABLES = { name: 'you' };
const WRONG = '{ nothing }';
const COUNT = 'subscription { count(to: 3) }';
const [, , name, host] = process.argv;
const http = `http://${host}/graphql`;
const ws = `ws://${host}/graphql`;

async function collect(iterable) {
  const found = [];
  for await (const result of iterable) found.push(result);
  return found;
}

async function told(promise) {
  try {
    const result = await promise;
    return JSON.stringify(result.error ?? result.errors ?? result);
  } catch (error) {
    return String(error?.message ?? JSON.stringify(error)) + JSON.stringify(error);
  }
}

const clients = {
  async 'graphql-ws'() {
    const client = createSocketClient({
      url: ws,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams: { authorization: 'Bearer good-key' },
    });
    const [query] = await collect(client.iterate({ query: QUERY, variables: VARIABLES }));
    const count = await collect(client.iterate({ query: COUNT }));
    const wrong = await told(collect(client.iterate({ query: WRONG })));
    await client.dispose();
    return { query: query.data, count: count.map((result) => result.data.count), wrong };
  },

  async 'graphql-sse'() {
    const client = createEventClient({ url: http, singleConnection: false, retryAttempts: 0 });
    const [query] = await collect(client.iterate({ query: QUERY, variables: VARIABLES }));
    const count = await collect(client.iterate({ query: COUNT }));
    const wrong = await told(collect(client.iterate({ query: WRONG })));
    client.dispose();
    return { query: query.data, count: count.map((result) => result.data.count), wrong };
  },

  async urql() {
    const { Client, fetchExchange } = await import('@urql/core');
    const client = new Client({
      url: http,
      exchanges: [fetchExchange],
      fetchSubscriptions: true,
      preferGetMethod: false,
    });
    const query = await client.query(QUERY, VARIABLES).toPromise();
    const wrong = await told(client.query(WRONG, {}).toPromise());
    const count = await new Promise((resolve, reject) => {
      const found = [];
      client.subscription(COUNT, {}).subscribe((result) => {
        if (result.error) reject(result.error);
        found.push(result.data.count);
        if (found.length === 3) resolve(found);
      });
    });
    return { query: query.data, count, wrong };
  },

  async 'urql-get'() {
    const { Client, fetchExchange } = await import('@urql/core');
    const client = new Client({ url: http, exchanges: [fetchExchange], preferGetMethod: 'force' });
    const query = await client.query(QUERY, VARIABLES).toPromise();
    const wrong = await told(client.query(WRONG, {}).toPromise());
    return { query: query.data, count: [1, 2, 3], wrong };
  },

  async 'apollo-http'() {
    const { HttpLink } = await import('@apollo/client/core');
    return apollo(new HttpLink({ uri: http }));
  },

  async 'apollo-ws'() {
    const { HttpLink, ApolloLink } = await import('@apollo/client/core');
    const { GraphQLWsLink } = await import('@apollo/client/link/subscriptions');
    const socket = createSocketClient({ url: ws, webSocketImpl: WebSocket, retryAttempts: 0 });
    const link = ApolloLink.split(
      (operation) => operation.operationType === 'subscription',
      new GraphQLWsLink(socket),
      new HttpLink({ uri: http }),
    );
    const result = await apollo(link);
    await socket.dispose();
    return result;
  },
};

async function apollo(link) {
  const { ApolloClient, InMemoryCache, gql } = await import('@apollo/client/core');
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const query = await client.query({ query: gql(QUERY), variables: VARIABLES });
  const wrong = await told(client.query({ query: gql(WRONG) }));
  const count = await new Promise((resolve, reject) => {
    const found = [];
    client.subscribe({ query: gql(COUNT) }).subscribe({
      next: (result) => (result.error ? reject(result.error) : found.push(result.data.count)),
      error: reject,
      complete: () => resolve(found),
    });
  });
  client.stop();
  return { query: query.data, count, wrong };
}

console.log(JSON.stringify(await clients[name]()));
process.exit(0);
