import { hash } from 'node:crypto';
import type { AuthorizationServer, Catalogue, Client, Purpose, Resource, Runtime, Workflow } from './catalogue.js';
import { printCredentialSource } from './credential-source.js';
import { printDuration } from './duration.js';
import { membersOfIdentity } from './members-of-identity.js';
import { profiles, standardProfile, type Profile } from './profile.js';

/** The members of one entry under the names that they have in `corridor.yaml`; what is left out there is absent. */
export type Members = Readonly<Record<string, string | readonly string[]>>;

export type EntryKind = 'authorization server' | 'resource' | 'purpose' | 'workflow' | 'client' | 'runtime';

export interface DescribedEntry {
  readonly kind: EntryKind;
  readonly id: string;
  readonly members: Members;
}

/** Every entry of a catalogue as its file would say it, section by section in the order of the file format. */
export function describeEntries(catalogue: Catalogue): DescribedEntry[] {
  return [
    ...described('authorization server', catalogue.authorizationServers, membersOfServer),
    ...described('resource', catalogue.resources, membersOfResource),
    ...described('purpose', catalogue.purposes, membersOfPurpose),
    ...described('workflow', catalogue.workflows, membersOfWorkflow),
    ...described('client', catalogue.clients, membersOfClient),
    ...described('runtime', catalogue.runtimes, membersOfRuntime),
  ];
}

function described<T>(kind: EntryKind, section: Readonly<Record<string, T>>, membersOf: (entry: T) => Members): DescribedEntry[] {
  return Object.entries(section)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, entry]) => ({ kind, id, members: membersOf(entry) }));
}

function membersOfServer(server: AuthorizationServer): Members {
  return {
    issuer: server.issuer,
    ...membersOfProfile(server.profile),
    ...(server.allowHosts.length > 0 && { allow_hosts: server.allowHosts }),
    ...(server.senderConstraint !== undefined && { sender_constraint: server.senderConstraint }),
    ...(server.ca !== undefined && { ca: `file:${server.ca.path}`, 'ca.sha256': hash('sha256', server.ca.pem) }),
    ...(server.tokenEndpoint !== undefined && { token_endpoint: server.tokenEndpoint }),
    ...(server.mtlsTokenEndpoint !== undefined && { mtls_token_endpoint: server.mtlsTokenEndpoint }),
    ...(server.revocationEndpoint !== undefined && { revocation_endpoint: server.revocationEndpoint }),
  };
}

/** The profile's name, and those of its members that differ from what the name stands for. */
function membersOfProfile(profile: Profile): Members {
  const start = profileMembers(profiles[profile.name] ?? standardProfile);
  const changed = Object.entries(profileMembers(profile)).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(start[name]));
  return { profile: profile.name, ...Object.fromEntries(changed.map(([name, value]) => [`profile.${name}`, value])) };
}

/** Every member of a profile but its name. */
export function profileMembers(profile: Profile): Members {
  return {
    basic_encoding: profile.basicEncoding,
    scope_form: profile.scopeForm,
    resource_parameter: profile.resourceParameter ?? 'none',
    assertion_type: profile.assertionType ?? 'none',
    assertion_audience: profile.assertionAudience,
    assertion_certificate: profile.assertionCertificate,
    assertion_life: printDuration(profile.assertionLife),
    assertion_backdate: printDuration(profile.assertionBackdate),
    client_id_with_assertion: String(profile.clientIdWithAssertion),
    other_bearer_names: profile.otherBearerNames,
    default_token_life: printDuration(profile.defaultTokenLife),
    scope_answer: profile.scopeAnswer,
    scope_claims: profile.scopeClaims,
    tolerated_extra_scopes: profile.toleratedExtraScopes,
    tolerated_extra_audiences: profile.toleratedExtraAudiences,
    audience_member: profile.audienceMember ?? 'none',
    client_claims: profile.clientClaims,
    other_token_issuers: profile.otherTokenIssuers,
    reuses_tokens: String(profile.reusesTokens),
    revokes_tokens: String(profile.revokesTokens),
    'throttling.reset_header': profile.throttling.resetHeader ?? 'none',
    'throttling.pause': profile.throttling.pause === null ? 'none' : printDuration(profile.throttling.pause),
  };
}

function membersOfResource(resource: Resource): Members {
  return {
    uri: resource.uri,
    ...(resource.audience !== undefined && { audience: resource.audience }),
    authorization_server: resource.authorizationServer,
    scopes: resource.scopes,
    ...(resource.authorizationDetailsTypes !== undefined && { authorization_details_types: resource.authorizationDetailsTypes }),
    ...(resource.defaultScopes.length > 0 && { default_scopes: resource.defaultScopes }),
    max_token_ttl: printDuration(resource.maxTokenTtl),
    ...(resource.senderConstraint !== undefined && { sender_constraint: resource.senderConstraint }),
    ...(resource.verifyAudience && { verify_audience: 'true' }),
    ...labelsOf(resource.labels),
  };
}

function membersOfPurpose(purpose: Purpose): Members {
  return { description: purpose.description, ...(purpose.needsUser && { needs_user: 'true' }) };
}

function membersOfWorkflow(workflow: Workflow): Members {
  return {
    owner: workflow.owner,
    purposes: workflow.purposes,
    max_run_ttl: printDuration(workflow.maxRunTtl),
    ...(workflow.maxRunRequestsPerMinute !== undefined && { max_run_requests_per_minute: String(workflow.maxRunRequestsPerMinute) }),
    ...limitOf(workflow),
    ...labelsOf(workflow.labels),
  };
}

function membersOfClient(client: Client): Members {
  return {
    client_id: client.clientId,
    authorization_server: client.authorizationServer,
    owner: client.owner,
    workflows: client.workflows,
    resources: client.resources,
    ...Object.fromEntries(Object.entries(client.holds ?? {}).map(([resource, scopes]) => [`holds.${resource}`, scopes])),
    method: client.method,
    credential: printCredentialSource(client.credential),
    ...(client.algorithm !== undefined && { algorithm: client.algorithm }),
    ...(client.keyRegistration !== undefined && { key_registration: client.keyRegistration }),
    rotate_every: printDuration(client.rotateEvery),
    max_token_life: printDuration(client.maxTokenLife),
  };
}

function membersOfRuntime(runtime: Runtime): Members {
  return { workflows: runtime.workflows, ...limitOf(runtime), ...(runtime.identity !== undefined && membersOfIdentity(runtime.identity)) };
}

function limitOf({ maxRequestsPerMinute: limit }: Pick<Runtime, 'maxRequestsPerMinute'>): Members {
  return limit === undefined ? {} : { max_requests_per_minute: String(limit) };
}

function labelsOf(labels: Readonly<Record<string, string>>): Members {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [`labels.${name}`, value]));
}
