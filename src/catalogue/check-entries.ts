import { ResourceIndicator } from '../oauth/resource-indicator.js';
import { checkIdentity } from './check-identity.js';
import { isMacAlgorithm, isSecretMethod, isSigningAlgorithm } from './client-methods.js';
import { parseCredentialSource } from './credential-source.js';
import { parseDuration } from './duration.js';
import type { AuthorizationServerFile, ClientFile, ProfileFile, ResourceFile } from './file-shape.js';
import type { Fault, Path, Report } from './problem.js';
import { unpinned, type PinnedEndpoints } from './pinned-endpoints.js';
import { profiles, standardProfile } from './profile.js';
import type { Entries, Entry } from './read-entries.js';
import { addressProblem } from './server-address.js';

/** Checks each entry against itself: what one member says about another. */
export function checkEntries(entries: Entries, report: Report): void {
  for (const server of entries.authorizationServers.values()) checkServer(server, report);
  for (const resource of entries.resources.values()) checkResource(resource, report);
  for (const client of entries.clients.values()) checkClient(client, report);
  for (const runtime of entries.runtimes.values()) checkIdentity(runtime, report);
}

function checkServer({ draft, path, wrong: broken }: Entry<AuthorizationServerFile>, report: Report): void {
  const allowHosts = draft.allow_hosts ?? [];
  for (const member of ['issuer', 'token_endpoint', 'mtls_token_endpoint', 'revocation_endpoint'] as const) {
    const url = draft[member];
    const problem = url === undefined || broken.has('allow_hosts') ? null : addressProblem(url, allowHosts);
    if (problem !== null) report(wrong(path, member, problem));
  }
  // RFC 8414 §2 (CONFORMANCE A72)
  if (draft.issuer?.includes('?')) report(wrong(path, 'issuer', 'must not have a query: remove the ? and what follows it'));
  if (typeof draft.profile === 'object') checkProfile(draft.profile, draft, [...path, 'profile'], report);
}

function checkProfile(profile: Exclude<ProfileFile, string>, server: PinnedEndpoints, path: Path, report: Report): void {
  const start = profiles[profile.name] ?? standardProfile;
  const { assertion_audience: audience, revokes_tokens: revokes = start.revokesTokens } = profile;
  const missing = audience === undefined ? null : unpinned(audience, revokes, server);
  if (missing !== null) {
    const otherwise = missing === 'revocation_endpoint' ? ', or say revokes_tokens: false' : '';
    report(wrong(path, 'assertion_audience', `can be ${audience} only where ${missing} of this server is given: give it${otherwise}`));
  }
  const life = profile.assertion_life === undefined ? start.assertionLife : (parseDuration(profile.assertion_life) ?? 0);
  const backdate = profile.assertion_backdate === undefined ? start.assertionBackdate : (parseDuration(profile.assertion_backdate) ?? 0);
  if (backdate < life) return;
  const member = profile.assertion_life === undefined ? 'assertion_backdate' : 'assertion_life';
  report(
    wrong(path, member, 'leaves assertions no time to be used: assertion_life counts from iat, so make it longer than assertion_backdate'),
  );
}

function checkResource({ draft, path }: Entry<ResourceFile>, report: Report): void {
  if (draft.uri !== undefined && indicatorOf(draft.uri) === null) {
    report(wrong(path, 'uri', 'must be an absolute URI without a fragment (RFC 8707), such as https://crm.example/api'));
  }
  for (const [index, scope] of (draft.default_scopes ?? []).entries()) {
    if (draft.scopes === undefined || draft.scopes.includes(scope)) continue;
    report({
      path: [...path, 'default_scopes', index],
      at: 'value',
      message: `${path.join('.')}.default_scopes holds a scope that scopes does not: add it there or remove it here`,
    });
  }
}

/** The indicator that a text is, or null. */
export function indicatorOf(uri: string): ResourceIndicator | null {
  try {
    return ResourceIndicator.parse(uri);
  } catch {
    return null;
  }
}

function checkClient({ draft, path }: Entry<ClientFile>, report: Report): void {
  if (draft.key_registration !== undefined && draft.credential !== undefined && !isGenerated(draft.credential)) {
    report(wrong(path, 'key_registration', 'is for keys that Corridor makes (credential: generate): remove it'));
  }
  if (draft.method === undefined) return;
  const generated = draft.credential !== undefined && isGenerated(draft.credential);
  if (generated && isSecretMethod(draft.method))
    report(
      wrong(path, 'credential', `cannot be generate with ${draft.method}: a secret comes from its server, so write env:NAME or file:PATH`),
    );
  if (generated && draft.method === 'tls_client_auth')
    report(
      wrong(
        path,
        'credential',
        'cannot be generate with tls_client_auth: an authority issues its certificate, so write file:PATH with key and certificate, or use self_signed_tls_client_auth',
      ),
    );
  if (draft.algorithm !== undefined) checkAlgorithm(draft.method, draft.algorithm, path, report);
}

function checkAlgorithm(method: ClientFile['method'], algorithm: string, path: Path, report: Report): void {
  const takes = { private_key_jwt: isSigningAlgorithm, client_secret_jwt: isMacAlgorithm }[String(method)];
  if (takes === undefined) report(wrong(path, 'algorithm', `means nothing with ${method}: remove it`));
  else if (!takes(algorithm))
    report(
      wrong(
        path,
        'algorithm',
        method === 'client_secret_jwt'
          ? 'must be HS256, HS384 or HS512 with client_secret_jwt'
          : 'is one for secrets: name ES256, Ed25519, EdDSA, PS256 or RS256 with private_key_jwt',
      ),
    );
}

function isGenerated(credential: string): boolean {
  const source = parseCredentialSource(credential);
  return 'kind' in source && source.kind === 'generate';
}

function wrong(path: Path, member: string, message: string): Fault {
  return { path: [...path, member], at: 'value', message: `${path.join('.')}.${member} ${message}` };
}
