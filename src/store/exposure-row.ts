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
  ends: time,
};

export const liveTokenRow = z
  .object({
    ...which,
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

export const exposedRow = z
  .object({
    ...which,
    fate: z.enum(fates),
    attempts: z.number(),
    last_error: z.string().nullable(),
    due_at: time.nullable(),
    done_at: time.nullable(),
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

export const fateRow = z.object({ fate: z.enum(fates), tokens: z.number(), ends: time });

export const activeRow = z.object({ runs: z.number() });
