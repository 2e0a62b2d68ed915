import { ResourceIndicator } from '../oauth/resource-indicator.js';
import type { Resource } from '../catalogue/catalogue.js';
import { stringsOf, type Claims } from './access-token-claims.js';
import type { TokenWish } from './token.js';

/** What is kept of an audience that is refused: enough to see what it was, little enough to be recorded. */
const KEPT = 8;
const RECORDABLE = /^[\x20-\x7e]{1,512}$/;

export interface LearnedAudience {
  readonly audience: readonly string[] | 'unverified';
  readonly fault: 'audience_mismatch' | null;
}

/**
 * Compares the audience that a token names (RFC 9068 §3), and that its response names where the profile says by what member, with
 * the resource that was asked for: it, and nobody else but whom the profile tolerates.
 */
export function learnAudience({ server, resource }: TokenWish, members: Claims, claims: Claims | null): LearnedAudience {
  const { audienceMember, toleratedExtraAudiences } = server.profile;
  const named = [stringsOf(claims?.get('aud')) ?? []];
  // optional members that are empty are as good as absent (CONFORMANCE Q36)
  if (audienceMember !== null) named.push(stringsOf(members.get(audienceMember) === '' ? null : members.get(audienceMember)) ?? []);
  if (named.includes('unclear')) return { audience: [], fault: 'audience_mismatch' };
  const audience = [...new Set(named.flat())];
  if (audience.length === 0) return { audience: 'unverified', fault: null };
  const foreign = audience.filter((one) => !isMeant(one, resource));
  const tolerated = foreign.length < audience.length && foreign.every((one) => toleratedExtraAudiences.includes(one));
  if (tolerated) return { audience, fault: null };
  return { audience: audience.filter((one) => RECORDABLE.test(one)).slice(0, KEPT), fault: 'audience_mismatch' };
}

/** A resource may be known by its uri or by another name at its server; either stands for it alone. */
function isMeant(audience: string, resource: Resource): boolean {
  return audience === resource.audience || isResource(audience, resource.uri);
}

/** An audience may be no URI at all, and is then no resource. */
function isResource(audience: string, resource: string): boolean {
  if (audience === resource) return true;
  try {
    return ResourceIndicator.parse(audience).equals(ResourceIndicator.parse(resource));
  } catch {
    return false;
  }
}
