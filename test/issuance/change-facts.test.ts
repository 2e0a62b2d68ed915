import { beforeEach, describe, expect, it } from '@jest/globals';
import { EntryMaker } from '../../src/attribution/entry.js';
import type { Epoch } from '../../src/attribution/epoch.js';
import { emptyCatalogue } from '../../src/catalogue/catalogue.js';
import { ChangeFacts, type Plan } from '../../src/issuance/change-facts.js';
import { epochAfter, FactChanges, type FactChange, type FactChanged } from '../../src/issuance/fact-changes.js';
import { FactsSource, type Facts } from '../../src/issuance/facts.js';

/** Facts of which others make `overtaken` changes, each just before one of ours. */
class BusyFacts extends FactChanges {
  epoch: Epoch = { incarnation: 'inc01', number: 1 };
  overtaken = 0;
  underWay = 0;
  mostUnderWay = 0;

  async apply(_change: FactChange, expected: Epoch): Promise<FactChanged> {
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    await Promise.resolve();
    this.underWay--;
    if (this.overtaken-- > 0) this.epoch = epochAfter(this.epoch);
    if (this.epoch.number !== expected.number) return { verdict: 'stale' };
    this.epoch = epochAfter(expected);
    return { verdict: 'applied', epoch: this.epoch, at: 0, withdrawn: [], unfinished: false };
  }

  withdrawMore(): Promise<boolean> {
    return Promise.resolve(false);
  }
}

class TheirFacts extends FactsSource {
  constructor(private readonly busy: BusyFacts) {
    super();
  }
  current(): Promise<Facts> {
    return this.latest();
  }
  latest(): Promise<Facts> {
    const { epoch } = this.busy;
    return Promise.resolve({ epoch, catalogue: emptyCatalogue, suspensions: [], keys: [], policyRevision: null, pins: [] });
  }
}

let now: number;
let busy: BusyFacts;
let changeFacts: ChangeFacts;
const clock = { now: () => now };
const randomness = { bytes: (length: number) => new Uint8Array(length) };
const entries = new EntryMaker('ins-test', clock, randomness);
beforeEach(() => {
  now = 1_000_000;
  busy = new BusyFacts();
  changeFacts = new ChangeFacts(new TheirFacts(busy), busy, clock, randomness);
});
const lift: Plan = (_facts, after) => ({
  change: { kind: 'suspension.lifted', suspension: 'sus01', liftedBy: 'ada' },
  entries: [entries.make('suspension.lifted', after, {})],
});

describe('a change of facts that others overtake', () => {
  it('goes on until it takes hold', async () => {
    busy.overtaken = 30;
    await expect(changeFacts.change(lift)).resolves.toMatchObject({ verdict: 'applied', epoch: { number: 32 } });
  });

  it('is given up after five seconds of it', async () => {
    busy.overtaken = Infinity;
    const plan: Plan = (facts, after) => {
      now += 1_000;
      return lift(facts, after);
    };
    await expect(changeFacts.change(plan)).rejects.toMatchObject({ code: 'facts_moving' });
    expect(now).toBe(1_005_000);
  });

  it('is tried a few times also where its plan alone takes longer', async () => {
    busy.overtaken = 4;
    const plan: Plan = (facts, after) => {
      now += 60_000;
      return lift(facts, after);
    };
    await expect(changeFacts.change(plan)).resolves.toMatchObject({ verdict: 'applied', epoch: { number: 6 } });
    busy.overtaken = Infinity;
    await expect(changeFacts.change(plan)).rejects.toMatchObject({ code: 'facts_moving' });
    expect(now).toBe(1_000_000 + 10 * 60_000);
  });
});

describe('changes that take turns', () => {
  it('are made one after another, whatever came of those before', async () => {
    const fails: Plan = () => Promise.reject(new Error('no such target'));
    const made = [lift, fails, lift, lift].map((plan) => changeFacts.changeInTurn(plan));
    expect((await Promise.allSettled(made)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(busy.mostUnderWay).toBe(1);
    expect(busy.epoch.number).toBe(4);
  });

  it('do not wait for those that take none', async () => {
    let read: () => void = () => undefined;
    const slow = changeFacts.change(async (facts, after) => {
      await new Promise<void>((resolve) => (read = resolve));
      return lift(facts, after);
    });
    await changeFacts.changeInTurn(lift);
    read();
    for (let turn = 0; turn < 20; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      read(); // it is planned again
    }
    await expect(slow).resolves.toMatchObject({ epoch: { number: 3 } });
  });
});
