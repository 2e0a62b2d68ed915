import type { AuthorizationServer, Catalogue, Client, Resource } from './catalogue.js';
import { authoritiesPath, parseCredentialSource } from './credential-source.js';
import { parseDuration } from './duration.js';
import type { AuthorizationServerFile, ClientFile, ProfileFile, ResourceFile } from './file-shape.js';
import { identityOfFile } from './identity-of-file.js';
import { profiles, standardProfile, type Profile } from './profile.js';
import type { ReadAuthorities } from './read-authorities.js';
import type { Entries, Section } from './read-entries.js';
import { hostName } from './server-address.js';

/**
 * Crosses from the words of the file to ours; what comes in was found without a fault. All lists are sets and come out sorted,
 * so that files that mean the same give the same catalogue.
 */
export function catalogueOfFile(entries: Entries, authorities: ReadAuthorities): Catalogue {
  return {
    timeZone: entries.timeZone,
    ...(entries.suspensionsLiftedBy === 'another_person' && { suspensionsLiftedBy: entries.suspensionsLiftedBy }),
    authorizationServers: sectionOf(entries.authorizationServers, (file, id) => serverOf(file, id, authorities)),
    resources: sectionOf(entries.resources, resourceOf),
    purposes: sectionOf(entries.purposes, (file, id) => ({ id, description: file.description, needsUser: file.needs_user ?? false })),
    workflows: sectionOf(entries.workflows, (file, id) => ({
      id,
      owner: file.owner,
      purposes: file.purposes.toSorted(),
      maxRunTtl: seconds(file.max_run_ttl),
      ...(file.max_run_requests_per_minute !== undefined && { maxRunRequestsPerMinute: file.max_run_requests_per_minute }),
      ...(file.max_requests_per_minute !== undefined && { maxRequestsPerMinute: file.max_requests_per_minute }),
      labels: file.labels ?? {},
    })),
    clients: sectionOf(entries.clients, clientOf),
    runtimes: sectionOf(entries.runtimes, (file, id) => ({
      id,
      workflows: file.workflows.toSorted(),
      ...(file.identity !== undefined && { identity: identityOfFile(file.identity) }),
      ...(file.max_requests_per_minute !== undefined && { maxRequestsPerMinute: file.max_requests_per_minute }),
    })),
  };
}

function serverOf(file: AuthorizationServerFile, id: string, authorities: ReadAuthorities): AuthorizationServer {
  return {
    id,
    issuer: file.issuer,
    profile: profileOf(file.profile ?? 'standard'),
    allowHosts: (file.allow_hosts ?? []).map(hostName).toSorted(),
    ...(file.sender_constraint !== undefined && { senderConstraint: file.sender_constraint }),
    ...(file.ca !== undefined && { ca: authoritiesOf(file.ca, authorities) }),
    ...(file.token_endpoint !== undefined && { tokenEndpoint: file.token_endpoint }),
    ...(file.mtls_token_endpoint !== undefined && { mtlsTokenEndpoint: file.mtls_token_endpoint }),
    ...(file.revocation_endpoint !== undefined && { revocationEndpoint: file.revocation_endpoint }),
  };
}

function authoritiesOf(reference: string, authorities: ReadAuthorities): { path: string; pem: string } {
  const path = authoritiesPath(reference) ?? '';
  const read = authorities.get(path);
  if (read === undefined || 'problem' in read) throw new TypeError('a catalogue file with a fault was taken over');
  return { path, pem: read.pem };
}

function profileOf(file: ProfileFile): Profile {
  const { name, ...changed } = typeof file === 'string' ? { name: file } : file;
  const start = profiles[name] ?? standardProfile;
  return {
    name,
    basicEncoding: changed.basic_encoding ?? start.basicEncoding,
    scopeForm: changed.scope_form ?? start.scopeForm,
    resourceParameter: orNull(changed.resource_parameter, start.resourceParameter),
    assertionType: orNull(changed.assertion_type, start.assertionType),
    assertionAudience: changed.assertion_audience ?? start.assertionAudience,
    assertionCertificate: changed.assertion_certificate ?? start.assertionCertificate,
    assertionLife: changed.assertion_life === undefined ? start.assertionLife : seconds(changed.assertion_life),
    assertionBackdate: changed.assertion_backdate === undefined ? start.assertionBackdate : seconds(changed.assertion_backdate),
    clientIdWithAssertion: changed.client_id_with_assertion ?? start.clientIdWithAssertion,
    otherBearerNames: changed.other_bearer_names?.map((each) => each.toLowerCase()).toSorted() ?? start.otherBearerNames,
    defaultTokenLife: changed.default_token_life === undefined ? start.defaultTokenLife : seconds(changed.default_token_life),
    scopeAnswer: changed.scope_answer ?? start.scopeAnswer,
    scopeClaims: changed.scope_claims ?? start.scopeClaims,
    toleratedExtraScopes: changed.tolerated_extra_scopes?.toSorted() ?? start.toleratedExtraScopes,
    toleratedExtraAudiences: changed.tolerated_extra_audiences?.toSorted() ?? start.toleratedExtraAudiences,
    audienceMember: orNull(changed.audience_member, start.audienceMember),
    clientClaims: changed.client_claims ?? start.clientClaims,
    otherTokenIssuers: changed.other_token_issuers?.toSorted() ?? start.otherTokenIssuers,
    reusesTokens: changed.reuses_tokens ?? start.reusesTokens,
    revokesTokens: changed.revokes_tokens ?? start.revokesTokens,
    throttling: {
      resetHeader: orNull(changed.throttling?.reset_header, start.throttling.resetHeader),
      pause: changed.throttling?.pause === undefined ? start.throttling.pause : seconds(changed.throttling.pause),
    },
  };
}

function resourceOf(file: ResourceFile, id: string): Resource {
  return {
    id,
    uri: file.uri,
    ...(file.audience !== undefined && { audience: file.audience }),
    authorizationServer: file.authorization_server,
    scopes: file.scopes.toSorted(),
    ...(file.authorization_details_types !== undefined && { authorizationDetailsTypes: file.authorization_details_types.toSorted() }),
    defaultScopes: (file.default_scopes ?? []).toSorted(),
    maxTokenTtl: seconds(file.max_token_ttl),
    verifyAudience: file.verify_audience ?? false,
    ...(file.sender_constraint !== undefined && { senderConstraint: file.sender_constraint }),
    labels: file.labels ?? {},
  };
}

function clientOf(file: ClientFile, id: string): Client {
  const credential = parseCredentialSource(file.credential);
  if ('problem' in credential) throw new TypeError('a catalogue file with a fault was taken over');
  return {
    id,
    clientId: file.client_id,
    authorizationServer: file.authorization_server,
    owner: file.owner,
    workflows: file.workflows.toSorted(),
    resources: file.resources.toSorted(),
    ...(file.holds !== undefined && {
      holds: Object.fromEntries(Object.entries(file.holds).map(([resource, scopes]) => [resource, scopes.toSorted()])),
    }),
    method: file.method,
    credential,
    ...(file.algorithm !== undefined && { algorithm: file.algorithm }),
    ...(file.key_registration === 'jwks_uri' && { keyRegistration: file.key_registration }),
    rotateEvery: seconds(file.rotate_every),
    maxTokenLife: seconds(file.max_token_life),
  };
}

function sectionOf<File, Ours>(section: Section<File>, cross: (file: File, id: string) => Ours): Record<string, Ours> {
  const crossed = [...section.values()].map(({ id, whole }): [string, Ours] => {
    if (whole === null) throw new TypeError('a catalogue file with a fault was taken over');
    return [id, cross(whole, id)];
  });
  return Object.fromEntries(crossed);
}

function orNull<Value extends string>(changed: Value | 'none' | undefined, start: Value | null): Value | null {
  if (changed === undefined) return start;
  return changed === 'none' ? null : changed;
}

function seconds(duration: string): number {
  const parsed = parseDuration(duration);
  if (parsed === null) throw new TypeError('a catalogue file with a fault was taken over');
  return parsed;
}
