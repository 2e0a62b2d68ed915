import { hasPrivateMembers, publicJwkSchema } from '../catalogue/public-jwk.js';
import type { PublicJwk, WorkloadIdentity } from '../catalogue/workload-identity.js';
import { readMembers } from './answer-body.js';
import { metadataLocations } from './discovery.js';
import { UpstreamFailed } from './upstream-failed.js';
import { UpstreamExchangeFailed, type UpstreamHttp } from './upstream-http.js';

const MAX_DOCUMENT = 262_144;
const MOST_KEYS = 200;

type Members = ReadonlyMap<string, unknown>;

/**
 * Fetches the keys of an issuer: from the URL that the catalogue gives, else from the `jwks_uri` of the issuer's metadata, which must
 * name the issuer to the byte (RFC 8414 §3.3, OpenID Connect Discovery §4.3). Null when they cannot be had, or are none.
 * `deadline` is for each document, in milliseconds.
 */
export async function fetchIssuerKeys(
  identity: WorkloadIdentity,
  http: UpstreamHttp,
  deadline: number,
): Promise<readonly PublicJwk[] | null> {
  if (identity.keys.kind === 'inline') return usableKeys(identity.keys.keys, identity);
  const fetchFrom = (url: string): Promise<Members | null> => fetchObject(url, identity.allowHosts, http, deadline);
  const url = identity.keys.kind === 'url' ? identity.keys.url : await discover(identity.issuer, fetchFrom);
  const keys = url === null ? undefined : (await fetchFrom(url))?.get('keys');
  if (!Array.isArray(keys)) return null;
  const usable = usableKeys(keys.slice(0, MOST_KEYS), identity);
  return usable.length === 0 ? null : usable;
}

/** The first document that is found is the one, whatever it says. */
async function discover(issuer: string, fetchFrom: (url: string) => Promise<Members | null>): Promise<string | null> {
  for (const location of locationsOf(issuer)) {
    const document = await fetchFrom(location);
    if (document === null) continue;
    const uri = document.get('jwks_uri');
    return document.get('issuer') === issuer && typeof uri === 'string' ? uri : null;
  }
  return null;
}

function locationsOf(issuer: string): readonly string[] {
  try {
    return metadataLocations(issuer);
  } catch (error) {
    if (error instanceof UpstreamFailed) return [];
    throw error;
  }
}

async function fetchObject(url: string, allowHosts: readonly string[], http: UpstreamHttp, deadline: number): Promise<Members | null> {
  try {
    const headers = { accept: 'application/json' };
    const response = await http.exchange({ kind: 'keys', method: 'GET', url, headers, deadline, maxBody: MAX_DOCUMENT, allowHosts });
    return response.status === 200 ? readMembers(response.body) : null;
  } catch (error) {
    if (error instanceof UpstreamExchangeFailed) return null;
    throw error;
  }
}

/**
 * Keys for signatures alone (CONFORMANCE A76): in a SPIFFE bundle those for SVIDs (SPIFFE Trust Domain and Bundle §4.2.2, B107).
 * What is strange is passed over; a key whose private half is published is nobody's any more.
 */
function usableKeys(keys: readonly unknown[], { kind }: WorkloadIdentity): readonly PublicJwk[] {
  return keys.flatMap((key) => {
    if (typeof key !== 'object' || key === null || hasPrivateMembers(key)) return [];
    const parsed = publicJwkSchema.safeParse(key);
    if (!parsed.success) return [];
    const { use } = parsed.data;
    return (kind === 'spiffe' ? use === 'jwt-svid' : use === undefined || use === 'sig') ? [parsed.data] : [];
  });
}
