import {
  AccessDenied,
  InvalidAuthorizationDetails,
  InvalidScope,
  InvalidTarget,
  ServerError,
  TemporarilyUnavailable,
  UnauthorizedClient,
  type OAuthError,
  type Reason,
} from '../oauth/errors.js';
import type { Decision } from '../policy/decision.js';
import type { UpstreamFault } from '../upstreams/token.js';
import type { Refusal } from './context.js';

/** The OAuth error of a guardrail's or a suspension's refusal (the table in docs/reasons.md). */
export function errorOfRefusal(refusal: Refusal, decision: Decision, attribution: string): OAuthError {
  const detail = { decision: decision.id, reasons: decision.reasons, attribution };
  switch (refusal.error) {
    case 'unauthorized_client':
      return new UnauthorizedClient(told('this run may not have a token', detail), detail);
    case 'access_denied':
      return new AccessDenied(
        told(
          refusal.by === 'suspension'
            ? 'stopped by a suspension'
            : 'tokens of this resource are bound to a key of Corridor, and are not handed out',
          detail,
        ),
        detail,
      );
    case 'invalid_target':
      return new InvalidTarget(told('the resource is unknown, ambiguous or not for this run', detail), detail);
    case 'invalid_scope':
      return new InvalidScope(told('the scope is missing, is not one of this resource, or cannot be had without others', detail), detail);
    case 'invalid_authorization_details':
      return new InvalidAuthorizationDetails(told('a type of authorization details is not one of this resource', detail), detail);
  }
}

/** The policy's no, or that it could give no answer: the one is final, the other may pass. */
export function errorOfDenial(decision: Decision, attribution: string): OAuthError {
  const detail = { decision: decision.id, reasons: decision.reasons, attribution };
  return decision.failure
    ? new TemporarilyUnavailable(told('the policy gave no answer', detail), { ...detail, retryAfter: 1 })
    : new AccessDenied(told('denied by policy', detail), detail);
}

/** What went wrong at the authorization server, without a word of its own; its `invalid_client` is our fault, never the agent's. */
export function errorOfFault(
  kind: 'refused' | 'failed' | 'unknown',
  fault: UpstreamFault,
  retryAfter: number | null,
  attribution: string | null,
): OAuthError {
  const detail = { reasons: [{ code: fault }], ...(attribution === null ? {} : { attribution }) };
  if (kind === 'refused')
    return new ServerError(told('the authorization server issued another token than was asked for; it is not handed out', detail), detail);
  if (fault === 'details_rejected' || fault === 'details_type_unsupported') {
    return new InvalidAuthorizationDetails(told('the authorization server does not accept the authorization details', detail), detail);
  }
  if (fault === 'scope_rejected' || fault === 'target_rejected' || fault === 'request_rejected') {
    return new ServerError(told('the authorization server does not accept the request', detail), detail);
  }
  return new TemporarilyUnavailable(told('the authorization server gave no token', detail), { ...detail, retryAfter: retryAfter ?? 1 });
}

/** With the codes of the reasons, since most client libraries show the description and no other member. Never what a request said (CONFORMANCE B63). */
function told(what: string, { reasons }: { readonly reasons: readonly Reason[] }): string {
  const codes = [...new Set(reasons.map(({ code }) => code))];
  return codes.length === 0 ? what : `${what} (${codes.join(', ')})`;
}
