import type { Resource } from '../catalogue/catalogue.js';
import { allOrNothing, clientFor, declared, hasClients, onlyResourceOf, resourceByIndicator } from '../catalogue/look-up.js';
import { senderConstraintOf } from '../catalogue/sender-constraint.js';
import type { AuthorizationDetails } from '../oauth/authorization-details.js';
import { Scope } from '../oauth/scope.js';
import { isStillTrusted } from '../runs/claim-mapping.js';
import type { RunDirectory } from '../runs/run-directory.js';
import type { Run } from '../runs/run.js';
import { isDrill, isOver } from '../runs/run.js';
import { suspensionThatStops } from '../suspensions/stops.js';
import type { StoppableRun } from '../suspensions/suspension.js';
import type { Cause } from './attribution-of.js';
import type { Admitted, Context, Party, Refusal } from './context.js';
import type { Facts } from './facts.js';
import type { Asked } from './token-request.js';

type Looked<T> = { readonly refusal: Refusal } | { readonly found: T };

/**
 * Puts together what a request is about and holds the guardrails against it (DESIGN §3): what no policy can overrule.
 * They go in the order of the table in docs/reasons.md, and the first that stops is the answer.
 */
export async function loadContext(
  run: Run,
  asked: Asked,
  facts: Facts,
  runs: RunDirectory,
  now: number,
  cause: Cause = null,
): Promise<Context> {
  const lineage = (await runs.lineage(run)) ?? [run];
  const resource = resourceMeant(facts, run, asked);
  const context = {
    facts,
    run,
    asked,
    traceparent: asked.traceparent,
    requestedScope: asked.scope ?? defaultScope(asked, resource),
    requestedDetails: asked.details,
    resource: 'found' in resource ? resource.found : null,
    resourceAsked: asked.resources[0]?.uri ?? null,
  };
  const stopped = runOver(lineage, run, now) ?? suspended(facts, lineage, context.resource, now);
  if (stopped !== null) return { ...context, outcome: { kind: 'refused', refusal: stopped } };
  if ('refusal' in resource) return { ...context, outcome: { kind: 'refused', refusal: resource.refusal } };

  const admitted = admit(facts, lineage, resource.found, context.requestedScope, asked.details);
  if ('refusal' in admitted) return { ...context, outcome: { kind: 'refused', refusal: admitted.refusal } };
  const isUseless = cause !== 'check' && senderConstraintOf(admitted.found) !== 'none';
  return { ...context, outcome: isUseless ? { kind: 'refused', refusal: egressOnly } : { kind: 'admitted', admitted: admitted.found } };
}

/** Details alone are asked for where they stand alone (RFC 9396 §3): the default would be scopes that nobody named. */
function defaultScope({ details }: Asked, resource: Looked<Resource>): Scope {
  return 'found' in resource && details.isEmpty ? Scope.of(resource.found.defaultScopes) : Scope.none;
}

function runOver(lineage: readonly Run[], run: Run, now: number): Refusal | null {
  if (lineage.length !== run.ancestors.length + 1) return unauthorized('ancestor_unknown');
  // with less than a second left a token could not be used
  const over = lineage.findLast((member) => isOver(member, now + 1000));
  if (over === undefined) return null;
  // whose deadline has passed is ended by it sooner or later
  const code = over.endedAt !== null && over.endedAt < over.expiresAt ? 'run_ended' : 'run_expired';
  return over === run ? unauthorized(code) : unauthorized(code, { ancestor: over.id });
}

/** What a suspension stops: the runs, whoever answers for them, their clients for the resource, the resource, or its server. */
export function suspended(
  facts: Pick<Facts, 'catalogue' | 'suspensions'>,
  lineage: readonly StoppableRun[],
  resource: Resource | null,
  now: number,
): Refusal | null {
  if (facts.suspensions.length === 0) return null;
  const { catalogue } = facts;
  const what = {
    runs: lineage,
    owners: lineage.flatMap((member) => declared(catalogue.workflows, member.workflow)?.owner ?? []),
    clients: resource === null ? [] : lineage.flatMap((member) => clientFor(catalogue, member.workflow, resource.id)?.id ?? []),
    resource: resource?.id ?? null,
    authorizationServer: resource?.authorizationServer ?? null,
  };
  const suspension = suspensionThatStops(facts.suspensions, what, now);
  if (suspension === null) return null;
  return { by: 'suspension', error: 'access_denied', reason: { code: 'suspended', kind: suspension.kind, suspension: suspension.id } };
}

/** RFC 8707 §2. With none asked, the only resource that the workflow's clients reach is meant. */
function resourceMeant(facts: Facts, run: Run, { resources }: Asked): Looked<Resource> {
  if (resources.length > 1) return { refusal: invalidTarget('several_resources') };
  const [asked] = resources;
  if (asked === undefined) {
    const only = onlyResourceOf(facts.catalogue, run.workflow);
    if (only !== null) return { found: only };
    return { refusal: hasClients(facts.catalogue, run.workflow) ? invalidTarget('resource_ambiguous') : unauthorized('no_client') };
  }
  const resource = resourceByIndicator(facts.catalogue, asked);
  return resource === null ? { refusal: invalidTarget('resource_not_available') } : { found: resource };
}

/** Every party must reach the resource through a client of its own; nothing wider than the catalogue is ever asked. */
function admit(facts: Facts, lineage: readonly Run[], resource: Resource, scope: Scope, details: AuthorizationDetails): Looked<Admitted> {
  const parties: Party[] = [];
  for (const run of lineage) {
    const party = partyOf(facts, run, resource);
    if ('refusal' in party) return party;
    parties.push(party.found);
  }
  const server = declared(facts.catalogue.authorizationServers, resource.authorizationServer);
  const [first, ...ancestors] = parties;
  if (server === null || first === undefined) return { refusal: invalidTarget('resource_not_available') };
  if (scope.isEmpty && details.isEmpty) return { refusal: { by: 'guardrail', error: 'invalid_scope', reason: { code: 'scope_missing' } } };
  const [outside] = scope.without(Scope.of(resource.scopes));
  if (outside !== undefined)
    return { refusal: { by: 'guardrail', error: 'invalid_scope', reason: { code: 'scope_unknown', scope: outside } } };
  const type = details.types.find((one) => resource.authorizationDetailsTypes?.includes(one) !== true);
  if (type !== undefined)
    return { refusal: { by: 'guardrail', error: 'invalid_authorization_details', reason: { code: 'details_type_unknown', type } } };
  const all = allOrNothing(server, first.client, resource);
  if (all !== null && !all.equals(scope)) return { refusal: cannotNarrow };
  return { found: { resource, server, parties: [first, ...ancestors] } };
}

function partyOf(facts: Facts, run: Run, resource: Resource): Looked<Party> {
  const workflow = declared(facts.catalogue.workflows, run.workflow);
  if (workflow === null) return { refusal: unauthorized('workflow_unknown') };
  // whoever may practise the stop is not one who may have tokens
  if (isDrill(run)) return { refusal: unauthorized('drill_run') };
  if (!isStillTrusted(facts.catalogue, run)) return { refusal: unauthorized('runtime_not_trusted') };
  if (!hasClients(facts.catalogue, workflow.id)) return { refusal: unauthorized('no_client') };
  const client = clientFor(facts.catalogue, workflow.id, resource.id);
  // the same answer as for an unknown resource: nobody learns what else there is (CONFORMANCE B50)
  if (client === null) return { refusal: invalidTarget('resource_not_available') };
  if (!workflow.purposes.includes(run.purpose)) return { refusal: unauthorized('purpose_not_declared') };
  if (declared(facts.catalogue.purposes, run.purpose)?.needsUser !== false) return { refusal: unauthorized('purpose_needs_user') };
  return { found: { run, workflow, client } };
}

/** The server grants all that the client holds, so that another set of scopes cannot be had (DESIGN §1, promise 5). */
export const cannotNarrow: Refusal = { by: 'guardrail', error: 'invalid_scope', reason: { code: 'cannot_narrow' } };

/** DESIGN §4.1: who is handed a token that is bound to a key of ours could not use it (CONFORMANCE D6). What a check brings, nobody is handed. */
const egressOnly: Refusal = { by: 'guardrail', error: 'access_denied', reason: { code: 'egress_only' } };

function unauthorized(code: string, members: Record<string, string> = {}): Refusal {
  return { by: 'guardrail', error: 'unauthorized_client', reason: { code, ...members } };
}

function invalidTarget(code: string): Refusal {
  return { by: 'guardrail', error: 'invalid_target', reason: { code } };
}
