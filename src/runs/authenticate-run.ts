import { hash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../oauth/clock.js';
import { InvalidClient, SlowDown } from '../oauth/errors.js';
import type { Secret } from '../oauth/secret.js';
import type { ClientAuthentication } from './client-authentication.js';
import type { FailedAttempts } from './failed-attempts.js';
import { useOf, type ReplayGuard } from './replay-guard.js';
import type { AuthenticateWorkload } from './authenticate-workload.js';
import { AssertionRefused, UsedBefore } from './compact-jws.js';
import { parseAssertion, verifyRunAssertion } from './run-assertion.js';
import type { RunDirectory } from './run-directory.js';
import type { Run } from './run.js';
import type { SecurityEvent, SecurityLog } from '../access/security-log.js';
import type { VerifyWorkload } from './verify-workload.js';

type Surface = SecurityEvent['surface'];

/** How long an assertion is remembered after it has expired: replicas may differ in what they take for the time. Milliseconds. */
const SKEW = 60_000;
const NOBODY = Buffer.alloc(32);
const RUN_ID = /^run[0-9a-z]{1,60}$/;

/**
 * Says which run a request comes from, at whichever endpoint: an assertion is spent at all of them (CONFORMANCE B42). A run that is
 * over but whose credential is right is somebody: its refusal is for the guardrails, and is recorded. An unknown run and a wrong
 * credential look the same (CONFORMANCE B21).
 */
export class AuthenticateRun {
  constructor(
    private readonly issuer: string,
    private readonly runs: RunDirectory,
    private readonly replayGuard: ReplayGuard,
    private readonly failedAttempts: FailedAttempts,
    private readonly securityLog: SecurityLog,
    private readonly clock: Clock,
    private readonly workloads: VerifyWorkload,
    private readonly authenticateWorkload: AuthenticateWorkload,
  ) {}

  /**
   * Only at the token endpoint a workload assertion whose run is not there starts it; elsewhere it is nobody's.
   * @throws InvalidClient, SlowDown, TemporarilyUnavailable
   */
  async authenticate(presented: ClientAuthentication, address: string, surface: Surface = 'token'): Promise<Run> {
    const identified = await this.#identify(presented, surface);
    if ('run' in identified) return identified.run;
    const { claimed, failure } = identified;
    const subject = claimed ?? `unknown ${address}`;
    // the right credential is never turned away because of others who guess: a run's id is no secret
    const wait = this.failedAttempts.wait(subject, address);
    this.failedAttempts.note(subject, address);
    const event = wait > 0 ? 'throttled' : 'authentication_failed';
    this.securityLog.write({ event, surface, subject: claimed, address, detail: failure });
    if (wait > 0) throw new SlowDown('too many failed attempts: wait before the next', { retryAfter: wait });
    throw new InvalidClient('client authentication failed', presented.kind === 'basic');
  }

  async #identify(presented: ClientAuthentication, surface: Surface): Promise<Identified> {
    const claimed = claimedRun(presented);
    if (claimed === null && presented.kind === 'assertion') return this.#workload(presented, surface === 'token');
    // a release is recorded only if the credential is still the run's (append); elsewhere nothing but a look at the row would tell
    const isRelease = surface === 'token';
    const run = claimed === null ? null : await (isRelease ? this.runs.get(claimed) : this.runs.reload(claimed));
    const failure = await this.#verify(presented, run);
    if (run === null || failure === null) return run === null ? { claimed, failure: failure ?? 'unknown run' } : { run };
    if (!isRelease) return { claimed, failure };
    // what is remembered of the run may be old: another replica may have given it a new credential
    const now = await this.runs.reload(run.id);
    const renewed = now !== null && now.credential.id !== run.credential.id && (await this.#verify(presented, now)) === null;
    return renewed ? { run: now } : { claimed, failure };
  }

  /** An assertion that is not by a run itself can only be by the issuer of a runtime. */
  async #workload({ assertion, form, clientId }: PresentedAssertion, mayStart: boolean): Promise<Identified> {
    let runtime: string | null = null;
    try {
      const claimed = await this.workloads.claimed(assertion.reveal(), [form]);
      runtime = claimed.runtime;
      return { run: await this.authenticateWorkload.authenticate(claimed, clientId, mayStart) };
    } catch (error) {
      if (error instanceof AssertionRefused) return { claimed: runtime, failure: error.message };
      throw error;
    }
  }

  /** Why the credential is not right, or null when it is. */
  async #verify(presented: ClientAuthentication, run: Run | null): Promise<string | null> {
    if (presented.kind !== 'assertion') return verifySecret(presented.secret, run);
    if (run === null) return 'unknown run';
    // CONFORMANCE B14: no other method than the registered one
    if (run.credential.method !== 'private_key_jwt') return 'the run has a secret, not a key';
    try {
      const assertion = parseAssertion(presented.assertion.reveal());
      if (presented.clientId !== null && presented.clientId !== assertion.subject) return 'client_id differs from sub';
      await verifyRunAssertion(assertion, run.id, run.credential.publicKey, this.issuer, this.clock.now());
      // CONFORMANCE B35: spent only after everything else was found right
      const use = useOf([run.id, run.id, assertion.claims.jti], assertion.claims.exp * 1000 + SKEW);
      if (!(await this.replayGuard.spend(use))) throw new UsedBefore();
      return null;
    } catch (error) {
      if (error instanceof AssertionRefused) return error.message;
      throw error;
    }
  }
}

type PresentedAssertion = Extract<ClientAuthentication, { kind: 'assertion' }>;
type Identified = { readonly run: Run } | { readonly claimed: string | null; readonly failure: string };

/** The run that the request claims to be, by its own words; null when that has not the shape of one. */
function claimedRun(presented: ClientAuthentication): string | null {
  if (presented.kind !== 'assertion') return RUN_ID.test(presented.clientId) ? presented.clientId : null;
  try {
    if (presented.form !== 'jwt-bearer') return null;
    const { subject, claims } = parseAssertion(presented.assertion.reveal());
    // by its issuer: what a platform calls its workloads may look like a run's id
    return RUN_ID.test(subject) && RUN_ID.test(claims.iss) ? subject : null;
  } catch {
    return null;
  }
}

/** Constant time, and the same work for an unknown run. */
function verifySecret(secret: Secret, run: Run | null): string | null {
  const presented = hash('sha256', secret.reveal(), 'buffer');
  const registered = run?.credential.method === 'client_secret' ? Buffer.from(run.credential.secretSha256, 'hex') : NOBODY;
  return timingSafeEqual(presented, registered) && run !== null ? null : 'the secret is wrong';
}
