import { ResourceIndicator } from '../oauth/resource-indicator.js';
import { Scope } from '../oauth/scope.js';
import type { AuthorizationServer, Catalogue, Client, Resource } from './catalogue.js';
import { canNarrow } from './profile.js';

interface Index {
  readonly resources: ReadonlyMap<string, Resource>;
  /** Workflow id → resource id → client. */
  readonly clients: ReadonlyMap<string, ReadonlyMap<string, Client>>;
}

/** A catalogue never changes, so its index is made once and lives as long as it does. */
const indexes = new WeakMap<Catalogue, Index>();

/** The resource that an indicator of RFC 8707 names, or null. */
export function resourceByIndicator(catalogue: Catalogue, indicator: ResourceIndicator): Resource | null {
  return indexOf(catalogue).resources.get(indicator.comparable) ?? null;
}

/** The one client with which this workflow reaches this resource (both by id), or null. */
export function clientFor(catalogue: Catalogue, workflow: string, resource: string): Client | null {
  return indexOf(catalogue).clients.get(workflow)?.get(resource) ?? null;
}

/**
 * What comes of asking for any scope of this resource by this client where its server cannot narrow: all that the client holds there.
 * Null where the server issues what is asked for.
 */
export function allOrNothing({ profile }: AuthorizationServer, client: Client, resource: Resource): Scope | null {
  return canNarrow(profile) ? null : Scope.of(client.holds?.[resource.id] ?? resource.scopes);
}

/**
 * The least that can be asked for there, in the order in which it is tried: all where its server cannot narrow, else one scope alone, of
 * those first that are given without being asked for.
 */
function leastScopes(server: AuthorizationServer, client: Client, resource: Resource): readonly Scope[] {
  const all = allOrNothing(server, client, resource);
  if (all !== null) return [all];
  return [...new Set([...resource.defaultScopes, ...resource.scopes])].map((scope) => Scope.of([scope]));
}

/** The least that can be asked for at one resource. */
export interface Least {
  readonly resource: Resource;
  readonly scope: Scope;
}

/** The least that can be asked for as this client, in the order in which it is tried: the first of each resource before the second of any. */
export function leastOfClient(catalogue: Catalogue, client: Client): readonly Least[] {
  const server = declared(catalogue.authorizationServers, client.authorizationServer);
  const each = client.resources.flatMap((id) => {
    const resource = declared(catalogue.resources, id);
    if (resource === null || server === null) return [];
    return leastScopes(server, client, resource).map((scope, rank) => ({ rank, least: { resource, scope } }));
  });
  return each.toSorted((one, other) => one.rank - other.rank).map(({ least }) => least);
}

/** Whether any client serves this workflow. */
export function hasClients(catalogue: Catalogue, workflow: string): boolean {
  return indexOf(catalogue).clients.has(workflow);
}

/** The only resource that the workflow's clients reach; null when there is none, or more than one. */
export function onlyResourceOf(catalogue: Catalogue, workflow: string): Resource | null {
  const [only, ...more] = indexOf(catalogue).clients.get(workflow)?.keys() ?? [];
  return only === undefined || more.length > 0 ? null : declared(catalogue.resources, only);
}

/** Every type of authorization details that may be asked for anywhere, sorted. */
export function detailTypesOf({ resources }: Catalogue): readonly string[] {
  return [...new Set(Object.values(resources).flatMap(({ authorizationDetailsTypes }) => authorizationDetailsTypes ?? []))].sort();
}

/** What is declared under an id that came from outside: `constructor` and the like are not there unless they were declared. */
export function declared<T>(section: Readonly<Record<string, T>>, id: string): T | null {
  return Object.hasOwn(section, id) ? (section[id] ?? null) : null;
}

function indexOf(catalogue: Catalogue): Index {
  const known = indexes.get(catalogue);
  if (known !== undefined) return known;
  const index = { resources: resourcesByUri(catalogue), clients: clientsByWorkflow(catalogue) };
  indexes.set(catalogue, index);
  return index;
}

function resourcesByUri(catalogue: Catalogue): Map<string, Resource> {
  const resources = Object.values(catalogue.resources);
  return new Map(resources.map((resource) => [ResourceIndicator.parse(resource.uri).comparable, resource]));
}

function clientsByWorkflow(catalogue: Catalogue): Map<string, Map<string, Client>> {
  const byWorkflow = new Map<string, Map<string, Client>>();
  for (const client of Object.values(catalogue.clients)) {
    for (const workflow of client.workflows) {
      const byResource = byWorkflow.get(workflow) ?? new Map<string, Client>();
      for (const resource of client.resources) byResource.set(resource, client);
      byWorkflow.set(workflow, byResource);
    }
  }
  return byWorkflow;
}
