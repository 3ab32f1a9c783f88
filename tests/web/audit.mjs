// Runs the official GraphQL-over-HTTP audits; prints one JSON line; exit status 1 when any is not ok.
import { serverAudits } from 'graphql-http';

const tally = {};
const failed = [];
for (const audit of serverAudits({ url: process.argv[2], fetchFn: fetch })) {
  const level = audit.name.split(' ')[0];
  tally[level] ??= { ok: 0, total: 0 };
  tally[level].total += 1;
  let result;
  try {
    result = await audit.fn();
  } catch (error) {
    result = { status: 'fatal', reason: String(error) };
  }
  if (result.status === 'ok') tally[level].ok += 1;
  else failed.push(`${audit.id} ${audit.name}: ${result.reason}`);
}
console.log(JSON.stringify({ tally, failed }));
process.exit(failed.length ? 1 : 0);
