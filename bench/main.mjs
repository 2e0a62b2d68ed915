// npm run bench: what a release costs, beside what plain HTTP and the authorization server cost, all in one run on the same cores; with
// how many replicas, with Redis and without; and where the time goes. It prints tables in Markdown, with --json the figures alone.
// It takes less than ten minutes, and says how long each row took. Where PostgreSQL or redis-server is missing, it says so, and leaves
// out the rows.
// --seconds N makes the rounds shorter or longer than four seconds (in those of less than three there may be nothing to renew);
// --only ROW, which may be said again, measures this row (or `parts`: where the time goes) and bare Fastify alone.
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { measureParts } from './parts.mjs';
import { Report } from './report.mjs';
import { ROWS, Rows } from './rows.mjs';
import { Servers } from './servers.mjs';

const PARTS = 'parts';
const ROUNDS = 3;
const ALONE = 200;

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string', multiple: true },
  },
});
const seconds = Number(options.seconds);
if (!(seconds > 0)) throw new Error('--seconds must be a number above 0');
const known = [...Object.keys(ROWS), PARTS];
const wanted = options.only?.flatMap((names) => names.split(',')) ?? known;
const unknown = wanted.find((name) => !known.includes(name));
if (unknown !== undefined) throw new Error(`there is no row ${unknown}. There are: ${known.join(', ')}`);

const report = new Report({ seconds, rounds: ROUNDS, load: loadavg()[0] });
const servers = new Servers();
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    interrupted = true;
    void servers.stop(); // what is being measured fails then
  });
}
try {
  say('starting a bare Fastify, an authorization server, Corridor, PostgreSQL and Redis with three replicas each');
  const startedAt = performance.now();
  await servers.start();
  report.took('start', (performance.now() - startedAt) / 1000);
  await measure();
} catch (error) {
  if (!interrupted) throw error;
} finally {
  await servers.stop();
}
if (interrupted) process.exit(130);
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
if (options.json) console.log(JSON.stringify(report.figures()));
else report.print(servers);
if (report.failures.length > 0) process.exitCode = 1;

async function measure() {
  const isThere = ({ on }) => on === undefined || on in servers.corridors;
  let names = Object.keys(ROWS).filter((name) => isThere(ROWS[name]) && (name === 'fastify' || wanted.includes(name)));
  const rows = new Rows(servers);
  await rows.startAgents();
  /** A row that fails is told of, and measured no more; the others are. */
  const attempt = async (name, work) => {
    const startedAt = performance.now();
    try {
      await work();
    } catch (error) {
      if (interrupted || name === 'fastify') throw error; // bare Fastify is the scale of everything
      names = names.filter((each) => each !== name);
      report.failed(name, error);
      say(`*** ${name} failed: ${error.message}\n`);
    }
    report.took(name, (performance.now() - startedAt) / 1000);
  };
  const amounts = {};
  for (const name of names) {
    await attempt(name, async () => {
      say(`warming up: ${name}`);
      // a short run warms up less
      const warmUp = rows.amount(name, ROWS[name].warmUp / (ROWS[name].length ?? 1), Math.min(1, seconds / 4));
      amounts[name] = rows.amount(name, (await rows.one(name, warmUp)).rps, seconds);
    });
  }
  for (let round = 1; round <= ROUNDS; round++) {
    for (const name of names) {
      await attempt(name, async () => {
        say(`round ${round} of ${ROUNDS}: ${name}`);
        report.add(name, await rows.one(name, amounts[name]));
        if (name === 'upstream' || name === 'miss') report.addAlone(name, await rows.one(name, ALONE, 1));
      });
    }
  }
  if (wanted.includes(PARTS) && servers.corridors.postgres !== undefined) {
    await attempt(PARTS, async () => report.addParts(await measureParts({ servers, rows, seconds, say })));
  }
}

function say(text) {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
}
