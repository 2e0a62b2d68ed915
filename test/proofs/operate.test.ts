import { execFile } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { access, chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Agent, fetch as fetchWith } from 'undici';
import { z } from 'zod';
import { knownVariables } from '../../src/config/settings.js';
import { suspensionKinds } from '../../src/suspensions/suspension.js';
import { startAuthorizationServer, type RunningAuthorizationServer } from '../rig/authorization-server.js';
import { createAuthority } from '../rig/certificates.js';
import { corridorCommand, until } from '../rig/command-line.js';
import { freePort } from '../rig/corridor.js';
import { startPostgres } from '../rig/postgres.js';
import { startRedis } from '../rig/redis.js';
import { TriedCommands, type GoingOn } from './tried-commands.js';

const root = path.resolve(import.meta.dirname, '../..');
const crm = 'https://crm.example/api';
const say = (line: string): void => void process.stderr.write(`[docs/operate.md] ${line}\n`);

const postgres = await startPostgres();
const redis = await startRedis();
const here = (process.env['PATH'] ?? '').split(path.delimiter);
const missing: string[] = [];
for (const tool of ['psql', 'redis-cli', 'curl', 'openssl']) if (!(await has(tool))) missing.push(tool);
const canRun = postgres !== null && redis !== null && missing.length === 0;
// startPostgres and startRedis say aloud themselves why there is none
if (!canRun)
  say(`SKIPPED, the commands stay untried. Programs that are missing here: ${missing.length === 0 ? 'none' : missing.join(', ')}`);

async function has(tool: string): Promise<boolean> {
  const found = await Promise.allSettled(here.map((folder) => access(path.join(folder, tool))));
  return found.some(({ status }) => status === 'fulfilled');
}

let home: string;
let checkout: string;
let operate: TriedCommands;
let stop: TriedCommands;
beforeAll(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'corridor-operate-'));
  checkout = path.join(home, 'checkout');
  const left = new Set(['node_modules', '.git', '.corridor', '.ci'].map((name) => path.join(root, name)));
  cpSync(root, checkout, { recursive: true, filter: (source) => !left.has(source) });
  await symlink(path.join(root, 'node_modules'), path.join(checkout, 'node_modules'));
  operate = new TriedCommands('operate.md', home, [], checkout);
  stop = new TriedCommands('stop.md', home, [], checkout);
}, 60_000);
afterAll(async () => {
  await rm(home, { recursive: true, force: true });
  await redis?.stop();
  await postgres?.stop();
});

// said above why
(canRun ? describe : describe.skip)('the stack', () => {
  it('works, as processes', async () => {
    expect(await operate.run('stack', {})).toContain('Every step went as it must.');
  }, 400_000);
});

(canRun ? describe : describe.skip)('a Corridor that is operated by the page', () => {
  let server: RunningAuthorizationServer;
  let env: Record<string, string>;
  let databaseUrl: string;
  const serving: GoingOn[] = [];
  let api: GoingOn;
  let worker: GoingOn;
  let workerEnv: Record<string, string>;
  beforeAll(async () => {
    databaseUrl = (await postgres?.freshDatabase()) ?? '';
    const [port, metrics, upstream] = [await freePort(), await freePort(), await freePort()];
    const url = `http://127.0.0.1:${port}`;
    const secrets = path.join(home, 'secrets');
    await mkdir(secrets, { mode: 0o700 });
    await writeFile(path.join(secrets, 'database_url'), `${databaseUrl}\n`, { mode: 0o600 });
    await writeFile(path.join(secrets, 'redis_url'), `${redis?.url}\n`, { mode: 0o600 });
    env = {
      CORRIDOR_PUBLIC_URL: url,
      CORRIDOR_PORT: String(port),
      CORRIDOR_DATA_DIR: path.join(home, 'data'),
      CORRIDOR_DATABASE_URL_FILE: path.join(secrets, 'database_url'),
      CORRIDOR_REDIS_URL_FILE: path.join(secrets, 'redis_url'),
      CORRIDOR_METRICS_PORT: String(metrics),
      CORRIDOR_URL: url,
      DATABASE_URL: databaseUrl,
      REDIS_URL: redis?.url ?? '',
      EDITOR: await editor({ corridorYaml: catalogueOf(`http://127.0.0.1:${upstream}`) }),
    };
    server = await startAuthorizationServer({
      port: upstream,
      clients: [
        {
          client_id: 'corridor-indexer',
          token_endpoint_auth_method: 'private_key_jwt',
          jwks_uri: `${url}/oauth2/clients/indexer/jwks`,
        },
      ],
      resources: { [crm]: { scopes: ['crm:read', 'crm:write'], format: 'opaque' } },
    });
  }, 60_000);
  afterAll(async () => {
    for (const each of serving) each.signal('SIGKILL');
    await Promise.all(serving.map(({ ended }) => ended));
    await server.stop();
  });

  /** Puts what an operator would have written in place of the files that it is given. */
  async function editor({ corridorYaml }: { readonly corridorYaml: string }): Promise<string> {
    const file = path.join(home, 'editor');
    await writeFile(path.join(home, 'written.yaml'), corridorYaml);
    await writeFile(file, `#!/bin/sh\nset -eu\ntest -w "$1" && test -w "$2"\ncp '${path.join(home, 'written.yaml')}' "$1"\n`);
    await chmod(file, 0o755);
    return file;
  }

  function start(name: string, more: Readonly<Record<string, string>> = {}): GoingOn {
    const going = operate.start(name, { ...env, ...more });
    serving.push(going);
    return going;
  }

  const asKey = (file: string): Record<string, string> => ({ ...env, CORRIDOR_KEY_FILE: file });
  const corridor = async (...args: string[]): Promise<unknown> => {
    const { code, out, err } = await corridorCommand([...args, '--json'], asKey('grace.key'), { cwd: checkout });
    if (code !== 0) throw new Error(err);
    return JSON.parse(out);
  };
  const listedKeys = z.array(z.looseObject({ id: z.string(), name: z.string() }));
  async function keyOf(name: string, keyFile = 'grace.key'): Promise<string> {
    const { out } = await corridorCommand(['key', 'list', '--json'], asKey(keyFile), { cwd: checkout });
    return listedKeys.parse(JSON.parse(out)).find((key) => key.name === name)?.id ?? '';
  }

  interface Run {
    readonly id: string;
    readonly secret: string;
  }
  async function startRun(): Promise<Run> {
    const response = await fetch(`${env['CORRIDOR_URL']}/v1/runs`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${(await readFile(path.join(checkout, 'ci.key'), 'utf8')).trim()}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({
        workflow: 'nightly-index',
        purpose: 'search-indexing',
        operator: 'ada@example.com',
        agent: { name: 'indexer', version: '1.4.0' },
        ttl: 900,
      }),
    });
    const { id, client_secret: secret } = z.object({ id: z.string(), client_secret: z.string() }).parse(await response.json());
    return { id, secret };
  }
  async function ask(run: Run): Promise<{ readonly status: number; readonly attribution: string }> {
    const response = await fetch(`${env['CORRIDOR_URL']}/oauth2/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${run.id}:${run.secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    const body = z.looseObject({ attribution: z.string().default('') }).parse(await response.json());
    return { status: response.status, attribution: body.attribution };
  }
  async function liveRun(): Promise<Run> {
    const run = await startRun();
    expect((await ask(run)).status).toBe(200);
    return run;
  }
  const ready = (at: string) => async (): Promise<boolean> =>
    fetch(`${at}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  const suspensions = z.array(z.looseObject({ id: z.string() }));
  const stopped = async (): Promise<string> => suspensions.parse(await corridor('suspensions'))[0]?.id ?? '';

  it('has its secrets made', async () => {
    await operate.run('compose-secrets', env);
    await operate.run('kubernetes-secrets', env);
    const key = await readFile(path.join(checkout, 'deploy/secrets/kubernetes/seal.key'), 'utf8');
    expect(key).toMatch(/^corridor-key-1 [A-Za-z0-9_-]{43}\n$/);
    expect(await readFile(path.join(checkout, 'deploy/secrets/database_url'), 'utf8')).toMatch(/^postgresql:/);
  });

  it('is configured, and migrated', async () => {
    const checked = await operate.run('configure', env);
    expect(checked).toContain('CORRIDOR_DATABASE_URL');
    await operate.run('migrate', env);
  }, 60_000);

  it('is started, and answers that it is ready', async () => {
    api = start('serve-api');
    await until(ready(env['CORRIDOR_URL'] ?? ''));
    workerEnv = { CORRIDOR_PORT: String(await freePort()), CORRIDOR_METRICS_PORT: String(await freePort()) };
    worker = start('serve-worker', workerEnv);
    await until(ready(`http://127.0.0.1:${workerEnv['CORRIDOR_PORT']}`));
    expect(JSON.parse((await operate.run('readyz', env)).split('\n')[0] ?? '')).toEqual({ ready: true, reasons: [] });
    expect(api.output()).toMatch(/"event":"started"/);
  }, 60_000);

  it('has keys for people and platforms, and the first one is ended', async () => {
    expect(await operate.run('first-keys', env)).toMatch(/grace[^]*ada[^]*olga[^]*audit[^]*ci/);
    await operate.run('end-first-key', env, { 'key01…': await keyOf('admin') });
    expect(await keyOf('admin')).toBe('');
    expect(await operate.run('readyz-details', env)).toMatch(/"warnings":.*"clients":\[\{"client":"indexer"/);
  }, 60_000);

  it('gets another admin key when the last one is lost', async () => {
    const said = await operate.run('recover-admin-key', env);
    expect(said).toContain(path.join(env['CORRIDOR_DATA_DIR'] ?? '', 'admin.key'));
    const id = await keyOf('admin', path.join(env['CORRIDOR_DATA_DIR'] ?? '', 'admin.key'));
    expect(said).toContain(id);
    await corridor('key', 'revoke', id);
  }, 60_000);

  it('hands out a first token, and takes a change of the catalogue', async () => {
    expect(await operate.run('first-token', asKey('grace.key'))).toMatch(/"kty"[^]*Client indexer[^]*\n\d\d+\n[^]*token\.released/);
    await operate.run('apply', asKey('olga.key'));
  }, 60_000);

  it('ends TLS by itself', async () => {
    const certs = path.join(home, 'certs');
    const authority = createAuthority('a test');
    const { key, cert } = authority.certify('localhost');
    await mkdir(certs);
    await writeFile(path.join(certs, 'tls.key'), key, { mode: 0o600 });
    await writeFile(path.join(certs, 'tls.crt'), cert);
    const port = await freePort();
    const url = `https://localhost:${port}`;
    const more = { CERTS: certs, CORRIDOR_PORT: String(port), CORRIDOR_PUBLIC_URL: url, CORRIDOR_METRICS_PORT: String(await freePort()) };
    const secure = start('tls', { ...more, CORRIDOR_DATA_DIR: await ownDataDirectory() });
    const dispatcher = new Agent({ connect: { ca: authority.cert } });
    await until(() =>
      fetchWith(`${url}/readyz`, { dispatcher }).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    await dispatcher.close();
    secure.signal('SIGTERM');
    await secure.ended;
  }, 60_000);

  /** With the same key file, so that it leaves alone what the others keep of their address. */
  async function ownDataDirectory(): Promise<string> {
    const directory = path.join(home, 'other-data');
    await mkdir(path.join(directory, 'keys'), { recursive: true, mode: 0o700 });
    cpSync(path.join(env['CORRIDOR_DATA_DIR'] ?? '', 'keys/seal.key'), path.join(directory, 'keys/seal.key'));
    return directory;
  }

  it('tells its figures, and what to look at first', async () => {
    expect(await operate.run('metrics', env)).toContain('corridor_database_up 1');
    expect(await operate.run('first-look', asKey('ada.key'))).toMatch(/"ready":true/);
    expect(await operate.run('database', env)).toMatch(/\| f/);
    expect(await operate.run('disk', env)).toMatch(/decision_input/);
    expect(await operate.run('redis', env)).toMatch(/PONG[^]*noeviction/);
    expect(await operate.run('clock', env)).toMatch(/corridor_clock_drift_seconds -?\d/);
    expect(await operate.run('upstream', asKey('olga.key'))).toMatch(/token endpoint[^]*Client indexer[^]*Recorded as ent/);
  }, 60_000);

  it('is stopped by the page for 3 a.m., and lifted again', async () => {
    const run = await liveRun();
    expect(await stop.run('stop', asKey('ada.key'))).toMatch(/workflow nightly-index stopped at[^]*covers [1-9]\d* active runs/);
    expect((await ask(run)).status).toBe(400);
    const id = await stopped();
    expect(await stop.run('left', asKey('ada.key'), { 'sus01…': id })).toContain(id);
    await stop.run('lift', asKey('ada.key'), { 'sus01…': id });
    expect((await ask(run)).status).toBe(200);
    const drilled = await stop.run('practise', asKey('ada.key'), {
      'https://corridor-1.example': env['CORRIDOR_URL'] ?? '',
      ' --replica https://corridor-2.example': '',
    });
    expect(drilled).toMatch(/nothing let through/);
  }, 60_000);

  it('stops each thing that the page can stop', async () => {
    const run = await liveRun();
    const commands = stop.mentions.filter((command) => /^corridor suspend (?!-)/.test(command));
    expect(commands).toHaveLength(suspensionKinds.length);
    for (const command of commands) {
      const told = await stop.type(command.replace('run01…', run.id), asKey('ada.key'));
      expect([command, (await ask(run)).status]).toEqual([command, 400]);
      await corridor('resume', /^sus\w+/.exec(told)?.[0] ?? '');
    }
    expect((await ask(run)).status).toBe(200);
  }, 120_000);

  it('is freed of what leaked', async () => {
    const run = await liveRun();
    await operate.run('leaked-client', asKey('grace.key'));
    expect((await ask(run)).status).toBe(400);
    expect(await operate.run('leaked-client-goes-on', asKey('grace.key'), { 'sus01…': await stopped() })).toMatch(/prov|overlap/);
    expect((await ask(run)).status).toBe(200);
    const { attribution } = await ask(run);
    await operate.run('leaked-key', asKey('grace.key'), { 'key01…': await keyOf('audit') });
    expect(await keyOf('audit')).toBe('');
    const traced = await operate.run('leaked-token', asKey('ada.key'), { 'the log line': `401 for ${attribution}`, 'run01…': run.id });
    expect(traced).toContain(run.id);
    expect((await ask(run)).status).toBe(400);
    await operate.run('rotate-key', asKey('grace.key'), { 'key01…': await keyOf('grace') });
  }, 60_000);

  it('owes work while a server is away, and a worker that hangs is ended', async () => {
    const run = await liveRun();
    await server.outages({ 'POST /token/revocation': 503 });
    await corridor('suspend', 'run', run.id, '--reason', 'a test');
    const owed = z.object({ work: z.array(z.looseObject({ id: z.string(), attempts: z.number(), last_error: z.string().nullable() })) });
    const found = async () => owed.parse(await corridor('work', '--kind', 'revoke')).work.find(({ attempts }) => attempts >= 3);
    await until(async () => (await found())?.last_error === 'server_unavailable');
    worker.signal('SIGSTOP'); // nobody takes it up while it is looked at
    await operate.run('work', asKey('grace.key'), { 'wrk01…': (await found())?.id ?? '' });
    const hanging = { ...env, REPLICA_URL: `http://127.0.0.1:${workerEnv['CORRIDOR_PORT']}`, PID: worker.group };
    await operate.run('hanging', hanging);
    await worker.ended;
    expect((await ask(await startRun())).status).toBe(200);
  }, 90_000);

  it('is stopped in order', async () => {
    await operate.run('stop-process', { ...env, PID: api.group });
    await api.ended;
    expect(api.output()).toMatch(/"event":"stopped"/);
  }, 30_000);
});

describe('the page', () => {
  it('says of each block of commands whether it is run', () => {
    for (const { why, commands } of [...operate.notRun, ...stop.notRun]) say(`NOT RUN, ${why}: ${commands.trim().split('\n').join(' ⏎ ')}`);
    expect([...operate.unmarked, ...stop.unmarked]).toEqual([]);
    const reasons = ['it needs containers', 'it needs a cluster', 'it fetches packages from a registry', 'it names the command line'];
    for (const { why } of operate.notRun) expect(reasons.filter((reason) => why.startsWith(reason))).toHaveLength(1);
    expect(stop.notRun).toEqual([]);
  });

  it('names commands and options that there are', async () => {
    for (const mention of new Set([...operate.mentions, ...stop.mentions])) {
      const words = mention.split(/\s+/).slice(1);
      const { stdout } = await promisify(execFile)(process.execPath, [path.join(root, 'dist/cli.js'), ...commandOf(words), '--help']);
      expect(stdout).toContain(`Usage: corridor ${words[0]}`);
      for (const option of words.filter((word) => word.startsWith('--'))) expect(stdout).toContain(option);
    }
  }, 120_000);

  it('sets only variables that there are', () => {
    const page = readFileSync(path.join(root, 'docs/operate.md'), 'utf8');
    const set = [...page.matchAll(/^(CORRIDOR_[A-Z_]+)=/gm)].map(([, name = '']) => name.replace(/_FILE$/, ''));
    expect(set.length).toBeGreaterThan(5);
    expect(set.filter((name) => !knownVariables.includes(name))).toEqual([]);
  });
});

(canRun ? it : it.skip)('leaves no command of the two pages untried', () => {
  expect([...operate.left, ...stop.left]).toEqual([]);
});

/** Without options, and without what stands for something of the reader's. */
function commandOf(words: readonly string[]): readonly string[] {
  const end = words.findIndex((word) => !/^[a-z-]+$/.test(word) || word.startsWith('-'));
  return words.slice(0, end < 0 ? words.length : end).slice(0, 2);
}

/** The example of the README, with a server on this machine. */
function catalogueOf(issuer: string): string {
  return `
version: 1
authorization_servers:
  demo: { issuer: "${issuer}", profile: standard, allow_hosts: [127.0.0.1] }
resources:
  crm: { uri: "${crm}", authorization_server: demo, scopes: [crm:read, crm:write], default_scopes: [crm:read], max_token_ttl: 1h }
purposes:
  search-indexing: { description: Keep the search index current }
workflows:
  nightly-index: { owner: search-team@example.com, purposes: [search-indexing], max_run_ttl: 1h, labels: { environment: production } }
clients:
  indexer: { client_id: corridor-indexer, authorization_server: demo, owner: search-team@example.com, workflows: [nightly-index],
             resources: [crm], method: private_key_jwt, credential: generate, key_registration: jwks_uri, rotate_every: 90d, max_token_life: 1h }
runtimes:
  ci: { workflows: [nightly-index] }
`;
}
