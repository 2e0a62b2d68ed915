// Where the time of a request goes: what it waits for, from its own metrics and traces, and what its process is busy with, from a profile.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { randomBytes } from 'node:crypto';
import { json } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { burst } from './load.mjs';
import { partsOfProfile } from './parts-of-profile.mjs';
import { cpuOf, cpuOfMainThread } from './process-figures.mjs';
import { CONNECTIONS, eachOnce } from './rows.mjs';

/** Requests before what is measured. */
const WARM_UP = { 'cached release': 25_600, miss: 3_200 };
/** Of so many requests one is traced. */
const TRACED = 20;
const ALONE = 200;
/** Milliseconds after which each span has come here. */
const SENT = 2_000;

/** Of a cached release and of a miss, on PostgreSQL, at one replica. */
export async function measureParts({ servers, rows, seconds, say }) {
  const collector = await Collector.open();
  try {
    const started = await servers.startWatched(collector.url);
    const watched = new Watched(servers, started, rows.agentsOn('postgres'), collector);
    const found = {};
    for (const kind of Object.keys(WARM_UP)) {
      say(`where the time goes: what a ${kind} is busy with`);
      found[kind] = await watched.cpu(kind, seconds);
    }
    // not before: once a request was traced, Node follows the promises of all (AsyncLocalStorage in Node 20)
    for (const kind of Object.keys(WARM_UP)) {
      say(`where the time goes: what a ${kind} waits for`);
      found[kind].elapsed = {
        alone: await watched.elapsed(kind, ALONE, 1),
        together: await watched.elapsed(kind, found[kind].amount, CONNECTIONS),
      };
    }
    return found;
  } finally {
    collector.close();
  }
}

class Watched {
  constructor(servers, { corridor, metrics }, agents, collector) {
    Object.assign(this, { servers, corridor, metrics, agents, collector });
  }

  /** CPU of each part of a request, in microseconds: the shares by a profile, applied to what it takes when it is not profiled. */
  async cpu(kind, seconds) {
    const { rps } = await this.#burst(kind, rounded(Math.min(1, seconds / 4) * WARM_UP[kind]));
    const amount = rounded(rps * seconds);
    const { main, ...others } = (await this.#burst(kind, amount)).cpuUs;
    await this.#turnProfile();
    await this.#burst(kind, amount);
    const { profile } = await this.#turnProfile();
    const parts = Object.entries(partsOfProfile(profile)).map(([part, share]) => [part, share * main]);
    return { amount, cpu: { parts: Object.fromEntries(parts), main, ...others } };
  }

  /** Milliseconds of each part of a request, on the average. */
  async elapsed(kind, amount, connections) {
    this.collector.forget();
    const before = await this.#sums();
    const { times } = await this.#burst(kind, amount, connections, connections === 1 ? 1 : TRACED);
    const after = await this.#sums();
    await wait(SENT);
    const { request, decide, obtain, record, exchange, records } = this.collector.perRequest();
    const change = (name) => after[name] - before[name];
    const flush = (1000 * change('corridor_flush_seconds_sum')) / change('corridor_flush_seconds_count');
    const whole = times.reduce((sum, time) => sum + time, 0) / amount;
    const parts = {
      'HTTP, with its wait for the thread': whole - request,
      'authentication, facts, limits': request - decide - obtain,
      decision: decide,
      'waiting for the flush before': Math.max(0, record - records * flush),
      'flush, to the disk and back': Math.min(record, records * flush),
      'authorization server': exchange,
      'finding the token, or reading and sealing it': obtain - record - exchange,
    };
    const entries = change('corridor_flush_entries_sum') / change('corridor_flush_entries_count');
    return { whole, parts, flushes: records, entries_per_flush: entries };
  }

  async #burst(kind, amount, connections = CONNECTIONS, traced = null) {
    const { request, upstream, postgres, directory } = this.servers;
    const { corridor, agents } = this;
    const load = { amount, connections, body: request.body, urls: [corridor.tokenEndpoint] };
    const headersOf =
      kind === 'miss'
        ? eachOnce(await corridor.startRuns(amount), load)
        : (connection) => Array(TRACED).fill(agents[connection % agents.length]);
    const isTraced = (connection, index) => traced !== null && (connection * 7 + index) % traced === 0; // not the first of each connection
    const processes = { corridor: corridor.pid, upstream: upstream.pid, postgres: postgres.cpu };
    return burst({
      ...load,
      headersOf: (connection) =>
        headersOf(connection).map((headers, index) => (isTraced(connection, index) ? withTrace(headers) : headers)),
      processes: { ...processes, main: () => cpuOfMainThread(corridor.pid) ?? cpuOf(corridor.pid) },
      directory,
    });
  }

  async #turnProfile() {
    const answer = once(this.corridor.child, 'message');
    this.corridor.child.send({});
    return (await answer)[0];
  }

  async #sums() {
    const page = await (await fetch(this.metrics)).text();
    return Object.fromEntries(
      [...page.matchAll(/^(corridor_flush_\w+_(?:sum|count)) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]),
    );
  }
}

/** Takes spans (OTLP over HTTP, JSON) and adds up how long those of each name took. */
class Collector {
  #sums = new Map();

  static async open() {
    const collector = new Collector();
    collector.server = createServer((request, response) => {
      void json(request).then((sent) => {
        collector.#add(sent);
        response.setHeader('content-type', 'application/json').end('{}');
      });
    }).listen(0, '127.0.0.1');
    await once(collector.server, 'listening');
    collector.url = `http://127.0.0.1:${collector.server.address().port}`;
    return collector;
  }

  forget() {
    this.#sums.clear();
  }

  /** Milliseconds of each kind of span for a request, on the average. */
  perRequest() {
    const { count: requests } = this.#sums.get('POST /oauth2/token') ?? { count: 0 };
    if (requests === 0) throw new Error('no trace came');
    const sum = (name) => (this.#sums.get(name)?.ms ?? 0) / requests;
    return {
      ...{ request: sum('POST /oauth2/token'), decide: sum('decide'), obtain: sum('obtain') },
      ...{ record: sum('record'), exchange: sum('POST token') },
      records: (this.#sums.get('record')?.count ?? 0) / requests,
    };
  }

  close() {
    this.server.close();
    this.server.closeAllConnections();
  }

  #add({ resourceSpans }) {
    for (const { name, startTimeUnixNano, endTimeUnixNano } of resourceSpans.flatMap(({ scopeSpans }) =>
      scopeSpans.flatMap((each) => each.spans),
    )) {
      const { ms, count } = this.#sums.get(name) ?? { ms: 0, count: 0 };
      this.#sums.set(name, { ms: ms + Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e6, count: count + 1 });
    }
  }
}

const withTrace = (headers) => ({ ...headers, traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01` });

const rounded = (amount) => Math.max(1, Math.ceil(amount / CONNECTIONS)) * CONNECTIONS;
