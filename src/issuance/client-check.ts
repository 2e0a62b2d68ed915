import type { EntryColumns } from '../attribution/entry-log.js';
import type { EntryMembers } from '../attribution/entry.js';
import type { Client } from '../catalogue/catalogue.js';
import { declared } from '../catalogue/look-up.js';
import { senderConstraintOf, type SenderConstraint } from '../catalogue/sender-constraint.js';
import { timestamp } from '../oauth/clock.js';
import type { Reason } from '../oauth/errors.js';
import type { TokenBinding } from '../oauth/token-binding.js';
import type { Run } from '../runs/run.js';
import type { SaidOfToken } from '../upstreams/said-of-token.js';
import type { UpstreamFault, UpstreamToken } from '../upstreams/token.js';
import type { Context } from './context.js';
import type { Allowed, TurnedAway } from './decided.js';
import type { Minted } from './mint-token.js';

/** Something that is wrong with a client, by its stable code and in a sentence. */
export interface CheckProblem {
  readonly code: string;
  readonly message: string;
}

/** What one try came to: what was asked, what came back, and what became of that. Seconds. */
export interface CheckOutcome {
  readonly asked: {
    readonly resource: { readonly id: string; readonly uri: string } | null;
    readonly scope: readonly string[];
    readonly longestLife: number | null;
    readonly type: 'Bearer' | 'DPoP' | null;
    readonly binding: SenderConstraint | null;
  };
  /** Of whatever token the server gave, be it usable or not. */
  readonly returned: {
    readonly scope: readonly string[];
    readonly audience: readonly string[] | 'unverified';
    readonly binding: TokenBinding;
    /** Milliseconds since 1970: until then it is counted as alive, also where the server does not say. */
    readonly expiresAt: number;
    readonly said: SaidOfToken;
  } | null;
  /** null: there was nothing to revoke. in_use: a run holds the same text, so that it is not revoked. failed: it is tried no more. */
  readonly revocation: 'revoked' | 'unsupported' | 'pending' | 'failed' | 'in_use' | null;
  readonly problems: readonly CheckProblem[];
  /** What is to be known, and wrong in nobody's view. */
  readonly notes: readonly string[];
}

/** A try that is recorded. `at` in milliseconds since 1970. */
export interface ClientCheck extends CheckOutcome {
  readonly client: string;
  readonly run: string;
  readonly workflow: string;
  readonly at: number;
  readonly entry: string;
}

/** What became of the token that a try brought; `fault`: why it is not revoked, as far as this try has learned it. */
export interface Revoked {
  readonly kind: NonNullable<CheckOutcome['revocation']>;
  readonly fault: UpstreamFault | null;
}

export const outcomeOf = {
  turnedAway(context: Context, decided: TurnedAway): CheckOutcome {
    const who = decided.kind === 'denied' ? 'the policy' : decided.refusal.by === 'suspension' ? 'a suspension' : 'a guardrail';
    const message = `${who} does not let this run have a token, so nothing was sent: ${decided.decision.reasons.map(codeOf).join(', ')}`;
    return nothing(context, null, { code: decided.kind === 'denied' ? 'denied' : 'refused', message });
  },

  notSent(context: Context, allowed: Allowed, fault: UpstreamFault): CheckOutcome {
    return nothing(context, allowed, { code: fault, message: `nothing was sent: ${explain(fault)}` });
  },

  minted(context: Context, allowed: Allowed, minted: Exclude<Minted, { kind: 'again' }>, revoked: Revoked | null): CheckOutcome {
    const revocation = revoked?.kind ?? null;
    const token = minted.kind === 'live' ? minted.live.token : minted.token;
    const isExpected = minted.kind === 'live' || (minted.fault === 'token_reused' && allowed.admitted.server.profile.reusesTokens);
    const problems = [
      ...(isExpected ? [] : [faultProblem(minted, allowed.admitted.parties[0].client)]),
      ...(token === null ? [] : scopeProblems(allowed, token)),
      ...revocationProblems(revoked),
    ];
    return {
      asked: askedOf(context, allowed),
      returned: token && returnedOf(token),
      revocation,
      problems,
      notes: notesOf(allowed, token, revocation),
    };
  },
};

function nothing(context: Context, allowed: Allowed | null, problem: CheckProblem): CheckOutcome {
  return { asked: askedOf(context, allowed), returned: null, revocation: null, problems: [problem], notes: [] };
}

function askedOf(context: Context, allowed: Allowed | null): CheckOutcome['asked'] {
  const { resource, requestedScope } = context;
  const binding = bindingAsked(context);
  return {
    resource: resource && { id: resource.id, uri: resource.uri },
    scope: (allowed?.scope ?? requestedScope).tokens,
    longestLife: allowed?.admitted.parties[0].client.maxTokenLife ?? null,
    type: binding && (binding === 'dpop' ? 'DPoP' : 'Bearer'),
    binding,
  };
}

/** What a token of the resource is to be bound to. To a proof it is of the type DPoP (RFC 9449 §5); to a certificate it remains a Bearer. */
function bindingAsked({ facts, resource }: Context): SenderConstraint | null {
  const server = resource && declared(facts.catalogue.authorizationServers, resource.authorizationServer);
  return resource && server && senderConstraintOf({ server, resource });
}

function returnedOf({ granted, audience, binding, expiresAt, said }: UpstreamToken): NonNullable<CheckOutcome['returned']> {
  return { scope: granted.tokens, audience, binding, expiresAt, said: said ?? { tokenType: null, expiresIn: null } };
}

function faultProblem({ by, fault }: Extract<Minted, { kind: 'faulted' }>, { method }: Client): CheckProblem {
  const what = {
    refused: 'a token was issued that must not be used',
    failed: 'no token was issued',
    unknown: 'whether a token was issued is not known',
  };
  const isOfAssertion =
    (method === 'private_key_jwt' || method === 'client_secret_jwt') && (fault === 'client_refused' || fault === 'request_rejected');
  return { code: fault, message: `${what[by]}: ${explain(fault)}${isOfAssertion ? `; ${ASSERTION}` : ''}` };
}

function scopeProblems({ scope }: Allowed, { granted }: UpstreamToken): CheckProblem[] {
  const missing = scope.without(granted);
  return missing.length === 0 ? [] : [{ code: 'scope_narrower', message: `it did not grant ${missing.join(' ')}` }];
}

function revocationProblems(revoked: Revoked | null): CheckProblem[] {
  const why = revoked === null || revoked.fault === null ? '' : `: ${explain(revoked.fault)}`;
  if (revoked?.kind === 'pending')
    return [{ code: 'revocation_pending', message: `the token could not be revoked yet${why}; that is tried again until it ends` }];
  if (revoked?.kind === 'failed')
    return [{ code: 'revocation_failed', message: `nobody tries to revoke the token any more${why}; it lives until it ends` }];
  return [];
}

function notesOf({ scope }: Allowed, token: UpstreamToken | null, revocation: CheckOutcome['revocation']): string[] {
  if (token === null) return [];
  const extra = token.granted.without(scope);
  const saysNoLife = token.said?.expiresIn === null;
  return [
    ...(token.audience === 'unverified' ? ['its audience cannot be learned: it is recorded as unverified'] : []),
    ...(saysNoLife ? [`it says no expires_in: it is counted as alive until ${timestamp(token.expiresAt)}`] : []),
    ...(extra.length === 0 ? [] : [`it added ${extra.join(' ')}, which its profile tolerates or which is why it was refused`]),
    ...(revocation === 'in_use' ? ['a run holds a token of the same text, which was not revoked'] : []),
    ...(revocation === 'unsupported' ? [`its server cannot revoke it: it lives until ${timestamp(token.expiresAt)}`] : []),
  ];
}

function codeOf({ code }: Reason): string {
  return code;
}

/** What servers differ in most often, of the clients that sign assertions (docs/profiles.md). */
const ASSERTION =
  'where it knows the client and its key, it may want the assertion otherwise: assertion_audience, assertion_type or client_id_with_assertion of its profile';

const EXPLAINED: Partial<Readonly<Record<UpstreamFault, string>>> = {
  unreachable: 'the server cannot be reached',
  address_refused: 'the address of the server is not public: that is for allow_hosts of the server to allow',
  tls_failed: 'the certificate of the server was not accepted: a private authority is named by ca of the server',
  timeout: 'the server did not answer in time',
  redirect: 'the server redirected, which is not followed: name its token_endpoint and revocation_endpoint',
  response_too_large: 'the answer of the server was too large',
  response_unreadable: 'the answer of the server was no JSON object, or could be read in two ways',
  overloaded: 'too much was asked of the server at once: try again',
  server_unavailable: 'the server answered with a fault of its own: look at its log',
  throttled: 'the server says that it was asked too often: try again later',
  client_refused: 'the server does not accept the client or its credential',
  scope_rejected: 'the server does not know the scope, or does not let this client have it',
  target_rejected: 'the server does not know the resource, or does not let this client have it',
  nonce_required: 'the server wants another nonce in the proof, also when it is asked again',
  request_rejected: 'the server does not accept the request as it was sent: look at the profile',
  scope_broader: 'it has more scopes than were asked for',
  details_broader: 'it has authorization details, and none were asked for',
  audience_mismatch:
    'it is for another audience than the resource: where the server has that name for the resource, say it as audience of the resource',
  audience_unverified: 'its audience cannot be learned, and the resource insists on that',
  lifetime_unusable: 'it lives longer than max_token_life, or says something else than a time',
  token_type_unusable: 'it is of another type than was asked for',
  binding_mismatch: 'it is bound to another key than the one of this request, or does not say that it is bound',
  binding_unasked:
    'it is bound to the certificate of the client, so that no agent could use it: have the server not bind the tokens of this client, or say sender_constraint: mtls, by which no run gets them',
  token_reused: 'its text is that of a token which a run holds: where that is how the server is, its profile is to say reuses_tokens',
  metadata_unavailable: 'the metadata of the server cannot be read',
  metadata_invalid: 'the metadata of the server cannot be used: see corridor upstream preview',
  credential_unavailable: 'the client has no usable credential',
  credential_bound_elsewhere: 'the credential belongs to another issuer or token endpoint',
  algorithm_unsupported: 'the server does not accept the algorithm of its key',
};

function explain(fault: UpstreamFault): string {
  return EXPLAINED[fault] ?? fault;
}

/** The allow-list of the entry. */
export function checkEntry(client: Client, run: Run, outcome: CheckOutcome, by: string): { members: EntryMembers; columns: EntryColumns } {
  const { asked, returned, revocation, problems } = outcome;
  const members = {
    client: client.id,
    client_id: client.clientId,
    authorization_server: client.authorizationServer,
    run: run.id,
    workflow: run.workflow,
    ...(asked.resource === null ? {} : { resource: asked.resource }),
    scope: { asked: asked.scope, ...(returned === null ? {} : { granted: returned.scope }) },
    ...(returned === null ? {} : { audience: returned.audience, expires_at: timestamp(returned.expiresAt), binding: returned.binding }),
    // no text of the server's is recorded
    ...(typeof returned?.said.expiresIn === 'number' ? { lifetime: returned.said.expiresIn } : {}),
    ...(revocation === null ? {} : { revocation }),
    result: problems.length === 0 ? 'passed' : 'failed',
    problems: problems.map(({ code }) => code),
    checked_by: by,
  };
  return { members, columns: { client: client.id, run: run.id, workflow: run.workflow } };
}
