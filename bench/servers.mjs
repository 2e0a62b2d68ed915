// The servers that are measured, each a process of its own on loopback.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { chmod, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../scripts/stack/machine.mjs';
import { startRedis } from '../scripts/stack/redis.mjs';
import { end, Processes } from '../scripts/stack/processes.mjs';
import { readTopology } from '../scripts/stack/topology.mjs';
import { basic, MeasuredCorridor } from './measured-corridor.mjs';
import { startPostgres } from './postgres.mjs';
import { cpuOf, cpuOfFamily } from './process-figures.mjs';

const root = path.resolve(import.meta.dirname, '..');
const resource = 'https://api.example/';
const scope = 'api:read';
const clientId = 'corridor-bench';
/** Its tokens are handed out for ten seconds, so that many are renewed. */
const brief = 'https://brief.example/';

/** What stands over PostgreSQL, without Redis and with it. */
const REPLICAS = 3;

export class Servers {
  #children = [];
  #postgres = null;
  #others = null;
  #secret = randomBytes(32).toString('hex');

  async start() {
    this.directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-bench-'));
    await chmod(this.directory, 0o755); // PostgreSQL runs as somebody else
    const port = await freePort();
    const jwksUri = `http://127.0.0.1:${port}/oauth2/clients/bench-key/jwks`;
    const registration = {
      clients: [
        { client_id: clientId, client_secret: this.#secret, token_endpoint_auth_method: 'client_secret_basic' },
        { client_id: `${clientId}-key`, jwks_uri: jwksUri, token_endpoint_auth_method: 'private_key_jwt' },
      ],
      resources: { [resource]: { scopes: [scope] }, [brief]: { scopes: [scope] } },
    };
    this.fastify = await this.#start('bench/fastify-server.mjs', 'url');
    this.upstream = await this.#start('bench/authorization-server.mjs', 'issuer', { input: JSON.stringify(registration) });
    await this.#writeConfiguration();
    this.corridors = { embedded: [await this.#startCorridor('data', { CORRIDOR_PORT: String(port) })] };
    this.#postgres = await startPostgres(this.directory, await freePort());
    if (this.#postgres !== null) {
      const { pid, version } = this.#postgres;
      this.postgres = { version, cpu: () => cpuOfFamily(pid) };
      this.corridors.postgres = await this.#startReplicas({});
      await this.#startRedis();
    }

    const bodyFor = (indicator) => new URLSearchParams({ grant_type: 'client_credentials', scope, resource: indicator }).toString();
    this.request = { method: 'POST', body: bodyFor(resource) };
    this.briefRequest = { method: 'POST', body: bodyFor(brief) };
    this.fastify.target = { url: `${this.fastify.said}/token`, authorization: basic(clientId, this.#secret) };
    this.upstream.target = { url: `${this.upstream.said}/token`, authorization: basic(clientId, this.#secret) };
    return this;
  }

  /** One more over PostgreSQL, whose metrics and traces are on, and which can be profiled: it takes messages for bench/profiling.mjs. */
  async startWatched(collector) {
    const port = String(await freePort());
    const watching = { CORRIDOR_METRICS_PORT: port, CORRIDOR_OTLP_ENDPOINT: collector };
    const flags = ['--import', path.join(root, 'bench/profiling.mjs')];
    const corridor = await this.#startCorridor('replicas', { CORRIDOR_DATABASE_URL: this.#postgres.url, ...watching }, flags);
    return { corridor, metrics: `http://127.0.0.1:${port}/metrics` };
  }

  async stop() {
    await Promise.all(this.#children.map((child) => end(child, 'SIGTERM', 5_000)));
    await this.#others?.stopAll();
    await this.#postgres?.stop();
    if (this.directory !== undefined) await rm(this.directory, { recursive: true, force: true });
  }

  /** Redis as deploy/compose.yaml has it, and replicas that use it. */
  async #startRedis() {
    this.#others = new Processes(this.directory);
    const redis = await startRedis(this.#others, this.directory, (await readTopology()).redisFlags);
    if (redis === null) {
      process.stderr.write('\n*** No redis-server on the PATH, so the rows with Redis are left out\n\n');
      return;
    }
    const [version] = /(?<=v=)\S+/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' })) ?? ['of an unknown version'];
    this.redis = { version, cpu: () => cpuOf(redis.child.pid) };
    this.corridors.redis = await this.#startReplicas({ CORRIDOR_REDIS_URL: redis.url });
  }

  async #startReplicas(settings) {
    const replicas = [];
    while (replicas.length < REPLICAS)
      replicas.push(await this.#startCorridor('replicas', { CORRIDOR_DATABASE_URL: this.#postgres.url, ...settings }));
    return replicas;
  }

  /** The starter policy with a grant of its own, and an agent's isolation of a run. */
  async #writeConfiguration() {
    const policies = path.join(this.directory, 'policies');
    await cp(path.join(root, 'policies'), policies, { recursive: true });
    const grant = (workflow, indicator) => ({ workflow, purpose: 'measuring', resource: indicator, scopes: [scope] });
    const grants = [grant('bench', resource), grant('bench', brief), grant('bench-key', resource)];
    await writeFile(path.join(policies, 'data.json'), JSON.stringify({ grants, ceilings: {} }));
    await writeFile(path.join(this.directory, 'corridor.yaml'), catalogue(this.upstream.said));
  }

  async #startCorridor(data, settings, flags = []) {
    const outside = Object.entries(process.env).filter(([name]) => !name.startsWith('CORRIDOR_'));
    const { said, child } = await this.#start('dist/main.js', null, {
      flags: ['--max-semi-space-size=64', ...flags], // as `npm start` has it
      env: {
        ...Object.fromEntries(outside),
        CORRIDOR_PORT: String(await freePort()),
        CORRIDOR_DATA_DIR: path.join(this.directory, data),
        CORRIDOR_CONFIG: path.join(this.directory, 'corridor.yaml'),
        CORRIDOR_POLICIES: path.join(this.directory, 'policies'),
        CORRIDOR_CLIENT_BENCH: this.#secret,
        ...settings,
      },
    });
    return MeasuredCorridor.at(said, child, (await readFile(path.join(this.directory, data, 'admin.key'), 'utf8')).trim());
  }

  /** Waits for the first line of output: JSON with a member `says`, or for Corridor's own sentence. */
  async #start(script, says, { flags = [], input = '', env = process.env } = {}) {
    const log = path.join(this.directory, `${path.basename(script)}.log`);
    const errors = openSync(log, 'a');
    const child = spawn(process.execPath, [...flags, path.join(root, script)], { stdio: ['pipe', 'pipe', errors, 'ipc'], env });
    closeSync(errors);
    this.#children.push(child);
    child.stdin.on('error', () => undefined); // it need not read what it is given
    child.stdin.end(input);
    const line = await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit').then(() => null)]);
    if (line === null) throw new Error(`${script} did not start. It said:\n${await readFile(log, 'utf8')}`);
    return { child, pid: child.pid, said: says === null ? /http:\S+/.exec(line[0])[0] : JSON.parse(line[0])[says] };
  }
}

const catalogue = (issuer) => `
version: 1
time_zone: UTC
authorization_servers:
  upstream: { issuer: '${issuer}', profile: standard, allow_hosts: [127.0.0.1] }
resources:
  api: { uri: '${resource}', authorization_server: upstream, scopes: [${scope}], max_token_ttl: 1h }
  brief: { uri: '${brief}', authorization_server: upstream, scopes: [${scope}], max_token_ttl: 10s }
purposes:
  measuring: { description: Find out what a release costs }
workflows:
  bench: { owner: bench@example.com, purposes: [measuring], max_run_ttl: 1h, max_run_requests_per_minute: 10000000 }
  bench-key: { owner: bench@example.com, purposes: [measuring], max_run_ttl: 1h }
clients:
  bench:
    client_id: ${clientId}
    authorization_server: upstream
    owner: bench@example.com
    workflows: [bench]
    resources: [api, brief]
    method: client_secret_basic
    credential: env:CORRIDOR_CLIENT_BENCH
    rotate_every: 90d
    max_token_life: 1h
  bench-key:
    client_id: ${clientId}-key
    authorization_server: upstream
    owner: bench@example.com
    workflows: [bench-key]
    resources: [api]
    method: private_key_jwt
    credential: generate
    rotate_every: 90d
    max_token_life: 1h
runtimes:
  ci: { workflows: [bench, bench-key], max_requests_per_minute: 10000000 }
`;
