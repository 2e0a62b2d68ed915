import { NotFound } from '../access/errors.js';
import type { EntryMaker, EntryMembers } from '../attribution/entry.js';
import type { RunDirectory } from './run-directory.js';
import type { EndedRun, RunStore } from './run-store.js';
import type { Entitlement } from './start-run.js';
import { whoMembers } from './who-members.js';
import { declared } from '../catalogue/look-up.js';
import type { Run } from './run.js';

/** Ends runs: from then on they get no token, and the live ones of theirs are revoked where the server can. */
export class EndRun {
  constructor(
    private readonly facts: { current(): Promise<Entitlement> },
    private readonly store: RunStore,
    private readonly runs: RunDirectory,
    private readonly entries: EntryMaker,
  ) {}

  /**
   * Gives when it ended (milliseconds since 1970), the issuances that are withdrawn because of it, and the entry that records it (null when
   * it had ended before). @throws NotFound
   */
  async end(run: Run, by: string): Promise<{ endedAt: number; withdrawn: readonly string[]; entry: string | null }> {
    const { ended, entry } = await this.#end(run, { by });
    if (ended.verdict === 'unknown') throw new NotFound('run_unknown', 'there is no such run');
    const { endedAt } = ended;
    return ended.verdict === 'ended' ? { endedAt, withdrawn: ended.withdrawn, entry } : { endedAt, withdrawn: [], entry: null };
  }

  /** Nobody ended it: its deadline did, or it was ended with an ancestor. */
  async close(run: Run, cause: 'expired' | 'ancestor_ended'): Promise<void> {
    await this.#end(run, { cause });
  }

  async #end(run: Run, why: EntryMembers): Promise<{ ended: EndedRun; entry: string }> {
    const { epoch, catalogue } = await this.facts.current();
    const owner = declared(catalogue.workflows, run.workflow)?.owner ?? null;
    const entry = this.entries.make(
      'run.ended',
      epoch,
      { ...whoMembers(run, owner), ...why },
      { run: run.id, workflow: run.workflow, ...(owner === null ? {} : { owner }) },
    );
    const ended = await this.store.end(run.id, entry);
    this.runs.forget(run.id);
    return { ended, entry: entry.id };
  }
}
