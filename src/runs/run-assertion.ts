import { compactVerify, importJWK, type JWK } from 'jose';
import { z } from 'zod';
import { AssertionRefused, isClientAuthenticationType, numericDate, takeApart } from './compact-jws.js';
import { algorithmsOf } from './public-key.js';

/** An assertion taken apart and not yet verified: who it claims to be from. */
export interface ParsedAssertion {
  readonly text: string;
  readonly subject: string;
  readonly claims: AssertionClaims;
  readonly algorithm: string;
}

/** Seconds. CONFORMANCE B31, B32. */
const MAX_LIFE = 300;
const MAX_AHEAD = 60;

const claims = z.looseObject({
  iss: z.string().min(1),
  sub: z.string().min(1),
  aud: z.string(),
  exp: numericDate,
  iat: numericDate.optional(),
  nbf: numericDate.optional(),
  jti: z.string().min(1).max(1024),
});
export type AssertionClaims = z.infer<typeof claims>;

/**
 * Takes a client assertion apart (RFC 7523 §3): compact JWS only, strict base64url, no duplicate names, no critical
 * extensions, a type that is none or one for client authentication (CONFORMANCE B24–B28, B37, B38).
 * @throws AssertionRefused
 */
export function parseAssertion(text: string): ParsedAssertion {
  const { header, claims: parsed } = takeApart(text, claims);
  if (!isClientAuthenticationType(header.typ)) throw new AssertionRefused('another type of JWT');
  return { text, subject: parsed.sub, claims: parsed, algorithm: header.alg };
}

/**
 * Verifies a run's own assertion with the key registered for that run and no other: signature, `iss` = `sub` = the run,
 * `aud` = our issuer as a single string, times (CONFORMANCE B23–B32). `now` in milliseconds.
 * @throws AssertionRefused
 */
export async function verifyRunAssertion(assertion: ParsedAssertion, run: string, key: JWK, issuer: string, now: number): Promise<void> {
  const { claims: claimed, algorithm } = assertion;
  if (!algorithmsOf(key).includes(algorithm)) throw new AssertionRefused('algorithm not for this key');
  if (claimed.sub !== run || claimed.iss !== run) throw new AssertionRefused('iss and sub must be the run');
  if (claimed.aud !== issuer) throw new AssertionRefused('aud must be the issuer');
  const seconds = now / 1000;
  if (claimed.exp <= seconds) throw new AssertionRefused('expired');
  if (claimed.exp > seconds + MAX_LIFE + MAX_AHEAD) throw new AssertionRefused('lives too long');
  if (claimed.iat !== undefined && claimed.exp - claimed.iat > MAX_LIFE + MAX_AHEAD) throw new AssertionRefused('lives too long');
  for (const time of [claimed.iat, claimed.nbf]) {
    if (time !== undefined && time > seconds + MAX_AHEAD) throw new AssertionRefused('not yet valid');
  }
  try {
    await compactVerify(assertion.text, await importJWK(key, algorithm), { algorithms: [algorithm] });
  } catch (cause) {
    throw new AssertionRefused('signature does not verify', { cause });
  }
}
