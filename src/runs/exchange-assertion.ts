import { Invalid, NotAllowed, NotAuthenticated, TooManyAttempts, Unavailable } from '../access/errors.js';
import type { SecurityLog } from '../access/security-log.js';
import { AssertionRefused, UsedBefore } from './compact-jws.js';
import type { FailedAttempts } from './failed-attempts.js';
import type { RepeatOf, RunStarted, StartRun } from './start-run.js';
import { ClaimsNotMapped, type VerifiedWorkload, type VerifyWorkload } from './verify-workload.js';
import { IssuerKeysUnavailable } from './workload-signature.js';

/** What whoever exchanges an assertion may say besides: the first three change the run, the rest must be what the claims say. */
export interface RunNarrowing {
  readonly ttl: number | null;
  readonly parent: string | null;
  readonly publicKey: unknown;
  readonly workflow?: string;
  readonly purpose?: string;
  readonly operator?: string;
  readonly agent?: { readonly name?: string; readonly version?: string; readonly model?: string };
}

/** Exchanges a workload assertion for a run with a credential of its own. Who it is stands in signed claims alone (CONFORMANCE B40). */
export class ExchangeAssertion {
  constructor(
    private readonly workloads: VerifyWorkload,
    private readonly startRun: StartRun,
    private readonly failedAttempts: FailedAttempts,
    private readonly securityLog: SecurityLog,
  ) {}

  /** Verifies it without spending it. @throws NotAuthenticated, NotAllowed, Unavailable */
  async admit(text: string): Promise<VerifiedWorkload> {
    try {
      const claimed = await this.workloads.claimed(text, ['jwt-bearer', 'jwt-spiffe']);
      return await this.workloads.verify(claimed);
    } catch (error) {
      if (error instanceof IssuerKeysUnavailable) throw new Unavailable('issuer_unavailable', error.message);
      // it is signed for us, so whoever sent it may be told
      if (error instanceof ClaimsNotMapped)
        throw new NotAllowed('claims_not_mapped', `${error.message}: see its identity in corridor.yaml`);
      throw refused(error);
    }
  }

  /**
   * Spends the assertion by the start alone. The key of `repeatOf` holds for this assertion and no other.
   * @throws Invalid, NotAuthenticated, TooManyAttempts, and as StartRun.start
   */
  async start(verified: VerifiedWorkload, narrowing: RunNarrowing, repeatOf: RepeatOf | null, address: string): Promise<RunStarted> {
    requireAgreement(verified, narrowing);
    const { runtime, identity, attested, use, workflow, purpose, agent, operator } = verified;
    const { ttl, parent, publicKey } = narrowing;
    const signed = { identity, attested, use, credential: 'own' } as const;
    const wish = { workflow, purpose, agent, operator, ttl, parent, publicKey, signed };
    const repeatOfThis = repeatOf && { ...repeatOf, key: `${repeatOf.key} ${use.sha256}` };
    return this.#notingReplays(runtime, address, () => this.startRun.start(runtime, wish, repeatOfThis));
  }

  /** @throws NotAuthenticated, TooManyAttempts */
  async spend(verified: VerifiedWorkload, address: string): Promise<void> {
    await this.#notingReplays(verified.runtime, address, () => this.workloads.spend(verified));
  }

  async #notingReplays<T>(runtime: string, address: string, spending: () => Promise<T>): Promise<T> {
    try {
      return await spending();
    } catch (error) {
      if (!(error instanceof UsedBefore)) throw error;
      const wait = this.failedAttempts.wait(runtime, address);
      this.failedAttempts.note(runtime, address);
      const event = wait > 0 ? 'throttled' : 'authentication_failed';
      this.securityLog.write({ event, surface: 'api', subject: runtime, address, detail: error.message });
      throw wait > 0 ? new TooManyAttempts(wait) : refused(error);
    }
  }
}

function refused(error: unknown): unknown {
  if (!(error instanceof AssertionRefused)) return error;
  return new NotAuthenticated('assertion_refused', 'the assertion was refused; the security log of Corridor says why', { cause: error });
}

function requireAgreement(verified: VerifiedWorkload, { workflow, purpose, operator, agent }: RunNarrowing): void {
  const said: readonly (readonly [name: string, said: string | undefined, signed: string | null])[] = [
    ['workflow', workflow, verified.workflow],
    ['purpose', purpose, verified.purpose],
    ['operator', operator, verified.operator],
    ['agent.name', agent?.name, verified.agent.name],
    ['agent.version', agent?.version, verified.agent.version],
    ['agent.model', agent?.model, verified.agent.model],
  ];
  const other = said.find(([, given, signed]) => given !== undefined && given !== signed);
  if (other === undefined) return;
  throw new Invalid('contradicts_claims', `${other[0]} is decided by the signed claims, and they say something else: leave it out`);
}
