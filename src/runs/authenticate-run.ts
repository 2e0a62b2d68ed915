import { hash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../oauth/clock.js';
import { InvalidClient, SlowDown } from '../oauth/errors.js';
import type { Secret } from '../oauth/secret.js';
import type { ClientAuthentication } from './client-authentication.js';
import type { FailedAttempts } from './failed-attempts.js';
import type { ReplayGuard } from './replay-guard.js';
import { AssertionRefused, parseAssertion, verifyRunAssertion } from './run-assertion.js';
import type { RunDirectory } from './run-directory.js';
import type { Run } from './run.js';
import type { SecurityLog } from '../access/security-log.js';

const NOBODY = Buffer.alloc(32);
const RUN_ID = /^run[0-9a-z]{1,60}$/;

/**
 * Says which run a token request comes from. A run that is over but whose credential is right is somebody: its refusal
 * is for the guardrails, and is recorded. An unknown run and a wrong credential look the same (CONFORMANCE B21).
 */
export class AuthenticateRun {
  constructor(
    private readonly issuer: string,
    private readonly runs: RunDirectory,
    private readonly replayGuard: ReplayGuard,
    private readonly failedAttempts: FailedAttempts,
    private readonly securityLog: SecurityLog,
    private readonly clock: Clock,
  ) {}

  /** @throws InvalidClient, SlowDown */
  async authenticate(presented: ClientAuthentication, address: string): Promise<Run> {
    const claimed = claimedRun(presented);
    const run = claimed === null ? null : await this.runs.get(claimed);
    const failure = await this.#verify(presented, run);
    if (run !== null && failure === null) return run;
    const renewed = run === null ? null : await this.#renewed(run);
    if (renewed !== null && (await this.#verify(presented, renewed)) === null) return renewed;
    const subject = claimed ?? 'unknown';
    // the right credential is never turned away because of others who guess: a run's id is no secret
    const wait = this.failedAttempts.wait(subject, address);
    this.failedAttempts.note(subject, address);
    const event = wait > 0 ? 'throttled' : 'authentication_failed';
    this.securityLog.write({ event, surface: 'token', subject: claimed, address, detail: failure ?? 'unknown run' });
    if (wait > 0) throw new SlowDown('too many failed attempts: wait before the next', { retryAfter: wait });
    throw new InvalidClient('client authentication failed', presented.kind === 'basic');
  }

  /** The run, when another replica has given it another credential than is remembered here. */
  async #renewed({ id, credential }: Run): Promise<Run | null> {
    const now = await this.runs.reload(id);
    return now === null || now.credential.id === credential.id ? null : now;
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
      const fresh = await this.replayGuard.consume(run.id, run.id, assertion.claims.jti, assertion.claims.exp * 1000);
      return fresh ? null : 'assertion used before';
    } catch (error) {
      if (error instanceof AssertionRefused) return error.message;
      throw error;
    }
  }
}

/** The run that the request claims to be, by its own words; null when that has not the shape of one. */
function claimedRun(presented: ClientAuthentication): string | null {
  if (presented.kind !== 'assertion') return RUN_ID.test(presented.clientId) ? presented.clientId : null;
  try {
    const { subject } = parseAssertion(presented.assertion.reveal());
    return RUN_ID.test(subject) ? subject : null;
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
