// Agents and a runtime in a process of their own, as load.ts starts it. They ask at a rate, whether or not answers come (open loop), or
// as fast as answers come. Runs come and go: two of three are ended, the others left to their deadline.
import { createHash } from 'node:crypto';
import { on } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';

const INTERVAL = 2_000;
const RUNS = 120;
/** Milliseconds for which a run asks, and seconds until its deadline. */
const life = () => 20_000 + Math.random() * 10_000;
const TTL = 45;
const MOST_STARTS = 8;
/** Attempts to end a run, each half a second after the other; then it is left to its deadline. */
const MOST_ENDS = 100;
/** Few, and all of them there from the beginning, so that the descriptors of a replica do not tell of the load. */
const CONNECTIONS = 32;
const UNDER_WAY = { open: 256, closed: 64 };
/** Milliseconds for which nobody asks a replica that does not answer, as a proxy would have it. */
const LEFT_ALONE = 1_000;

const orders = on(process, 'message');
const [settings] = (await orders.next()).value;
const { urls, key, run: wish, resources, scope } = settings;
const bodies = resources.map((resource) => new URLSearchParams({ grant_type: 'client_credentials', resource, scope }).toString());
const replicas = urls.map((url) => ({ pool: new Pool(url, { connections: CONNECTIONS, headersTimeout: 40_000 }), leftAloneUntil: 0 }));
const alive = [];
let [turn, asked, underWay, starting, ending] = [0, 0, 0, 0, 0];
/** null: as fast as answers come. */
let rate = 0;
let isStopped = false;
let figures = fresh();

function fresh() {
  return { ok: 0, unavailable: 0, starved: 0, brokenOff: 0, unexpected: 0, examples: [], heldBack: 0, tokens: 0, times: [], received: [] };
}

/** The body of a good answer, or null. */
async function call(path, headers, body) {
  const now = Date.now();
  const able = replicas.filter((replica) => replica.leftAloneUntil <= now);
  const replica = (able.length === 0 ? replicas : able)[turn++ % (able.length || replicas.length)];
  let status, text;
  try {
    const response = await replica.pool.request({ method: 'POST', path, headers, body });
    [status, text] = [response.statusCode, await response.body.text()];
  } catch {
    figures.brokenOff++;
    replica.leftAloneUntil = Date.now() + LEFT_ALONE;
    return null;
  }
  if (status < 300) {
    figures.ok++;
    return text === '' ? {} : JSON.parse(text);
  }
  // RFC 6749 and RFC 9457: what is documented for a request that cannot be served now
  const isDocumented = status === 503 && /"error":"temporarily_unavailable"|"code":"unavailable"/.test(text);
  figures[isDocumented ? 'unavailable' : 'unexpected']++;
  const reasons = isDocumented ? (JSON.parse(text).reasons ?? []) : [];
  if (reasons.length > 0 && reasons.every(({ code }) => /^policy_(timeout|overloaded)$/.test(code))) figures.starved++;
  const example = `${path.replace(/run01\w+/, '{id}')}: ${status} ${text.slice(0, 250)}`;
  if (figures.examples.length < 3) figures.examples.push(example);
  return null;
}

async function ask(run, which) {
  run.underWay++;
  underWay++;
  const since = performance.now();
  const headers = { authorization: run.authorization, 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await call('/oauth2/token', headers, bodies[which]);
  figures.times.push(performance.now() - since);
  if (answer !== null) {
    figures.tokens++;
    if (run.tokens[which] !== answer.access_token) {
      run.tokens[which] = answer.access_token;
      const sha256 = createHash('sha256').update(answer.access_token).digest('hex');
      figures.received.push({ run: run.id, sha256, attribution: answer.attribution });
    }
  }
  run.underWay--;
  underWay--;
  if (rate === null) fill();
}

/** Of four requests of a run, one is for the resource whose tokens live briefly. */
function askNext() {
  const run = alive[asked++ % alive.length];
  void ask(run, run.asked++ % 4 === 3 ? 1 : 0);
}

function fill() {
  while (!isStopped && alive.length > 0 && underWay < UNDER_WAY.closed) askNext();
}

const api = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };

async function start() {
  starting++;
  const answer = await call('/v1/runs', api, JSON.stringify({ ...wish, ttl: TTL }));
  starting--;
  if (answer === null) return;
  const authorization = `Basic ${Buffer.from(`${answer.client_id}:${answer.client_secret}`).toString('base64')}`;
  alive.push({ id: answer.id, authorization, until: Date.now() + life(), underWay: 0, asked: 0, tokens: [] });
}

async function end(run) {
  ending++;
  while (run.underWay > 0) await wait(50);
  for (let time = 0; time < MOST_ENDS; time++) {
    if ((await call(`/v1/runs/${run.id}/end`, { authorization: api.authorization })) !== null) break;
    await wait(500);
  }
  ending--;
}

function comeAndGo() {
  const now = Date.now();
  let ended = 0;
  for (let index = alive.length - 1; index >= 0; index--) {
    if (alive[index].until > now && !isStopped) continue;
    const [run] = alive.splice(index, 1);
    if (isStopped || (ended++ + turn) % 3 !== 0) void end(run);
  }
  for (let index = alive.length + starting; index < RUNS && starting < MOST_STARTS && !isStopped; index++) void start();
}

let owed = 0;
let last = performance.now();
function pace() {
  const now = performance.now();
  owed += (rate ?? 0) * ((now - last) / 1000);
  last = now;
  if (rate === null) fill();
  for (; owed >= 1; owed--) {
    if (alive.length === 0 || underWay >= UNDER_WAY.open) figures.heldBack++;
    else askNext();
  }
}

function report() {
  const { times, ...counts } = figures;
  const sorted = times.sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  process.send({ at: Date.now(), ...counts, latency: sorted.length === 0 ? null : { p50: at(0.5), p99: at(0.99) } });
  figures = fresh();
}

const timers = [setInterval(comeAndGo, 50), setInterval(pace, 5), setInterval(report, INTERVAL)];
process.on('disconnect', () => process.exit(0));

for await (const [told] of orders) {
  if (told.stop) break;
  rate = told.rate;
  owed = 0;
}
rate = 0;
isStopped = true;
do await wait(100);
while (underWay + starting + ending + alive.length > 0);
for (const timer of timers) clearInterval(timer);
report();
process.send({ done: true }, () => process.exit(0));
