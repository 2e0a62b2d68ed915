import { Conflict, Invalid, NotFound } from '../access/errors.js';
import type { EntryMaker, EntryMembers } from '../attribution/entry.js';
import type { Epoch } from '../attribution/epoch.js';
import type { Catalogue } from '../catalogue/catalogue.js';
import { declared } from '../catalogue/look-up.js';
import { timestamp, type Clock } from '../oauth/clock.js';
import { newIdentifier, type Randomness } from '../oauth/identifier.js';
import type { RunDirectory } from '../runs/run-directory.js';
import type { Exposure, ExposureList } from '../suspensions/exposure.js';
import type { Suspension, SuspensionKind } from '../suspensions/suspension.js';
import type { ChangeFacts } from './change-facts.js';

export interface SuspensionWish {
  readonly kind: SuspensionKind;
  readonly target: string | null;
  readonly reason: string;
  readonly expiresAt: number | null;
}

/** Times in milliseconds since 1970. `epoch` is the one from which it holds. */
export interface Raised {
  readonly suspension: Omit<Suspension, 'liftedAt'>;
  readonly epoch: Epoch;
  readonly exposure: readonly Exposure[];
}

/** The kill switch (DESIGN §7): once `raise` has resolved, nothing that it covers is released by any request that begins later. */
export class Suspend {
  constructor(
    private readonly changeFacts: ChangeFacts,
    private readonly exposure: ExposureList,
    private readonly runs: RunDirectory,
    private readonly entries: EntryMaker,
    private readonly clock: Clock,
    private readonly randomness: Randomness,
  ) {}

  /** @throws Invalid, NotFound, Unavailable */
  async raise(wish: SuspensionWish, by: string): Promise<Raised> {
    if (wish.expiresAt !== null && wish.expiresAt <= this.clock.now())
      throw new Invalid('expires_in_the_past', 'expires_at must lie ahead');
    const id = newIdentifier('sus', this.clock.now(), this.randomness);
    const suspension = { id, ...wish, raisedBy: by };
    const applied = await this.changeFacts.change(async (facts, after) => {
      await this.#mustExist(wish, facts.catalogue);
      const entry = this.entries.make('suspension.raised', after, suspensionMembers(suspension), columns(suspension));
      return { change: { kind: 'suspension.raised', suspension }, entries: [entry] };
    });
    if (applied === null) throw new TypeError('raising a suspension always changes something');
    const exposure = await this.exposure.of(wish.kind, wish.target, applied.withdrawn);
    return { suspension: { ...suspension, raisedAt: applied.at }, epoch: applied.epoch, exposure };
  }

  /** @throws NotFound, Conflict, Unavailable */
  async lift(id: string, by: string): Promise<{ suspension: Suspension; liftedAt: number }> {
    let lifted: Suspension | undefined;
    const applied = await this.changeFacts.change((facts, after) => {
      lifted = facts.suspensions.find((candidate) => candidate.id === id);
      if (lifted === undefined) throw new NotFound('suspension_unknown', 'there is no such suspension, or it was lifted already');
      const members = { ...suspensionMembers(lifted), lifted_by: by };
      return {
        change: { kind: 'suspension.lifted', suspension: id, liftedBy: by },
        entries: [this.entries.make('suspension.lifted', after, members, columns(lifted))],
      };
    });
    if (applied === null || lifted === undefined) throw new Conflict('suspension_lifted', 'the suspension was lifted already');
    return { suspension: lifted, liftedAt: applied.at };
  }

  /** A misspelt name must not pass for a stop. */
  async #mustExist({ kind, target }: SuspensionWish, catalogue: Catalogue): Promise<void> {
    if (kind === 'everything') {
      if (target !== null) throw new Invalid('target_superfluous', 'everything takes no id');
      return;
    }
    if (target === null) throw new Invalid('target_missing', `say which ${kind} by its id`);
    const sections = { workflow: catalogue.workflows, client: catalogue.clients, resource: catalogue.resources };
    const exists = kind === 'run' ? (await this.runs.get(target)) !== null : declared<unknown>(sections[kind], target) !== null;
    if (!exists) throw new NotFound('target_unknown', `there is no ${kind} of this id`);
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

function columns({
  kind,
  target,
}: Pick<Suspension, 'kind' | 'target'>): Partial<Record<'run' | 'workflow' | 'client' | 'resource', string>> {
  return kind === 'everything' || target === null ? {} : { [kind]: target };
}
