import type { EntryMembers, EntryValue } from '../attribution/entry.js';
import type { EntryColumns } from '../attribution/entry-log.js';
import type { AuthorizationServer, Client } from '../catalogue/catalogue.js';
import { declared } from '../catalogue/look-up.js';
import { timestamp } from '../oauth/clock.js';
import type { Reason } from '../oauth/errors.js';
import type { Decision } from '../policy/decision.js';
import { whoMembers } from '../runs/who-members.js';
import type { UpstreamToken } from '../upstreams/token.js';
import type { Context } from './context.js';
import type { Allowed } from './decided.js';

/*
 * The allow-lists of the entries about tokens: every member that stands in them is named here and nowhere else
 * (EXAMPLES "An entry"). The names are those of the record.
 */

/** What was asked for, by whom, and how it was decided. */
export function requestMembers(context: Context, decision: Decision): EntryMembers {
  return {
    ...whoMembers(context.run, ownerOf(context)),
    scope: { requested: context.requestedScope.tokens },
    ...(context.requestedDetails.isEmpty ? {} : { authorization_details: { requested: context.requestedDetails.elements } }),
    resource: context.resource === null ? askedResource(context) : { id: context.resource.id, uri: context.resource.uri },
    decision: decisionMembers(decision),
    ...(context.traceparent === null ? {} : { traceparent: context.traceparent }),
  };
}

export function requestColumns(context: Context, decision: Decision): EntryColumns {
  const owner = ownerOf(context);
  return {
    run: context.run.id,
    workflow: context.run.workflow,
    ...(owner === null ? {} : { owner }),
    ...(context.resource === null ? {} : { resource: context.resource.id }),
    decision: decision.id,
  };
}

/**
 * Why a token is asked for: null where a request of its run wants it now, as nearly always; else it is handed to nobody by that. What
 * comes of a check is never handed out at all.
 */
export type Cause = 'renewal' | 'check' | null;

export function causeMembers(cause: Cause): EntryMembers {
  return cause === null ? {} : { cause };
}

/** An attempt that was not made, and why. */
export function unsentMembers({ issuer }: AuthorizationServer, client: Client, fault: string, notSent: string): EntryMembers {
  return { issuer, client_id: client.clientId, method: client.method, fault, not_sent: notSent };
}

/** Through whom a token was asked for: the authorization server, our client there, and what it authenticated with. */
export function clientMembers(through: Through): EntryMembers {
  return {
    issuer: through.issuer,
    token_endpoint: through.tokenEndpoint,
    client_id: through.clientId,
    method: through.method,
    credential:
      through.credential.kid === null ? { id: through.credential.id } : { id: through.credential.id, kid: through.credential.kid },
  };
}

export interface Through {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly clientId: string;
  readonly method: string;
  readonly credential: { readonly id: string; readonly kid: string | null };
}

/** The token itself: never its text. `servedUntil` in milliseconds. */
export function tokenMembers(token: UpstreamToken, servedUntil: number): EntryMembers {
  return {
    audience: token.audience,
    token: {
      sha256: token.sha256,
      ...(token.jti === null ? {} : { jti: token.jti }),
      expires_at: timestamp(token.expiresAt),
      served_until: timestamp(servedUntil),
      binding: token.binding,
    },
  };
}

export function tokenColumns(token: UpstreamToken): EntryColumns {
  return { tokenSha256: token.sha256, ...(token.jti === null ? {} : { tokenJti: token.jti }) };
}

/** How many answers of the same kind were not recorded since the one before this. */
export function suppressedMembers(suppressed: number): EntryMembers {
  return { suppressed };
}

/** What a token is for, three times: asked of us, decided by us, granted by the authorization server. */
export function extentMembers(
  { requestedScope, requestedDetails }: Context,
  { scope, details }: Allowed,
  token: UpstreamToken | null,
): EntryMembers {
  const granted = token?.grantedDetails ?? null;
  return {
    scope: { requested: requestedScope.tokens, decided: scope.tokens, ...(token === null ? {} : { granted: token.granted.tokens }) },
    // what a server grants unasked is recorded too
    ...(requestedDetails.isEmpty && granted?.isEmpty !== false
      ? {}
      : {
          authorization_details: {
            requested: requestedDetails.elements,
            decided: details.elements,
            ...(granted === null ? {} : { granted: granted.elements }),
          },
        }),
  };
}

/** Decided details stand beside it: they are long, and would not fit in twice. */
function decisionMembers(decision: Decision): EntryMembers {
  const { scopes, max_ttl, isolation } = decision.obligations;
  return {
    id: decision.id,
    by: decision.by,
    ...(decision.revision === null ? {} : { revision: decision.revision }),
    ...(decision.inputSha256 === null ? {} : { input_sha256: decision.inputSha256 }),
    allow: decision.allow,
    reasons: decision.reasons.map(reasonMembers),
    obligations: { scopes, max_ttl, isolation },
  };
}

function reasonMembers(reason: Reason): EntryValue {
  return { ...reason };
}

function ownerOf(context: Context): string | null {
  return declared(context.facts.catalogue.workflows, context.run.workflow)?.owner ?? null;
}

function askedResource(context: Context): EntryValue | undefined {
  return context.resourceAsked === null ? undefined : { uri: context.resourceAsked };
}
