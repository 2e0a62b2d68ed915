import type { Entry } from '../attribution/entry-log.js';
import type { Epoch } from '../attribution/epoch.js';
import type { AssertionUse } from './replay-guard.js';
import type { Agent, Attested, Run, RunCredential } from './run.js';

/** A name, and the salted commitment that stands in the record in its place. Erasing the row erases both name and salt. */
export interface Person {
  readonly name: string;
  readonly commitment: string;
  readonly salt: Uint8Array;
}

/** A run that is to begin. When it begins and ends is said by the store, from `ttl` (seconds) and its ancestors. */
export interface NewRun {
  readonly id: string;
  readonly runtime: string;
  readonly workflow: string;
  readonly purpose: string;
  /** The commitment of a person that `personOf` gave. */
  readonly operator: string | null;
  readonly agent: Agent;
  /** The nearest first; all must be active. */
  readonly ancestors: readonly string[];
  readonly credential: RunCredential;
  readonly ttl: number;
  /** Idempotency-Key with the caller before it, and the digest of the body that it came with. */
  readonly idempotency: { readonly key: string; readonly body: string } | null;
  /** Of a run that a workload assertion starts, which is spent by that. */
  readonly attested?: Attested;
  readonly spends?: AssertionUse;
}

/**
 * started: `run` is the new run, and its entry is recorded.
 * repeated: the key was used within 10 minutes with the same body: `run` is the run of that time, which from now on has the
 *   credential that was given here and no other; no entry is written.
 * conflict: the key was used within 10 minutes with another body.
 * over: the run that the key started has ended or expired.
 * For a run that is attested, the platform's run id of its runtime takes the place of the key, for ever: one run is ever opened
 *   for it. repeated: it is active and attests the same; a credential of its own is replaced as above. conflict: it attests
 *   something else, or authenticates otherwise.
 * spent: the assertion was used before, and not by this start. A key makes its use repeatable for 10 minutes: with the same key and
 *   body, and for the same platform run, whether that was started by it or found.
 * parent_over: one of the ancestors is unknown, has ended or has expired.
 * stale: facts changed since the caller was found entitled; look again.
 * After any but the first two nothing has changed. Times in milliseconds since 1970.
 */
export type StartedRun =
  | { readonly verdict: 'started' | 'repeated'; readonly run: string; readonly startedAt: number; readonly expiresAt: number }
  | { readonly verdict: 'conflict' | 'over' | 'parent_over' | 'spent' | 'stale' };

/**
 * ended: the entry is recorded; `withdrawn` are the issuances that may be released no more because of it, each with work to
 *   revoke it. already: it had been ended before, and nothing has changed. unknown: there is no such run.
 */
export type EndedRun =
  | { readonly verdict: 'ended'; readonly endedAt: number; readonly withdrawn: readonly string[] }
  | { readonly verdict: 'already'; readonly endedAt: number }
  | { readonly verdict: 'unknown' };

/**
 * Where runs are kept.
 *
 * start and end MUST do all that they say or nothing, with their entry, and MUST NOT resolve before it survives a crash. Called
 * again with the same run and entry, after an answer was lost, they MUST NOT do it twice. start MUST compare the epoch in one step
 * with what it does, and spend the assertion in that step (CONFORMANCE B34). When end has resolved, no release to the run or a descendant of it can be recorded any more.
 * A token that runs share is withdrawn by end only when no other active run holds it.
 *
 * overdue gives runs that have not ended although their deadline has passed, the oldest deadline first; orphaned those that are
 * to be ended since an ancestor was, of its 10,000 first descendants. Neither gives one that waits for its next attempt or was given up.
 * findByPlatform gives the run that was opened for a runtime under the platform's own id of it.
 * find gives the run as it is; the name of an operator that was erased is the empty text.
 * isActive says whether neither the run nor an ancestor has ended or expired, by the database's clock.
 * personOf gives the person of this name, which is the candidate when there was none: one step, the same for all replicas.
 * findPerson gives it if there is one, and makes none.
 */
export abstract class RunStore {
  abstract start(run: NewRun, epoch: Epoch, entry: Entry): Promise<StartedRun>;
  abstract end(run: string, entry: Entry): Promise<EndedRun>;
  abstract overdue(limit: number): Promise<readonly Run[]>;
  abstract orphaned(limit: number): Promise<readonly Run[]>;
  abstract find(id: string): Promise<Run | null>;
  abstract findByPlatform(runtime: string, runId: string): Promise<Run | null>;
  abstract isActive(id: string): Promise<boolean>;
  abstract personOf(candidate: Person): Promise<Person>;
  abstract findPerson(name: string): Promise<Person | null>;
}
