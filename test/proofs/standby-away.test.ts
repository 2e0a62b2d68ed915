import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { openPostgres } from '../../src/platform/postgres/open-postgres.js';
import type { Database } from '../../src/store/database.js';
import { startPostgres } from '../rig/postgres.js';
import { catalogueChange, suspension } from '../store/fact-change-samples.js';
import { World } from '../store/world.js';

const postgres = await startPostgres();
afterAll(async () => postgres?.stop());

// startPostgres says aloud why there is none
(postgres === null ? describe.skip : describe)('a synchronous standby that is away', () => {
  let database: Database;
  let administrator: pg.Client;
  let other: pg.Client;
  let world: World;

  beforeAll(async () => {
    const url = (await postgres?.freshDatabase()) ?? '';
    database = await openPostgres(url);
    [administrator, other] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })];
    await Promise.all([administrator.connect(), other.connect()]);
    world = await World.empty(database);
    await world.change(catalogueChange());
  }, 60_000);
  afterAll(async () => {
    await Promise.all([administrator.end(), other.end()]);
    await database.close();
  });

  async function standbys(names: string): Promise<void> {
    await administrator.query(`alter system set synchronous_standby_names = '${names}'`);
    await administrator.query('select pg_reload_conf()');
    for (let now = null; now !== names;) {
      now = (await administrator.query<{ now: string }>(`select current_setting('synchronous_standby_names') as now`)).rows[0]?.now ?? null;
    }
  }

  /** Commits wait once the checkpointer has read the setting, which may be later than everybody else. Gives one that does. */
  async function waitingCommit(): Promise<readonly [Promise<unknown>]> {
    for (;;) {
      const commit = { isOver: false };
      const committed = other.query('create or replace view probe as select 1').then(() => (commit.isOver = true));
      while (!commit.isOver) {
        const { rowCount } = await administrator.query(`select from pg_stat_activity where wait_event = 'SyncRep'`);
        if ((rowCount ?? 0) > 0) return [committed];
      }
    }
  }

  it('has nothing acknowledged that it does not have: neither the end of a run nor a stop', async () => {
    const run = await world.running();
    await standbys('nobody');
    const [committed] = await waitingCommit();
    try {
      const answers = await Promise.allSettled([world.end(run), world.change(suspension('workflow', 'nightly-index'))]);
      expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    } finally {
      await standbys('');
    }
    await committed;
    // it has come back, and what was waiting is known to it now
    await expect(world.end(run)).resolves.toMatchObject({ verdict: 'already' });
  }, 120_000);
});
