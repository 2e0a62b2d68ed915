// What the figures of the rounds come to, and how they are told.
import { availableParallelism, cpus, totalmem } from 'node:os';
import { between, percentile, printTable, rounded, spread, whole } from './figures.mjs';
import { CONNECTIONS, ROWS } from './rows.mjs';

const LABELS = { corridor: 'Corridor', postgres: 'PostgreSQL', redis: 'Redis', upstream: 'authorization server' };

export class Report {
  failures = [];
  #rounds = new Map();
  #alone = { upstream: [], miss: [] };
  #seconds = new Map();
  #parts = null;

  constructor({ seconds, rounds, load }) {
    this.run = { seconds, rounds, load };
  }

  add(name, round) {
    this.#rounds.set(name, [...(this.#rounds.get(name) ?? []), round]);
  }

  addAlone(name, round) {
    this.#alone[name].push(round);
  }

  addParts(parts) {
    this.#parts = parts;
  }

  took(name, seconds) {
    this.#seconds.set(name, (this.#seconds.get(name) ?? 0) + seconds);
  }

  failed(name, error) {
    this.#rounds.delete(name);
    this.failures.push({ name, why: error.message });
  }

  figures() {
    const rows = [...this.#rounds].map(([name, rounds]) => this.#figuresOf(name, rounds));
    return {
      rows,
      parts: this.#parts === null ? null : rounded(this.#parts),
      failures: this.failures,
      seconds: rounded(Object.fromEntries(this.#seconds)),
    };
  }

  #figuresOf(name, rounds) {
    const fastify = this.#rounds.get('fastify');
    const times = Float64Array.from(rounds.flatMap((round) => [...round.times])).sort();
    const ofFastify = spread(rounds.map((round, index) => round.rps / fastify[index].rps));
    const median = (value) => spread(rounds.map(value)).median;
    const cpuUs = Object.fromEntries(Object.keys(rounds[0].cpuUs).map((process) => [process, median((round) => round.cpuUs[process])]));
    const own = 'corridor' in cpuUs ? 'corridor' : name;
    const isCounted = rounds.every(({ written }) => written !== null);
    return {
      name,
      rps: rounded(spread(rounds.map(({ rps }) => rps)), 4),
      p50_ms: rounded(percentile(times, 0.5)),
      p99_ms: rounded(percentile(times, 0.99)),
      of_fastify: rounded(ofFastify.median),
      of_fastify_spread: rounded(ofFastify),
      cpu_us: rounded(cpuUs[own]),
      cpu_of_fastify: rounded(cpuUs[own] / spread(fastify.map((round) => round.cpuUs.fastify)).median),
      cpu_us_by_process: rounded(cpuUs),
      written_bytes: isCounted ? Math.round(median(({ written }) => written)) : null,
      ...(name === 'miss' && this.#alone.upstream.length > 0 ? this.#overUpstream() : {}),
      ...('renewals' in rounds[0] ? { renewals_per_second: rounded(median((round) => round.renewals / round.seconds)) } : {}),
      ...('calls' in rounds[0] ? { calls_per_token: rounded(spread(rounds.map(({ calls }) => calls))) } : {}),
    };
  }

  /** At one connection: what a miss takes beyond what the authorization server itself takes. */
  #overUpstream() {
    const medians = (name) => this.#alone[name].map(({ times }) => percentile(times.toSorted(), 0.5));
    const upstream = medians('upstream');
    const over = spread(medians('miss').map((time, round) => time - upstream[round]));
    return { over_upstream_ms: rounded(over.median), over_upstream_ms_spread: rounded(over), upstream_alone_ms: rounded(spread(upstream)) };
  }

  print({ postgres, redis }) {
    const { rows } = this.figures();
    const { seconds, rounds, load } = this.run;
    const machine = `${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GB`;
    console.log(`Node ${process.version}, ${machine}, load before ${load.toFixed(1)}`);
    if (postgres !== undefined) console.log(`PostgreSQL ${postgres.version}, durable as it comes`);
    if (redis !== undefined) console.log(`Redis ${redis.version}`);
    console.log(`${CONNECTIONS} connections, ${rounds} rounds of about ${seconds} s, taken in turns; medians (least–most)`);
    printRates(rows, this.#seconds);
    printProcesses(rows.filter(({ name }) => ROWS[name].on !== undefined));
    if (this.#parts !== null) printParts(this.#parts);
    printNotes(rows);
    const total = [...this.#seconds.values()].reduce((sum, each) => sum + each, 0);
    console.log(
      `\nIt took ${whole(total)} s${this.#parts === null ? '' : `, ${whole(this.#seconds.get('parts'))} of them for where the time goes`}.`,
    );
    if (this.failures.length === 0) console.log('Every answer was 2xx, and every release was found in the record.');
    for (const { name, why } of this.failures) console.log(`*** ${name} failed, and is left out: ${why}`);
  }
}

function printRates(rows, took) {
  heading('What a request costs');
  printTable(
    ['', 'requests/s', 'of bare Fastify', 'p50 ms', 'p99 ms', 'own CPU µs/request', 'of bare Fastify', 'bytes written/request', 'took s'],
    rows.map((row) => [
      ...[row.name, between(row.rps, whole), between(row.of_fastify_spread, (share) => share.toFixed(3)), row.p50_ms, row.p99_ms],
      ...[whole(row.cpu_us), row.cpu_of_fastify.toFixed(2), row.written_bytes === null ? 'n/a' : whole(row.written_bytes)],
      whole(took.get(row.name)),
    ]),
  );
}

function printProcesses(rows) {
  if (rows.length === 0) return;
  const processes = [...Object.keys(LABELS), 'load generator'];
  heading('CPU µs/request by process; computed from it, not measured: requests/s that one core of its own would allow');
  printTable(
    ['', ...processes.map((name) => LABELS[name] ?? name), 'all', 'a core of Corridor', 'a core of PostgreSQL'],
    rows.map(({ name, cpu_us_by_process: us }) => [
      ...[name, ...processes.map((process) => (us[process] === undefined ? '–' : whole(us[process])))],
      whole(Object.values(us).reduce((sum, each) => sum + each, 0)),
      ...[us.corridor, us.postgres].map((each) => (each > 0 ? whole(1e6 / each) : '–')),
    ]),
  );
}

function printParts(parts) {
  const kinds = Object.keys(parts);
  const [first] = kinds;
  const columns = kinds.flatMap((kind) => [parts[kind].elapsed.alone, parts[kind].elapsed.together]);
  const ms = (value) => value.toFixed(2);
  heading('Where a request waits: ms, on the average, as the load generator sees it');
  printTable(
    ['', ...kinds.flatMap((kind) => [`${kind}, one connection`, `${kind}, ${CONNECTIONS}`])],
    [
      ...Object.keys(columns[0].parts).map((part) => [part, ...columns.map((column) => ms(column.parts[part]))]),
      ['the whole', ...columns.map(({ whole: all }) => ms(all))],
      ['flushes that it waits for', ...columns.map(({ flushes }) => flushes.toFixed(1))],
      ['entries in a flush', ...columns.map((column) => column.entries_per_flush.toFixed(1))],
    ],
  );
  heading(`What a replica is busy with: CPU µs/request at ${CONNECTIONS} connections, by a profile of its main thread`);
  const share = (us, main) => `${whole(us)} (${Math.round((100 * us) / main)} %)`;
  const cpu = kinds.map((kind) => parts[kind].cpu);
  printTable(
    ['', ...kinds],
    [
      ...Object.keys(parts[first].cpu.parts)
        .filter((part) => cpu.some(({ parts: us }) => us[part] >= 0.5))
        .map((part) => [part, ...cpu.map(({ parts: us, main }) => share(us[part], main))]),
      ['the main thread', ...cpu.map(({ main }) => whole(main))],
      ['its other threads', ...cpu.map(({ main, corridor }) => whole(Math.max(0, corridor - main)))],
      ['PostgreSQL', ...cpu.map(({ postgres }) => whole(postgres))],
      ['the authorization server', ...cpu.map(({ upstream }) => whole(upstream))],
    ],
  );
}

function printNotes(rows) {
  for (const row of rows) {
    if (row.renewals_per_second !== undefined)
      console.log(
        `\n${row.name}: beside the releases ${row.renewals_per_second} tokens a second were renewed; they were handed out for 10 s.`,
      );
    if (row.calls_per_token !== undefined)
      console.log(
        `\n${row.name}: ${between(row.calls_per_token, (calls) => calls.toFixed(2))} calls to the authorization server for each token that all asked for.`,
      );
    if (row.over_upstream_ms !== undefined) {
      const [over, alone] = [row.over_upstream_ms_spread, row.upstream_alone_ms].map((values) => between(values, (ms) => ms.toFixed(2)));
      console.log(`\nOne connection: a miss takes ${over} ms more than the authorization server alone, which takes ${alone} ms.`);
    }
  }
}

const heading = (text) => console.log(`\n${text}:\n`);
