// Agents in a process of their own: node load.mjs, with {"urls": [...], "authorizations": [...], "body": "...", "connections": n,
// "pause": ms} on stdin. It prints a line when the first answers are there, asks until it is told to stop (SIGTERM), and then prints how often.
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';

const { urls, authorizations, body, connections, pause } = JSON.parse(await text(process.stdin));
const counts = {};
let going = true;
process.once('SIGTERM', () => (going = false));

const agent = async (pool, path, first) => {
  for (let turn = first; going; turn++) {
    const headers = { authorization: authorizations[turn % authorizations.length], 'content-type': 'application/x-www-form-urlencoded' };
    const response = await pool.request({ method: 'POST', path, headers, body });
    await response.body.dump();
    counts[response.statusCode] = (counts[response.statusCode] ?? 0) + 1;
    await wait(pause);
  }
};
const started = performance.now();
const pools = urls.map((url) => new Pool(new URL(url).origin, { connections }));
const agents = pools.flatMap((pool, at) =>
  Array.from({ length: connections }, (_, index) => agent(pool, new URL(urls[at]).pathname, index)),
);
console.log(JSON.stringify({ ready: true }));
await Promise.all(agents);
console.log(JSON.stringify({ counts, seconds: (performance.now() - started) / 1000 }));
await Promise.all(pools.map((pool) => pool.close()));
process.exit(0);
