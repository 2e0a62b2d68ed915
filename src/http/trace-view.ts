import type { Releases, Trace, TracedEntry, TracedToken } from '../attribution/trace.js';
import { timestamp } from '../oauth/clock.js';

/** A trace as it goes over the wire: members that are not known are left out. */
export function printTrace(trace: Trace): Record<string, unknown> {
  const { run, decision, client, releases } = trace;
  return present({
    entry: trace.entry && printEntry(trace.entry),
    token: trace.token && printToken(trace.token),
    run:
      run &&
      present({
        id: run.id,
        runtime: run.runtime,
        workflow: run.workflow,
        purpose: run.purpose,
        owner: run.owner,
        operator: run.operator && present({ commitment: run.operator.commitment, name: run.operator.name }),
        agent: run.agent,
        ancestors: run.ancestors,
        started_at: timestamp(run.startedAt),
        expires_at: timestamp(run.expiresAt),
        ended_at: time(run.endedAt),
      }),
    decision:
      decision &&
      present({
        id: decision.id,
        by: decision.by,
        allow: decision.allow,
        revision: decision.revision,
        input_sha256: decision.inputSha256,
        reasons: decision.reasons,
        obligations: decision.obligations,
      }),
    client:
      client &&
      present({
        id: client.id,
        client_id: client.clientId,
        issuer: client.issuer,
        method: client.method,
        credential: client.credential && present({ ...client.credential }),
      }),
    releases: releases && { in_this_run: printReleases(releases.inThisRun), in_other_runs: printReleases(releases.inOtherRuns) },
    issuances: trace.issuances.map(printToken),
    entries: trace.entries.map(printEntry),
    more: trace.more,
  });
}

function printEntry(entry: TracedEntry): Record<string, unknown> {
  return { id: entry.id, type: entry.type, recorded_at: timestamp(entry.recordedAt) };
}

function printToken(token: TracedToken): Record<string, unknown> {
  return present({
    issuance: token.issuance,
    state: token.state,
    sha256: token.sha256,
    jti: token.jti,
    scope: { decided: token.scope, granted: token.granted },
    authorization_details: token.grantedDetails.isEmpty ? null : { granted: token.grantedDetails },
    resource: present({ ...token.resource }),
    audience: token.audience,
    opened_at: timestamp(token.openedAt),
    expires_at: time(token.expiresAt),
    served_until: time(token.servedUntil),
    exposed_until: timestamp(token.exposedUntil),
    revocation: token.revocation,
    live: token.live,
  });
}

function printReleases(releases: Releases): Record<string, unknown> {
  return { count: releases.count, entries: releases.entries };
}

function time(milliseconds: number | null): string | null {
  return milliseconds === null ? null : timestamp(milliseconds);
}

function present(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null && value !== undefined));
}
