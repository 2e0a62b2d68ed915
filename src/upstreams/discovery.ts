import type { AuthorizationServer } from '../catalogue/catalogue.js';
import type { Clock } from '../oauth/clock.js';
import { metadataOfCatalogue, metadataOfDocument, type ServerMetadata } from './metadata.js';
import { membersOf, parseStrictJson, UnreadableJson } from '../oauth/strict-json.js';
import { UpstreamFailed } from './upstream-failed.js';
import { reachOf, UpstreamExchangeFailed, type UpstreamHttp, type UpstreamResponse } from './upstream-http.js';

const MAX_DOCUMENT = 262_144;
/** An issuer: scheme, authority, and a path perhaps; no query and no fragment (RFC 8414 §2). */
const ISSUER = /^(https?:\/\/[^/?#]+)(\/[^?#]*)?$/;

/**
 * Reads the metadata of an authorization server from the places where it may be, in the order of the specifications: the first
 * JSON object that is found is the document, and no other is looked at then (CONFORMANCE A70, A71). `deadline` is for all of it,
 * in milliseconds. A server whose token endpoint the catalogue names need not publish any.
 * @throws UpstreamFailed
 */
export async function readMetadata(
  server: AuthorizationServer,
  http: UpstreamHttp,
  clock: Clock,
  deadline: number,
): Promise<ServerMetadata> {
  const end = clock.now() + deadline;
  let unusable = false;
  for (const url of metadataLocations(server.issuer)) {
    const left = end - clock.now();
    if (left <= 0) break;
    const response = await fetchDocument(url, server, http, left);
    if (response?.status !== 200) continue;
    const json = readDocument(response.body);
    if (json !== null) return metadataOfDocument(server, json);
    unusable = true;
  }
  const declared = metadataOfCatalogue(server);
  if (declared !== null) return declared;
  throw new UpstreamFailed(unusable ? 'metadata_invalid' : 'metadata_unavailable');
}

/**
 * RFC 8414 §3.1 puts its well-known path between host and path; for OpenID Connect the same (§5), or after the path
 * (OpenID Connect Discovery §4.1). Texts are put together as they are: a URL object would change them.
 * @throws UpstreamFailed when the issuer is none
 */
export function metadataLocations(issuer: string): readonly string[] {
  const match = ISSUER.exec(issuer);
  if (match === null) throw new UpstreamFailed('metadata_invalid');
  const origin = match[1] ?? '';
  const path = (match[2] ?? '').replace(/\/$/, '');
  return [
    ...new Set([
      `${origin}/.well-known/oauth-authorization-server${path}`,
      `${origin}/.well-known/openid-configuration${path}`,
      `${origin}${path}/.well-known/openid-configuration`,
    ]),
  ];
}

async function fetchDocument(
  url: string,
  server: AuthorizationServer,
  http: UpstreamHttp,
  deadline: number,
): Promise<UpstreamResponse | null> {
  try {
    return await http.exchange({
      method: 'GET',
      url,
      headers: { accept: 'application/json' },
      deadline,
      maxBody: MAX_DOCUMENT,
      ...reachOf(server),
    });
  } catch (error) {
    if (error instanceof UpstreamExchangeFailed) return null;
    throw error;
  }
}

/** A JSON object; null for what is no document at all, such as the page that some servers answer any path with. */
function readDocument(body: Uint8Array): unknown {
  try {
    const json = parseStrictJson(body);
    return membersOf(json) === null ? null : json;
  } catch (error) {
    if (!(error instanceof UnreadableJson)) throw error;
    // an ambiguous document is one, and must not be passed over for another
    if (error.reason === 'a member name is repeated') throw new UpstreamFailed('metadata_invalid');
    return null;
  }
}
