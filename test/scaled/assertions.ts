import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { z } from 'zod';
import { purpose } from './scaled-catalogue.js';
import { byAssertion, type Asked, type Surface } from './surface.js';

/** A run that authenticates with a key that only its agent has. */
export interface KeyedRun {
  readonly id: string;
  readonly privateKey: CryptoKey;
}

const started = z.object({ id: z.string() });

export async function startKeyedRun(surface: Surface, replica: number, key: string): Promise<KeyedRun> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const body = { workflow: 'index', purpose, ttl: 3000, public_key: { ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig' } };
  const answer = await surface.api(replica, 'POST', '/v1/runs', body, key);
  return { id: started.parse(answer?.body).id, privateKey };
}

/** RFC 7523 §3, as a run makes it; what is given stands in place of what it would say. */
export async function assertionOf(
  { id, privateKey }: KeyedRun,
  audience: string,
  given: { readonly jti?: string; readonly audience?: string; readonly expiresIn?: number } = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({})
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(id)
    .setSubject(id)
    .setAudience(given.audience ?? audience)
    .setJti(given.jti ?? randomUUID())
    .setIssuedAt(now)
    .setExpirationTime(now + (given.expiresIn ?? 60))
    .sign(privateKey);
}

export function present(surface: Surface, replica: number, assertion: string): Promise<Asked> {
  return surface.ask(replica, byAssertion('', assertion), 'crm');
}
