import { z } from 'zod';
import { entryTypes } from '../attribution/entry-log.js';
import type { TracedRun, TracedToken } from '../attribution/trace.js';
import { AuthorizationDetails } from '../oauth/authorization-details.js';
import { bytes, count, texts, time } from './column-types.js';
import { parseRecorded } from './recorded-members.js';

export const TOKEN_COLUMNS = `
  id, client, state, token_sha256, token_jti, scope, granted, granted_details, resource, audience, audience_verified, opened_at, expires_at, served_until,
  exposed_until, revocation,
  case when state in ('open', 'unknown') then exposed_until > clock_timestamp()
    else coalesce(expires_at > clock_timestamp() and revocation is distinct from 'revoked', false) end as live`;

export const tokenRow = z
  .object({
    id: z.string(),
    client: z.string(),
    state: z.enum(['open', 'issued', 'refused', 'failed', 'unknown']),
    token_sha256: z.string().nullable(),
    token_jti: z.string().nullable(),
    scope: texts,
    granted: texts.nullable(),
    granted_details: z.string().nullable(),
    resource: z.string(),
    audience: texts.nullable(),
    audience_verified: z.boolean(),
    opened_at: time,
    expires_at: time.nullable(),
    served_until: time.nullable(),
    exposed_until: time,
    revocation: z.enum(['pending', 'given_up', 'revoked', 'unsupported']).nullable(),
    live: z.boolean(),
  })
  .transform((row): { readonly client: string; readonly token: TracedToken } => ({
    client: row.client,
    token: {
      issuance: row.id,
      state: row.state,
      sha256: row.token_sha256,
      jti: row.token_jti,
      scope: row.scope,
      granted: row.granted ?? [],
      grantedDetails: AuthorizationDetails.restore(row.granted_details),
      resource: { id: row.resource, uri: null },
      audience: row.token_sha256 === null ? null : row.audience_verified && row.audience !== null ? row.audience : 'unverified',
      openedAt: row.opened_at,
      expiresAt: row.expires_at,
      servedUntil: row.served_until,
      exposedUntil: row.exposed_until,
      revocation: row.revocation,
      live: row.live,
    },
  }));

export const runRow = z
  .object({
    id: z.string(),
    runtime: z.string(),
    workflow: z.string(),
    purpose: z.string(),
    operator: z.string().nullable(),
    name: z.string().nullable(),
    agent: z.object({ name: z.string(), version: z.string(), model: z.string() }),
    lineage: texts,
    started_at: time,
    expires_at: time,
    ended_at: time.nullable(),
  })
  .transform(({ operator, name, lineage, started_at, expires_at, ended_at, ...run }): Omit<TracedRun, 'owner'> => ({
    ...run,
    operator: operator === null ? null : { commitment: operator, name },
    ancestors: lineage.slice(1),
    startedAt: started_at,
    expiresAt: expires_at,
    endedAt: ended_at,
  }));

/** An entry as a trace reads it; `said` are the members that it tells of. */
export const entryRow = z
  .object({
    number: count,
    id: z.string(),
    type: z.enum(entryTypes),
    recorded_at: time,
    run: z.string().nullable(),
    owner: z.string().nullable(),
    issuance: z.string().nullable(),
    bytes,
  })
  .transform(({ recorded_at, bytes: recorded, ...entry }) => ({ ...entry, recordedAt: recorded_at, said: parseRecorded(recorded) }));
export type StoredEntry = z.infer<typeof entryRow>;
