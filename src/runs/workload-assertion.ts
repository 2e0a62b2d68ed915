import { z } from 'zod';
import type { WorkloadIdentity } from '../catalogue/workload-identity.js';
import { AssertionRefused, isClientAuthenticationType, numericDate, takeApart, type CompactJws } from './compact-jws.js';

/** How an assertion was presented: the rules differ by `client_assertion_type` (CONFORMANCE D2). */
export type AssertionForm = 'jwt-bearer' | 'jwt-spiffe';

const claims = z.looseObject({
  iss: z.string().min(1).optional(),
  sub: z.string().min(1).max(2048),
  aud: z.union([z.string(), z.array(z.string())]),
  exp: numericDate,
  iat: numericDate.optional(),
  nbf: numericDate.optional(),
  jti: z.string().min(1).max(1024).optional(),
});
export type WorkloadClaims = z.infer<typeof claims>;
export type WorkloadAssertion = CompactJws<WorkloadClaims>;

/** Seconds. CONFORMANCE B31, B32. */
const MAX_AHEAD = 60;
/** JWT-SVID §2: no header parameter but these. */
const SVID_HEADER = ['alg', 'kid', 'typ'];
const SPIFFE_ID = /^(spiffe:\/\/[a-z0-9._-]{1,255})(\/[A-Za-z0-9._-]+)+$/;

/** @throws AssertionRefused */
export function parseWorkloadAssertion(text: string): WorkloadAssertion {
  return takeApart(text, claims);
}

/**
 * By which issuer an assertion claims to be vouched for: its `iss`, or the trust domain of a SPIFFE ID; null when it claims none.
 * A SPIFFE ID has no dot segments (SPIFFE-ID §2.2), so that a pattern sees what the workload has.
 */
export function claimedIssuer({ claims: claimed }: WorkloadAssertion, form: AssertionForm): string | null {
  if (form === 'jwt-bearer') return claimed.iss ?? null;
  const [, trustDomain] = SPIFFE_ID.exec(claimed.sub) ?? [];
  return trustDomain === undefined || claimed.sub.split('/').some((part) => part === '.' || part === '..') ? null : trustDomain;
}

/**
 * Everything that can be said before a key is looked for: who vouches, the type, the algorithm, for whom, and when
 * (CONFORMANCE B24, B28–B32, B37, B38, B107). `now` in milliseconds.
 * @throws AssertionRefused
 */
export function checkWorkloadClaims(
  assertion: WorkloadAssertion,
  form: AssertionForm,
  identity: WorkloadIdentity,
  audience: string,
  now: number,
): void {
  const { header, claims: claimed } = assertion;
  if (claimedIssuer(assertion, form) !== identity.issuer) throw new AssertionRefused('another issuer');
  if (!identity.algorithms.some((algorithm) => algorithm === header.alg)) throw new AssertionRefused('algorithm not allowed');
  if (form === 'jwt-spiffe') checkSvidHeader(header);
  else if (!isClientAuthenticationType(header.typ)) throw new AssertionRefused('another type of JWT');
  // a security event or logout token (RFC 8417 §2.2) may say JWT as well
  if ('events' in claimed) throw new AssertionRefused('another type of JWT');
  if (!isFor(claimed.aud, audience, identity.audienceArray)) throw new AssertionRefused('aud must be the issuer');
  checkTimes(claimed, identity.maxAssertionLife, now / 1000);
}

function checkSvidHeader(header: WorkloadAssertion['header']): void {
  if (header.typ !== undefined && header.typ !== 'JWT' && header.typ !== 'JOSE') throw new AssertionRefused('another type of JWT');
  if (Object.keys(header).some((parameter) => !SVID_HEADER.includes(parameter))) throw new AssertionRefused('header parameters of no SVID');
}

/** CONFORMANCE B30, D1: one string; a list of one only where the catalogue says so. */
function isFor(claimed: string | readonly string[], audience: string, arrayAllowed: boolean): boolean {
  if (typeof claimed === 'string') return claimed === audience;
  return arrayAllowed && claimed.length === 1 && claimed[0] === audience;
}

function checkTimes({ exp, iat, nbf }: WorkloadClaims, maxLife: number, seconds: number): void {
  if (exp <= seconds) throw new AssertionRefused('expired');
  if (exp > seconds + maxLife + MAX_AHEAD) throw new AssertionRefused('lives too long');
  for (const time of [iat, nbf]) {
    if (time !== undefined && time > seconds + MAX_AHEAD) throw new AssertionRefused('not yet valid');
  }
}
