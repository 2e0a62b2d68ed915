import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { corridorCommand, until } from '../rig/command-line.js';
import type { RunningCorridor } from '../rig/corridor.js';
import { startPostgres } from '../rig/postgres.js';
import { askAt, Replicas, runtimeKeyAt, startRunAt } from '../rig/replicas.js';

const postgres = await startPostgres();
afterAll(async () => postgres?.stop());

// startPostgres says aloud why there is none
(postgres === null ? describe.skip : describe)('a database that was put back from a backup', () => {
  let replicas: Replicas;
  let corridor: RunningCorridor;
  let run: { id: string; secret: string };
  let database: string;
  beforeAll(async () => {
    replicas = await Replicas.over((await postgres?.freshDatabase()) ?? '');
    database = path.basename(new URL(replicas.databaseUrl).pathname);
    corridor = await replicas.start();
    run = await startRunAt(corridor, await runtimeKeyAt(corridor));
    await corridor.stop();
    await administer(`create database ${database}_backup template ${database}`);
    corridor = await replicas.start();
    const { body } = await askAt(corridor, run);
    const file = path.join(replicas.dataDir, 'last-seen.json');
    // it is written by and by, and for the first time some while after the start
    await until(async () => (await readFile(file, 'utf8').catch(() => '')).includes(String(body['attribution'])));
  }, 120_000);
  afterAll(() => replicas.stop());

  async function administer(...statements: readonly string[]): Promise<void> {
    const url = new URL(replicas.databaseUrl);
    url.pathname = '/postgres';
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  }

  async function putBack(copy: string): Promise<void> {
    await administer(
      `alter database ${database} allow_connections false`,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`,
      `alter database ${database} rename to ${database}_without_${copy}`,
      `alter database ${database}_${copy} rename to ${database}`,
    );
  }

  const corridorSays = (...args: string[]) => corridorCommand(args, { ...replicas.environment, CORRIDOR_DATA_DIR: replicas.dataDir });

  it('has no loss to acknowledge while it is the one that was seen', async () => {
    const { code, err } = await corridorSays('acknowledge-restore', '--reason', 'a slip');
    expect({ code, err }).toEqual({
      code: 1,
      err: 'The database holds everything that this Corridor has seen of it: there is no loss to acknowledge.\n',
    });
  });

  it('releases nothing to a replica that has seen more', async () => {
    await putBack('backup');
    const answer = await askAt(corridor, run);
    expect(answer).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
    expect(corridor.output()).toContain('acknowledge-restore');
    const ready = await fetch(`${corridor.url}/readyz`);
    expect({ status: ready.status, body: (await ready.json()) as unknown }).toEqual({
      status: 503,
      body: { ready: false, reasons: [{ code: 'database_behind', message: expect.stringContaining('corridor acknowledge-restore') }] },
    });
    await corridor.stop();
  }, 60_000);

  it('is refused at the start, with what to do', async () => {
    await expect(replicas.start()).rejects.toThrow(/older than what this Corridor has seen.*corridor acknowledge-restore --reason/s);
  }, 60_000);

  it('serves again, in a new incarnation, when its operator has acknowledged the loss', async () => {
    const { code, out, err } = await corridorSays('acknowledge-restore', '--reason', 'the disk of the primary was lost');
    expect({ code, err, out }).toMatchObject({ code: 0, out: expect.stringMatching(/new incarnation has begun: inc\w+:1\./) });
    corridor = await replicas.start();
    expect((await askAt(corridor, run)).status).toBe(200);
    const { body } = await corridor.api('GET', '/v1/entries?type=log.restored');
    expect(body).toMatchObject({
      entries: [
        {
          type: 'log.restored',
          reason: 'the disk of the primary was lost',
          seen: { epoch: expect.stringMatching(/^inc\w+:\d+$/), entry: expect.stringMatching(/^ent/) },
        },
      ],
    });
    const again = await corridorSays('acknowledge-restore', '--reason', 'twice');
    expect(again.code).toBe(1);
  }, 60_000);

  it('releases nothing either to a replica that answered the end of a run which it lacks, and nothing since', async () => {
    await corridor.stop();
    await administer(`create database ${database}_standby template ${database}`);
    corridor = await replicas.start();
    const { status } = await corridor.api('POST', `/v1/runs/${run.id}/end`);
    await putBack('standby');
    expect(status).toBe(200);
    expect(await askAt(corridor, run)).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
  }, 60_000);
});
