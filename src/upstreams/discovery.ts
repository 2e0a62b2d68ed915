import type { AuthorizationServer } from '../catalogue/catalogue.js';
import type { Clock } from '../oauth/clock.js';
import { metadataOfCatalogue, metadataOfDocument, readDocument, type ServerMetadata } from './metadata.js';
import { membersOf, parseStrictJson, UnreadableJson } from '../oauth/strict-json.js';
import type { ServerDocument } from './server-document.js';
import { UpstreamFailed } from './upstream-failed.js';
import { reachOf, UpstreamExchangeFailed, type UpstreamHttp } from './upstream-http.js';

const MAX_DOCUMENT = 262_144;
/** An issuer: scheme, authority, and a path perhaps; no query and no fragment (RFC 8414 §2). */
const ISSUER = /^(https?:\/\/[^/?#]+)(\/[^?#]*)?$/;

/** What came of looking in one place; `status` is null where no response came. */
export interface Look {
  readonly url: string;
  readonly status: number | null;
  /** ambiguous: a name is repeated. unusable: members of it are of the wrong type. not_asked: another was found before, or time was up. */
  readonly came: 'document' | 'unusable' | 'ambiguous' | 'no_object' | 'other_status' | 'not_asked' | UpstreamExchangeFailed['fault'];
}

export interface FoundDocument {
  readonly location: string;
  readonly document: ServerDocument;
}

export interface Looked {
  readonly looks: readonly Look[];
  readonly found: FoundDocument | null;
}

/**
 * Looks for the metadata of an authorization server in the places where it may be, in the order of the specifications: the first
 * JSON object that is found is the document, and no other is looked at then (CONFORMANCE A70, A71). `deadline` is for all of it,
 * in milliseconds.
 * @throws UpstreamFailed when the issuer is none
 */
export async function lookForMetadata(
  server: Pick<AuthorizationServer, 'id' | 'issuer' | 'allowHosts' | 'ca'>,
  http: UpstreamHttp,
  clock: Clock,
  deadline: number,
): Promise<Looked> {
  const end = clock.now() + deadline;
  const looks: Look[] = [];
  let found: FoundDocument | null = null;
  let over = false;
  for (const url of metadataLocations(server.issuer)) {
    const left = end - clock.now();
    over ||= left <= 0;
    if (over) {
      looks.push({ url, status: null, came: 'not_asked' });
      continue;
    }
    const [look, document] = await lookAt(url, server, http, left);
    looks.push(look);
    over = isDocument(look);
    if (document !== null) found = { location: url, document };
  }
  return { looks, found };
}

/** A document that cannot be understood is one, and must not be passed over for another. */
function isDocument({ came }: Look): boolean {
  return came === 'document' || came === 'unusable' || came === 'ambiguous';
}

/**
 * The metadata that was looked for. A server whose token endpoint the catalogue names need not publish any.
 * @throws UpstreamFailed
 */
export function metadataOfLook(server: AuthorizationServer, { looks, found }: Looked): ServerMetadata {
  if (found !== null) return metadataOfDocument(server, found.document);
  if (looks.some(isDocument)) throw new UpstreamFailed('metadata_invalid');
  const declared = metadataOfCatalogue(server);
  if (declared !== null) return declared;
  throw new UpstreamFailed(looks.some(({ came }) => came === 'no_object') ? 'metadata_invalid' : 'metadata_unavailable');
}

/** @throws UpstreamFailed */
export async function readMetadata(
  server: AuthorizationServer,
  http: UpstreamHttp,
  clock: Clock,
  deadline: number,
): Promise<ServerMetadata> {
  return metadataOfLook(server, await lookForMetadata(server, http, clock, deadline));
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

async function lookAt(
  url: string,
  server: Pick<AuthorizationServer, 'id' | 'allowHosts' | 'ca'>,
  http: UpstreamHttp,
  deadline: number,
): Promise<readonly [Look, ServerDocument | null]> {
  try {
    const headers = { accept: 'application/json' };
    const request = { kind: 'metadata', method: 'GET', url, headers, deadline, maxBody: MAX_DOCUMENT, ...reachOf(server) } as const;
    const { status, body } = await http.exchange(request);
    if (status !== 200) return [{ url, status, came: 'other_status' }, null];
    const read = readObject(body);
    const document = typeof read === 'string' ? null : readDocument(read.object);
    return [{ url, status, came: typeof read === 'string' ? read : document === null ? 'unusable' : 'document' }, document];
  } catch (error) {
    if (error instanceof UpstreamExchangeFailed) return [{ url, status: null, came: error.fault }, null];
    throw error;
  }
}

/** A JSON object; `no_object` is also the page that some servers answer any path with. */
function readObject(body: Uint8Array): { readonly object: unknown } | 'no_object' | 'ambiguous' {
  try {
    const json = parseStrictJson(body);
    return membersOf(json) === null ? 'no_object' : { object: json };
  } catch (error) {
    if (!(error instanceof UnreadableJson)) throw error;
    return error.reason === 'a member name is repeated' ? 'ambiguous' : 'no_object';
  }
}
