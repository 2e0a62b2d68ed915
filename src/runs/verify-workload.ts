import { createHash } from 'node:crypto';
import type { Catalogue, Runtime } from '../catalogue/catalogue.js';
import type { WorkloadIdentity } from '../catalogue/workload-identity.js';
import type { Clock } from '../oauth/clock.js';
import { mapClaims, type MappedClaims } from './claim-mapping.js';
import { AssertionRefused, UsedBefore } from './compact-jws.js';
import { useOf, type AssertionUse, type ReplayGuard } from './replay-guard.js';
import {
  checkWorkloadClaims,
  claimedIssuer,
  parseWorkloadAssertion,
  type AssertionForm,
  type WorkloadAssertion,
} from './workload-assertion.js';
import { verifySignature, type IssuerKeys } from './workload-signature.js';

/** A runtime that claims to vouch for an assertion. Nothing is verified yet. */
export interface ClaimedWorkload {
  readonly runtime: string;
  readonly identity: WorkloadIdentity;
  readonly assertion: WorkloadAssertion;
  readonly form: AssertionForm;
}

/** An assertion that its runtime's issuer signed for us, and what its claims mean. It is not yet spent. */
export interface VerifiedWorkload extends MappedClaims {
  readonly runtime: string;
  readonly identity: WorkloadIdentity;
  readonly assertion: WorkloadAssertion;
  /** How it is spent. */
  readonly use: AssertionUse;
}

/** Replicas may differ by this, in milliseconds, in what they take for the time. */
const SKEW = 60_000;

/** Tells what the signed claims of a workload assertion make of it (DESIGN §3, RFC 7523 §3). */
export class VerifyWorkload {
  constructor(
    private readonly audience: string,
    private readonly facts: { latest(): Promise<{ readonly catalogue: Catalogue }> },
    private readonly keys: IssuerKeys,
    private readonly replayGuard: ReplayGuard,
    private readonly clock: Clock,
  ) {}

  /** The runtime whose issuer the assertion names, by the facts of now. @throws AssertionRefused */
  async claimed(text: string, forms: readonly AssertionForm[]): Promise<ClaimedWorkload> {
    const assertion = parseWorkloadAssertion(text);
    // never older than the request: an issuer that is trusted no more is refused at once (DESIGN §1, promise 4)
    const { catalogue } = await this.facts.latest();
    for (const form of forms) {
      const issuer = claimedIssuer(assertion, form);
      const runtime = issuer === null ? undefined : runtimeOf(catalogue, issuer, form);
      if (runtime?.identity !== undefined) return { runtime: runtime.id, identity: runtime.identity, assertion, form };
    }
    throw new AssertionRefused('no runtime has this issuer');
  }

  /** @throws AssertionRefused, IssuerKeysUnavailable; ClaimsNotMapped when all is right, and no rule is for it */
  async verify({ runtime, identity, assertion, form }: ClaimedWorkload): Promise<VerifiedWorkload> {
    checkWorkloadClaims(assertion, form, identity, this.audience, this.clock.now());
    await verifySignature(assertion, identity, this.keys);
    const mapped = mapClaims(identity, assertion.claims);
    if ('problem' in mapped) throw new ClaimsNotMapped(mapped.problem);
    const holder = identity.assertionReuse ? JSON.stringify([runtime, mapped.attested.runId]) : null;
    return { ...mapped, runtime, identity, assertion, use: workloadUse(assertion, identity.issuer, holder) };
  }

  /**
   * Spends an assertion that starts no run, after everything else was found right (CONFORMANCE B33–B35, B108): once, or, where the
   * runtime's tokens may be used again, for one run alone.
   * @throws UsedBefore
   */
  async spend({ use }: VerifiedWorkload): Promise<void> {
    if (!(await this.replayGuard.spend(use))) throw new UsedBefore();
  }
}

/** The issuer vouches for it, and the catalogue has no use for it. */
export class ClaimsNotMapped extends AssertionRefused {}

/** Without a `jti` the signed text stands for it: not the signature, which can have many forms. */
function workloadUse({ claims, signed }: WorkloadAssertion, issuer: string, holder: string | null): AssertionUse {
  const jti = claims.jti ?? `sha256:${createHash('sha256').update(signed).digest('hex')}`;
  return useOf([issuer, claims.sub, jti], claims.exp * 1000 + SKEW, holder);
}

/** D2: an SVID comes as jwt-spiffe and nothing else does. */
function runtimeOf(catalogue: Catalogue, issuer: string, form: AssertionForm): Runtime | undefined {
  return Object.values(catalogue.runtimes).find(
    ({ identity }) => identity?.issuer === issuer && (identity.kind === 'spiffe') === (form === 'jwt-spiffe'),
  );
}
