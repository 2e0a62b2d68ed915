import { emptyCatalogue } from '../../src/catalogue/catalogue.js';
import type { Database } from '../../src/store/database.js';
import { SqlFacts } from '../../src/store/sql-facts.js';
import { databases } from './both-databases.js';
import { catalogue, catalogueChange, newKey, suspension } from './fact-change-samples.js';
import { World } from './world.js';

describe.each(databases)('facts on %s', (_name, open) => {
  let database: Database;
  let world: World;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
  });

  it('begins with an empty catalogue, no suspension, no key and no policy', async () => {
    expect(await world.facts.current()).toEqual({
      epoch: { incarnation: 'inc01', number: 1 },
      catalogue: emptyCatalogue,
      suspensions: [],
      keys: [],
      policyRevision: null,
      pins: [],
    });
  });

  it('keeps the incarnation that is there when a second process starts', async () => {
    await world.change(newKey());
    expect(await new SqlFacts(database).initialise('inc02')).toEqual({ incarnation: 'inc01', number: 2 });
  });

  it('gives back what was changed, as one epoch', async () => {
    await world.change(catalogueChange());
    const expiresAt = Date.parse('2030-01-01T00:00:00.123Z');
    const raised = suspension('workflow', 'nightly-index');
    if (raised.kind !== 'suspension.raised') throw new TypeError();
    await world.change({ ...raised, suspension: { ...raised.suspension, expiresAt } });
    const key = newKey();
    if (key.kind !== 'key.created') throw new TypeError();
    const made = await world.change(key);
    if (made.verdict !== 'applied') throw new TypeError();
    const source = { files: { 'token.rego': 'package corridor.token' }, data: {}, schemas: {} };
    await world.change({ kind: 'policy.activated', digest: 'sha256:aa', source, activatedBy: 'key01' });
    const facts = await new SqlFacts(database).latest();
    expect(facts.epoch).toEqual({ incarnation: 'inc01', number: 5 });
    expect(facts.catalogue).toEqual(catalogue);
    expect(facts.suspensions).toMatchObject([{ ...raised.suspension, expiresAt, liftedAt: null }]);
    expect(facts.keys).toEqual([{ ...key.key, createdAt: made.at, revokedAt: null }]);
    expect(facts.policyRevision).toBe('sha256:aa');
  });

  it('sees with latest what another replica changed, and keeps the catalogue that it has parsed', async () => {
    await world.change(catalogueChange());
    const before = await world.facts.latest();
    const other = new World(database);
    await other.change(newKey());
    expect(await world.facts.current()).toBe(before);
    const after = await world.facts.latest();
    expect(after.epoch.number).toBe(before.epoch.number + 1);
    expect(after.keys).toHaveLength(1);
    expect(after.catalogue).toBe(before.catalogue);
    expect(await world.facts.latest()).toBe(after);
  });

  it('never answers a call of latest from a reading that began before it', async () => {
    await world.facts.latest();
    const other = new World(database);
    for (let round = 0; round < 20; round++) {
      const early = [world.facts.latest(), world.facts.latest()];
      const changed = await other.change(newKey());
      if (changed.verdict !== 'applied') throw new TypeError();
      const [late, later] = await Promise.all([world.facts.latest(), world.facts.latest(), ...early]);
      expect([late, later].map((facts) => facts?.epoch)).toEqual([changed.epoch, changed.epoch]);
    }
  });

  it('refuses a stored catalogue with a member that this version does not know', async () => {
    await world.change(catalogueChange());
    await world.rows(`update catalogue_revision set catalogue = jsonb_set(catalogue, '{resources,crm,quorum}', '2')`);
    await expect(new SqlFacts(database).latest()).rejects.toThrow(/quorum/);
  });
});
