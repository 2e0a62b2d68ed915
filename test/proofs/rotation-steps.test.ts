import { Database, DatabaseUnavailable, type Row } from '../../src/store/database.js';
import { databases } from '../store/both-databases.js';
import { SqlOwedWork } from '../../src/store/sql-owed-work.js';
import { freshDatabase } from '../rig/template.js';
import { suspension } from '../store/fact-change-samples.js';
import { MortalDatabase, RotationWorld } from './rotation-world.js';

const HOUR = 3600;
const token = /^[0-9a-f]{64}$/;
const published = { keyRegistration: 'jwks_uri' } as const;
const referenced = { method: 'client_secret_basic', credential: { kind: 'env', name: 'CORRIDOR_CLIENT_INDEXER' } } as const;

const next = async (world: RotationWorld): Promise<string> => (await world.versions()).find(({ state }) => state === 'next')?.kid ?? '';
const current = async (world: RotationWorld): Promise<string> =>
  (await world.versions()).find(({ state }) => state === 'current')?.kid ?? '';

/** A database that commits a shift and breaks before it answers, and once more when it is asked again. */
class AnswerLost extends Database {
  left = 0;

  constructor(private readonly database: Database) {
    super();
  }

  async query(sql: string, parameters?: readonly unknown[]): Promise<readonly Row[]> {
    const isShift = sql.startsWith('call change_facts') && String(parameters?.[0]).includes('rotation.shifted');
    if (this.left === 0 || !isShift) return this.database.query(sql, parameters);
    if (this.left-- === 2) await this.database.query(sql, parameters);
    throw new DatabaseUnavailable('the connection is lost');
  }

  async close(): Promise<void> {}
}

describe.each(databases)('a rotation on %s', (_name, open) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());

  it('proves the new version with a token that nobody gets, brings it into use, and takes the old one away', async () => {
    const world = await RotationWorld.of(database, published);
    const corridor = world.replica();
    const old = await current(world);
    const { state } = await corridor.begin.begin('indexer', 'ada');
    expect([state, await current(world)]).toEqual(['proving', old]);
    const made = await next(world);
    world.server.knows.add(made);
    await corridor.work();
    expect(world.server.asked).toEqual([{ by: made, accepted: true }]);
    expect(await world.versions()).toMatchObject([
      { kid: old, state: 'former' },
      { kid: made, state: 'current' },
    ]);
    expect(world.server.revoked).toEqual(world.server.issued);
    expect(await corridor.ask()).toMatch(token);
    expect(world.server.asked.at(-1)).toEqual({ by: made, accepted: true });

    await world.pass(HOUR);
    await corridor.work();
    expect(await world.versions()).toMatchObject([{ kid: made, state: 'current' }]);
    expect(await database.query('select state, sealed is null as wiped from credential order by state')).toEqual([
      { state: 'current', wiped: false },
      { state: 'retired', wiped: true },
    ]);
    const story = (await world.entries()).filter(({ type, cause }) => type.startsWith('credential.') || cause === 'rotation');
    expect(story.map(({ type }) => type)).toEqual([
      'credential.created',
      'credential.created',
      'token.requested',
      'token.issued',
      'credential.changed',
      'credential.retired',
    ]);
    expect(story[4]).toMatchObject({ cause: 'rotation', credential: { kid: made }, proven_by: story[3]?.issuance });
    expect(await world.loose()).toEqual([]);
    expect(world.alarms).toEqual([]);
  });

  it('whose step fails says why, is given up when that goes on for a day, and goes on when it is taken up again', async () => {
    const world = await RotationWorld.of(database, published);
    const corridor = world.replica();
    await corridor.begin.begin('indexer', 'ada');
    world.server.knows.add(await next(world));
    await corridor.work();
    await world.pass(HOUR);
    await database.query(`create function refuse_end() returns trigger language plpgsql as $$
      begin
        if new.state = 'done' then raise exception 'not this'; end if;
        return new;
      end $$`);
    await database.query('create trigger refuse_end before update on rotation for each row execute function refuse_end()');
    await corridor.work();
    const work = new SqlOwedWork(database);
    const step = async () => (await work.list({ kind: 'rotate' })).work[0];
    expect(await step()).toMatchObject({ state: 'waiting', attempts: 1, lastError: 'StatementRefused P0001', client: 'indexer' });
    expect(world.alarms).toEqual([expect.stringContaining('not this')]);
    await database.query(`update rotation set attempts = 299, due_at = now() - interval '1 second'`);
    await corridor.work();
    expect(await step()).toMatchObject({ state: 'given_up', attempts: 300 });
    expect(world.alarms.at(-1)).toMatch(/WorkGivenUp: rotate of rot\w+ was given up after 300 attempts \(StatementRefused P0001\)/);
    await database.query('drop trigger refuse_end on rotation');
    await world.pass(HOUR);
    await corridor.work();
    expect((await world.rotation()).state).toBe('overlap');
    await corridor.retries.retry((await step())?.id ?? '', 'ada', null);
    await corridor.work();
    expect((await world.rotation()).state).toBe('done');
    expect(await step()).toBeUndefined();
    const told = (await world.entries()).filter(({ type }) => type.startsWith('work.'));
    expect(told).toMatchObject([
      { type: 'work.given_up', kind: 'rotate', client: 'indexer', cause: 'attempts_used_up' },
      { type: 'work.retried', kind: 'rotate', client: 'indexer', retried_by: 'ada' },
    ]);
  });

  it('leaves the old version its overlap when nobody hears that the new one is in use', async () => {
    const world = await RotationWorld.of(database, published);
    const lossy = new AnswerLost(database);
    const corridor = world.replica(lossy);
    await corridor.begin.begin('indexer', 'ada');
    world.server.knows.add(await next(world));
    lossy.left = 2;
    await corridor.rotate.turn();
    expect([lossy.left, world.alarms]).toEqual([0, [expect.stringContaining('the connection is lost')]]);
    await world.pass(HOUR / 2);
    await corridor.work();
    expect(await world.rotation()).toMatchObject({ state: 'overlap', fault: null });
    await world.pass(HOUR / 2);
    await corridor.work();
    expect((await world.rotation()).state).toBe('done');
  });

  it('waits for its operator where the server does not read what is published, and asks nothing meanwhile', async () => {
    const world = await RotationWorld.of(database);
    const corridor = world.replica();
    expect((await corridor.begin.begin('indexer', 'ada')).state).toBe('registering');
    await world.pass(48 * HOUR);
    await corridor.work();
    expect(world.server.asked).toEqual([]);
    await expect(corridor.begin.begin('indexer', 'ada')).rejects.toMatchObject({ code: 'rotation_under_way' });
    world.server.knows.add(await next(world));
    expect((await corridor.rotate.confirm('indexer', 'ada')).state).toBe('proving');
    await expect(corridor.rotate.confirm('indexer', 'ada')).rejects.toMatchObject({ code: 'rotation_registered' });
    await corridor.work();
    expect((await world.rotation()).state).toBe('overlap');
    expect((await world.entries()).map(({ type }) => type)).toContain('credential.registered');
  });

  it('is cancelled, also when the new version is in use already', async () => {
    const world = await RotationWorld.of(database, published);
    const corridor = world.replica();
    const old = await current(world);
    await corridor.begin.begin('indexer', 'ada');
    world.server.knows.add(await next(world));
    await corridor.rotate.turn();
    expect(await current(world)).not.toBe(old);
    expect((await corridor.rotate.cancel('indexer', 'ada')).state).toBe('cancelled');
    expect(await world.versions()).toMatchObject([{ kid: old, state: 'current' }]);
    await expect(corridor.rotate.cancel('indexer', 'ada')).rejects.toMatchObject({ code: 'rotation_unknown' });
    expect(await corridor.ask()).toMatch(token);
  });

  it('begins by itself when a reference holds another secret, and again when that was wrong', async () => {
    const world = await RotationWorld.of(database, referenced);
    const corridor = world.replica();
    await expect(corridor.begin.begin('indexer', 'ada')).rejects.toMatchObject({ code: 'secret_unchanged' });
    world.secret = 'mistyped';
    await corridor.work();
    expect(await world.rotation()).toMatchObject({ state: 'proving', fault: 'client_refused' });
    expect(await corridor.ask()).toMatch(token);
    world.secret = 'second-secret';
    world.server.knows = new Set(['second-secret']);
    await corridor.renew.renew().then(({ changed }) => corridor.begin.beginDue(changed));
    // the server has dropped the first one already
    expect(await corridor.ask()).toMatch(token);
    await corridor.work();
    expect((await world.rotation()).state).toBe('overlap');
    expect(await database.query('select state from rotation order by begun_at')).toEqual([{ state: 'superseded' }, { state: 'overlap' }]);
    expect(await world.versions()).toMatchObject([{ state: 'former' }, { state: 'current' }]);
    // a replica that was started with the first one changes nothing
    await world.pass(HOUR);
    await corridor.work();
    world.secret = 'first-secret';
    await corridor.work();
    expect((await world.rotation()).state).toBe('done');
  });

  it('ends when the catalogue sends the client elsewhere or takes it away', async () => {
    const world = await RotationWorld.of(database, published);
    const corridor = world.replica();
    await corridor.begin.begin('indexer', 'ada');
    const plan = await corridor.renew.plan({ ...world.catalogueWith({}), clients: {} }, { incarnation: 'inc01', number: 0 });
    expect(plan.change.retired).toHaveLength(2);
    await world.world.change({ kind: 'credential.changed', credentials: plan.change });
    expect((await world.rotation()).state).toBe('superseded');
    expect(await corridor.rotate.turn()).toBe(false);
    expect(await world.versions()).toEqual([]);
  });

  it('takes each step once, however many replicas there are', async () => {
    const world = await RotationWorld.of(database, published);
    const replicas = [world.replica(), world.replica(), world.replica()];
    const begun = await Promise.allSettled(replicas.map((replica) => replica.begin.begin('indexer', 'ada')));
    expect(begun.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    world.server.knows.add(await next(world));
    await Promise.all(replicas.map((replica) => replica.rotate.turn()));
    await world.pass(HOUR);
    await Promise.all(replicas.map((replica) => replica.rotate.turn()));
    expect((await world.rotation()).state).toBe('done');
    expect(world.server.asked).toHaveLength(1);
    const types = (await world.entries()).map(({ type }) => type).filter((type) => type.startsWith('credential.'));
    expect(types).toEqual(['credential.created', 'credential.created', 'credential.changed', 'credential.retired']);
  });
});

describe('a rotation', () => {
  let database: Database;
  beforeAll(async () => {
    database = await freshDatabase();
  }, 60_000);
  afterAll(() => database.close());

  it('waits for a server that takes 30 seconds to learn of a key, and no request fails meanwhile (A86)', async () => {
    const world = await RotationWorld.of(database, published);
    const corridor = world.replica();
    const old = await current(world);
    await corridor.begin.begin('indexer', 'ada');
    const made = await next(world);
    for (let second = 0; second <= 40; second++) {
      if ((await world.secondsSinceBegin()) >= 30) world.server.knows.add(made);
      await corridor.rotate.turn();
      expect(await corridor.ask()).toMatch(token);
      await world.pass(1);
    }
    // after 0, 1, 3, 7, 15 and 31 seconds (and the little while that the test itself takes)
    const proofs = world.server.asked.filter(({ by }) => by === made).map(({ accepted }) => accepted);
    expect(proofs.slice(0, 6)).toEqual([false, false, false, false, false, true]);
    expect(world.server.asked.filter(({ accepted }) => !accepted)).toHaveLength(5);
    expect(world.server.asked.filter(({ by }) => by === old).length).toBeGreaterThan(25);
    expect(await current(world)).toBe(made);
  }, 30_000);

  it('survives a server that drops the old key as it learns the new one: no request fails (A86)', async () => {
    const world = await RotationWorld.of(database, published);
    const corridor = world.replica();
    const old = await current(world);
    await corridor.begin.begin('indexer', 'ada');
    const made = await next(world);
    for (let second = 0; second <= 16; second++) {
      if (second === 9) world.server.knows = new Set([made]);
      await corridor.rotate.turn();
      expect(await corridor.ask()).toMatch(token);
      await world.pass(1);
    }
    // refused once with the old one, and then made once more with the new one, as an attempt of its own
    const refused = world.server.asked.flatMap(({ accepted }, index) => (accepted || index < 9 ? [] : [index]));
    const followed = refused.filter((index) => world.server.asked[index]?.by === old).map((index) => world.server.asked[index + 1]);
    expect(followed.length).toBeGreaterThan(1);
    expect(followed.every((request) => request?.by === made && request.accepted)).toBe(true);
    expect(await current(world)).toBe(made);
    await corridor.revoke();
    expect(await world.loose()).toEqual([]);
  }, 30_000);

  it.each([
    [401, 'invalid_client'],
    [400, 'invalid_grant'],
  ])('has both versions where some nodes of a server know of the new one and some do not, and say %i %s', async (...refusal) => {
    const world = await RotationWorld.of(database, published);
    world.server.refusal = refusal;
    const corridor = world.replica();
    const old = await current(world);
    await corridor.begin.begin('indexer', 'ada');
    const made = await next(world);
    world.server.knows.add(made);
    await corridor.rotate.turn();
    expect(await current(world)).toBe(made);
    let requests = 0;
    world.server.onRequest = () => void (world.server.knows = new Set(requests++ % 3 === 0 ? [old] : [old, made]));
    for (let request = 0; request < 6; request++) expect(await corridor.ask()).toMatch(token);
    expect(new Set(world.server.asked.filter(({ accepted }) => accepted).map(({ by }) => by))).toEqual(new Set([old, made]));
    expect(world.server.asked.filter(({ accepted }) => !accepted).length).toBeGreaterThan(1);
  });

  it('leaves the text that a run holds to it, at a server that repeats its texts', async () => {
    const world = await RotationWorld.of(database, published);
    const corridor = world.replica();
    world.server.repeats = true;
    expect(await corridor.ask()).toMatch(token);
    await corridor.begin.begin('indexer', 'ada');
    world.server.knows.add(await next(world));
    await corridor.work();
    expect((await world.rotation()).state).toBe('overlap');
    expect(new Set(world.server.issued).size).toBe(1);
    await corridor.work();
    expect(world.server.revoked).toEqual([]);
    expect(await database.query(`select from issuance where run is not null and revocation is null`)).toHaveLength(1);
  });

  it('asks with no other version when none is under way, and then once', async () => {
    const world = await RotationWorld.of(database, published);
    const corridor = world.replica();
    world.server.knows.clear();
    expect(await corridor.ask()).toMatch(/^none: /);
    expect(world.server.asked).toHaveLength(1);
    await corridor.begin.begin('indexer', 'ada');
    expect(await corridor.ask()).toMatch(/^none: /);
    expect(world.server.asked).toHaveLength(3);
  });

  it('fails when there is no proof in a day: the old version stays in use, and it is an alarm', async () => {
    const world = await RotationWorld.of(database, published);
    const corridor = world.replica();
    const [before] = await world.versions();
    await corridor.begin.begin('indexer', 'ada');
    for (let hour = 0; hour <= 24; hour++) {
      for (let turn = 0; turn < 2; turn++) await corridor.rotate.turn();
      await world.pass(HOUR);
    }
    await corridor.rotate.turn();
    expect(await world.rotation()).toMatchObject({ state: 'failed', fault: 'client_refused' });
    // an attempt an hour at most: no server locks a client out for that
    expect(world.server.asked.length).toBeLessThanOrEqual(26);
    expect(await world.versions()).toEqual([before]);
    expect(world.alarms.join()).toMatch(/rotation of client indexer failed: .* \(client_refused\); .* stays in use/);
    expect((await world.entries()).at(-1)).toMatchObject({ type: 'credential.rotation_failed', fault: 'client_refused' });
    expect(await corridor.ask()).toMatch(token);
  }, 30_000);

  it('is begun by the schedule where the server reads what is published, and a day after one that failed', async () => {
    const world = await RotationWorld.of(database, { ...published, rotateEvery: 90 * 24 * HOUR });
    const corridor = world.replica();
    await world.pass(89 * 24 * HOUR);
    expect(await corridor.begin.beginDue([])).toEqual([]);
    expect(await world.versions()).toHaveLength(1);
    await world.pass(2 * 24 * HOUR);
    await corridor.begin.beginDue([]);
    await corridor.begin.beginDue([]);
    expect(await world.versions()).toHaveLength(2);
    await world.pass(25 * HOUR);
    await corridor.rotate.turn();
    expect((await world.rotation()).state).toBe('failed');
    await corridor.begin.beginDue([]);
    expect(await world.versions()).toHaveLength(1);
    await world.pass(25 * HOUR);
    await corridor.begin.beginDue([]);
    expect(await world.versions()).toHaveLength(2);
  });

  it('is begun by the schedule where the server must be told, and waits for its operator as long as that takes', async () => {
    const world = await RotationWorld.of(database, { rotateEvery: 90 * 24 * HOUR });
    const corridor = world.replica();
    await world.pass(91 * 24 * HOUR);
    for (let day = 0; day < 5; day++) {
      await corridor.work();
      await world.pass(24 * HOUR);
    }
    expect([await world.rotation(), world.server.asked, world.alarms]).toEqual([
      { state: 'registering', fault: null, attempts: 0 },
      [],
      [],
    ]);
    expect((await world.entries()).map(({ type }) => type).filter((type) => type.startsWith('credential.'))).toEqual([
      'credential.created',
      'credential.created',
    ]);
    expect((await world.entries()).at(-1)).toMatchObject({ registration: 'operator', begun_by: 'schedule', cause: 'rotation' });
    world.server.knows.add(await next(world));
    await corridor.rotate.confirm('indexer', 'ada');
    await corridor.work();
    expect((await world.rotation()).state).toBe('overlap');
    await world.pass(HOUR);
    await corridor.work();
    await corridor.work();
    expect((await world.rotation()).state).toBe('done');
    expect(await world.versions()).toHaveLength(1);
  });

  it('that was cancelled is begun anew by the schedule a day later', async () => {
    const world = await RotationWorld.of(database, { rotateEvery: 90 * 24 * HOUR });
    const corridor = world.replica();
    await world.pass(91 * 24 * HOUR);
    await corridor.work();
    await corridor.rotate.cancel('indexer', 'ada');
    await corridor.work();
    expect((await world.rotation()).state).toBe('cancelled');
    await world.pass(25 * HOUR);
    await corridor.work();
    expect((await world.rotation()).state).toBe('registering');
  });

  it('is left to its operator where only its server can make the new secret', async () => {
    const world = await RotationWorld.of(database, { ...referenced, rotateEvery: HOUR });
    await world.pass(2 * HOUR);
    await world.replica().work();
    expect(await world.versions()).toHaveLength(1);
  });

  it('asks for no token while its client is suspended, and goes on when that is lifted', async () => {
    const world = await RotationWorld.of(database, published);
    const corridor = world.replica();
    await corridor.begin.begin('indexer', 'ada');
    world.server.knows.add(await next(world));
    const raised = suspension('client', 'indexer');
    if (raised.kind !== 'suspension.raised') throw new TypeError();
    await world.world.change(raised);
    await corridor.rotate.turn();
    expect(world.server.asked).toEqual([]);
    expect(await world.rotation()).toMatchObject({ state: 'proving', fault: 'suspended' });
    await world.world.change({ kind: 'suspension.lifted', suspension: raised.suspension.id, liftedBy: 'ada' });
    await world.pass(2);
    await corridor.rotate.turn();
    expect((await world.rotation()).state).toBe('overlap');
  });

  describe('of a client of several resources', () => {
    const several = { ...published, resources: ['crm', 'files', 'ledger'] };
    const at = (resource: string, scope = 'crm:read'): string => `https://${resource}.example/api ${scope}`;

    async function begun(): Promise<RotationWorld> {
      const world = await RotationWorld.of(database, several);
      await world.replica().begin.begin('indexer', 'ada');
      world.server.knows.add(await next(world));
      return world;
    }
    async function suspend(world: RotationWorld, resource: string): Promise<void> {
      await world.world.change(suspension('resource', resource));
    }

    it('is proven by the next resource where one is suspended', async () => {
      const world = await begun();
      await suspend(world, 'crm');
      await world.replica().rotate.turn();
      expect(world.server.wanted).toEqual([at('files')]);
      expect((await world.rotation()).state).toBe('overlap');
    });

    it('waits while each is suspended, and asks nothing', async () => {
      const world = await begun();
      for (const resource of several.resources) await suspend(world, resource);
      await world.replica().rotate.turn();
      expect([world.server.asked, await world.rotation()]).toMatchObject([[], { state: 'proving', fault: 'suspended' }]);
    });

    it.each([
      ['invalid_scope', [at('crm'), at('files'), at('ledger'), at('crm', 'crm:write')]],
      ['invalid_target', [at('crm'), at('files'), at('ledger')]],
      ['invalid_request', [at('crm'), at('files'), at('ledger'), at('crm', 'crm:write')]],
    ])('is proven by another request where the first are refused by %s alone', async (error, asked) => {
      const world = await begun();
      world.server.refuses = (form) => (asked.at(-1) === `${form.get('resource')} ${form.get('scope')}` ? null : error);
      await world.replica().rotate.turn();
      expect(world.server.wanted).toEqual(asked);
      expect((await world.rotation()).state).toBe('overlap');
      await world.replica().revoke();
      expect(await world.loose()).toEqual([]);
    });

    it('is not proven where every request is refused, and asks again later', async () => {
      const world = await begun();
      world.server.refuses = () => 'invalid_scope';
      await world.replica().rotate.turn();
      expect(world.server.wanted).toHaveLength(6);
      expect(await world.rotation()).toMatchObject({ state: 'proving', fault: 'scope_rejected' });
    });

    it('begins no question when 20 seconds are over, also where facts change meanwhile', async () => {
      const world = await begun();
      const corridor = world.replica();
      world.server.refuses = () => 'invalid_scope';
      await corridor.rotate.turn(); // it knows the server's metadata now
      await world.pass(600);
      world.server.wanted.length = 0;
      let later = 0;
      world.clock.now = () => Date.now() + later;
      world.server.onRequest = async () => {
        later += 11_000;
        await world.world.change(suspension('resource', `other-${later}`));
      };
      await corridor.rotate.turn();
      expect([world.server.wanted.length, await world.rotation()]).toMatchObject([2, { state: 'proving' }]);
    });

    it('asks once where it is the client that is refused', async () => {
      const world = await begun();
      world.server.knows.clear();
      await world.replica().rotate.turn();
      expect([world.server.wanted, await world.rotation()]).toMatchObject([[at('crm')], { state: 'proving', fault: 'client_refused' }]);
    });
  });

  // the statements: begin, the proof's intent and outcome, the shift, the end
  const deaths = [1, 2, 3, 4, 5].flatMap((statement) => (['before', 'after'] as const).map((moment) => [moment, statement] as const));
  it.each(deaths)('goes on where a Corridor died %s its statement %i, and no request fails', async (moment, statement) => {
    const world = await RotationWorld.of(database, published);
    const mortal = new MortalDatabase(database);
    const first = world.replica(mortal);
    mortal.dieAt(statement, moment);
    const life = async (): Promise<void> => {
      await first.begin.begin('indexer', 'ada');
      for (const { kid } of await world.versions()) world.server.knows.add(kid ?? '');
      await first.rotate.turn();
      await world.pass(HOUR);
      await first.rotate.turn();
    };
    await life().catch(() => undefined);
    expect(mortal.isDead).toBe(true);

    const second = world.replica();
    expect(await second.ask()).toMatch(token);
    if ((await database.query('select from rotation')).length === 0) await second.begin.begin('indexer', 'ada');
    for (const { kid } of await world.versions()) world.server.knows.add(kid ?? '');
    for (let turn = 0; turn < 4; turn++) {
      await world.pass(HOUR);
      await second.rotate.turn();
      await second.closeIntents.closeOverdue();
      await second.revoke();
      expect(await second.ask()).toMatch(token);
    }
    expect((await world.rotation()).state).toBe('done');
    expect(await world.versions()).toMatchObject([{ state: 'current' }]);
    expect(await world.loose()).toEqual([]);
  });
});
