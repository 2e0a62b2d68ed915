import { CanonicalMembers } from '../attribution/canonical-members.js';
import type { Append, Appended, EntryColumns } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import { ServerError } from '../oauth/errors.js';
import type { Decision } from '../policy/decision.js';
import type { UpstreamToken } from '../upstreams/token.js';
import { clientMembers, extentMembers, requestColumns, requestMembers, tokenColumns, tokenMembers } from './attribution-of.js';
import { again, isRecorded, type Answer } from './answer.js';
import type { Context } from './context.js';
import type { Allowed } from './decided.js';
import { errorOfFault } from './errors-of.js';
import type { LiveToken } from './token-cache.js';

/** A release that is ready to be recorded. `servedUntil` in milliseconds: until when the run may use it. */
export interface PreparedRelease {
  readonly live: LiveToken;
  readonly servedUntil: number;
  readonly cached: boolean;
  readonly append: Append;
}

/** What a release says, but for what each says anew. A decision is remembered for longer than its token lives. */
interface Said {
  readonly live: WeakRef<LiveToken>;
  readonly cached: boolean;
  readonly servedUntil: number;
  readonly members: CanonicalMembers;
  readonly columns: EntryColumns;
}

/**
 * A decision is remembered for a question (DESIGN §6), so with the token it settles all that its releases say: that is written once, and
 * forgotten with the decision. One that rests on counters is made anew each time, and so is this.
 */
const said = new WeakMap<Decision, Said>();

/** Prepares the entry that hands a live token to the run (RFC 6749 §5.1). */
export function prepareRelease(context: Context, allowed: Allowed, live: LiveToken, cached: boolean, entries: EntryMaker): PreparedRelease {
  // CONFORMANCE D6: the guardrail was before this
  if (isBoundToUs(live.token)) throw new TypeError('a token that is bound to a key of ours must not be handed out');
  const { run, facts, traceparent } = context;
  const known = said.get(allowed.decision);
  const saying = known?.live.deref() === live && known.cached === cached ? known : say(context, allowed, live, cached);
  said.set(allowed.decision, saying);
  const { servedUntil, members, columns } = saying;
  const entry = entries.make('token.released', facts.epoch, traceparent === null ? members : members.with({ traceparent }), columns);
  return {
    live,
    servedUntil,
    cached,
    append: {
      entry,
      epoch: facts.epoch,
      run: { id: run.id, credential: run.credential.id },
      effect: { kind: 'release', issuance: live.issuance },
      // a token of this request's own intent rests on what that intent reserved
      counters: cached ? allowed.counters : [],
      decisionInput: cached ? allowed.input : null,
    },
  };
}

/** Of use to nobody but us (CONFORMANCE D6). */
export function isBoundToUs({ type, binding }: UpstreamToken): boolean {
  return type !== 'Bearer' || binding === 'dpop' || binding === 'mtls';
}

function say(context: Context, allowed: Allowed, live: LiveToken, cached: boolean): Said {
  const [party] = allowed.admitted.parties;
  const ends = allowed.admitted.parties.map(({ run: member }) => member.expiresAt);
  const servedUntil = Math.min(live.servedUntil, live.token.issuedAt + allowed.maxTtl * 1000, ...ends);
  const members = CanonicalMembers.of({
    ...requestMembers({ ...context, traceparent: null }, allowed.decision),
    issuance: live.issuance,
    cached,
    ...clientMembers({
      issuer: allowed.admitted.server.issuer,
      tokenEndpoint: live.tokenEndpoint,
      clientId: party.client.clientId,
      method: party.client.method,
      credential: live.credential,
    }),
    ...extentMembers(context, allowed, live.token),
    ...tokenMembers(live.token, servedUntil),
  });
  const columns = {
    ...requestColumns(context, allowed.decision),
    ...tokenColumns(live.token),
    client: party.client.id,
    issuance: live.issuance,
  };
  return { live: new WeakRef(live), cached, servedUntil, members, columns };
}

/** What the verdict on a release means for the request. */
export function answerOfRelease(prepared: PreparedRelease, appended: Appended): Answer {
  const { live, servedUntil, cached, append } = prepared;
  if (appended.verdict === 'bad') return { kind: 'turned_away', error: new ServerError('the release cannot be recorded'), recorded: false };
  // CONFORMANCE B60: never more than is left, and nothing that is as good as over
  const expiresIn = Math.floor((servedUntil - appended.at) / 1000);
  if (!isRecorded(appended.verdict)) return again(appended.verdict);
  if (expiresIn < 1 && cached) return again('not_live');
  // a server whose tokens are over before they arrive is not asked again and again
  if (expiresIn < 1) {
    return { kind: 'turned_away', error: errorOfFault('refused', 'lifetime_unusable', null, append.entry.id), recorded: true };
  }
  return {
    kind: 'released',
    from: cached ? 'cached' : 'fresh',
    release: {
      accessToken: live.token.text,
      tokenType: 'Bearer',
      expiresIn,
      scope: live.token.granted,
      details: live.token.grantedDetails,
      attribution: append.entry.id,
    },
  };
}
