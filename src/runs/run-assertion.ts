import { compactVerify, importJWK, type JWK } from 'jose';
import { z } from 'zod';
import { parseStrictJson } from '../oauth/strict-json.js';
import { algorithmsOf } from './public-key.js';

/** Why an assertion was refused: for the security log, never for the answer. */
export class AssertionRefused extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'AssertionRefused';
  }
}

/** An assertion taken apart and not yet verified: who it claims to be from. */
export interface ParsedAssertion {
  readonly text: string;
  readonly subject: string;
  readonly claims: AssertionClaims;
  readonly algorithm: string;
}

const MAX_LENGTH = 16_384;
/** Seconds. CONFORMANCE B31, B32. */
const MAX_LIFE = 300;
const MAX_AHEAD = 60;
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

const header = z.looseObject({ alg: z.string(), typ: z.string().optional() });
const numericDate = z.number().finite().nonnegative();
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
  if (text.length > MAX_LENGTH || !COMPACT.test(text)) throw new AssertionRefused('not a compact JWS');
  const [head = '', body = '', signature = ''] = text.split('.');
  decodeCanonical(signature);
  const protectedHeader = parsePart(head, header);
  if ('crit' in protectedHeader || 'b64' in protectedHeader) throw new AssertionRefused('critical header parameters');
  if (!isClientAuthenticationType(protectedHeader.typ)) throw new AssertionRefused('another type of JWT');
  const parsed = parsePart(body, claims);
  return { text, subject: parsed.sub, claims: parsed, algorithm: protectedHeader.alg };
}

function parsePart<T>(part: string, schema: z.ZodType<T>): T {
  const bytes = decodeCanonical(part);
  try {
    return schema.parse(parseStrictJson(bytes));
  } catch (cause) {
    throw new AssertionRefused('header or claims are missing or malformed', { cause });
  }
}

/** The bits of the last letter that no byte holds must be zero, or one assertion had several spellings. */
function decodeCanonical(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.toString('base64url') !== part) throw new AssertionRefused('base64url is not canonical');
  return bytes;
}

function isClientAuthenticationType(type: string | undefined): boolean {
  if (type === undefined) return true;
  const bare = type.toLowerCase().replace(/^application\//, '');
  return bare === 'jwt' || bare === 'client-authentication+jwt';
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
