// The servers that are measured, each a process of its own on loopback.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { chmod, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { basic, MeasuredCorridor } from './measured-corridor.mjs';
import { startPostgres } from './postgres.mjs';
import { cpuOfFamily } from './process-figures.mjs';

const root = path.resolve(import.meta.dirname, '..');
const resource = 'https://api.example/';
const scope = 'api:read';
const clientId = 'corridor-bench';
/** Its tokens are handed out for a few seconds, so that many are renewed. */
const brief = 'https://brief.example/';

export class Servers {
  #children = [];
  #postgres = null;

  async start() {
    this.directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-bench-'));
    await chmod(this.directory, 0o755); // PostgreSQL runs as somebody else
    const secret = randomBytes(32).toString('hex');
    const port = await freePort();
    const jwksUri = `http://127.0.0.1:${port}/oauth2/clients/bench-key/jwks`;
    const registration = {
      clients: [
        { client_id: clientId, client_secret: secret, token_endpoint_auth_method: 'client_secret_basic' },
        { client_id: `${clientId}-key`, jwks_uri: jwksUri, token_endpoint_auth_method: 'private_key_jwt' },
      ],
      resources: { [resource]: { scopes: [scope] }, [brief]: { scopes: [scope] } },
    };
    this.fastify = await this.#start('bench/fastify-server.mjs', 'url');
    this.upstream = await this.#start('bench/authorization-server.mjs', 'issuer', { input: JSON.stringify(registration) });
    await this.#writeConfiguration();
    this.corridor = await this.#startCorridor(secret, 'data', { CORRIDOR_PORT: String(port) });
    this.#postgres = await startPostgres(this.directory, await freePort());
    if (this.#postgres !== null) {
      const { pid, url, version } = this.#postgres;
      this.postgres = { version, cpu: () => cpuOfFamily(pid) };
      const replica = () => this.#startCorridor(secret, 'replicas', { CORRIDOR_DATABASE_URL: url });
      this.replicas = [await replica(), await replica()];
    }

    const bodyFor = (indicator) => new URLSearchParams({ grant_type: 'client_credentials', scope, resource: indicator }).toString();
    this.request = { method: 'POST', body: bodyFor(resource) };
    this.briefRequest = { method: 'POST', body: bodyFor(brief) };
    this.fastify.target = { url: `${this.fastify.said}/token`, authorization: basic(clientId, secret) };
    this.upstream.target = { url: `${this.upstream.said}/token`, authorization: basic(clientId, secret) };
    return this;
  }

  async stop() {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(patience);
    }
    await this.#postgres?.stop();
    if (this.directory !== undefined) await rm(this.directory, { recursive: true, force: true });
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

  async #startCorridor(secret, data, settings = {}) {
    const outside = Object.entries(process.env).filter(([name]) => !name.startsWith('CORRIDOR_'));
    const { pid, said } = await this.#start('dist/main.js', null, {
      flags: ['--max-semi-space-size=64'], // as `npm start` has it
      env: {
        ...Object.fromEntries(outside),
        CORRIDOR_PORT: String(await freePort()),
        CORRIDOR_DATA_DIR: path.join(this.directory, data),
        CORRIDOR_CONFIG: path.join(this.directory, 'corridor.yaml'),
        CORRIDOR_POLICIES: path.join(this.directory, 'policies'),
        CORRIDOR_CLIENT_BENCH: secret,
        ...settings,
      },
    });
    return MeasuredCorridor.at(said, pid, (await readFile(path.join(this.directory, data, 'admin.key'), 'utf8')).trim());
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
    return { pid: child.pid, said: says === null ? /http:\S+/.exec(line[0])[0] : JSON.parse(line[0])[says] };
  }
}

const catalogue = (issuer) => `
version: 1
time_zone: UTC
authorization_servers:
  upstream: { issuer: '${issuer}', profile: standard, allow_hosts: [127.0.0.1] }
resources:
  api: { uri: '${resource}', authorization_server: upstream, scopes: [${scope}], max_token_ttl: 1h }
  brief: { uri: '${brief}', authorization_server: upstream, scopes: [${scope}], max_token_ttl: 4s }
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
  ci: { workflows: [bench, bench-key] }
`;

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}
