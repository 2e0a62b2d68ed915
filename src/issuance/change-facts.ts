import { Unavailable } from '../access/errors.js';
import type { Entry } from '../attribution/entry-log.js';
import type { Epoch } from '../attribution/epoch.js';
import { epochAfter, FactsLocked, type FactChange, type FactChanged, type FactChanges } from './fact-changes.js';
import type { Facts, FactsSource } from './facts.js';

/** A change with its entries; null when there is nothing left to change. */
export type Planned = { readonly change: FactChange; readonly entries: readonly Entry[] } | null;
/** `entry` is the first of its entries, which names the change. */
export type Applied = Extract<FactChanged, { verdict: 'applied' }> & { readonly entry: string | null };

const ATTEMPTS = 5;

/** Plans a change upon the latest facts and applies it; when facts moved in between it is planned again. */
export class ChangeFacts {
  constructor(
    private readonly facts: FactsSource,
    private readonly changes: FactChanges,
  ) {}

  /** `plan` makes its entries for the epoch that it is given. @throws Unavailable, and whatever `plan` throws */
  async change(plan: (facts: Facts, after: Epoch) => Planned | Promise<Planned>): Promise<Applied | null> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const facts = await this.facts.latest();
      const planned = await plan(facts, epochAfter(facts.epoch));
      if (planned === null) return null;
      const changed = await this.#apply(planned, facts.epoch);
      if (changed.verdict === 'applied') return { ...changed, entry: planned.entries[0]?.id ?? null };
    }
    throw new Unavailable('facts_moving', 'others change the same facts at the same time: try again');
  }

  async #apply(planned: NonNullable<Planned>, expected: Epoch): Promise<FactChanged> {
    try {
      return await this.changes.apply(planned.change, expected, planned.entries);
    } catch (error) {
      if (error instanceof FactsLocked) throw new Unavailable('facts_locked', error.message, { cause: error });
      throw error;
    }
  }
}
