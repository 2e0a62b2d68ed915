import type { AuthorizationServer, Client, Resource, Workflow } from '../catalogue/catalogue.js';
import type { AuthorizationDetails } from '../oauth/authorization-details.js';
import type { Reason } from '../oauth/errors.js';
import type { Scope } from '../oauth/scope.js';
import type { Run } from '../runs/run.js';
import type { Facts } from './facts.js';
import type { Asked } from './token-request.js';

/** Whose refusal it is and how it is answered. */
export interface Refusal {
  readonly by: 'guardrail' | 'suspension';
  readonly error: 'unauthorized_client' | 'access_denied' | 'invalid_target' | 'invalid_scope' | 'invalid_authorization_details';
  readonly reason: Reason;
}

/** One of the runs that a request is decided as: the run itself, or one of its ancestors. */
export interface Party {
  readonly run: Run;
  readonly workflow: Workflow;
  readonly client: Client;
}

/** What is known of a request before it is decided. What is unknown or forbidden is a refusal here, not a throw. */
export interface Context {
  readonly facts: Facts;
  readonly run: Run;
  readonly asked: Asked;
  readonly traceparent: string | null;
  /** As asked; empty when nothing was asked and no default could be found, or details alone are asked for. */
  readonly requestedScope: Scope;
  readonly requestedDetails: AuthorizationDetails;
  /** As asked or found; null when it could not be told which is meant. */
  readonly resource: Resource | null;
  readonly resourceAsked: string | null;
  readonly outcome: { readonly kind: 'refused'; readonly refusal: Refusal } | { readonly kind: 'admitted'; readonly admitted: Admitted };
}

/** A request that no guardrail stops: everything that it needs exists. `parties` begins with the run itself. */
export interface Admitted {
  readonly resource: Resource;
  readonly server: AuthorizationServer;
  readonly parties: readonly [Party, ...Party[]];
}
