import { createHash } from 'node:crypto';
import type { ApiKey, Role } from './api-key.js';
import { NotAllowed, NotAuthenticated } from './errors.js';

/** Who calls the administration API: the owner of a key. */
export interface Principal {
  readonly key: string;
  readonly name: string;
  readonly roles: readonly Role[];
  /** The runtime that it starts runs for; null for everybody who is none. */
  readonly runtime: string | null;
}

/**
 * The owner of the presented key (RFC 6750 §2.1: in the Authorization header alone).
 * Keys hold 256 random bits and are looked up by their hash, so that no comparison can be timed.
 * @throws NotAuthenticated
 */
export function principalOf(authorization: string | undefined, keys: readonly ApiKey[]): Principal {
  const presented = /^bearer +([A-Za-z0-9]{20,200})$/i.exec(authorization ?? '')?.[1];
  if (presented === undefined) throw new NotAuthenticated('key_missing', 'present an API key: Authorization: Bearer <key>');
  const sha256 = hashKey(presented);
  const key = keys.find((candidate) => candidate.sha256 === sha256 && candidate.revokedAt === null);
  if (key === undefined) throw new NotAuthenticated('key_unknown', 'this API key is unknown or revoked');
  return { key: key.id, name: key.name, roles: key.roles, runtime: key.runtime };
}

export function hashKey(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** @throws NotAllowed */
export function requireRole(principal: Principal, allowed: readonly Role[]): void {
  if (principal.roles.some((role) => allowed.includes(role))) return;
  throw new NotAllowed('role_missing', `the key of ${principal.name} has not the role for this, which is ${allowed.join(' or ')}`);
}
