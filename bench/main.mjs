// npm run bench: what a release costs, beside what plain HTTP and the authorization server cost, all in one run on the same cores.
// With --json it prints the figures alone. It takes about seven minutes; without PostgreSQL, about four and a half.
// --seconds N makes the rounds shorter or longer than four seconds, --only A,B measures these rows and bare Fastify alone;
// in rounds of less than three seconds there may be nothing to renew.
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { between, percentile, printTable, rounded, spread, whole } from './figures.mjs';
import { burst } from './load.mjs';
import { cpuOf } from './process-figures.mjs';
import { Recorded } from './recorded.mjs';
import { Servers } from './servers.mjs';

const { values: options } = parseArgs({
  options: { json: { type: 'boolean', default: false }, seconds: { type: 'string', default: '4' }, only: { type: 'string' } },
});

const CONNECTIONS = 64;
const ROUNDS = 3;
/**
 * Seconds that a round takes, by the rate of the warm-up, and requests of a warm-up: so many that the code of the embedded database,
 * which is WebAssembly, is compiled by then.
 */
const SECONDS = Number(options.seconds);
if (!(SECONDS > 0)) throw new Error('--seconds must be a number above 0');
const WARM_UP = {
  fastify: 64_000,
  upstream: 12_800,
  'cached release': 51_200,
  renewal: 51_200,
  miss: 6_400,
  'private_key_jwt miss': 3_200,
};
const PG_WARM_UP = {
  'pg cached release': 25_600,
  'pg miss': 3_200,
  'pg cached release, two replicas': 25_600,
  'pg renewal, two replicas': 25_600,
};
const ALONE = 200;
/** Milliseconds, a little longer than the tokens of the renewal row are handed out; and how many times longer its rounds are, so that each is renewed. */
const BRIEF = 11_000;
const LONGER = 3;

const rounds = {};
const alone = { upstream: [], miss: [] };
const load = loadavg()[0];

const say = (text) => process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
say('starting a bare Fastify, an authorization server, Corridor, and PostgreSQL with two replicas');
const servers = new Servers();
try {
  await servers.start();
  await measure();
} finally {
  await servers.stop();
}
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
report();

async function measure() {
  const all = { ...WARM_UP, ...(servers.postgres === undefined ? {} : PG_WARM_UP) };
  const wanted = options.only?.split(',') ?? Object.keys(all);
  const unknown = wanted.find((name) => !(name in all));
  if (unknown !== undefined) throw new Error(`there is no row ${unknown}: ${Object.keys(all).join(', ')}`);
  // a short run warms up less
  const warmUp = Object.fromEntries(
    Object.entries(all)
      .filter(([name]) => name === 'fastify' || wanted.includes(name))
      .map(([name, amount]) => [name, Math.ceil((amount * Math.min(1, SECONDS / 4)) / CONNECTIONS) * CONNECTIONS]),
  );
  const names = Object.keys(warmUp);
  const agents = new Map();
  for (const corridor of [servers.corridor, servers.replicas?.[0]]) {
    if (corridor !== undefined)
      agents.set(
        corridor,
        (await corridor.startRuns(CONNECTIONS)).map((authorization) => [{ authorization }]),
      );
  }
  const amounts = {};
  for (const name of names) {
    rounds[name] = [];
    say(`warming up: ${name}`);
    const { rps } = await one(name, warmUp[name], agents);
    const seconds = isOfRenewals(name) ? SECONDS * LONGER : SECONDS;
    amounts[name] = Math.max(1, Math.round((rps * seconds) / CONNECTIONS)) * CONNECTIONS;
  }
  for (let round = 1; round <= ROUNDS; round++) {
    for (const name of names) {
      say(`round ${round} of ${ROUNDS}: ${name}`);
      rounds[name].push(await one(name, amounts[name], agents));
    }
    for (const name of Object.keys(alone).filter((each) => names.includes(each))) {
      say(`round ${round} of ${ROUNDS}: ${name}, one connection`);
      alone[name].push(await one(name, ALONE, agents, 1));
    }
  }
}

/** A burst of one kind. Of releases, each must be found in the record afterwards, and of misses each must have been one. */
async function one(name, amount, agents, connections = CONNECTIONS) {
  const { fastify, upstream, corridor, replicas, postgres, request } = servers;
  const common = { connections, amount, body: request.body };
  if (name === 'fastify' || name === 'upstream') {
    const server = name === 'fastify' ? fastify : upstream;
    const headersOf = () => [{ authorization: server.target.authorization }];
    return burst({ ...common, urls: [server.target.url], headersOf, processes: { [name]: server.pid } });
  }
  const isMiss = name.endsWith('miss');
  const onPostgres = name.startsWith('pg ');
  const asked = !onPostgres ? [corridor] : name.endsWith('two replicas') ? replicas : [replicas[0]];
  const [first] = asked;
  const each = amount / connections;
  // every request of a miss comes from a run that has never asked before
  const workflow = name.startsWith('private_key_jwt') ? 'bench-key' : 'bench';
  const runs = isMiss ? (await first.startRuns(amount, workflow)).map((authorization) => ({ authorization })) : [];
  const known = agents.get(first);
  const isRenewal = isOfRenewals(name);
  if (isRenewal) {
    // each has a token then, which lives for as long as it is renewed
    const headersOf = (connection) => known[connection % known.length];
    await burst({ ...common, amount: connections, body: servers.briefRequest.body, urls: [first.tokenEndpoint], headersOf, processes: {} });
  }
  const recorded = await Recorded.from(first);
  const figures = await burst({
    ...common,
    body: (isRenewal ? servers.briefRequest : request).body,
    urls: asked.map(({ tokenEndpoint }) => tokenEndpoint),
    headersOf: (connection) => (isMiss ? runs.slice(connection * each, (connection + 1) * each) : known[connection % known.length]),
    processes: {
      corridor: () => asked.reduce((sum, { pid }) => sum + cpuOf(pid), 0),
      ...(isMiss || isRenewal ? { upstream: upstream.pid } : {}),
      ...(onPostgres ? { postgres: postgres.cpu } : {}),
    },
    directory: servers.directory,
  });
  if (isRenewal) {
    figures.renewals = await recorded.count('token.requested');
    await wait(BRIEF); // those that are in use are renewed once more, and then none is
  }
  // a token whose last second began while its release was recorded is released again in another's place
  const counts = { 'token.released': amount, ...(isMiss ? { 'token.requested': amount, 'token.issued': amount } : {}) };
  // what the agents of cached releases hold may be renewed meanwhile
  await recorded.expect(counts, { orMore: isRenewal, ...(isMiss ? { without: new Set(known.flat().map(runOf)) } : {}) });
  return figures;
}

function isOfRenewals(name) {
  return name.includes('renewal');
}

function runOf({ authorization }) {
  return Buffer.from(authorization.replace(/^Basic /, ''), 'base64')
    .toString()
    .split(':')[0];
}

function report() {
  const rows = Object.keys(rounds).map((name) => {
    const times = Float64Array.from(rounds[name].flatMap((round) => [...round.times])).sort();
    const ofFastify = spread(rounds[name].map((round, index) => round.rps / rounds.fastify[index].rps));
    const cpuUs = Object.fromEntries(
      Object.keys(rounds[name][0].cpuUs).map((process) => [
        process,
        percentile(
          rounds[name].map((r) => r.cpuUs[process]).sort((a, b) => a - b),
          0.5,
        ),
      ]),
    );
    const own = 'corridor' in cpuUs ? 'corridor' : name;
    const written = rounds[name].map((round) => round.written).filter((bytes) => bytes !== null);
    return {
      name,
      rps: rounded(spread(rounds[name].map(({ rps }) => rps)), 4),
      p50_ms: rounded(percentile(times, 0.5)),
      p99_ms: rounded(percentile(times, 0.99)),
      of_fastify: rounded(ofFastify.median),
      of_fastify_spread: rounded(ofFastify),
      cpu_us: rounded(cpuUs[own]),
      cpu_of_fastify: rounded(cpuUs[own] / medianCpuOfFastify()),
      cpu_us_by_process: rounded(cpuUs),
      written_bytes: written.length === 0 ? null : Math.round(spread(written).median),
      ...(name === 'miss' && alone.miss.length > 0 && alone.upstream.length > 0 ? overUpstream() : {}),
      ...(isOfRenewals(name)
        ? { renewals_per_second: rounded(spread(rounds[name].map((round) => round.renewals / round.seconds)).median) }
        : {}),
    };
  });
  if (options.json) console.log(JSON.stringify({ rows }));
  else print(rows);
}

function medianCpuOfFastify() {
  return spread(rounds.fastify.map(({ cpuUs }) => cpuUs.fastify)).median;
}

/** At one connection: what a miss takes beyond what the authorization server itself takes. */
function overUpstream() {
  const medians = (name) => alone[name].map(({ times }) => percentile(times.toSorted(), 0.5));
  const upstream = medians('upstream');
  const over = spread(medians('miss').map((time, round) => time - upstream[round]));
  return { over_upstream_ms: rounded(over.median), over_upstream_ms_spread: rounded(over), upstream_alone_ms: rounded(spread(upstream)) };
}

function print(rows) {
  console.log(
    `Node ${process.version}, ${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GB, load before ${load.toFixed(1)}`,
  );
  if (servers.postgres !== undefined) console.log(`PostgreSQL ${servers.postgres.version}, durable as it comes`);
  console.log(`${CONNECTIONS} connections, ${ROUNDS} rounds of about ${SECONDS} s, taken in turns; medians (least–most)\n`);
  printTable(
    ['', 'requests/s', 'of bare Fastify', 'p50 ms', 'p99 ms', 'CPU µs/request', 'of bare Fastify', 'bytes written/request'],
    rows.map((row) => [
      row.name,
      between(row.rps, whole),
      between(row.of_fastify_spread, (share) => share.toFixed(3)),
      row.p50_ms,
      row.p99_ms,
      Object.entries(row.cpu_us_by_process)
        .map(([process, us]) => `${process} ${whole(us)}`)
        .join(', '),
      row.cpu_of_fastify.toFixed(2),
      row.written_bytes === null ? 'n/a' : whole(row.written_bytes),
    ]),
  );
  const miss = rows.find((row) => row.over_upstream_ms !== undefined);
  const ms = (value) => value.toFixed(2);
  for (const { name, renewals_per_second: renewals } of rows)
    if (renewals !== undefined)
      console.log(`\n${name}: beside the releases ${renewals} tokens a second were renewed; they were handed out for 10 s.`);
  if (miss !== undefined)
    console.log(
      `\nOne connection: a miss takes ${between(miss.over_upstream_ms_spread, ms)} ms more than the authorization server alone, which takes ${between(miss.upstream_alone_ms, ms)} ms.`,
    );
  console.log('Every answer was 2xx, and every release was found in the record.');
}
