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
    ...(server.ca !== undefined && { ca: `file:${server.ca.path}`, 'ca.sha256': hash('sha256', server.ca.pem) }),
    ...(server.tokenEndpoint !== undefined && { token_endpoint: server.tokenEndpoint }),
    ...(server.revocationEndpoint !== undefined && { revocation_endpoint: server.revocationEndpoint }),
  };
}

/** The profile's name, and those of its members that differ from what the name stands for. */
function membersOfProfile(profile: Profile): Members {
  const start = profiles[profile.name] ?? standardProfile;
  const all: Record<string, [string | readonly string[], boolean]> = {
    basic_encoding: [profile.basicEncoding, profile.basicEncoding !== start.basicEncoding],
    resource_parameter: [profile.resourceParameter ?? 'none', profile.resourceParameter !== start.resourceParameter],
    assertion_type: [profile.assertionType ?? 'none', profile.assertionType !== start.assertionType],
    assertion_audience: [profile.assertionAudience, profile.assertionAudience !== start.assertionAudience],
    assertion_certificate: [profile.assertionCertificate, profile.assertionCertificate !== start.assertionCertificate],
    assertion_life: [printDuration(profile.assertionLife), profile.assertionLife !== start.assertionLife],
    assertion_backdate: [printDuration(profile.assertionBackdate), profile.assertionBackdate !== start.assertionBackdate],
    client_id_with_assertion: [String(profile.clientIdWithAssertion), profile.clientIdWithAssertion !== start.clientIdWithAssertion],
    default_token_life: [printDuration(profile.defaultTokenLife), profile.defaultTokenLife !== start.defaultTokenLife],
    tolerated_extra_scopes: [profile.toleratedExtraScopes, String(profile.toleratedExtraScopes) !== String(start.toleratedExtraScopes)],
    reuses_tokens: [String(profile.reusesTokens), profile.reusesTokens !== start.reusesTokens],
  };
  const changed = Object.entries(all).filter(([, [, differs]]) => differs);
  return { profile: profile.name, ...Object.fromEntries(changed.map(([name, [value]]) => [`profile.${name}`, value])) };
}

function membersOfResource(resource: Resource): Members {
  return {
    uri: resource.uri,
    authorization_server: resource.authorizationServer,
    scopes: resource.scopes,
    ...(resource.defaultScopes.length > 0 && { default_scopes: resource.defaultScopes }),
    max_token_ttl: printDuration(resource.maxTokenTtl),
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
    method: client.method,
    credential: printCredentialSource(client.credential),
    ...(client.algorithm !== undefined && { algorithm: client.algorithm }),
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
