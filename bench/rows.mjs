// What is measured: the rows, and how one burst of each is made and proved.
import { setTimeout as wait } from 'node:timers/promises';
import { burst, burstAtOnce } from './load.mjs';
import { cpuOf } from './process-figures.mjs';
import { Recorded } from './recorded.mjs';

export const CONNECTIONS = 64;
/** Milliseconds, a little longer than the tokens of the renewal rows are handed out. */
const BRIEF = 11_000;

/**
 * `on`: what Corridor stands on, if it is asked. `warmUp`: requests before the rounds: so many that the code of the embedded database,
 * which is WebAssembly, is compiled by then. `length`: rounds are so many times as long as others; those of renewals so long that each
 * token is renewed.
 *
 * `asks`: `cached`, or nothing: agents that have a token. `miss`: runs that have never asked before. `renewal`: as cached, with tokens
 * that are handed out for ten seconds. `shared`: runs that have obtained a token at the first replica, at the second one. `at once`: runs
 * that have never asked before, at all replicas at the same time.
 */
export const ROWS = {
  fastify: { warmUp: 64_000 },
  upstream: { warmUp: 12_800 },
  'cached release': { on: 'embedded', warmUp: 51_200 },
  miss: { on: 'embedded', asks: 'miss', warmUp: 6_400 },
  'private_key_jwt miss': { on: 'embedded', asks: 'miss', workflow: 'bench-key', warmUp: 3_200 },
  renewal: { on: 'embedded', asks: 'renewal', warmUp: 25_600, length: 3 },
  'pg cached release': { on: 'postgres', warmUp: 25_600 },
  'pg cached release (2 replicas)': { on: 'postgres', replicas: 2, warmUp: 25_600 },
  'pg cached release (3 replicas)': { on: 'postgres', replicas: 3, warmUp: 25_600 },
  'pg miss': { on: 'postgres', asks: 'miss', warmUp: 3_200 },
  'pg shared release': { on: 'postgres', asks: 'shared', warmUp: 1_600, length: 0.4 },
  'pg at once (3 replicas)': { on: 'postgres', asks: 'at once', replicas: 3, warmUp: 600, length: 0.4 },
  'redis cached release': { on: 'redis', warmUp: 25_600 },
  'redis cached release (2 replicas)': { on: 'redis', replicas: 2, warmUp: 25_600 },
  'redis cached release (3 replicas)': { on: 'redis', replicas: 3, warmUp: 25_600 },
  'redis miss': { on: 'redis', asks: 'miss', warmUp: 3_200 },
  'redis shared release': { on: 'redis', asks: 'shared', warmUp: 1_600, length: 0.4 },
  'redis at once (3 replicas)': { on: 'redis', asks: 'at once', replicas: 3, warmUp: 600, length: 0.4 },
  'pg renewal (2 replicas)': { on: 'postgres', asks: 'renewal', replicas: 2, warmUp: 25_600, length: 3 },
};

export class Rows {
  #servers;
  /** Requests of agents that have a token, and until when tokens of theirs may be renewed, by database. */
  #agents = new Map();
  #renewing = new Map();

  constructor(servers) {
    this.#servers = servers;
  }

  async startAgents() {
    for (const [database, [corridor]] of Object.entries(this.#servers.corridors)) {
      if (database === 'redis') continue; // the same database
      const headers = await corridor.startRuns(CONNECTIONS);
      this.#agents.set(
        database,
        headers.map((authorization) => ({ authorization })),
      );
    }
  }

  agentsOn(on) {
    return this.#agents.get(databaseOf(on));
  }

  /** How many requests are a burst of about `seconds` at this rate. */
  amount(name, rps, seconds) {
    const { replicas = 1, length = 1, asks } = ROWS[name];
    const step = asks === 'at once' ? replicas : connectionsOf(replicas);
    return Math.max(1, Math.round((rps * seconds * length) / step)) * step;
  }

  /** A burst of one kind. Of releases, each must be found in the record afterwards, and of misses each must have been one. */
  async one(name, amount, connections) {
    const { on, asks = 'cached', workflow = 'bench', replicas = 1 } = ROWS[name];
    if (on === undefined) return this.#plain(name, amount, connections);
    await wait(Math.max(0, (this.#renewing.get(databaseOf(on)) ?? 0) - performance.now()));
    const [first, second] = this.#servers.corridors[on];
    const asked = asks === 'shared' ? [second] : this.#servers.corridors[on].slice(0, replicas);
    const load = {
      ...{ amount, connections: connections ?? connectionsOf(replicas), body: this.#servers.request.body },
      urls: asked.map(({ tokenEndpoint }) => tokenEndpoint),
      ...{ processes: this.#processesOf(on, asked), directory: this.#servers.directory },
    };
    switch (asks) {
      case 'miss':
        return this.#misses(first, load, await first.startRuns(amount, workflow));
      case 'renewal':
        return this.#renewals(on, first, load);
      case 'shared':
        return this.#shared(first, load, await first.startRuns(amount));
      case 'at once':
        return this.#atOnce(first, load, await first.startRuns(amount / replicas));
      default:
        return this.#cached(on, first, load);
    }
  }

  #plain(name, amount, connections = CONNECTIONS) {
    const { pid, target } = this.#servers[name];
    const { body } = this.#servers.request;
    const headersOf = () => [{ authorization: target.authorization }];
    return burst({ amount, connections, body, urls: [target.url], headersOf, processes: { [name]: pid } });
  }

  async #cached(on, first, load) {
    const recorded = await Recorded.from(first);
    const figures = await burst({ ...load, headersOf: this.#byAgents(on) });
    await recorded.expect({ 'token.released': load.amount });
    return figures;
  }

  async #misses(first, load, runs) {
    const recorded = await Recorded.from(first);
    const figures = await burst({ ...load, headersOf: eachOnce(runs, load) });
    await recorded.expect({ 'token.released': load.amount, 'token.requested': load.amount, 'token.issued': load.amount }, ofRuns(runs));
    return figures;
  }

  async #renewals(on, first, load) {
    const { body } = this.#servers.briefRequest;
    const headersOf = this.#byAgents(on);
    // each has a token then, which lives for as long as it is renewed
    await burst({ ...load, body, headersOf, amount: load.connections });
    const recorded = await Recorded.from(first);
    const figures = await burst({ ...load, body, headersOf });
    this.#renewing.set(databaseOf(on), performance.now() + BRIEF); // those that are in use are renewed once more, and then none is
    // a token whose last second began while its release was recorded is released again in another's place
    await recorded.expect({ 'token.released': load.amount }, { orMore: true });
    const { of } = ofRuns(this.agentsOn(on).map(({ authorization }) => authorization));
    return { ...figures, renewals: await recorded.count('token.requested', (entry) => of(entry) && entry.cause === 'renewal') };
  }

  async #shared(first, load, runs) {
    const headersOf = eachOnce(runs, load);
    await burst({ ...load, headersOf, urls: [first.tokenEndpoint] });
    const recorded = await Recorded.from(first);
    const figures = await burst({ ...load, headersOf });
    await recorded.expect({ 'token.released': load.amount, 'token.requested': 0 }, ofRuns(runs));
    return figures;
  }

  async #atOnce(first, load, runs) {
    const recorded = await Recorded.from(first);
    const headers = runs.map((authorization) => ({ authorization }));
    const figures = await burstAtOnce({ ...load, lanes: Math.floor(CONNECTIONS / load.urls.length), headers });
    await recorded.expect({ 'token.released': load.amount }, ofRuns(runs));
    return { ...figures, calls: (await recorded.count('token.requested', ofRuns(runs).of)) / runs.length };
  }

  #byAgents(on) {
    const agents = this.agentsOn(on);
    return (connection) => [agents[connection % agents.length]];
  }

  #processesOf(on, asked) {
    const { upstream, postgres, redis } = this.#servers;
    return {
      corridor: () => asked.reduce((sum, { pid }) => sum + cpuOf(pid), 0),
      upstream: upstream.pid,
      ...(on === 'embedded' ? {} : { postgres: postgres.cpu }),
      ...(on === 'redis' ? { redis: redis.cpu } : {}),
    };
  }
}

/** Headers for each connection, so that each run asks once. */
export function eachOnce(runs, { amount, connections }) {
  const each = amount / connections;
  return (connection) => runs.slice(connection * each, (connection + 1) * each).map((authorization) => ({ authorization }));
}

/** As many as all replicas have alike. */
const connectionsOf = (replicas) => Math.floor(CONNECTIONS / replicas) * replicas;

const databaseOf = (on) => (on === 'embedded' ? on : 'postgres');

/** What others have been using is renewed meanwhile, and is no matter of these runs. */
function ofRuns(authorizations) {
  const runs = new Set(authorizations.map(runOf));
  return { of: ({ run }) => runs.has(run) };
}

function runOf(authorization) {
  return Buffer.from(authorization.replace(/^Basic /, ''), 'base64')
    .toString()
    .split(':')[0];
}
