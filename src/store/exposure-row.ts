import { z } from 'zod';
import { tokenBindings } from '../oauth/token-binding.js';
import { fates, type ExposedToken, type LiveToken } from '../suspensions/exposure.js';
import { texts, time } from './column-types.js';

const which = {
  id: z.string(),
  state: z.enum(['open', 'issued', 'refused', 'failed', 'unknown']),
  run: z.string().nullable(),
  workflow: z.string().nullable(),
  client: z.string(),
  resource: z.string(),
  authorization_server: z.string(),
};

export const liveTokenRow = z
  .object({
    ...which,
    ends: time,
    isolation: z.enum(['run', 'workflow']),
    revocation: z.enum(['pending', 'given_up', 'unsupported']).nullable(),
    audience: texts.nullable(),
    binding: z.enum(tokenBindings).nullable(),
    released: z.number(),
  })
  .transform(({ id, ends, authorization_server, audience, ...live }): LiveToken => ({
    issuance: id,
    ...live,
    authorizationServer: authorization_server,
    expiresAt: ends,
    audience: audience ?? 'unverified',
  }));

const exposedRow = z
  .object({
    ...which,
    ends: z.number(),
    fate: z.enum(fates),
    attempts: z.number(),
    last_error: z.string().nullable(),
    due_at: z.number().nullable(),
    done_at: z.number().nullable(),
  })
  .transform(({ id, ends, authorization_server, last_error, due_at, done_at, ...exposed }): ExposedToken => ({
    issuance: id,
    ...exposed,
    authorizationServer: authorization_server,
    expiresAt: ends,
    lastError: last_error,
    nextAttemptAt: exposed.fate === 'pending' && done_at === null ? due_at : null,
    revokedAt: exposed.fate === 'revoked' ? done_at : null,
  }));

/** Both are null where nothing was exposed. */
export const suspensionExposureRow = z
  .object({
    tokens: z.array(exposedRow).nullable(),
    fates: z.array(z.object({ fate: z.enum(fates), tokens: z.number(), ends: z.number() })).nullable(),
    complete: z.boolean(),
  })
  .transform(({ tokens, fates, complete }) => ({ tokens: tokens ?? [], fates: fates ?? [], complete }));

export const activeRow = z.object({ runs: z.number() });
