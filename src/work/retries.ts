import { Conflict, NotFound } from '../access/errors.js';
import type { FaultLog } from '../access/fault-log.js';
import { byItself, type EntryColumns, type EntryLog, type WorkChange } from '../attribution/entry-log.js';
import type { EntryMaker, EntryMembers } from '../attribution/entry.js';
import type { Epoch } from '../attribution/epoch.js';
import { timestamp } from '../oauth/clock.js';
import type { OwedWork, TriedWork, WorkStore } from './owed-work.js';

/** How long anything is tried (docs/operate.md): with these pauses, in milliseconds, so many attempts take a day. */
export const workPace = { mostAttempts: 300, firstPause: 1_000, longestPause: 300_000 } as const;

/** What is owed and has an id. */
type KnownWork = OwedWork & { readonly id: string };

export interface ChangedWork {
  readonly work: KnownWork;
  readonly state: WorkChange['state'];
  /** The entry's id. */
  readonly entry: string;
}

/**
 * What becomes of work that does not succeed: it is tried again after a pause, and given up when that has gone on for long enough, or when
 * somebody says so; then it is tried no more until somebody says so. Each giving up, and each taking up again by hand, is an entry.
 */
export class Retries {
  constructor(
    private readonly store: WorkStore,
    private readonly facts: { current(): Promise<{ readonly epoch: Epoch }> },
    private readonly log: EntryLog,
    private readonly entries: EntryMaker,
    private readonly faultLog: FaultLog,
  ) {}

  /** An attempt did not succeed; `why` is one word, or the error. The next is no sooner than after `atLeast` milliseconds. */
  async failed(work: TriedWork, why: unknown, atLeast = 0): Promise<void> {
    const pauses = { first: workPace.firstPause, longest: workPace.longestPause, shortest: atLeast };
    const tried = await this.store.postpone(work, wordFor(why), pauses);
    if (tried !== null && tried.attempts >= workPace.mostAttempts) await this.#giveUpByItself(tried.id);
  }

  /** Tries it anew, at once, with its whole time before it. @throws NotFound, Conflict */
  async retry(id: string, by: string, reason: string | null): Promise<ChangedWork> {
    return this.#changeKnown(id, 'due', { retried_by: by, ...(reason === null ? {} : { reason }) });
  }

  /** Nobody is to try it any more. @throws NotFound, Conflict */
  async giveUp(id: string, by: string, reason: string): Promise<ChangedWork> {
    return this.#changeKnown(id, 'given_up', { given_up_by: by, reason });
  }

  async #changeKnown(id: string, state: WorkChange['state'], why: EntryMembers): Promise<ChangedWork> {
    const work = await this.#find(id);
    if (work === null) throw new NotFound('work_unknown', 'nothing of this id is owed: it is done or over, or never was');
    const entry = await this.#change(work, state, why);
    if (entry === null) throw new Conflict('work_moved', 'it was done, or given up, meanwhile: look at "corridor work" again');
    return { work, state, entry };
  }

  async #giveUpByItself(id: string): Promise<void> {
    const work = await this.#find(id);
    if (work === null || work.state === 'given_up') return;
    const entry = await this.#change(work, 'given_up', { cause: 'attempts_used_up' });
    if (entry !== null) this.faultLog.write(new WorkGivenUp(work));
  }

  async #find(id: string): Promise<KnownWork | null> {
    const work = await this.store.find(id);
    return work === null ? null : { ...work, id };
  }

  /** Gives the entry's id; null when there is nothing to change any more. */
  async #change(work: KnownWork, state: WorkChange['state'], why: EntryMembers): Promise<string | null> {
    const { epoch } = await this.facts.current();
    const type = state === 'given_up' ? 'work.given_up' : 'work.retried';
    const entry = this.entries.make(type, epoch, { ...membersOf(work), ...why }, columnsOf(work));
    const issuance = work.kind === 'revoke' ? work.subject : null;
    const [appended] = await this.log.append([{ ...byItself(entry), effect: { kind: 'work', work: work.id, issuance, state } }]);
    return appended?.verdict === 'recorded' || appended?.verdict === 'duplicate' ? entry.id : null;
  }
}

/** The allow-list of what the record says of it. */
function membersOf({ id, kind, subject, attempts, lastError, run, workflow, client, resource, livesUntil }: KnownWork): EntryMembers {
  return {
    work: id,
    kind,
    subject,
    attempts,
    ...(lastError === null ? {} : { fault: lastError }),
    ...(run === null ? {} : { run }),
    ...(workflow === null ? {} : { workflow }),
    ...(client === null ? {} : { client }),
    ...(resource === null ? {} : { resource: { id: resource } }),
    ...(livesUntil === null ? {} : { lives_until: timestamp(livesUntil) }),
  };
}

function columnsOf({ kind, subject, run, workflow, client, resource }: KnownWork): EntryColumns {
  return {
    ...(run === null ? {} : { run }),
    ...(workflow === null ? {} : { workflow }),
    ...(client === null ? {} : { client }),
    ...(resource === null ? {} : { resource }),
    ...(kind === 'revoke' || kind === 'close_intent' ? { issuance: subject } : {}),
  };
}

/** A message may quote anything; a code or a name does not. */
function wordFor(why: unknown): string {
  if (typeof why === 'string') return why;
  if (typeof why !== 'object' || why === null) return 'failed';
  if ('code' in why && typeof why.code === 'string') return why.code;
  const name = 'name' in why && typeof why.name === 'string' ? why.name : 'failed';
  return 'sqlState' in why && typeof why.sqlState === 'string' ? `${name} ${why.sqlState}` : name;
}

/** For the operator: the alarm. */
class WorkGivenUp extends Error {
  constructor({ id, kind, subject, attempts, lastError, livesUntil }: KnownWork) {
    const lives = livesUntil === null ? '' : `; its token may work until ${timestamp(livesUntil)}`;
    super(
      `${kind} of ${subject} was given up after ${attempts} attempts (${lastError ?? 'no answer'})${lives}: corridor work retry ${id} takes it up again`,
    );
    this.name = 'WorkGivenUp';
  }
}
