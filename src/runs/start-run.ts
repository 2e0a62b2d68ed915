import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Conflict, Invalid, NotAllowed, NotFound, Unavailable } from '../access/errors.js';
import type { EntryMaker, EntryMembers } from '../attribution/entry.js';
import type { Epoch } from '../attribution/epoch.js';
import type { Catalogue, Workflow } from '../catalogue/catalogue.js';
import { declared } from '../catalogue/look-up.js';
import type { WorkloadIdentity } from '../catalogue/workload-identity.js';
import type { Clock } from '../oauth/clock.js';
import { newIdentifier, newSecretText, type Randomness } from '../oauth/identifier.js';
import { Secret } from '../oauth/secret.js';
import { mayStart } from './may-start.js';
import { operatorOf } from './operator-of.js';
import { parsePublicKey, PublicKeyUnusable } from './public-key.js';
import { UsedBefore } from './compact-jws.js';
import type { AssertionUse } from './replay-guard.js';
import type { RunDirectory } from './run-directory.js';
import type { RunStore, StartedRun } from './run-store.js';
import type { StartLimits } from './start-limits.js';
import { isOver, maxAncestors, type Agent, type Attested, type Run, type RunCredential } from './run.js';
import type { VerifiedWorkload } from './verify-workload.js';
import { whoMembers } from './who-members.js';

/** What a runtime asks for. `ttl` in seconds; absent: as long as the workflow allows. */
export interface RunWish {
  readonly workflow: string;
  readonly purpose: string;
  readonly operator: string | null;
  readonly agent: Agent;
  readonly ttl: number | null;
  readonly parent: string | null;
  readonly publicKey: unknown;
  readonly signed?: SignedWish;
}

/** What a workload assertion says of the run, and how it is spent; `identity` is how the runtime was trusted when it was verified. */
export interface SignedWish {
  readonly identity: WorkloadIdentity;
  readonly attested: Attested;
  readonly use: AssertionUse;
  readonly credential: 'workload' | 'own';
}

/** What makes a start repeatable: the key that the caller gave, and the digest of its body. */
export interface RepeatOf {
  readonly key: string;
  readonly body: string;
}

/** A run that has begun, with its secret for the one time that it is seen; null where it has a key of its own. Milliseconds since 1970. */
export interface RunStarted {
  readonly id: string;
  readonly secret: Secret | null;
  readonly expiresAt: number;
}

const ATTEMPTS = 5;

/** What entitles a runtime, of one epoch. */
export interface Entitlement {
  readonly epoch: Epoch;
  readonly catalogue: Catalogue;
}

/** Starts runs for runtimes (DESIGN §4.2). */
export class StartRun {
  constructor(
    private readonly facts: { latest(): Promise<Entitlement> },
    private readonly store: RunStore,
    private readonly runs: RunDirectory,
    private readonly entries: EntryMaker,
    private readonly clock: Clock,
    private readonly randomness: Randomness,
    private readonly limits: StartLimits,
  ) {}

  /**
   * A repeat gives the same run with a new secret. An assertion is spent by the start alone: what is refused leaves it as it was.
   * @throws NotAllowed, NotFound, Invalid, Conflict, Unavailable, SlowDown, UsedBefore
   */
  async start(runtime: string, wish: RunWish, repeatOf: RepeatOf | null): Promise<RunStarted> {
    const parent = await this.#parentOf(wish, runtime);
    const { credential, secret } = await this.#credentialOf(wish, runtime);
    const facts = await this.facts.latest();
    const takeBack = this.limits.countStart(runtime, entitledWorkflow(facts.catalogue, runtime, wish).id, facts.catalogue);
    let began = false;
    try {
      const started = await this.#record(runtime, wish, repeatOf, { parent, credential }, facts);
      began = 'run' in started;
      return this.#started(started, secret, wish.signed !== undefined);
    } finally {
      // whoever replays an assertion, or comes while the record fails, must not use up what others may start
      if (!began) takeBack();
    }
  }

  /** The run with its entry, under the latest facts. @throws NotAllowed, Invalid, Unavailable */
  async #record(
    runtime: string,
    wish: RunWish,
    repeatOf: RepeatOf | null,
    { parent, credential }: { readonly parent: Run | null; readonly credential: RunCredential },
    first: Entitlement,
  ): Promise<StartedRun> {
    let facts = first;
    const operator = wish.operator === null ? null : await operatorOf(wish.operator, this.store, this.randomness);
    const id = newIdentifier('run', this.clock.now(), this.randomness);
    const { attested: signed, use } = wish.signed ?? {};
    const idempotency = repeatOf === null ? null : { key: `${runtime} ${repeatOf.key}`, body: repeatOf.body };
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { epoch, catalogue } = facts;
      const workflow = entitledWorkflow(catalogue, runtime, wish);
      const run = {
        id,
        runtime,
        workflow: workflow.id,
        purpose: wish.purpose,
        operator: operator?.commitment ?? null,
        agent: wish.agent,
        ancestors: parent === null ? [] : [parent.id, ...parent.ancestors],
        credential,
        ttl: wish.ttl ?? workflow.maxRunTtl,
        idempotency,
        ...(signed && { attested: signed }),
      };
      const entry = this.entries.make(
        'run.started',
        epoch,
        { ...whoMembers({ ...run, operator }, workflow.owner), method: credential.method, ttl: run.ttl, ...identityMembers(signed) },
        { run: id, workflow: workflow.id, owner: workflow.owner },
      );
      const started = await this.store.start({ ...run, ...(use && { spends: use }) }, epoch, entry);
      if (started.verdict === 'started') {
        const { startedAt, expiresAt } = started;
        this.runs.remember({ ...run, operator, startedAt, expiresAt, endedAt: null });
      }
      if (started.verdict !== 'stale') return started;
      facts = await this.facts.latest();
    }
    throw new Unavailable('facts_moving', 'the catalogue changes too often: try again');
  }

  /** Starts the run of a workload assertion that authenticates by its assertions alone. @throws as start */
  startAttested({ runtime, identity, attested, use, workflow, purpose, agent, operator }: VerifiedWorkload): Promise<RunStarted> {
    const signed = { identity, attested, use, credential: 'workload' } as const;
    return this.start(runtime, { workflow, purpose, agent, operator, ttl: null, parent: null, publicKey: undefined, signed }, null);
  }

  #started(started: StartedRun, secret: Secret | null, ofPlatform: boolean): RunStarted {
    switch (started.verdict) {
      case 'repeated':
        this.runs.forget(started.run); // its credential is another now
        return { id: started.run, secret, expiresAt: started.expiresAt };
      case 'started':
        return { id: started.run, secret, expiresAt: started.expiresAt };
      case 'conflict':
        if (ofPlatform)
          throw new Conflict(
            'run_differs',
            "the platform's run was opened with other claims, another parent or another way of authenticating",
          );
        throw new Conflict('idempotency_conflict', 'this Idempotency-Key was used with another body');
      case 'over':
        if (ofPlatform) throw new Conflict('run_over', "the platform's run is over, and is not opened again");
        throw new Conflict('run_over', 'the run that this Idempotency-Key started is over');
      case 'spent':
        throw new UsedBefore();
      default:
        throw new Conflict('parent_over', 'the parent run is over');
    }
  }

  async #parentOf(wish: RunWish, runtime: string): Promise<Run | null> {
    if (wish.parent === null) return null;
    const parent = await this.runs.get(wish.parent);
    if (parent === null || parent.runtime !== runtime) throw new NotFound('parent_unknown', 'the parent is no run of this runtime');
    if (isOver(parent, this.clock.now())) throw new Conflict('parent_over', 'the parent run is over');
    if (parent.ancestors.length >= maxAncestors) throw new Invalid('too_deep', `a run has at most ${maxAncestors} ancestors`);
    return parent;
  }

  async #credentialOf(wish: RunWish, runtime: string): Promise<{ credential: RunCredential; secret: Secret | null }> {
    if (wish.signed?.credential === 'workload') return { credential: { id: runtime, method: 'workload' }, secret: null };
    const id = newIdentifier('cre', this.clock.now(), this.randomness);
    if (wish.publicKey === undefined) {
      const secret = newSecretText(this.randomness);
      const secretSha256 = createHash('sha256').update(secret).digest('hex');
      return { credential: { id, method: 'client_secret', secretSha256 }, secret: new Secret(secret) };
    }
    try {
      return { credential: { id, method: 'private_key_jwt', publicKey: await parsePublicKey(wish.publicKey) }, secret: null };
    } catch (error) {
      if (error instanceof PublicKeyUnusable) throw new Invalid('public_key_unusable', error.message);
      throw error;
    }
  }
}

/** @throws NotAllowed, Invalid */
function entitledWorkflow(catalogue: Catalogue, runtime: string, wish: RunWish): Workflow {
  const workflow = declared(catalogue.workflows, wish.workflow);
  if (wish.signed !== undefined && !isDeepStrictEqual(wish.signed.identity, declared(catalogue.runtimes, runtime)?.identity))
    throw new NotAllowed('identity_changed', `runtime ${runtime} is no longer trusted as it was when the assertion was verified`);
  if (!mayStart(catalogue, runtime, wish.workflow) || workflow === null) {
    throw new NotAllowed('workflow_not_listed', `runtime ${runtime} may not start this workflow: list it under runtimes in corridor.yaml`);
  }
  if (!workflow.purposes.includes(wish.purpose)) {
    throw new NotAllowed(
      'purpose_not_declared',
      `workflow ${workflow.id} does not declare this purpose: it has ${workflow.purposes.join(', ')}`,
    );
  }
  if (wish.ttl !== null && wish.ttl > workflow.maxRunTtl) {
    throw new Invalid('ttl_too_long', `ttl may be at most ${workflow.maxRunTtl} seconds (max_run_ttl of workflow ${workflow.id})`);
  }
  return workflow;
}

/** Where to look on the platform's side. */
function identityMembers(attested: Attested | undefined): EntryMembers {
  return attested === undefined ? {} : { identity: { issuer: attested.issuer, run_id: attested.runId } };
}
