import { epochAfter, type FactChange } from '../../src/issuance/fact-changes.js';
import { StatementRefused, type Database } from '../../src/store/database.js';
import { databases } from './both-databases.js';
import { catalogue, catalogueChange, newKey, suspension } from './fact-change-samples.js';
import { entryOf, World } from './world.js';

describe.each(databases)('changing facts on %s', (_name, open) => {
  let database: Database;
  let world: World;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
  });

  it('records the entries with the change, byte for byte, and says the epoch and the time of both', async () => {
    const epoch = await world.epoch();
    const columns = { client: 'indexer', workflow: 'nightly-index', resource: 'crm', owner: 'o@example.com' };
    const entries = [
      entryOf('catalogue.changed', epochAfter(epoch), {}, { name: 'Größe "x" \u0000' }),
      entryOf('credential.created', epochAfter(epoch), columns),
    ];
    const changed = await world.changes.apply(catalogueChange(), epoch, entries);
    expect(changed).toEqual({
      verdict: 'applied',
      epoch: epochAfter(epoch),
      at: expect.any(Number) as number,
      withdrawn: [],
      unfinished: false,
    });
    const rows = await world.rows('select id, type, recorded_at, client, workflow, resource, owner, run, bytes from entry order by number');
    expect(rows.map((row) => [row.id, row.type, Buffer.from(row.bytes as Uint8Array).toString()])).toEqual(
      entries.map((entry) => [entry.id, entry.type, entry.text]),
    );
    expect(rows[1]).toMatchObject({ ...columns, run: null });
    expect(rows.map((row) => (row.recorded_at as Date).getTime())).toEqual([changed, changed].map((c) => ('at' in c ? c.at : null)));
  });

  it('changes nothing when the facts are not those that were expected', async () => {
    const old = await world.epoch();
    await world.change(newKey());
    const entry = entryOf('suspension.raised', epochAfter(old));
    expect(await world.changes.apply(suspension('everything', null), old, [entry])).toEqual({ verdict: 'stale' });
    expect(await world.changes.apply(suspension('everything', null), { ...(await world.epoch()), incarnation: 'inc02' }, [entry])).toEqual({
      verdict: 'stale',
    });
    expect((await world.facts.latest()).suspensions).toEqual([]);
    expect(await world.rows('select from entry where id = $1', entry.id)).toEqual([]);
  });

  it('applies one of many changes that expect the same epoch', async () => {
    const epoch = await world.epoch();
    const verdicts = await Promise.all(
      Array.from({ length: 8 }, () => world.changes.apply(newKey(), epoch, [entryOf('key.created', epochAfter(epoch))])),
    );
    expect(verdicts.filter(({ verdict }) => verdict === 'applied')).toHaveLength(1);
    expect(verdicts.filter(({ verdict }) => verdict === 'stale')).toHaveLength(7);
    expect((await world.facts.latest()).keys).toHaveLength(1);
  });

  it('does not change twice when it is called again with the same entries', async () => {
    const epoch = await world.epoch();
    const change = newKey();
    const entries = [entryOf('key.created', epochAfter(epoch))];
    const first = await world.changes.apply(change, epoch, entries);
    expect(await world.changes.apply(change, epoch, entries)).toEqual(first);
    expect((await world.facts.latest()).epoch.number).toBe(epoch.number + 1);
  });

  it('makes no change without an entry', async () => {
    const epoch = await world.epoch();
    await expect(world.changes.apply(newKey(), epoch, [])).rejects.toThrow(StatementRefused);
    expect(await world.epoch()).toEqual(epoch);
  });

  it('undoes everything when one part cannot be done', async () => {
    const before = await world.facts.latest();
    const retired: FactChange = { ...catalogueChange(), kind: 'credential.changed', credentials: { created: [], retired: ['cre404'] } };
    for (const impossible of [
      { kind: 'suspension.lifted', suspension: 'sus404', liftedBy: 'key01' } as const,
      { kind: 'key.revoked', key: 'key404' } as const,
      retired,
    ]) {
      await expect(world.change(impossible)).rejects.toThrow(StatementRefused);
    }
    expect(await world.facts.latest()).toEqual(before);
    expect(await world.rows('select from entry')).toEqual([]);
  });

  it('does not run inside a transaction of a client', async () => {
    await world.rows(`create or replace function in_a_transaction() returns void language plpgsql as $$
      declare verdict text; at timestamptz; withdrawn text[];
      begin call change_facts('{"kind":"key.revoked","id":"k"}', 'inc01', 1, '[{"id":"ent1"}]', verdict, at, withdrawn); end $$`);
    await expect(world.rows('select in_a_transaction()')).rejects.toMatchObject({ sqlState: '2D000' });
  });

  it('lifts a suspension, and revokes a key', async () => {
    const raised = suspension('client', 'indexer');
    if (raised.kind !== 'suspension.raised') throw new TypeError();
    await world.change(raised);
    await world.change({ kind: 'suspension.lifted', suspension: raised.suspension.id, liftedBy: 'key02' });
    const key = newKey();
    if (key.kind !== 'key.created') throw new TypeError();
    await world.change(key);
    await world.change({ kind: 'key.revoked', key: key.key.id });
    const facts = await world.facts.latest();
    expect([facts.suspensions, facts.keys]).toEqual([[], []]);
    expect(await world.rows('select lifted_by, lifted_at is not null as lifted from suspension')).toEqual([
      { lifted_by: 'key02', lifted: true },
    ]);
  });

  it('activates an earlier policy again, with the source that it had', async () => {
    const source = (text: string) => ({ files: { 'token.rego': text }, data: {}, schemas: {} });
    const activate = (digest: string, text: string): FactChange => ({
      kind: 'policy.activated',
      digest,
      source: source(text),
      activatedBy: 'key01',
    });
    await world.change(activate('sha256:aa', 'first'));
    await world.change(activate('sha256:bb', 'second'));
    await world.change(activate('sha256:aa', 'first'));
    expect((await world.facts.latest()).policyRevision).toBe('sha256:aa');
    expect(await world.rows('select digest, source, active from policy_revision order by digest')).toEqual([
      { digest: 'sha256:aa', source: source('first'), active: true },
      { digest: 'sha256:bb', source: source('second'), active: false },
    ]);
  });

  it('replaces the catalogue and keeps the former one as a revision', async () => {
    await world.change(catalogueChange());
    await world.change(catalogueChange({ ...catalogue, clients: {} }));
    expect((await world.facts.latest()).catalogue.clients).toEqual({});
    expect(await world.rows('select active, count(*)::int as n from catalogue_revision group by active order by active')).toEqual([
      { active: false, n: 1 },
      { active: true, n: 1 },
    ]);
  });
});
