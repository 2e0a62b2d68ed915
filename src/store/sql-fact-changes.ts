import { z } from 'zod';
import type { Entry } from '../attribution/entry-log.js';
import type { Epoch } from '../attribution/epoch.js';
import type { Witness } from '../attribution/witness.js';
import type { SealedCredential } from '../credentials/sealed-credential.js';
import {
  epochAfter,
  FactChanges,
  FactsLocked,
  type CredentialChange,
  type FactChange,
  type FactChanged,
} from '../issuance/fact-changes.js';
import type { EarlyNotice, WorkKind } from '../issuance/early-notice.js';
import { timestamp } from '../oauth/clock.js';
import type { Database } from './database.js';
import { credentialKey, texts, time } from './column-types.js';
import { entryRows } from './entry-rows.js';
import { repeatOnce } from './repeat-once.js';

const CHANGE = 'call change_facts($1::jsonb, $2::text, $3::bigint, $4::jsonb, null, null, null)';

const WITHDRAW_MORE = 'select * from withdraw_more($1, $2)';
/** What of that which a suspension covers is withdrawn in one step, at most. */
const PORTION = 10_000;

const verdictRow = z.discriminatedUnion('verdict', [
  z.object({ verdict: z.enum(['applied', 'unfinished']), at: time, withdrawn: texts }),
  z.object({ verdict: z.literal('stale') }),
  z.object({ verdict: z.literal('locked') }),
]);

const portionRow = z.object({ withdrawn: texts, more: z.boolean() });

/** Facts are changed by one procedure, under the lock that append shares. */
export class SqlFactChanges extends FactChanges {
  constructor(
    private readonly database: Database,
    private readonly notice: EarlyNotice | null = null,
    private readonly witness: Witness | null = null,
    private readonly portion = PORTION,
  ) {
    super();
  }

  async apply(change: FactChange, expected: Epoch, entries: readonly Entry[]): Promise<FactChanged> {
    const parameters = [
      JSON.stringify({ ...changeRow(change), at_most: this.portion }),
      expected.incarnation,
      expected.number,
      entryRows(entries),
    ];
    const [row] = await repeatOnce(() => this.database.query(CHANGE, parameters));
    const answer = verdictRow.parse(row);
    if (answer.verdict === 'locked') throw new FactsLocked();
    if (answer.verdict === 'stale') return answer;
    const epoch = epochAfter(expected);
    this.witness?.noteEpoch(epoch);
    for (const { id } of entries.slice(-1)) this.witness?.noteEntry(id);
    this.notice?.factsChanged();
    const { at, withdrawn } = answer;
    for (const kind of workOf(change, withdrawn)) this.notice?.workLeft(kind);
    return { verdict: 'applied', at, epoch, withdrawn, unfinished: answer.verdict === 'unfinished' };
  }

  async withdrawMore(suspension: string | null): Promise<boolean> {
    const [row] = await repeatOnce(() => this.database.query(WITHDRAW_MORE, [suspension, this.portion]));
    const { withdrawn, more } = portionRow.parse(row);
    if (withdrawn.length > 0) this.notice?.workLeft('revocations');
    return more;
  }
}

/** What there may be to do once it has changed. */
function workOf({ kind }: FactChange, withdrawn: readonly string[]): readonly WorkKind[] {
  const work: WorkKind[] = withdrawn.length > 0 ? ['revocations'] : [];
  if (kind === 'catalogue.changed') work.push('credentials');
  if (kind.startsWith('rotation.')) work.push('rotations');
  return work;
}

/** The change as enact_change reads it. */
function changeRow(change: FactChange): Readonly<Record<string, unknown>> {
  const { kind } = change;
  switch (kind) {
    case 'suspension.raised': {
      const { id, kind: suspends, target, reason, raisedBy: raised_by, expiresAt } = change.suspension;
      return { kind, id, suspends, target, reason, raised_by, expires_at: expiresAt === null ? null : timestamp(expiresAt) };
    }
    case 'suspension.lifted':
      return { kind, id: change.suspension, lifted_by: change.liftedBy };
    case 'catalogue.changed': {
      const { id, sha256, catalogue, source, appliedBy: applied_by } = change.revision;
      return { kind, id, sha256, catalogue, source, applied_by, credentials: credentialRows(change.credentials) };
    }
    case 'credential.changed':
      return { kind, credentials: credentialRows(change.credentials) };
    case 'rotation.begun': {
      const { rotation: id, replaces, begunBy: begun_by, proofIn: proof_in } = change;
      return { kind, id, credential: credentialRow(change.credential), replaces, begun_by, proof_in };
    }
    case 'rotation.registered':
      return { kind, id: change.rotation, proof_in: change.proofIn };
    case 'rotation.shifted':
      return { kind, id: change.rotation, overlap: change.overlap };
    case 'rotation.finished':
      return { kind, id: change.rotation };
    case 'rotation.failed':
      return { kind, id: change.rotation, state: change.state, fault: change.fault };
    case 'policy.activated':
      return { kind, digest: change.digest, source: change.source, activated_by: change.activatedBy };
    case 'metadata.pinned':
    case 'metadata.changed':
    case 'metadata.approved': {
      const { authorizationServer: authorization_server, approvedBy: approved_by, ...pin } = change.pin;
      return { kind, authorization_server, approved_by, ...pin };
    }
    case 'key.created':
      return { kind, ...change.key };
    case 'key.revoked':
      return { kind, id: change.key };
  }
}

function credentialRows({ created, retired }: CredentialChange): unknown {
  return { retired, created: created.map(credentialRow) };
}

function credentialRow({ id, client, method, issuer, key, sealed, keyedDigest }: SealedCredential): unknown {
  return {
    id,
    client,
    method,
    issuer,
    public_key: key === null ? null : credentialKey.parse(key),
    sealed: Buffer.from(sealed).toString('base64'),
    keyed_digest: keyedDigest,
  };
}
