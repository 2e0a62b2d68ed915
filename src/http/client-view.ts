import type { Client } from '../catalogue/catalogue.js';
import type { Rotation } from '../credentials/rotation.js';
import type { CredentialVersion } from '../credentials/sealed-credential.js';
import { timestamp } from '../oauth/clock.js';
import type { Finding } from '../posture/finding.js';

export interface ClientState {
  readonly client: Client;
  /** Of this client, the newest first. */
  readonly versions: readonly CredentialVersion[];
  /** The latest. */
  readonly rotation: Rotation | null;
  readonly findings: readonly Finding[];
  readonly now: number;
}

/** One client as `GET /v1/clients/{id}` tells it. */
export function printClient({ client, versions, rotation, findings, now }: ClientState): Record<string, unknown> {
  const current = versions.find(({ state }) => state === 'current');
  const due = current === undefined ? null : current.createdAt + client.rotateEvery * 1000;
  return {
    id: client.id,
    client_id: client.clientId,
    authorization_server: client.authorizationServer,
    owner: client.owner,
    workflows: client.workflows,
    resources: client.resources,
    method: client.method,
    max_token_life: client.maxTokenLife,
    rotate_every: client.rotateEvery,
    rotates_by_itself: rotatesByItself(client),
    rotation_due_at: due === null ? null : timestamp(due),
    rotation_overdue: due !== null && due < now,
    credentials: versions.map(({ id, key, state, createdAt }) => ({
      id,
      ...(key === null ? {} : { kid: key.kid, alg: key.algorithm }),
      state,
      created_at: timestamp(createdAt),
    })),
    rotation: rotation === null ? null : printRotation(rotation),
    findings,
  };
}

/** `fault` is why the last attempt at a token with the new version brought none. */
export function printRotation(rotation: Rotation): Record<string, unknown> {
  const { id, client, credential, replaces, state, attempts, fault } = rotation;
  return {
    ...{ id, client, credential, replaces, state },
    begun_by: rotation.begunBy,
    begun_at: timestamp(rotation.begunAt),
    attempts,
    last_attempt_at: orNull(rotation.lastAttemptAt),
    fault,
    next_step_at: rotation.endedAt === null ? orNull(rotation.dueAt) : null,
    proof_until: orNull(rotation.deadline),
    ended_at: orNull(rotation.endedAt),
  };
}

function orNull(time: number | null): string | null {
  return time === null ? null : timestamp(time);
}

/** Whether its server learns of new keys without anybody's help. */
function rotatesByItself(client: Client): boolean {
  return client.credential.kind === 'generate' && client.keyRegistration === 'jwks_uri';
}
