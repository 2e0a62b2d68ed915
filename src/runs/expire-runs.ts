import type { EndRun } from './end-run.js';
import type { RunStore } from './run-store.js';

const AT_ONCE = 100;

/** Ends the runs whose deadline has passed, so that the tokens that they hold are revoked as those of any run that ends. */
export class ExpireRuns {
  constructor(
    private readonly store: RunStore,
    private readonly endRun: EndRun,
  ) {}

  /** Gives whether there may be more. One that cannot be ended does not keep the others from it. */
  async turn(): Promise<boolean> {
    const overdue = await this.store.overdue(AT_ONCE);
    const failures: unknown[] = [];
    for (const run of overdue) await this.endRun.expire(run).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
    return overdue.length === AT_ONCE;
  }
}
