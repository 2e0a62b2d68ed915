import { timestamp } from '../oauth/clock.js';
import type { ExposedToken, ExposureSummary } from '../suspensions/exposure.js';
import type { KnownSuspension } from '../suspensions/past-suspensions.js';
import type { Suspension } from '../suspensions/suspension.js';

export function printSuspension(suspension: Suspension): Record<string, unknown> {
  return {
    id: suspension.id,
    kind: suspension.kind,
    ...(suspension.target === null ? {} : { target: suspension.target }),
    reason: suspension.reason,
    raised_by: suspension.raisedBy,
    raised_at: timestamp(suspension.raisedAt),
    expires_at: suspension.expiresAt === null ? null : timestamp(suspension.expiresAt),
    ...(suspension.liftedAt === null ? {} : { lifted_at: timestamp(suspension.liftedAt) }),
  };
}

export function printKnownSuspension(suspension: KnownSuspension): Record<string, unknown> {
  return {
    ...printSuspension(suspension),
    epoch: suspension.epoch,
    ...(suspension.liftedBy === null ? {} : { lifted_by: suspension.liftedBy }),
  };
}

/** What was live when a suspension took hold, and what became of it: all of it counted, and a page of it token by token. */
export function printExposed(summary: ExposureSummary, tokens: readonly ExposedToken[], next: string | null): Record<string, unknown> {
  return {
    exposed: { ...summary.fates, live_until: summary.liveUntil === null ? null : timestamp(summary.liveUntil), complete: summary.complete },
    exposure: tokens.map(printToken),
    next,
  };
}

function printToken(token: ExposedToken): Record<string, unknown> {
  return {
    issuance: token.issuance,
    state: token.state,
    run: token.run,
    workflow: token.workflow,
    client: token.client,
    resource: token.resource,
    authorization_server: token.authorizationServer,
    expires_at: timestamp(token.expiresAt),
    revocation: token.fate,
    ...(token.revokedAt === null ? {} : { revoked_at: timestamp(token.revokedAt) }),
    ...(token.fate === 'pending' || token.fate === 'given_up'
      ? {
          attempts: token.attempts,
          last_error: token.lastError,
          next_attempt_at: token.nextAttemptAt === null ? null : timestamp(token.nextAttemptAt),
        }
      : {}),
  };
}
