import { randomBytes } from 'node:crypto';
import { EntryMaker } from '../../src/attribution/entry.js';
import { epochAfter, type FactChange } from '../../src/issuance/fact-changes.js';
import { ChangeFacts } from '../../src/issuance/change-facts.js';
import { Suspend } from '../../src/issuance/suspend.js';
import { RunDirectory } from '../../src/runs/run-directory.js';
import type { Database } from '../../src/store/database.js';
import { DatabaseUnavailable } from '../../src/store/database.js';
import { SqlExposure } from '../../src/store/sql-exposure.js';
import { SqlFactChanges } from '../../src/store/sql-fact-changes.js';
import { databases } from './both-databases.js';
import { catalogue, catalogueChange } from './fact-change-samples.js';
import { entryOf, identifier, World } from './world.js';

const clock = { now: () => Date.now() };
const randomness = { bytes: (length: number) => randomBytes(length) };

/** Withdraws two in a step. `dies`: whoever should go on after the first is not there any more. */
class SmallSteps extends SqlFactChanges {
  constructor(
    database: Database,
    private readonly dies = false,
  ) {
    super(database, null, null, 2);
  }
  override async withdrawMore(suspension: string | null): Promise<boolean> {
    if (this.dies) throw new DatabaseUnavailable('it is gone');
    return super.withdrawMore(suspension);
  }
}

describe.each(databases)('a suspension that covers more than is withdrawn in a step, on %s', (_name, open) => {
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
  });

  async function issued(count: number): Promise<string[]> {
    const run = await world.running();
    const ids = [];
    for (let each = 0; each < count; each++) ids.push(await world.issuance({ run }));
    return ids.sort();
  }

  async function change(changed: FactChange): Promise<unknown> {
    const epoch = await world.epoch();
    const type = changed.kind === 'catalogue.changed' ? 'catalogue.changed' : 'suspension.raised';
    return new SmallSteps(database, true).apply(changed, epoch, [entryOf(type, epochAfter(epoch))]);
  }

  function raised(kind: 'everything' | 'owner', target: string | null): FactChange & { kind: 'suspension.raised' } {
    const suspension = { id: identifier('sus'), kind, target, reason: 'leaked image', raisedBy: 'key01', expiresAt: null };
    return { kind: 'suspension.raised', suspension };
  }

  const found = async (suspension: string) => {
    const { tokens, summary } = await exposure.ofSuspension(suspension, '', 10);
    return [tokens.length, summary.fates.pending, summary.complete];
  };

  it('is gone on with by any process when the one that raised it has died, and says until then that it is not complete', async () => {
    const all = await issued(5);
    const stop = raised('everything', null);
    expect(await change(stop)).toMatchObject({ unfinished: true });
    expect(await found(stop.suspension.id)).toEqual([2, 2, false]);
    const another = new SmallSteps(database);
    const more = [await another.withdrawMore(null), await another.withdrawMore(null), await another.withdrawMore(null)];
    expect(more).toEqual([true, false, false]);
    expect(await found(stop.suspension.id)).toEqual([5, 5, true]);
    expect(await world.work()).toEqual(all);
  });

  it('is gone on with by several at once, and each withdraws what the others have not', async () => {
    const all = await issued(9);
    const stop = raised('everything', null);
    await change(stop);
    await Promise.all(Array.from({ length: 6 }, () => new SmallSteps(database).withdrawMore(null)));
    expect(await found(stop.suspension.id)).toEqual([9, 9, true]);
    expect(await world.work()).toEqual(all);
  });

  it('and that a catalogue brings it, is gone on with as well', async () => {
    const stop = raised('owner', 'new-team@example.com');
    const all = await issued(3);
    await change(stop);
    expect(await found(stop.suspension.id)).toEqual([0, 0, true]);
    const [workflow] = Object.values(catalogue.workflows);
    if (workflow === undefined) throw new TypeError();
    await change(catalogueChange({ ...catalogue, workflows: { [workflow.id]: { ...workflow, owner: 'new-team@example.com' } } }));
    expect(await found(stop.suspension.id)).toEqual([2, 2, false]);
    await new SmallSteps(database).withdrawMore(null);
    expect(await found(stop.suspension.id)).toEqual([3, 3, true]);
    expect(await world.work()).toEqual(all);
  });

  it('once it is past its expiry, takes back what it covered and nothing that began later', async () => {
    const covered = await issued(3);
    const stop = raised('everything', null);
    await change(stop);
    await world.rows('update suspension set expires_at = clock_timestamp()');
    const [later] = await issued(1);
    await new SmallSteps(database).withdrawMore(null);
    expect(await found(stop.suspension.id)).toEqual([3, 3, true]);
    expect(await world.work()).toEqual(covered);
    expect(await world.revocationOf(later ?? '')).toBeNull();
  });

  it('stands when the rest fails, which is noted, and is lifted only when everything is withdrawn', async () => {
    const all = await issued(5);
    const faults: unknown[] = [];
    const suspendBy = (changes: SqlFactChanges) =>
      new Suspend(
        new ChangeFacts(world.facts, changes, clock, randomness),
        new RunDirectory(world.runs),
        world.runs,
        exposure,
        new EntryMaker('ins-test', clock, randomness),
        clock,
        randomness,
        { write: (error) => void faults.push(error) },
      );
    const dying = suspendBy(new SmallSteps(database, true));
    const { suspension } = await dying.raise({ kind: 'everything', target: null, reason: 'leaked image', expiresAt: null }, 'ada');
    expect(faults).toEqual([expect.any(DatabaseUnavailable)]);
    await expect(dying.lift(suspension.id, 'ada')).rejects.toThrow(DatabaseUnavailable);
    await expect(world.change({ kind: 'suspension.lifted', suspension: suspension.id, liftedBy: 'ada' })).rejects.toThrow(/all that it/);
    await suspendBy(new SmallSteps(database)).lift(suspension.id, 'ada');
    expect((await world.facts.latest()).suspensions).toEqual([]);
    expect(await found(suspension.id)).toEqual([5, 5, true]);
    expect(await world.work()).toEqual(all);
  });
});
