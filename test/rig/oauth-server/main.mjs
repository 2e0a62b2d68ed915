// A real authorization server in a process of its own, for tests: the demo's, and a list of its own of what it issued, which
// knows nothing of Corridor's record. Reads its options as JSON from stdin, prints one line of JSON with its issuer when ready.
//   GET  /rig/issued     what it issued: see issued-list.mjs
//   GET  /rig/requests   how often each route was asked, as {"POST /token": 3}
//   PUT  /rig/outages    {"POST /token/revocation": 503}: answers a route with this status, and does nothing
//   PUT  /rig/delays     {"before": ms, "after": ms}: waits before it looks at a token request, or before it answers
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { createProvider } from '../../../examples/demo/provider.mjs';
import { IssuedList } from './issued-list.mjs';
import { MemoryAdapter } from './memory-adapter.mjs';

const options = JSON.parse(await text(process.stdin));
const delays = { before: 0, after: 0, ...options.delays };
const requests = {};
let outages = {};

const server = http.createServer();
server.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
server.listen(options.port ?? 0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = await createProvider(issuer, options, { adapter: MemoryAdapter });
const issued = new IssuedList(provider);

provider.use(async (ctx, next) => {
  if (ctx.path.startsWith('/rig/')) return answer(ctx);
  const route = `${ctx.method} ${ctx.path}`;
  requests[route] = (requests[route] ?? 0) + 1;
  if (outages[route] !== undefined) {
    ctx.status = outages[route];
    return;
  }
  const asked = route === 'POST /token';
  if (asked) await wait(delays.before);
  await next();
  if (asked) await wait(delays.after);
});

async function answer(ctx) {
  if (ctx.path === '/rig/issued') ctx.body = { issued: issued.all() };
  else if (ctx.path === '/rig/requests') ctx.body = requests;
  else if (ctx.path === '/rig/outages' && ctx.method === 'PUT') ctx.body = outages = JSON.parse(await text(ctx.req));
  else if (ctx.path === '/rig/delays' && ctx.method === 'PUT') ctx.body = Object.assign(delays, JSON.parse(await text(ctx.req)));
}

server.on('request', provider.callback());
console.log(JSON.stringify({ issuer }));

process.on('disconnect', () => process.exit(0));
