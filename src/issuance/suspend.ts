import { Conflict, Invalid, NotAllowed, NotFound } from '../access/errors.js';
import type { FaultLog } from '../access/fault-log.js';
import type { EntryMaker, EntryMembers } from '../attribution/entry.js';
import type { EntryColumns } from '../attribution/entry-log.js';
import type { Epoch } from '../attribution/epoch.js';
import { timestamp, type Clock } from '../oauth/clock.js';
import { newIdentifier, type Randomness } from '../oauth/identifier.js';
import { isCommitment, operatorOf } from '../runs/operator-of.js';
import type { RunDirectory } from '../runs/run-directory.js';
import type { RunStore } from '../runs/run-store.js';
import { isOver } from '../runs/run.js';
import type { ExposureList } from '../suspensions/exposure.js';
import { isInForce } from '../suspensions/stops.js';
import type { Suspension } from '../suspensions/suspension.js';
import type { ChangeFacts } from './change-facts.js';
import { requireTarget, type Aim } from './suspension-target.js';

/** Of an operator, `target` is the name, or the commitment. */
export interface SuspensionWish extends Aim {
  readonly reason: string;
  readonly expiresAt: number | null;
}

/** `epoch` is the one from which it holds, `entry` what records it. */
export interface Raised {
  readonly suspension: Omit<Suspension, 'liftedAt'>;
  readonly epoch: Epoch;
  readonly entry: string | null;
}

/** The kill switch (DESIGN §7): once `raise` has resolved, nothing that it covers is released by any request that begins later. */
export class Suspend {
  constructor(
    private readonly changeFacts: ChangeFacts,
    private readonly runs: RunDirectory,
    private readonly runStore: RunStore,
    private readonly exposure: ExposureList,
    private readonly entries: EntryMaker,
    private readonly clock: Clock,
    private readonly randomness: Randomness,
    private readonly faultLog: FaultLog,
  ) {}

  /** @throws Invalid, NotFound, Unavailable */
  async raise(wish: SuspensionWish, by: string): Promise<Raised> {
    if (wish.expiresAt !== null && wish.expiresAt <= this.clock.now())
      throw new Invalid('expires_in_the_past', 'expires_at must lie ahead');
    const id = newIdentifier('sus', this.clock.now(), this.randomness);
    const suspension = { id, ...wish, target: await this.#stored(wish), raisedBy: by };
    const applied = await this.changeFacts.changeInTurn(async (facts, after) => {
      await requireTarget(wish, facts.catalogue, this.runs, this.exposure);
      const entry = this.entries.make('suspension.raised', after, suspensionMembers(suspension), columns(suspension));
      return { change: { kind: 'suspension.raised', suspension }, entries: [entry] };
    });
    if (applied === null) throw new TypeError('raising a suspension always changes something');
    // it has taken hold: what is not withdrawn now is withdrawn by and by
    if (applied.unfinished) await this.#withdrawRest(id).catch((error: unknown) => this.faultLog.write(error));
    return { suspension: { ...suspension, raisedAt: applied.at }, epoch: applied.epoch, entry: applied.entry };
  }

  /** @throws NotFound, NotAllowed, Conflict, Unavailable */
  async lift(id: string, by: string): Promise<{ suspension: Suspension; liftedAt: number; entry: string | null }> {
    let lifted: Suspension | undefined;
    await this.#withdrawRest(id); // here, so that no stop waits for it
    const applied = await this.changeFacts.changeInTurn(async (facts, after) => {
      lifted = facts.suspensions.find((candidate) => candidate.id === id);
      if (lifted === undefined) throw new NotFound('suspension_unknown', 'there is no such suspension, or it was lifted already');
      if (facts.catalogue.suspensionsLiftedBy === 'another_person') await this.#requireAnother(lifted, by);
      await this.#withdrawRest(id); // a catalogue may have left some since
      const members = { ...suspensionMembers(lifted), lifted_by: by };
      return {
        change: { kind: 'suspension.lifted', suspension: id, liftedBy: by },
        entries: [this.entries.make('suspension.lifted', after, members, columns(lifted))],
      };
    });
    if (applied === null || lifted === undefined) throw new Conflict('suspension_lifted', 'the suspension was lifted already');
    return { suspension: lifted, liftedAt: applied.at, entry: applied.entry };
  }

  async #withdrawRest(suspension: string): Promise<void> {
    while (await this.changeFacts.withdrawMore(suspension));
  }

  /** Lifting what stops nothing any more needs nobody's second look: one past its expiry, or of a run that is over. */
  async #requireAnother(suspension: Suspension, by: string): Promise<void> {
    const now = this.clock.now();
    if (suspension.raisedBy !== by || !isInForce(suspension, now)) return;
    const run = suspension.kind === 'run' && suspension.target !== null ? await this.runs.reload(suspension.target) : null;
    if (run !== null && isOver(run, now)) return;
    throw new NotAllowed(
      'second_person_needed',
      `${by} raised this suspension, and the catalogue says suspensions: { lifted_by: another_person }: somebody else must lift it`,
    );
  }

  /** A person is stopped by commitment, also one who has started nothing yet, so that the record names nobody. */
  async #stored({ kind, target }: Aim): Promise<string | null> {
    if (kind !== 'operator' || target === null || isCommitment(target)) return target;
    return (await operatorOf(target, this.runStore, this.randomness)).commitment;
  }
}

function suspensionMembers(suspension: Omit<Suspension, 'raisedAt' | 'liftedAt'>): EntryMembers {
  return {
    suspension: suspension.id,
    kind: suspension.kind,
    ...(suspension.target === null ? {} : { target: suspension.target }),
    reason: suspension.reason,
    raised_by: suspension.raisedBy,
    ...(suspension.expiresAt === null ? {} : { expires_at: timestamp(suspension.expiresAt) }),
  };
}

/** What an entry is found by. */
const columnsOf = ['run', 'workflow', 'client', 'resource', 'owner'] as const;

function columns({ kind, target }: Aim): EntryColumns {
  const column = columnsOf.find((name) => name === kind);
  return column === undefined || target === null ? {} : { [column]: target };
}
