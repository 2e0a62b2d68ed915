import { addressProblem } from '../catalogue/server-address.js';
import { Scope } from '../oauth/scope.js';
import { membersOf, parseStrictJson, UnreadableJson } from '../oauth/strict-json.js';
import { UpstreamExchangeFailed, type UpstreamHttp } from './upstream-http.js';

/** Milliseconds, bytes, and items of a list. */
const DEADLINE = 5_000;
const MAX_DOCUMENT = 262_144;
const MOST = 50;
const PRINTABLE = /^[\x21-\x7e]{1,1000}$/;
/** A resource identifier: scheme, authority, path and query (RFC 9728 §1.2 has it https, without a fragment). */
const RESOURCE = /^(https?:\/\/[^/?#]+)([^#]*)$/;

/**
 * What a resource says of itself (RFC 9728). `came` is document when its `resource` is the very identifier; mismatch: it names
 * another, and nothing of it is used (CONFORMANCE A77). It is a hint to whoever writes the catalogue, and nothing goes by it (A78).
 */
export interface ResourcePreview {
  readonly resource: string;
  readonly location: string;
  readonly status: number | null;
  readonly came: 'document' | 'mismatch' | 'unusable' | 'other_status' | UpstreamExchangeFailed['fault'];
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

/** @throws ResourceUnusable */
export async function previewResource(resource: string, allowHosts: readonly string[], http: UpstreamHttp): Promise<ResourcePreview> {
  const location = resourceMetadataLocation(resource);
  const problem = addressProblem(resource, allowHosts);
  if (problem !== null) throw new ResourceUnusable(problem);
  const nothing = { resource, location, status: null, authorizationServers: [], scopes: [] };
  try {
    const headers = { accept: 'application/json' };
    const { status, body } = await http.exchange({
      kind: 'resource_metadata',
      method: 'GET',
      url: location,
      headers,
      deadline: DEADLINE,
      maxBody: MAX_DOCUMENT,
      allowHosts,
    });
    if (status !== 200) return { ...nothing, status, came: 'other_status' };
    const members = readMembers(body);
    if (members === null) return { ...nothing, status, came: 'unusable' };
    if (members.get('resource') !== resource) return { ...nothing, status, came: 'mismatch' };
    const authorizationServers = textsIn(members.get('authorization_servers'));
    const scopes = textsIn(members.get('scopes_supported')).filter((scope) => Scope.isToken(scope));
    return { resource, location, status, came: 'document', authorizationServers, scopes };
  } catch (error) {
    if (error instanceof UpstreamExchangeFailed) return { ...nothing, came: error.fault };
    throw error;
  }
}

function readMembers(body: Uint8Array): ReadonlyMap<string, unknown> | null {
  try {
    return membersOf(parseStrictJson(body));
  } catch (error) {
    if (error instanceof UnreadableJson) return null;
    throw error;
  }
}

function textsIn(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is string => typeof item === 'string' && PRINTABLE.test(item)).slice(0, MOST);
}
