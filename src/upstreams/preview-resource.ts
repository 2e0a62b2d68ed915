import { addressProblem } from '../catalogue/server-address.js';
import { Scope } from '../oauth/scope.js';
import { readMembers } from './answer-body.js';
import { resourceMetadataHint } from './resource-challenge.js';
import type { PreviewReach } from './preview-server.js';
import { reachOf, UpstreamExchangeFailed, type Reach, type UpstreamHttp, type UpstreamResponse } from './upstream-http.js';

/** Milliseconds, bytes, and items of a list. */
const DEADLINE = 5_000;
const MAX_DOCUMENT = 262_144;
const MOST = 50;
const PRINTABLE = /^[\x21-\x7e]{1,1000}$/;
/** A resource identifier: scheme, authority, path and query (RFC 9728 §1.2 has it https, without a fragment). */
const RESOURCE = /^(https?:\/\/[^/?#]+)([^#]*)$/;

/**
 * What came of looking in one place. well_known: where RFC 9728 §3.1 puts the metadata. resource: the resource itself, asked without a
 * token. challenge: where its challenge says that the metadata is (§5.1).
 *
 * document: its `resource` is the very identifier. mismatch: it names another, and nothing of it is used (CONFORMANCE A77). hint and
 * no_hint: the resource was asked, and does or does not say where its metadata is. `status` is null where no response came.
 */
export interface ResourceLook {
  readonly at: 'well_known' | 'resource' | 'challenge';
  readonly url: string;
  readonly status: number | null;
  readonly came: 'document' | 'mismatch' | 'unusable' | 'other_status' | 'hint' | 'no_hint' | UpstreamExchangeFailed['fault'];
}

/** What a resource says of itself (RFC 9728): a hint to whoever writes the catalogue, and nothing goes by it (CONFORMANCE A78). */
export interface ResourcePreview {
  readonly resource: string;
  /** In order; when a document was found, it is the last. */
  readonly looks: readonly [ResourceLook, ...ResourceLook[]];
  /** Issuers that the resource names: none of them was contacted. */
  readonly authorizationServers: readonly string[];
  readonly scopes: readonly string[];
}

/** The identifier is none whose metadata can be looked for. The message follows the word "resource". */
export class ResourceUnusable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ResourceUnusable';
  }
}

/** RFC 9728 §3.1: between host and path, without the slash that only ends the host. @throws ResourceUnusable */
export function resourceMetadataLocation(resource: string): string {
  const match = RESOURCE.exec(resource);
  if (match === null) throw new ResourceUnusable('must be an https URL without a fragment');
  const [, origin = '', rest = ''] = match;
  return `${origin}/.well-known/oauth-protected-resource${rest.replace(/^\/(?=\?|$)/, '')}`;
}

/**
 * Looks where the metadata should be and, when it is not there, where the resource says that it is. Only what is at an address that may
 * be reached is asked, whoever named it. @throws ResourceUnusable
 */
export async function previewResource(resource: string, reach: PreviewReach, http: UpstreamHttp): Promise<ResourcePreview> {
  const location = resourceMetadataLocation(resource);
  const problem = addressProblem(resource, reach.allowHosts);
  if (problem !== null) throw new ResourceUnusable(problem);
  const looking = { resource, reach: reachOf({ id: 'previewed', ...reach }), http };
  const first = await lookAt(location, 'well_known', looking);
  if (first.members !== null || first.look.status === null) return previewOf(resource, [first.look], first.members);
  const { look, hint } = await ask(looking);
  if (hint === null || hint === location) return previewOf(resource, [first.look, look], null);
  const named = await lookAt(hint, 'challenge', looking);
  return previewOf(resource, [first.look, look, named.look], named.members);
}

interface Looking {
  readonly resource: string;
  readonly reach: Reach;
  readonly http: UpstreamHttp;
}

function previewOf(resource: string, looks: ResourcePreview['looks'], members: ReadonlyMap<string, unknown> | null): ResourcePreview {
  const scopes = textsIn(members?.get('scopes_supported')).filter((scope) => Scope.isToken(scope));
  return { resource, looks, authorizationServers: textsIn(members?.get('authorization_servers')), scopes };
}

/** The document at a place, if it is one of this resource: also where the resource named the place (RFC 9728 §3.3). */
async function lookAt(
  url: string,
  at: ResourceLook['at'],
  looking: Looking,
): Promise<{ look: ResourceLook; members: ReadonlyMap<string, unknown> | null }> {
  const answer = await get(url, looking);
  const { status } = answer;
  const nothing = (came: ResourceLook['came']) => ({ look: { at, url, status, came }, members: null });
  if (answer.response === null) return nothing(answer.fault);
  if (status !== 200) return nothing('other_status');
  const members = readMembers(answer.response.body);
  if (members === null) return nothing('unusable');
  if (members.get('resource') !== looking.resource) return nothing('mismatch');
  return { look: { at, url, status, came: 'document' }, members };
}

/** Asks the resource itself, as somebody without a token, and for nothing but its challenge. */
async function ask(looking: Looking): Promise<{ look: ResourceLook; hint: string | null }> {
  const url = looking.resource;
  const answer = await get(url, looking);
  const { status } = answer;
  if (answer.response === null) return { look: { at: 'resource', url, status, came: answer.fault }, hint: null };
  if (status !== 401) return { look: { at: 'resource', url, status, came: 'other_status' }, hint: null };
  const named = resourceMetadataHint(answer.response.headers['www-authenticate']);
  const hint = named !== null && PRINTABLE.test(named) && addressProblem(named, looking.reach.allowHosts) === null ? named : null;
  return { look: { at: 'resource', url, status, came: hint === null ? 'no_hint' : 'hint' }, hint };
}

type Got =
  | { readonly status: number; readonly response: UpstreamResponse }
  | { readonly status: null; readonly response: null; readonly fault: UpstreamExchangeFailed['fault'] };

async function get(url: string, { reach, http }: Looking): Promise<Got> {
  try {
    const headers = { accept: 'application/json' };
    const kind = 'resource_metadata';
    const response = await http.exchange({ kind, method: 'GET', url, headers, deadline: DEADLINE, maxBody: MAX_DOCUMENT, ...reach });
    return { status: response.status, response };
  } catch (error) {
    if (error instanceof UpstreamExchangeFailed) return { status: null, response: null, fault: error.fault };
    throw error;
  }
}

function textsIn(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is string => typeof item === 'string' && PRINTABLE.test(item)).slice(0, MOST);
}
