import { z } from 'zod';
import type { Append, Appended, Entry } from '../attribution/entry-log.js';
import { printEpoch } from '../attribution/epoch.js';
import type { Row } from './database.js';

/** One flush (prisma/migrations, append_entries): parameters 1 to 18, and two results. */
export const APPEND = `call append_entries(${Array.from({ length: 18 }, (_, index) => `$${index + 1}`).join(', ')}, null, null)`;

const SEPARATOR = '\x1f';

/** The parameters of APPEND. The items are storable. */
export function appendParameters(items: readonly Append[]): readonly unknown[] {
  const { effects, released } = whatTheyDo(items);
  const inputs = items.flatMap(({ decisionInput }, index) =>
    decisionInput === null ? [] : [{ place: index + 1, sha256: decisionInput.sha256, sealed: base64(decisionInput.sealed) }],
  );
  const join = (text: (entry: Entry) => string | undefined): string => items.map(({ entry }) => text(entry)).join(SEPARATOR);
  return [
    join(({ id }) => id),
    join(({ type }) => type),
    join(({ columns }) => columns.run),
    join(({ columns }) => columns.workflow),
    join(({ columns }) => columns.client),
    join(({ columns }) => columns.resource),
    join(({ columns }) => columns.owner),
    join(({ columns }) => columns.issuance),
    join(({ columns }) => columns.decision),
    join(({ columns }) => columns.tokenSha256),
    join(({ columns }) => columns.tokenJti),
    join(({ text }) => text),
    items.map(({ epoch }) => (epoch === null ? '' : printEpoch(epoch))).join(SEPARATOR),
    items.map(({ run }) => run?.id).join(SEPARATOR),
    items.map(({ run }) => run?.credential).join(SEPARATOR),
    released.join(SEPARATOR),
    effects.length === 0 ? null : JSON.stringify(effects),
    inputs.length === 0 ? null : JSON.stringify(inputs),
  ];
}

/**
 * Releases of issuances that nothing else in the flush touches are checked together; all other effects go one after the other,
 * each seeing those before it.
 */
function whatTheyDo(items: readonly Append[]): { readonly effects: readonly object[]; readonly released: readonly string[] } {
  const effects: object[] = [];
  const touched = new Set<string>();
  const released = items.map(({ effect, counters }, index) => {
    const alone = effect === null || (effect.kind === 'release' && !touched.has(effect.issuance));
    if (alone && counters.length === 0) return effect?.issuance ?? '';
    effects.push({ place: index + 1, ...printEffect(effect), ...(counters.length === 0 ? {} : { counters }) });
    // work is about what is not live in any case
    if (effect !== null && effect.kind !== 'release' && effect.kind !== 'work') touched.add(effect.issuance);
    return '';
  });
  return { effects, released };
}

function printEffect(effect: Append['effect']): object {
  switch (effect?.kind) {
    case undefined:
      return { kind: 'none' };
    case 'release':
    case 'revocation':
      return effect;
    case 'work': {
      const { kind, work, issuance, state } = effect;
      return { kind, work, state, ...(issuance === null ? {} : { issuance }) };
    }
    case 'intent': {
      const { kind, issuance, instance, run, workflow, client, resource, scope, credential, isolation } = effect;
      return {
        ...{ kind, issuance, instance, run, workflow, client, resource, scope, credential, isolation },
        client_id: effect.clientId,
        authorization_server: effect.authorizationServer,
        cache_key: effect.cacheKey,
        assertion_jti: effect.assertionJti,
        deadline_in: effect.deadlineIn,
        longest_life: effect.longestLife,
      };
    }
    case 'outcome': {
      const { kind, issuance, state, token, sharedWith } = effect;
      if (token === null) return { kind, issuance, state, ...(sharedWith === undefined ? {} : { shared_with: sharedWith }) };
      return {
        ...{ kind, issuance, state },
        token_sha256: token.sha256,
        token_jti: token.jti,
        sealed: base64(token.sealed),
        granted: token.granted,
        granted_details: token.grantedDetails,
        audience: token.audience === 'unverified' ? null : token.audience,
        binding: token.binding,
        issued_at: token.issuedAt,
        expires_at: token.expiresAt,
        served_until: token.servedUntil,
        ...(token.reuses === true ? { reuses: true } : {}),
      };
    }
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

const flushed = z.tuple([z.object({ verdicts: z.string(), at: z.number() })]);
const verdict = z.enum(['recorded', 'duplicate', 'stale', 'run_over', 'not_live', 'reused', 'counters_moved', 'late', 'bad']);

/** What APPEND answers, for this many items. */
export function parseAppended(rows: readonly Row[], count: number): readonly Appended[] {
  const [{ verdicts, at }] = flushed.parse(rows);
  const given = z.array(verdict).length(count).parse(verdicts.split(','));
  return given.map((each) => ({ verdict: each, at }));
}
