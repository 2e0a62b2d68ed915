import { setTimeout as delay } from 'node:timers/promises';
import { Unavailable } from '../access/errors.js';
import type { Entry } from '../attribution/entry-log.js';
import type { Epoch } from '../attribution/epoch.js';
import type { Clock } from '../oauth/clock.js';
import type { Randomness } from '../oauth/identifier.js';
import { within } from '../oauth/within.js';
import { epochAfter, FactsLocked, type FactChange, type FactChanged, type FactChanges } from './fact-changes.js';
import type { Facts, FactsSource } from './facts.js';

/** A change with its entries; null when there is nothing left to change. */
export type Planned = { readonly change: FactChange; readonly entries: readonly Entry[] } | null;
export type Plan = (facts: Facts, after: Epoch) => Planned | Promise<Planned>;
/** `entry` is the first of its entries, which names the change. */
export type Applied = Extract<FactChanged, { verdict: 'applied' }> & { readonly entry: string | null };

/** Milliseconds for which a change is tried that others overtake, and that it waits for those of this process before it. */
const PATIENCE = 5_000;
/** How often it is tried at least, however long its plan takes. */
const ATTEMPTS = 5;
/** Milliseconds: the pause before another attempt is at most so much longer each time, and never more than the second. */
const PAUSE_GROWS = 10;
const LONGEST_PAUSE = 100;

/** Plans a change upon the latest facts and applies it; when facts moved in between it is planned again. */
export class ChangeFacts {
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly facts: FactsSource,
    private readonly changes: FactChanges,
    private readonly clock: Clock,
    private readonly randomness: Randomness,
  ) {}

  /**
   * As `change`, one after another: of many at once each takes hold, and they take nobody's connections. For plans that are made at once,
   * so that a stop never waits for a file or a key that another change needs. Who waited too long goes on beside those before it.
   */
  changeInTurn(plan: Plan): Promise<Applied | null> {
    const turn = within(PATIENCE, this.#last).then(() => this.change(plan));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** `plan` makes its entries for the epoch that it is given. @throws Unavailable, and whatever `plan` throws */
  async change(plan: Plan): Promise<Applied | null> {
    const until = this.clock.now() + PATIENCE;
    for (let attempt = 1; ; attempt++) {
      const facts = await this.facts.latest();
      const planned = await plan(facts, epochAfter(facts.epoch));
      if (planned === null) return null;
      const changed = await this.#apply(planned, facts.epoch);
      if (changed.verdict === 'applied') return { ...changed, entry: planned.entries[0]?.id ?? null };
      if (attempt >= ATTEMPTS && this.clock.now() >= until) break;
      await delay(this.#pause(attempt));
    }
    throw new Unavailable('facts_moving', 'others change the same facts at the same time: try again');
  }

  /** A step of what a suspension has left to be withdrawn, or any of them. Gives whether there is more. */
  async withdrawMore(suspension: string | null): Promise<boolean> {
    return this.changes.withdrawMore(suspension);
  }

  #pause(attempt: number): number {
    const random = (this.randomness.bytes(1)[0] ?? 0) / 256;
    return random * Math.min(PAUSE_GROWS * attempt, LONGEST_PAUSE);
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
