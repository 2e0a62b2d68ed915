import { Conflict, NotFound } from '../access/errors.js';
import type { FaultLog } from '../access/fault-log.js';
import type { EntryType } from '../attribution/entry-log.js';
import type { EntryMaker, EntryMembers } from '../attribution/entry.js';
import type { CredentialStore } from '../credentials/credential.js';
import type { DueRotation, Rotation, Rotations, RotationState } from '../credentials/rotation.js';
import type { CredentialVersions } from '../credentials/sealed-credential.js';
import type { Retries } from '../work/retries.js';
import type { Recorded } from './begin-rotation.js';
import type { ChangeFacts } from './change-facts.js';
import type { FactChange, RotationFailure } from './fact-changes.js';
import type { ProveCredential } from './prove-credential.js';
import { credentialMembers, pauseBefore, rotationPace } from './rotation-pace.js';

const AT_ONCE = 20;
/** Milliseconds after which a step that nobody reported on is taken again; one takes 40 seconds at most. */
const LEASE = 60_000;

/** What no further attempt would change. */
const FINAL: ReadonlySet<string> = new Set(['algorithm_unsupported', 'credential_bound_elsewhere', 'credential_unavailable']);

/** One step: what it changes and how the record names it; `version` is the one that it is about. */
interface Step {
  readonly from: readonly RotationState[];
  readonly change: FactChange;
  readonly type: EntryType;
  readonly version: string;
  readonly members: EntryMembers;
}

/**
 * Takes rotations through their steps (DESIGN §8): a token with the new version, then the new version in use, then the old one away.
 * Each step is one change of facts upon the state that it follows, so that it is taken once, by whichever replica, and a crash before or
 * after it loses nothing.
 */
export class RotateCredentials {
  /** `credentials` are read as they are now, whatever facts are remembered here. */
  constructor(
    private readonly changeFacts: ChangeFacts,
    private readonly rotations: Rotations,
    private readonly versions: CredentialVersions,
    private readonly credentials: CredentialStore,
    private readonly proveCredential: ProveCredential,
    private readonly entries: EntryMaker,
    private readonly faultLog: FaultLog,
    private readonly retries: Pick<Retries, 'failed'>,
  ) {}

  /** Takes the steps that are due. Gives whether there may be more to do at once. */
  async turn(): Promise<boolean> {
    const due = await this.rotations.takeDue(AT_ONCE, LEASE);
    const steps = due.map(async (rotation) => {
      try {
        await (rotation.state === 'overlap' ? this.#finish(rotation) : this.#prove(rotation));
      } catch (error) {
        this.faultLog.write(error);
        await this.retries.failed({ kind: 'rotate', subject: rotation.id, state: rotation.state }, error);
      }
    });
    for (const step of await Promise.allSettled(steps)) if (step.status === 'rejected') this.faultLog.write(step.reason);
    return due.length === AT_ONCE;
  }

  /** The operator has told the server of the new key. @throws NotFound, Conflict, Unavailable */
  async confirm(client: string, by: string): Promise<Rotation & Recorded> {
    const rotation = await this.#open(client);
    const { id, credential } = rotation;
    const entry = await this.#take(rotation, {
      from: ['registering'],
      change: { kind: 'rotation.registered', rotation: id, proofIn: rotationPace.proof },
      type: 'credential.registered',
      version: credential,
      members: { confirmed_by: by },
    });
    if (entry === null)
      throw new Conflict('rotation_registered', 'the new version of this client is registered already and is being proven');
    return { ...((await this.rotations.open(client)) ?? rotation), entry };
  }

  /** The old version stays in use, or is again. @throws NotFound, Unavailable */
  async cancel(client: string, by: string): Promise<Rotation & Recorded> {
    const rotation = await this.#open(client);
    const entry = await this.#take(rotation, giveUp(rotation, 'cancelled', null, { cancelled_by: by }));
    if (entry === null) throw new Conflict('rotation_over', 'the rotation has ended already: look at the client');
    return { ...rotation, state: 'cancelled', dueAt: null, entry };
  }

  async #prove(rotation: DueRotation): Promise<void> {
    const { id, client, credential: version, attempts } = rotation;
    if (rotation.late) return this.#fail(rotation, rotation.fault ?? 'no_attempt');
    const credential = await this.credentials.other(client);
    // another step was taken since
    if (credential?.id !== version) return;
    const proof = await this.proveCredential.prove(credential, id);
    if (proof.kind === 'proven') return this.#shift(rotation, proof.issuance);
    if (FINAL.has(proof.fault)) return this.#fail(rotation, proof.fault);
    const retryAfter = proof.kind === 'not' ? (proof.retryAfter ?? 0) * 1000 : 0;
    await this.rotations.postpone(id, proof.fault, Math.max(pauseBefore(attempts), retryAfter));
  }

  async #shift(rotation: Rotation, issuance: string): Promise<void> {
    await this.#take(rotation, {
      from: ['proving'],
      change: { kind: 'rotation.shifted', rotation: rotation.id, overlap: rotationPace.overlap },
      type: 'credential.changed',
      version: rotation.credential,
      members: { cause: 'rotation', replaces: rotation.replaces, proven_by: issuance },
    });
  }

  async #finish(rotation: Rotation): Promise<void> {
    await this.#take(rotation, {
      from: ['overlap'],
      change: { kind: 'rotation.finished', rotation: rotation.id },
      type: 'credential.retired',
      version: rotation.replaces,
      members: { replaced_by: rotation.credential },
    });
  }

  async #fail(rotation: Rotation, fault: string): Promise<void> {
    const failed = await this.#take(rotation, giveUp(rotation, 'failed', fault, { fault }));
    if (failed !== null) this.faultLog.write(new RotationFailed(rotation, fault));
  }

  /** Gives its entry when it was this one that took the step, and null else. @throws Unavailable */
  async #take({ id, client }: Rotation, { from, change, type, version, members }: Step): Promise<string | null> {
    const applied = await this.changeFacts.change(async (_facts, after) => {
      const open = await this.rotations.open(client);
      if (open?.id !== id || !from.includes(open.state)) return null;
      const known = (await this.versions.inUse()).find((one) => one.id === version);
      const all = { client, ...credentialMembers({ id: version, key: known?.key ?? null }), rotation: id, ...members };
      return { change, entries: [this.entries.make(type, after, all, { client })] };
    });
    return applied?.entry ?? null;
  }

  async #open(client: string): Promise<Rotation> {
    const rotation = await this.rotations.open(client);
    if (rotation === null) throw new NotFound('rotation_unknown', 'no rotation of this client is under way');
    return rotation;
  }
}

function giveUp({ id, credential, replaces }: Rotation, state: RotationFailure, fault: string | null, why: EntryMembers): Step {
  return {
    from: ['registering', 'proving', 'overlap'],
    change: { kind: 'rotation.failed', rotation: id, state, fault },
    type: 'credential.rotation_failed',
    version: credential,
    members: { stays: replaces, ...why },
  };
}

/** For the operator: the alarm. */
class RotationFailed extends Error {
  constructor({ client, credential, replaces }: Rotation, fault: string) {
    super(`rotation of client ${client} failed: ${credential} could not be proven (${fault}); ${replaces} stays in use`);
    this.name = 'RotationFailed';
  }
}
