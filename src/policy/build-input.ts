import type { Client, Resource, Workflow } from '../catalogue/catalogue.js';
import type { AuthorizationDetails } from '../oauth/authorization-details.js';
import type { Scope } from '../oauth/scope.js';
import type { Run } from '../runs/run.js';
import type { Counters, PolicyInput } from './input.js';
import type { LocalTime } from './local-time.js';

/** One of the runs that a request is decided as: the run itself, or one of its ancestors. */
export interface InputParty {
  readonly run: Run;
  readonly workflow: Workflow;
  readonly client: Client;
  /** When the client's credential in use was made, milliseconds since 1970. */
  readonly credentialCreatedAt: number;
  /** For a policy that reads history; left out otherwise, so that equal questions have equal inputs. */
  readonly counters?: { readonly run: Counters; readonly workflow: Counters };
}

export interface InputRequest {
  readonly resource: Resource;
  readonly scope: Scope;
  readonly details: AuthorizationDetails;
  readonly timeZone: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * The inputs of a token request: that of the run and those of its ancestors, in the order of `parties`. `now` has the
 * resolution of a minute and ages that of a day, so that the same question has the same input for a while.
 */
export function buildInputs(
  parties: readonly [InputParty, ...InputParty[]],
  request: InputRequest,
  clock: LocalTime,
): readonly [PolicyInput, ...PolicyInput[]] {
  const now = clock.at(request.now, request.timeZone);
  const input = (party: InputParty, index: number) => buildInput(party, parties.slice(index + 1), request, now);
  const [own, ...ancestors] = parties;
  return [input(own, 0), ...ancestors.map((party, index) => input(party, index + 1))];
}

function buildInput(
  { run, workflow, client, credentialCreatedAt, counters }: InputParty,
  ancestors: readonly InputParty[],
  { resource, scope, details }: InputRequest,
  now: PolicyInput['now'],
): PolicyInput {
  return {
    version: 1,
    now,
    run: {
      id: run.id,
      agent: { name: run.agent.name, version: run.agent.version, model: run.agent.model },
      operator: run.operator?.name ?? null,
      purpose: run.purpose,
      runtime: run.runtime,
      started_at: seconds(run.startedAt),
      expires_at: seconds(run.expiresAt),
      ancestors: ancestors.map((ancestor) => ({ id: ancestor.run.id, workflow: ancestor.run.workflow, purpose: ancestor.run.purpose })),
      ...(run.attested === undefined ? {} : { attested: { ...run.attested.claims } }),
      ...(counters === undefined ? {} : { counters: { tokens: counters.run.tokens } }),
    },
    workflow: {
      id: workflow.id,
      owner: workflow.owner,
      purposes: [...workflow.purposes],
      labels: { ...workflow.labels },
      ...(counters === undefined ? {} : { counters: { tokens: counters.workflow.tokens } }),
    },
    // as the catalogue writes it: a policy compares texts, and an indicator may be asked for in two forms (RFC 8707 §2)
    request: {
      resource: resource.uri,
      scopes: [...scope.tokens],
      ...(details.isEmpty ? {} : { authorization_details: details.elements }),
    },
    resource: {
      id: resource.id,
      uri: resource.uri,
      authorization_server: resource.authorizationServer,
      scopes: [...resource.scopes],
      labels: { ...resource.labels },
    },
    client: {
      id: client.id,
      owner: client.owner,
      method: client.method,
      credential_age_days: days(now.unix - seconds(credentialCreatedAt)),
    },
  };
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}

function days(span: number): number {
  return Math.max(0, Math.floor(span / 86_400));
}
