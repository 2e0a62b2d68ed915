import type { Retries } from '../work/retries.js';
import type { EndRun } from './end-run.js';
import type { Run } from './run.js';
import type { RunStore } from './run-store.js';

const AT_ONCE = 100;

/**
 * Ends the runs whose deadline has passed and those that an ancestor took with it, so that each has its entry, and the tokens that they
 * hold are revoked as those of any run that ends.
 */
export class CloseRuns {
  constructor(
    private readonly store: RunStore,
    private readonly endRun: EndRun,
    private readonly retries: Pick<Retries, 'failed'>,
  ) {}

  /** Gives whether there may be more. One that cannot be ended does not keep the others from it, and waits for its next attempt. */
  async turn(): Promise<boolean> {
    const [overdue, orphaned] = await Promise.all([this.store.overdue(AT_ONCE), this.store.orphaned(AT_ONCE)]);
    const failures: unknown[] = [];
    const close = async (run: Run, cause: 'expired' | 'ancestor_ended'): Promise<void> => {
      try {
        await this.endRun.close(run, cause);
      } catch (error) {
        failures.push(error);
        await this.retries.failed({ kind: 'end_run', subject: run.id, since: run.expiresAt }, error);
      }
    };
    for (const run of overdue) await close(run, 'expired');
    for (const run of orphaned) await close(run, 'ancestor_ended');
    if (failures.length > 0) throw failures[0];
    return overdue.length === AT_ONCE || orphaned.length === AT_ONCE;
  }
}
