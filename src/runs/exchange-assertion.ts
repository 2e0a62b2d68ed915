import { Invalid, NotAllowed, NotAuthenticated, Unavailable } from '../access/errors.js';
import type { SecurityLog } from '../access/security-log.js';
import { AssertionRefused } from './compact-jws.js';
import type { RunStarted, StartRun } from './start-run.js';
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

  /** @throws Invalid, NotAuthenticated, and as StartRun.start */
  async start(verified: VerifiedWorkload, narrowing: RunNarrowing, address: string): Promise<RunStarted> {
    requireAgreement(verified, narrowing);
    await this.spend(verified, address);
    const { runtime, identity, attested, workflow, purpose, agent, operator } = verified;
    const { ttl, parent, publicKey } = narrowing;
    const signed = { identity, attested, credential: 'own' } as const;
    return this.startRun.start(runtime, { workflow, purpose, agent, operator, ttl, parent, publicKey, signed }, null);
  }

  /** @throws NotAuthenticated */
  async spend(verified: VerifiedWorkload, address: string): Promise<void> {
    try {
      await this.workloads.spend(verified);
    } catch (error) {
      if (error instanceof AssertionRefused) {
        const detail = error.message;
        this.securityLog.write({ event: 'authentication_failed', surface: 'api', subject: verified.runtime, address, detail });
      }
      throw refused(error);
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
