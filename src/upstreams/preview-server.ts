import { macAlgorithms, signingAlgorithms } from '../catalogue/client-methods.js';
import type { AuthorizationServer } from '../catalogue/catalogue.js';
import { clientShape } from '../catalogue/file-shape.js';
import { preferredAlgorithms, profiles, standardProfile } from '../catalogue/profile.js';
import { addressProblem } from '../catalogue/server-address.js';
import type { Clock } from '../oauth/clock.js';
import { methodAt } from './client-authentication.js';
import { lookForMetadata, metadataLocations, type FoundDocument, type Look } from './discovery.js';
import { endpointProblem, metadataOfDocument, type ServerMetadata } from './metadata.js';
import type { ServerDocument } from './server-document.js';
import { suggestProfile, type Suggestion } from './suggest-profile.js';
import { UpstreamFailed } from './upstream-failed.js';
import type { UpstreamHttp } from './upstream-http.js';

/** Milliseconds. */
const DEADLINE = 10_000;

/** refused: Corridor would get no token as things are. warning and info: it would, and this is to be known. */
export interface Remark {
  readonly severity: 'refused' | 'warning' | 'info';
  readonly code: string;
  readonly message: string;
}

export interface ClientMethod {
  readonly name: string;
  /** For signed assertions; null for other methods. */
  readonly algorithm: string | null;
}

/** How far a preview goes, and whom it takes for the server: as of a server in the catalogue. */
export type PreviewReach = Pick<AuthorizationServer, 'allowHosts' | 'ca'>;

/** What Corridor would use of a server that is not in the catalogue, and why. */
export interface ServerPreview {
  readonly issuer: string;
  readonly looks: readonly Look[];
  readonly found: FoundDocument | null;
  /** What would be used; null when nothing could be. */
  readonly metadata: ServerMetadata | null;
  readonly profile: Suggestion;
  /** How a client would authenticate; null when there is no way that both know. */
  readonly method: ClientMethod | null;
  readonly remarks: readonly Remark[];
}

/** The issuer is none that corridor.yaml could name. The message follows the word "issuer". */
export class IssuerUnusable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'IssuerUnusable';
  }
}

const ALIASES_IN_USE: readonly string[] = ['token_endpoint', 'revocation_endpoint', 'introspection_endpoint'];

/** Best first: a key of our own before a secret that two know. */
const PREFERRED = [
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'client_secret_jwt',
  'client_secret_basic',
  'client_secret_post',
];

/** Looks at a server as discovery would, and keeps nothing. @throws IssuerUnusable */
export async function previewServer(issuer: string, reach: PreviewReach, http: UpstreamHttp, clock: Clock): Promise<ServerPreview> {
  const problem = addressProblem(issuer, reach.allowHosts) ?? (isIssuer(issuer) ? null : 'must have no query');
  if (problem !== null) throw new IssuerUnusable(problem);
  const profile = suggestProfile(issuer);
  const server = { id: 'previewed', issuer, profile: profiles[profile.name] ?? standardProfile, ...reach };
  const { looks, found } = await lookForMetadata(server, http, clock, DEADLINE);
  if (found === null) return { issuer, looks, found, metadata: null, profile, method: null, remarks: [nothingFound(looks, reach)] };
  const { document } = found;
  const metadata = usable(server, document);
  const method = document.issuer === issuer ? methodFor(document, profile.name) : null;
  const remarks = [
    ...ofIssuer(issuer, document),
    ...ofEndpoints(server, document),
    ...ofAuthentication(document, profile.name),
    ...ofOtherEndpoints(document, method),
    ...ofMetadata(metadata),
  ];
  return { issuer, looks, found, metadata, profile, method, remarks };
}

function isIssuer(issuer: string): boolean {
  try {
    return metadataLocations(issuer).length > 0;
  } catch (error) {
    if (error instanceof UpstreamFailed) return false;
    throw error;
  }
}

function usable(server: AuthorizationServer, document: ServerDocument): ServerMetadata | null {
  try {
    return metadataOfDocument(server, document);
  } catch (error) {
    if (error instanceof UpstreamFailed) return null;
    throw error;
  }
}

function nothingFound(looks: readonly Look[], { ca }: PreviewReach): Remark {
  const trusted = ca === undefined ? 'a public authority; a private one is named by ca (--ca file:…)' : 'an authority that ca names';
  const strange = looks.find(({ came }) => came === 'unusable' || came === 'ambiguous');
  if (strange !== undefined)
    return refused('metadata_invalid', `what is at ${strange.url} cannot be understood, and no other place is asked then`);
  if (looks.some(({ came }) => came === 'address_refused')) {
    return refused('address_refused', 'its address is not public, so it is not contacted: that is for allow_hosts of this server to allow');
  }
  if (looks.some(({ came }) => came === 'tls_failed'))
    return refused('tls_failed', `its certificate was not accepted: it must be valid, for this host, and of ${trusted}`);
  if (looks.some(({ came }) => came === 'unreachable' || came === 'timeout'))
    return refused('metadata_unavailable', 'it could not be reached: see that it is up, and that this Corridor gets through to it');
  return refused('metadata_unavailable', 'it publishes no metadata in these places: name its token_endpoint in corridor.yaml');
}

function ofIssuer(issuer: string, document: ServerDocument): Remark[] {
  if (document.issuer === issuer) return [];
  return [refused('issuer_mismatch', `its document is of ${document.issuer}, which is another text: nothing in it is used`)];
}

function ofEndpoints(server: AuthorizationServer, document: ServerDocument): Remark[] {
  if (document.issuer !== server.issuer) return [];
  if (document.token_endpoint === null) return [refused('token_endpoint_missing', 'its document names no token_endpoint')];
  const wrong = (['token_endpoint', 'revocation_endpoint'] as const).flatMap((name) => {
    const url = document[name];
    const problem = url === null ? null : endpointProblem(server, url);
    return url === null || problem === null ? [] : [refused('endpoint_unusable', `${name} ${url} ${problem}`)];
  });
  const aliases = Object.entries(document.mtls_endpoint_aliases ?? {}).flatMap(([name, url]) => {
    const problem = endpointProblem(server, url);
    if (!ALIASES_IN_USE.includes(name) || problem === null) return [];
    return [
      warning('alias_unusable', `mtls_endpoint_aliases.${name} ${url} ${problem} (mtls_token_endpoint, for clients with certificates)`),
    ];
  });
  const { introspection_endpoint: introspection } = document;
  const strange = introspection === null ? null : endpointProblem(server, introspection);
  const unused =
    strange === null ? [] : [warning('introspection_unusable', `introspection_endpoint ${introspection} ${strange}, and is not used`)];
  const found = [...wrong, ...aliases, ...unused];
  if (document.revocation_endpoint !== null) return found;
  return [
    ...found,
    info('not_revocable', 'it publishes no revocation_endpoint: what it issues can be stopped by its end alone, so keep tokens short'),
  ];
}

function ofAuthentication(document: ServerDocument, profile: string): Remark[] {
  const methods = document.token_endpoint_auth_methods_supported;
  if (methods === null)
    return [info('methods_not_published', 'it does not say how clients authenticate, which means client_secret_basic (RFC 8414 §2)')];
  if (methodFor(document, profile) !== null) return [];
  return [refused('method_unsupported', `Corridor has none of its methods, which are ${methods.join(', ') || 'none'}`)];
}

/** Where an endpoint does not list the client's method, it is used there all the same. */
function ofOtherEndpoints(document: ServerDocument, method: ClientMethod | null): Remark[] {
  if (method === null) return [];
  return (['revocation', 'introspection'] as const).flatMap((name) => {
    const listed = document[`${name}_endpoint_auth_methods_supported`];
    if (document[`${name}_endpoint`] === null || listed === null || listed.includes(methodAt(method.name, listed))) return [];
    const methods = listed.join(', ') || 'no method';
    return [warning(`${name}_method_unlisted`, `its ${name}_endpoint lists ${methods}: a client by ${method.name} may be refused there`)];
  });
}

function ofMetadata(metadata: ServerMetadata | null): Remark[] {
  return (metadata?.warnings ?? []).map((code) =>
    warning(
      code,
      code === 'grant_types_not_published'
        ? 'it does not say which grants it has; client_credentials is tried all the same'
        : 'client_credentials is not among the grants that it names; it is tried all the same',
    ),
  );
}

/** The best method that both know, with an algorithm that both know. */
function methodFor(document: ServerDocument, profile: string): ClientMethod | null {
  const ours: readonly string[] = clientShape.shape.method.options;
  const theirs = document.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  const theirAlgorithms = document.token_endpoint_auth_signing_alg_values_supported;
  for (const name of PREFERRED.filter((method) => ours.includes(method) && theirs.includes(method))) {
    const algorithms = algorithmsOf(name, profile);
    if (algorithms === null) return { name, algorithm: null };
    const algorithm = algorithms.find((each) => theirAlgorithms === null || theirAlgorithms.includes(each));
    if (algorithm !== undefined) return { name, algorithm };
  }
  return null;
}

/** The algorithms of the methods that sign, best first (CONFORMANCE A26). */
function algorithmsOf(method: string, profile: string): readonly string[] | null {
  if (method === 'private_key_jwt') return [...(preferredAlgorithms[profile] ?? []), ...signingAlgorithms];
  return method === 'client_secret_jwt' ? macAlgorithms : null;
}

function refused(code: string, message: string): Remark {
  return { severity: 'refused', code, message };
}

function warning(code: string, message: string): Remark {
  return { severity: 'warning', code, message };
}

function info(code: string, message: string): Remark {
  return { severity: 'info', code, message };
}
