import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { Agent, request } from 'undici';
import { z } from 'zod';
import type { RunningCorridor } from '../rig/corridor.js';
import { nextBuild, type NextBuild } from '../rig/next-build.js';
import { startPostgres } from '../rig/postgres.js';
import { askAt, crm, Replicas, runtimeKeyAt, startRunAt } from '../rig/replicas.js';

const postgres = await startPostgres();
afterAll(async () => postgres?.stop());

const expansion = {
  '29990101000000_expand_notes': `
    alter table run add column note text;
    alter table issuance add column note text;
    create index issuance_note_idx on issuance (note) where note is not null;`,
};
const contraction = { ...expansion, '29990201000000_drop_notes': 'alter table run drop column note;' };

const released = z.object({ access_token: z.string(), attribution: z.string() });
const PATIENCE = 300_000;

/** Agents that go on asking whichever replicas there are, as behind a balancer, and note what they get. */
class Load {
  readonly got: string[] = [];
  /** Answers that are no token, and failures at a replica that nobody was stopping. */
  readonly failures: unknown[] = [];
  /** Where there was none to answer, since it was being stopped. */
  turnedAway = 0;
  readonly #leaving = new Set<RunningCorridor>();
  readonly #connections = new Agent({ pipelining: 0 });
  readonly #agents: readonly Promise<void>[];
  #going = true;

  constructor(
    private readonly serving: readonly RunningCorridor[],
    runs: readonly { readonly id: string; readonly secret: string }[],
  ) {
    this.#agents = runs.map((run, index) => this.#agent(run, index));
  }

  /** Stops it in order while it is asked, and takes it from those that serve. */
  async stop(replica: RunningCorridor): Promise<void> {
    this.#leaving.add(replica);
    await replica.stop();
    (this.serving as RunningCorridor[]).splice(this.serving.indexOf(replica), 1);
  }

  async end(): Promise<void> {
    this.#going = false;
    await Promise.all(this.#agents);
    await this.#connections.close();
  }

  async #agent(run: { readonly id: string; readonly secret: string }, first: number): Promise<void> {
    const headers = {
      authorization: `Basic ${Buffer.from(`${run.id}:${run.secret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    };
    const body = new URLSearchParams({ grant_type: 'client_credentials', resource: crm, scope: 'crm:read' }).toString();
    for (let turn = first; this.#going; turn++) {
      const replica = this.serving[turn % this.serving.length];
      if (replica === undefined) throw new Error('nobody serves');
      try {
        const answer = await request(`${replica.issuer}/token`, { method: 'POST', headers, body, dispatcher: this.#connections });
        const said = await answer.body.json();
        if (answer.statusCode === 200) this.got.push(released.parse(said).attribution);
        else this.failures.push({ status: answer.statusCode, said });
      } catch (error) {
        if (this.#leaving.has(replica)) this.turnedAway++;
        else this.failures.push(error);
      }
      await wait(25);
    }
  }
}

// startPostgres says aloud why there is none
(postgres === null ? describe.skip : describe)('a rolling upgrade to the next version', () => {
  const builds: NextBuild[] = [];
  let replicas: Replicas;
  let database: pg.Client;
  beforeAll(async () => {
    const url = (await postgres?.freshDatabase()) ?? '';
    replicas = await Replicas.over(url);
    database = new pg.Client({ connectionString: url });
    await database.connect();
  }, PATIENCE);
  afterAll(async () => {
    await database.end();
    await replicas.stop();
    for (const build of builds) await build.remove();
  });

  async function version(migrations: Readonly<Record<string, string>>): Promise<string> {
    const build = await nextBuild(migrations);
    builds.push(build);
    return build.script;
  }

  it(
    'fails no request, shares what there is between the versions, and stops at both',
    async () => {
      const next = await version(expansion);
      const [one, two] = [await replicas.start(), await replicas.start()];
      const key = await runtimeKeyAt(one);
      const serving = [one, two];
      const runs = await Promise.all(Array.from({ length: 4 }, (_, index) => startRunAt(serving[index % 2] ?? one, key)));
      const load = new Load(serving, runs);
      await wait(500);

      const three = await replicas.start({ script: next });
      serving.push(three);
      await sharesAndStops(two, three);
      await load.stop(one);
      const again = await replicas.start(); // an old one that was started again, beside the new one
      serving.push(again);
      await sharesAndStops(three, again);
      const four = await replicas.start({ script: next });
      serving.push(four);
      await load.stop(two);
      await load.stop(again);
      await sharesAndStops(three, four);
      await wait(500);
      await load.end();

      expect(load.failures).toEqual([]);
      expect(load.got.length).toBeGreaterThan(100);
      const { rows } = await database.query(`select count(*)::int as n from entry where type = 'token.released' and id = any ($1)`, [
        load.got,
      ]);
      expect(rows).toEqual([{ n: new Set(load.got).size }]);
      expect(new Set(load.got).size).toBe(load.got.length);
      const applied = await database.query(`select count(*)::int as n from _prisma_migrations where migration_name ~ '_expand_'`);
      expect(applied.rows).toEqual([{ n: 1 }]);

      /** What the one obtained the other serves; what is stopped at the one is stopped at the other, both ways. */
      async function sharesAndStops(left: RunningCorridor, right: RunningCorridor): Promise<void> {
        for (const [first, second] of [
          [left, right],
          [right, left],
        ] as const) {
          const run = await startRunAt(first, key);
          const [here, there] = [await askAt(first, run), await askAt(second, run)];
          expect([here.status, there.status]).toEqual([200, 200]);
          expect(there.body['access_token']).toBe(here.body['access_token']);
          expect((await first.api('POST', '/v1/suspensions', { kind: 'run', id: run.id, reason: 'a drill' })).status).toBe(201);
          expect(await askAt(second, run)).toMatchObject({
            status: 400,
            body: { error: 'access_denied', reasons: [{ code: 'suspended' }] },
          });
        }
      }
    },
    PATIENCE,
  );

  it(
    'is refused to a version that the one after the next has left behind, with what to do',
    async () => {
      const after = await replicas.start({ script: await version(contraction) });
      await after.stop();
      const refusal =
        /has the migration 29990201000000_drop_notes, which this Corridor does not know and could not work with: start the newer/;
      await expect(replicas.start()).rejects.toThrow(refusal);
      await expect(replicas.start({ script: await version(expansion) })).rejects.toThrow(refusal);
    },
    PATIENCE,
  );
});
