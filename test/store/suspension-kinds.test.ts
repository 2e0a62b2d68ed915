import type { Database } from '../../src/store/database.js';
import { SqlExposure } from '../../src/store/sql-exposure.js';
import type { SuspensionKind } from '../../src/suspensions/suspension.js';
import { databases } from './both-databases.js';
import { catalogue, catalogueChange, suspension } from './fact-change-samples.js';
import { sha256, World } from './world.js';

const owner = 'search-team@example.com';

describe.each(databases)('a suspension on %s', (_name, open) => {
  let database: Database;
  let world: World;
  let exposure: SqlExposure;
  beforeAll(async () => {
    database = await open();
    exposure = new SqlExposure(database);
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
    await world.change(catalogueChange());
  });

  async function suspend(kind: SuspensionKind, target: string | null): Promise<readonly string[]> {
    const changed = await world.change(suspension(kind, target));
    if (changed.verdict !== 'applied') throw new Error('stale');
    return changed.withdrawn;
  }

  async function person(name: string): Promise<string> {
    return (await world.runs.personOf({ name, commitment: `sha256:${sha256(name)}`, salt: Buffer.from(name) })).commitment;
  }

  /** A run that differs from its child and a stranger in everything that a suspension can name. */
  async function family() {
    const agent = (name: string) => ({ name, version: '1', model: 'none' });
    const operator = await person('ada@example.com');
    const run = await world.running({ operator, agent: agent('indexer') });
    const different = { workflow: 'triage', purpose: 'triage', runtime: 'other', agent: agent('helper'), operator: await person('eve') };
    const child = await world.running({ ...different, ancestors: [run] });
    const stranger = await world.running({ ...different, agent: agent('stranger') });
    const issuance = (held: string) => world.issuance({ run: held, workflow: 'triage', client: 'triage', resource: 'mail' });
    const [ofChild, ofStranger] = [await issuance(child), await issuance(stranger)];
    const own = await world.issuance({ run });
    const shared = await world.issuance({ run: stranger, workflow: 'triage', client: 'triage', resource: 'mail', isolation: 'workflow' });
    await world.released(shared, child);
    return { run, operator, own, ofChild, ofStranger, shared };
  }

  it.each([
    ['run', ({ run }) => run],
    ['agent', () => 'indexer'],
    ['workflow', () => 'nightly-index'],
    ['owner', () => owner],
    ['operator', ({ operator }) => operator],
    ['purpose', () => 'search-indexing'],
    ['runtime', () => 'ci'],
  ] satisfies [SuspensionKind, (of: { run: string; operator: string }) => string][])(
    'of a %s withdraws what its runs, their descendants and those that share with them hold',
    async (kind, target) => {
      const { own, ofChild, ofStranger, shared, ...named } = await family();
      expect(await suspend(kind, target(named))).toEqual([own, ofChild, shared].sort());
      expect(await world.work()).toEqual([own, ofChild, shared].sort());
      expect(await world.revocationOf(ofStranger)).toBeNull();
      expect(await exposure.activeRuns(kind, target(named))).toBe(2);
      expect(await exposure.activeRuns(kind, 'another')).toBe(0);
      expect(await suspend(kind, 'another')).toEqual([]);
    },
  );

  it('of an authorization server withdraws what it issued, and what is held for a resource that trusts it now', async () => {
    const run = await world.running();
    const issued = await world.issuance({ run, resource: 'mail' });
    const [trusting, other] = [await world.issuance({ run, resource: 'crm' }), await world.issuance({ run, resource: 'mail' })];
    await world.rows(`update issuance set authorization_server = 'other' where id = any ($1)`, [trusting, other]);
    expect(await suspend('authorization_server', 'demo')).toEqual([issued, trusting].sort());
  });

  it('of an owner goes by the catalogue of its epoch, and covers what the owner is given later', async () => {
    const { ofChild, ofStranger, shared } = await family();
    expect(await suspend('owner', 'mail-team')).toEqual([]);
    const triage = { ...catalogue.workflows['nightly-index'], id: 'triage', owner: 'mail-team', purposes: [], maxRunTtl: 60, labels: {} };
    const changed = await world.change(catalogueChange({ ...catalogue, workflows: { ...catalogue.workflows, triage } }));
    expect(changed).toMatchObject({ verdict: 'applied', withdrawn: [ofChild, ofStranger, shared].sort() });
    expect(await exposure.activeRuns('owner', 'mail-team')).toBe(2);
  });

  it('counts no run that is over, nor one of an ancestor that is', async () => {
    const parent = await world.running();
    await world.running({ ancestors: [parent] });
    const expired = await world.running();
    await world.rows(`update run set expires_at = now() - interval '1 second' where id = $1`, expired);
    expect(await exposure.activeRuns('everything', null)).toBe(2);
    await world.end(parent);
    expect(await exposure.activeRuns('everything', null)).toBe(0);
  });
});
