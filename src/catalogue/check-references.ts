import { indicatorOf } from './check-entries.js';
import { isCertificateMethod } from './client-methods.js';
import type { ProfileFile } from './file-shape.js';
import { issuerOfFile } from './identity-of-file.js';
import { didYouMean } from './nearest-name.js';
import type { Path, Report } from './problem.js';
import { unpinned } from './pinned-endpoints.js';
import { canNarrow, profiles, standardProfile, type Profile } from './profile.js';
import type { Entries, Section } from './read-entries.js';

/** Checks entries against each other: what they name must exist, and what must be one of a kind must be so. */
export function checkReferences(entries: Entries, report: Report): void {
  checkNames(entries, report);
  checkClientsReach(entries, report);
  checkAssertionAudiences(entries, report);
  checkHeld(entries, report);
  checkCertificates(entries, report);
  checkOneClientEach(entries, report);
  checkUnique(entries, report);
  checkRulePurposes(entries, report);
}

function checkNames(entries: Entries, report: Report): void {
  const exists = (section: Section<unknown>, kind: string, name: string | undefined, path: Path): void => {
    if (name === undefined || section.has(name)) return;
    const suggestion = didYouMean(name, section.keys()) || ': declare it or remove the name';
    report({ path, at: 'value', message: `there is no ${kind} ${name}${suggestion}` });
  };
  const allExist = (section: Section<unknown>, kind: string, names: readonly string[] | undefined, path: Path): void => {
    for (const [index, name] of (names ?? []).entries()) exists(section, kind, name, [...path, index]);
  };
  for (const { draft, path } of entries.resources.values()) {
    exists(entries.authorizationServers, 'authorization server', draft.authorization_server, [...path, 'authorization_server']);
  }
  for (const { draft, path } of entries.workflows.values()) allExist(entries.purposes, 'purpose', draft.purposes, [...path, 'purposes']);
  for (const { draft, path } of entries.clients.values()) {
    exists(entries.authorizationServers, 'authorization server', draft.authorization_server, [...path, 'authorization_server']);
    allExist(entries.workflows, 'workflow', draft.workflows, [...path, 'workflows']);
    allExist(entries.resources, 'resource', draft.resources, [...path, 'resources']);
  }
  for (const { draft, path } of entries.runtimes.values()) {
    allExist(entries.workflows, 'workflow', draft.workflows, [...path, 'workflows']);
    for (const [index, rule] of (draft.identity?.claims ?? []).entries()) {
      const rulePath = [...path, 'identity', 'claims', index];
      exists(entries.workflows, 'workflow', rule.workflow, [...rulePath, 'workflow']);
      exists(entries.purposes, 'purpose', rule.purpose, [...rulePath, 'purpose']);
    }
  }
}

/** A client's secret goes to its own server only, so the resource's tokens must come from there. */
function checkClientsReach(entries: Entries, report: Report): void {
  for (const { draft, path } of entries.clients.values()) {
    for (const [index, name] of (draft.resources ?? []).entries()) {
      const server = entries.resources.get(name)?.draft.authorization_server;
      if (server === undefined || draft.authorization_server === undefined || server === draft.authorization_server) continue;
      const message = `resource ${name} belongs to authorization server ${server}, and this client is registered at ${draft.authorization_server}: name another client or another resource`;
      report({ path: [...path, 'resources', index], at: 'value', message });
    }
  }
}

/** A profile may want an endpoint in assertions, which must then be pinned (CONFORMANCE A21); a client by secret sends none. */
function checkAssertionAudiences(entries: Entries, report: Report): void {
  const told = new Set<string>();
  for (const { draft: client } of entries.clients.values()) {
    const server = entries.authorizationServers.get(client.authorization_server ?? '');
    if (server === undefined || told.has(server.id) || client.method?.endsWith('_jwt') !== true) continue;
    const { profile } = server.draft;
    const changed = typeof profile === 'object' ? profile : undefined;
    // one that the file changes itself is told of there
    if (changed?.assertion_audience !== undefined) continue;
    const { assertionAudience, revokesTokens } = startOf(profile);
    const missing = unpinned(assertionAudience, changed?.revokes_tokens ?? revokesTokens, server.draft);
    if (missing === null) continue;
    told.add(server.id);
    const what = assertionAudience === 'endpoint' ? 'the endpoint that is called' : 'the token endpoint';
    const otherwise = missing === 'revocation_endpoint' ? ', or say revokes_tokens: false' : '';
    const message = `${server.path.join('.')}.profile makes ${what} the audience of assertions, which must not be learned: give ${missing}${otherwise}`;
    report({ path: [...server.path, 'profile'], at: 'value', message });
  }
}

function startOf(profile: ProfileFile | undefined): Profile {
  return profiles[(typeof profile === 'object' ? profile.name : profile) ?? 'standard'] ?? standardProfile;
}

/** What a client was granted at a resource says something only where its server cannot narrow, and is a part of what exists there. */
function checkHeld(entries: Entries, report: Report): void {
  for (const { draft, path } of entries.clients.values()) {
    for (const [name, scopes] of Object.entries(draft.holds ?? {})) {
      const here = [...path, 'holds', name];
      if (draft.resources?.includes(name) === false) {
        report({
          path: here,
          at: 'key',
          message: `${path.join('.')}.holds names ${name}, which is none of the client's resources: remove it`,
        });
      }
      const resource = entries.resources.get(name)?.draft;
      const profile = entries.authorizationServers.get(resource?.authorization_server ?? '')?.draft.profile;
      const start = startOf(profile);
      const scopeForm = (typeof profile === 'object' ? profile.scope_form : undefined) ?? start.scopeForm;
      if (resource !== undefined && canNarrow({ ...start, scopeForm })) {
        report({
          path: here,
          at: 'key',
          message: `${path.join('.')}.holds says nothing of ${name}: its server issues what is asked for; remove it`,
        });
      }
      for (const [index, scope] of scopes.entries()) {
        if (resource?.scopes?.includes(scope) !== false) continue;
        report({ path: [...here, index], at: 'value', message: `resource ${name} has no such scope: add it there or remove it here` });
      }
    }
  }
}

/** A token can be bound to a certificate only where one is shown when it is asked for. */
function checkCertificates(entries: Entries, report: Report): void {
  for (const { draft, path } of entries.clients.values()) {
    if (draft.method === undefined || isCertificateMethod(draft.method)) continue;
    for (const [index, name] of (draft.resources ?? []).entries()) {
      const resource = entries.resources.get(name)?.draft;
      const server = entries.authorizationServers.get(resource?.authorization_server ?? '')?.draft;
      if ((resource?.sender_constraint ?? server?.sender_constraint) !== 'mtls') continue;
      const message = `the tokens of resource ${name} are to be bound to a certificate (sender_constraint: mtls), and this client shows none: use tls_client_auth or self_signed_tls_client_auth`;
      report({ path: [...path, 'resources', index], at: 'value', message });
    }
  }
}

/** For a workflow and a resource at most one client matches (EXAMPLES). One problem for each pair of clients. */
function checkOneClientEach(entries: Entries, report: Report): void {
  const serving = new Map<string, string>();
  for (const { id, draft, path } of entries.clients.values()) {
    const told = new Set<string>();
    for (const workflow of draft.workflows ?? []) {
      for (const resource of draft.resources ?? []) {
        const pair = JSON.stringify([workflow, resource]);
        const other = serving.get(pair);
        if (other === undefined) serving.set(pair, id);
        else if (other !== id && !told.has(other)) {
          told.add(other);
          const message = `workflow ${workflow} reaches resource ${resource} through client ${other} already: take the workflow or the resource out of one of the two`;
          report({ path, at: 'key', message });
        }
      }
    }
  }
}

/** A rule whose workflow does not declare its purpose could never start a run. */
function checkRulePurposes(entries: Entries, report: Report): void {
  for (const { draft, path } of entries.runtimes.values()) {
    for (const [index, { workflow, purpose }] of (draft.identity?.claims ?? []).entries()) {
      const purposes = entries.workflows.get(workflow)?.draft.purposes;
      if (purposes === undefined || purposes.includes(purpose) || !entries.purposes.has(purpose)) continue;
      const message = `workflow ${workflow} does not declare purpose ${purpose}: add it there or name another`;
      report({ path: [...path, 'identity', 'claims', index, 'purpose'], at: 'value', message });
    }
  }
}

function checkUnique(entries: Entries, report: Report): void {
  // A71 and A69: the same metadata document cannot be right for two issuers that differ by a slash at the end
  unique(entries.authorizationServers, ({ issuer }) => issuer?.replace(/\/$/, ''), 'issuer', 'authorization server', report);
  unique(entries.resources, ({ uri }) => (uri === undefined ? undefined : indicatorOf(uri)?.comparable), 'uri', 'resource', report);
  // a token must belong to one runtime alone
  unique(entries.runtimes, ({ identity }) => identity && issuerOfFile(identity), 'identity', 'runtime', report);
}

function unique<T>(
  section: Section<T>,
  valueOf: (draft: Partial<T>) => string | undefined,
  member: string,
  kind: string,
  report: Report,
): void {
  const first = new Map<string, string>();
  for (const { id, draft, path } of section.values()) {
    const value = valueOf(draft);
    if (value === undefined) continue;
    const other = first.get(value);
    if (other === undefined) first.set(value, id);
    else
      report({
        path: [...path, member],
        at: 'value',
        message: `${kind} ${other} has this ${member} already: remove one of the two or correct it`,
      });
  }
}
