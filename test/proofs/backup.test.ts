import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JWK } from 'jose';
import pg from 'pg';
import { z } from 'zod';
import { startAuthorizationServer, type RunningAuthorizationServer } from '../rig/authorization-server.js';
import { corridorCommand, until } from '../rig/command-line.js';
import { freePort, startCorridor, type RunningCorridor } from '../rig/corridor.js';
import { postgresBinaries } from '../rig/postgres-binaries.js';
import { serveDirectory, serverOwner, startPostgres } from '../rig/postgres.js';
import { catalogueOf } from './catalogue.js';
import { FrontDoor, purpose, type AgentRun } from './front-door.js';
import { readRecord } from './record.js';
import { TriedCommands } from './tried-commands.js';

const crm = 'https://crm.example/api';
const scopes = ['crm:read'];
const workflows = ['by-key', 'by-secret'] as const;
const secret = randomBytes(32).toString('hex');

const postgres = await startPostgres();
const tools = postgres === null ? [] : [path.dirname((await postgresBinaries()).postgres)];
const hasTools = tools.some((bin) => existsSync(path.join(bin, 'pg_dump')));
/** Of somebody else's server the whole is not ours to copy. */
const isOurs = process.env['CORRIDOR_TEST_DATABASE_URL'] === undefined;
if (!hasTools) process.stderr.write('\n*** No pg_dump here, so the backup of PostgreSQL stays untried.\n\n');

let home: string;
let commands: TriedCommands;
beforeAll(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'corridor-backup-'));
  commands = new TriedCommands('backup.md', home, tools);
});
afterAll(async () => {
  await rm(home, { recursive: true, force: true });
  await postgres?.stop();
});

/** A Corridor and its authorization server, with a client by a key of its own and one by a secret. */
class World {
  readonly places: Readonly<Record<'BACKUP' | 'KEY_BACKUP', string>>;

  private constructor(
    public door: FrontDoor,
    readonly server: RunningAuthorizationServer,
    readonly catalogue: string,
    readonly env: Readonly<Record<string, string>>,
    places: string,
  ) {
    this.places = { BACKUP: path.join(places, 'data'), KEY_BACKUP: path.join(places, 'key') };
  }

  /** `settings` are Corridor's, beside the secret of a client. */
  static async open(name: string, settings: Readonly<Record<string, string>>): Promise<World> {
    const port = await freePort();
    const catalogue = catalogueOf({
      issuer: `http://127.0.0.1:${port}`,
      resources: { crm: { uri: crm, scopes } },
      parties: [
        { workflow: 'by-key', client: 'keyed', resources: ['crm'], credential: 'generate' },
        { workflow: 'by-secret', client: 'secret', resources: ['crm'], credential: 'env:CORRIDOR_CLIENT_SECRET' },
      ],
    });
    const env = { ...(await secretInFile()), ...settings };
    const door = await FrontDoor.open({
      catalogue,
      grants: workflows.map((workflow) => ({ workflow, purpose, resource: crm, scopes })),
      env,
    });
    const { body } = await door.corridor.api('GET', '/oauth2/clients/keyed/jwks');
    const jwks = z.object({ keys: z.array(z.looseObject({ kty: z.string() }).transform((key): JWK => key)) }).parse(body);
    const server = await startAuthorizationServer({
      port,
      clients: [
        { client_id: 'corridor-keyed', token_endpoint_auth_method: 'private_key_jwt', jwks },
        { client_id: 'corridor-secret', token_endpoint_auth_method: 'client_secret_basic', client_secret: secret },
      ],
      resources: { [crm]: { scopes } },
    });
    const world = new World(door, server, catalogue, env, path.join(home, name));
    for (const place of Object.values(world.places)) await mkdir(place, { recursive: true });
    return world;
  }

  get variables(): Readonly<Record<string, string>> {
    return { ...this.places, CORRIDOR_DATA_DIR: this.door.corridor.dataDir };
  }

  /** A run of each workflow, with a live token. */
  async live(): Promise<Readonly<Record<(typeof workflows)[number], AgentRun>>> {
    const runs = { 'by-key': await this.door.startRun('by-key'), 'by-secret': await this.door.startRun('by-secret') };
    for (const run of Object.values(runs)) expect((await this.ask(run)).status).toBe(200);
    return runs;
  }

  ask(run: AgentRun): Promise<{ status: number; body: Readonly<Record<string, unknown>> }> {
    return this.door.ask(run, { resource: crm, scope: 'crm:read' });
  }

  async stop(): Promise<void> {
    await this.door.close();
    await this.server.stop();
  }
}

/** The secret of the client lies in a file that everybody may read. */
async function secretInFile(): Promise<Readonly<Record<string, string>>> {
  const file = path.join(home, 'client-secret');
  await writeFile(file, `${secret}\n`);
  await chmod(file, 0o644);
  return { CORRIDOR_CLIENT_SECRET_FILE: file };
}

/** Each sealed credential opens, and the server takes it: with a token of its own, not one that was kept. */
async function expectCredentialsToWork(corridor: RunningCorridor): Promise<void> {
  for (const client of ['keyed', 'secret']) {
    const checked = await corridor.api('POST', `/v1/clients/${client}/check`, {});
    expect(checked).toMatchObject({ status: 200, body: { client, result: 'passed' } });
  }
}

type Entries = Awaited<ReturnType<typeof readRecord>>;

/** What was recorded up to a moment is there, each entry as it was and in its place, and each intent has its one outcome. */
async function expectToHold(corridor: RunningCorridor, before: Entries, lost: readonly AgentRun[]): Promise<void> {
  const after = await readRecord(corridor);
  const known = new Set(before.map(({ id }) => id));
  expect(before.length).toBeGreaterThan(8);
  expect(after.filter(({ id }) => known.has(id))).toEqual(before);
  expect(after.filter(({ run }) => lost.some(({ id }) => id === run))).toEqual([]);
  const outcomes = ['token.issued', 'token.refused', 'token.failed', 'token.unknown'];
  for (const { issuance } of before.filter(({ type }) => type === 'token.requested')) {
    expect(after.filter((entry) => entry.issuance === issuance && outcomes.includes(entry.type))).toHaveLength(1);
  }
}

// startPostgres says aloud why there is none
(hasTools ? describe : describe.skip)('a PostgreSQL that is put back by the page', () => {
  let world: World;
  let databaseUrl: string;
  let runs: Readonly<Record<(typeof workflows)[number], AgentRun>>;
  let ofGap: Readonly<Record<(typeof workflows)[number], AgentRun>>;
  let before: Entries;
  beforeAll(async () => {
    databaseUrl = (await postgres?.freshDatabase()) ?? '';
    await writeFile(path.join(home, 'database-url'), `${databaseUrl}\n`, { mode: 0o600 });
    world = await World.open('postgresql', { CORRIDOR_DATABASE_URL_FILE: path.join(home, 'database-url') });
  }, 120_000);
  afterAll(() => world.stop());

  async function administer(...statements: readonly string[]): Promise<void> {
    const url = new URL(databaseUrl);
    url.pathname = '/postgres';
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  }

  const variables = () => ({ ...world.variables, CORRIDOR_DATABASE_URL: databaseUrl });

  it('serves with its secrets in files, and says whose everybody may read', () => {
    const output = world.door.corridor.output();
    expect(output).toMatch(/"warning".*The file that CORRIDOR_CLIENT_SECRET_FILE names can be read by everybody/);
    expect(output).not.toMatch(/CORRIDOR_DATABASE_URL_FILE/);
    expect(output).not.toContain(secret);
  });

  it('is backed up while it serves, and its key apart from it', async () => {
    runs = await world.live();
    before = await readRecord(world.door.corridor);
    await commands.run('postgresql-backup', variables());
    await commands.run('postgresql-key', variables());
    if (isOurs) await commands.run('postgresql-base-backup', variables());
    for (const file of [path.join(world.places.BACKUP, 'corridor.dump'), path.join(world.places.KEY_BACKUP, 'seal.key')]) {
      expect((await stat(file)).mode & 0o077).toBe(0);
    }
    ofGap = await world.live();
    const { body } = await world.door.corridor.api('POST', '/v1/suspensions', {
      kind: 'workflow',
      id: 'by-secret',
      reason: 'a stop of the gap',
    });
    const { epoch } = z.looseObject({ epoch: z.string() }).parse(body);
    expect((await world.ask(runs['by-secret'])).status).toBe(400);
    const file = path.join(world.door.corridor.dataDir, 'last-seen.json');
    // it is written by and by, and for the first time some while after the start
    await until(async () => (await readFile(file, 'utf8').catch(() => '')).includes(`"number":${epoch.split(':')[1]}`));
  }, 60_000);

  it('releases nothing before the loss is acknowledged', async () => {
    const database = path.basename(new URL(databaseUrl).pathname);
    await administer(`drop database ${database} with (force)`, `create database ${database} template template0 encoding 'UTF8'`);
    expect((await world.ask(runs['by-key'])).status).toBe(503);
    await commands.run('postgresql-restore', variables());
    for (const run of Object.values(runs)) {
      expect(await world.ask(run)).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
    }
  }, 60_000);

  it('serves again when it is: live runs go on, what came after the backup is gone, and credentials open', async () => {
    expect(await commands.run('acknowledge', variables())).toMatch(/new incarnation has begun: inc\w+:1\./);
    await until(async () => (await world.ask(runs['by-key'])).status === 200);
    // as the page says: the stop was taken back
    expect((await world.ask(runs['by-secret'])).status).toBe(200);
    for (const run of Object.values(ofGap)) expect(await world.ask(run)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    await expectCredentialsToWork(world.door.corridor);
    await expectToHold(world.door.corridor, before, Object.values(ofGap));
  }, 60_000);

  it('opens on another machine with the key file, and not without it', async () => {
    const { adminKey } = world.door.corridor;
    const dataDir = path.join(home, 'new-machine');
    const start = () => startCorridor({ catalogue: world.catalogue, policies: world.door.policies.path, dataDir, env: world.env });
    await mkdir(dataDir);
    await expect(start()).rejects.toThrow(/was sealed with another key than .*seal\.key: put the key file that belongs to it there/);
    await rm(dataDir, { recursive: true });
    await commands.run('postgresql-key-restore', { ...variables(), CORRIDOR_DATA_DIR: dataDir });
    await writeFile(path.join(dataDir, 'admin.key'), adminKey);
    const corridor = await start();
    await expectCredentialsToWork(corridor);
    await corridor.stop();
  }, 120_000);

  (isOurs ? it : it.skip)(
    'comes back with its whole server, which a Corridor that has seen more does not take',
    async () => {
      const directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-postgres-'));
      const data = path.join(directory, 'data');
      await commands.run('postgresql-base-restore', { ...variables(), PGDATA: data });
      const owner = serverOwner();
      if (owner !== null) await promisify(execFile)('chown', ['-R', `${owner.uid}:${owner.gid}`, directory]);
      const server = await serveDirectory(data);
      const url = new URL(new URL(databaseUrl).pathname, server.url).href;

      const old = { CORRIDOR_DATABASE_URL: url, CORRIDOR_DATA_DIR: world.door.corridor.dataDir };
      expect(await corridorCommand(['migrate'], old)).toMatchObject({
        code: 1,
        err: expect.stringContaining('older than what this Corridor'),
      });

      const dataDir = path.join(home, 'with-server');
      await commands.run('postgresql-key-restore', { ...variables(), CORRIDOR_DATA_DIR: dataDir });
      await writeFile(path.join(dataDir, 'admin.key'), world.door.corridor.adminKey);
      const env = { CORRIDOR_CLIENT_SECRET: secret, CORRIDOR_DATABASE_URL: url };
      const corridor = await startCorridor({ catalogue: world.catalogue, policies: world.door.policies.path, dataDir, env });
      await expectCredentialsToWork(corridor);
      await expectToHold(corridor, before, Object.values(ofGap));
      await corridor.stop();
      await server.stop();
      await rm(directory, { recursive: true });
    },
    120_000,
  );
});

describe('a data directory that is put back by the page', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open('embedded', {});
  }, 120_000);
  afterAll(() => world.stop());

  it('has everything up to the backup, and serves at once', async () => {
    const runs = await world.live();
    const before = await readRecord(world.door.corridor);
    await world.door.corridor.stop();
    await commands.run('embedded-backup', world.variables);
    expect((await stat(path.join(world.places.BACKUP, 'corridor.tar'))).mode & 0o077).toBe(0);
    world.door = await world.door.crashAndStart();
    const ofGap = await world.live();

    await world.door.corridor.kill();
    await rm(world.door.corridor.dataDir, { recursive: true });
    await commands.run('embedded-restore', world.variables);
    world.door = await world.door.crashAndStart();
    for (const run of Object.values(runs)) expect((await world.ask(run)).status).toBe(200);
    for (const run of Object.values(ofGap)) expect(await world.ask(run)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    await expectCredentialsToWork(world.door.corridor);
    await expectToHold(world.door.corridor, before, Object.values(ofGap));

    const { code, err } = await corridorCommand(['acknowledge-restore', '--reason', 'x'], {
      CORRIDOR_DATA_DIR: world.door.corridor.dataDir,
    });
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('what is restored with it cannot be told apart') });
  }, 120_000);
});

it('leaves no command of the page untried', () => {
  expect(commands.left).toEqual(hasTools && isOurs ? [] : expect.any(Array));
});
