import { z } from 'zod';
import { tokenBindings } from '../oauth/token-binding.js';
import type { Attempt, DueRevocation, ExpiredRevocation, LiveIssuance, OpenIntent } from '../issuance/issuance-store.js';
import { bytes, texts, time } from './column-types.js';

const forWhom = {
  id: z.string(),
  run: z.string().nullable(),
  workflow: z.string().nullable(),
  client: z.string(),
  client_id: z.string(),
  authorization_server: z.string(),
  resource: z.string(),
  credential: z.string(),
};

function attemptOf(row: z.infer<z.ZodObject<typeof forWhom>>): Attempt {
  const { id, run, workflow, client, client_id, authorization_server, resource, credential } = row;
  return { issuance: id, run, workflow, client, clientId: client_id, authorizationServer: authorization_server, resource, credential };
}

export const openRow = z
  .object({
    ...forWhom,
    scope: texts,
    assertion_jti: z.string().nullable(),
    instance: z.string(),
    opened_at: time,
    deadline: time,
    exposed_until: time,
  })
  .transform((row): OpenIntent => ({
    ...attemptOf(row),
    scope: row.scope,
    assertionJti: row.assertion_jti,
    instance: row.instance,
    openedAt: row.opened_at,
    deadline: row.deadline,
    exposedUntil: row.exposed_until,
  }));

export const liveRow = z
  .object({
    ...forWhom,
    cache_key: z.string(),
    isolation: z.enum(['run', 'workflow']),
    sealed: bytes,
    token_sha256: z.string(),
    token_jti: z.string().nullable(),
    issued_at: time,
    expires_at: time,
    served_until: time,
    granted: texts,
    granted_details: z.string().nullable(),
    audience: texts.nullable(),
    binding: z.enum(tokenBindings).nullable(),
  })
  .transform((row): LiveIssuance => ({
    ...attemptOf(row),
    cacheKey: row.cache_key,
    isolation: row.isolation,
    sealed: row.sealed,
    tokenSha256: row.token_sha256,
    tokenJti: row.token_jti,
    issuedAt: row.issued_at,
    expiresAt: row.expires_at,
    servedUntil: row.served_until,
    granted: row.granted,
    grantedDetails: row.granted_details,
    audience: row.audience ?? 'unverified',
    binding: row.binding ?? 'unverified',
  }));

export const dueRow = z
  .object({ ...forWhom, sealed: bytes, token_sha256: z.string(), token_jti: z.string().nullable(), expires_at: time, attempts: z.number() })
  .transform((row): DueRevocation => ({
    ...attemptOf(row),
    sealed: row.sealed,
    tokenSha256: row.token_sha256,
    tokenJti: row.token_jti,
    expiresAt: row.expires_at,
    attempts: row.attempts,
  }));

export const expiredRow = z
  .object({ ...forWhom, token_sha256: z.string(), expires_at: time, attempts: z.number(), last_error: z.string().nullable() })
  .transform((row): ExpiredRevocation => ({
    ...attemptOf(row),
    tokenSha256: row.token_sha256,
    expiresAt: row.expires_at,
    attempts: row.attempts,
    lastError: row.last_error,
  }));
