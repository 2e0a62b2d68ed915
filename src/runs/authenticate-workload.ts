import { AdministrationError, Unavailable } from '../access/errors.js';
import { TemporarilyUnavailable } from '../oauth/errors.js';
import { AssertionRefused } from './compact-jws.js';
import type { RunDirectory } from './run-directory.js';
import type { Run } from './run.js';
import type { StartRun } from './start-run.js';
import type { ClaimedWorkload, VerifiedWorkload, VerifyWorkload } from './verify-workload.js';
import { IssuerKeysUnavailable } from './workload-signature.js';

/**
 * Finds the run of a workload assertion at an OAuth endpoint. Where one may be started, the first assertion starts it under the
 * platform's own run id; every later one of that run finds it again, also when it is over: then the guardrails refuse it, on record.
 */
export class AuthenticateWorkload {
  constructor(
    private readonly workloads: VerifyWorkload,
    private readonly runs: RunDirectory,
    private readonly startRun: StartRun,
  ) {}

  /** @throws AssertionRefused, TemporarilyUnavailable */
  async authenticate(claimed: ClaimedWorkload, clientId: string | null, mayStart: boolean): Promise<Run> {
    if (clientId !== null && clientId !== claimed.assertion.claims.sub) throw new AssertionRefused('client_id differs from sub');
    const verified = await this.#verify(claimed);
    const known = await this.runs.ofPlatform(verified.runtime, verified.attested.runId);
    if (known !== null) return this.#found(known, verified);
    if (!mayStart) throw new AssertionRefused('no run was started with it');
    return this.#start(verified);
  }

  async #found(run: Run, verified: VerifiedWorkload): Promise<Run> {
    requireSameRun(run, verified);
    await this.workloads.spend(verified);
    return run;
  }

  async #verify(claimed: ClaimedWorkload): Promise<VerifiedWorkload> {
    try {
      return await this.workloads.verify(claimed);
    } catch (error) {
      if (error instanceof IssuerKeysUnavailable) throw new TemporarilyUnavailable(error.message, { retryAfter: 5, cause: error });
      throw error;
    }
  }

  /** Spends the assertion by the start alone: what starts nothing leaves it as it was. */
  async #start(verified: VerifiedWorkload): Promise<Run> {
    try {
      const { id } = await this.startRun.startAttested(verified);
      const run = await this.runs.get(id);
      if (run !== null) return run;
    } catch (error) {
      if (error instanceof Unavailable) throw new TemporarilyUnavailable('the run cannot be started now', { retryAfter: 1 });
      if (!(error instanceof AdministrationError)) throw error;
      // of two that came at once, the other may have opened the run, and it may even be over
      const opened = await this.runs.ofPlatform(verified.runtime, verified.attested.runId);
      if (opened === null) throw new AssertionRefused(error.code);
      return this.#found(opened, verified);
    }
    throw new TemporarilyUnavailable('the run cannot be started now', { retryAfter: 1 });
  }
}

/**
 * Two tokens of one platform run are tokens of one run only when they attest the same: else the second job of a pipeline would
 * inherit what the first one may.
 */
function requireSameRun(run: Run, { workflow, purpose, agent, operator, attested }: VerifiedWorkload): void {
  // CONFORMANCE B14: no other method than the one that the run has
  if (run.credential.method !== 'workload') throw new AssertionRefused('the run was given a credential of its own');
  const same =
    run.workflow === workflow &&
    run.purpose === purpose &&
    (run.operator?.name ?? null) === operator &&
    run.agent.name === agent.name &&
    run.agent.version === agent.version &&
    run.agent.model === agent.model &&
    sameClaims(run.attested?.claims ?? {}, attested.claims);
  if (!same) throw new AssertionRefused('the run was started with other claims');
}

function sameClaims(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name] === b[name]);
}
