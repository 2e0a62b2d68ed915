import { z } from 'zod';
import { GivenTokens, type Asker, type LiveGivenToken, type Withdrawal, type WithdrawnToken } from '../issuance/given-tokens.js';
import type { EarlyNotice } from '../issuance/early-notice.js';
import { bytes, texts, time } from './column-types.js';
import type { Database } from './database.js';
import { dueRow } from './issuance-row.js';
import { repeatOnce } from './repeat-once.js';

// No join: with outdated statistics whole tables would be read for it. A text that was revoked in one issuance is dead in all of them.
const LIVE = `
  select i.id, i.run, (select r.purpose from run r where r.id = i.run) as purpose, i.workflow, i.isolation, i.client, i.client_id,
    i.authorization_server, i.resource, i.token_jti, i.granted, i.granted_details, i.audience, i.issued_at, i.served_until
  from issuance i
  where i.token_sha256 = $1 and i.state = 'issued' and i.revocation is null and i.served_until > now()
    and not exists (select from issuance twin where twin.token_sha256 = $1 and twin.revocation in ('pending', 'given_up', 'revoked'))
    and case when $2::text is null then i.resource = $3::text and is_in_use(i) else was_given(i, $2) and run_is_active($2) end
  order by i.served_until desc limit 1`;

const liveRow = z
  .object({
    id: z.string(),
    run: z.string(),
    purpose: z.string(),
    workflow: z.string(),
    isolation: z.enum(['run', 'workflow']),
    client: z.string(),
    client_id: z.string(),
    authorization_server: z.string(),
    resource: z.string(),
    token_jti: z.string().nullable(),
    granted: texts,
    granted_details: z.string().nullable(),
    audience: texts.nullable(),
    issued_at: time,
    served_until: time,
  })
  .transform(
    ({ id, client_id, authorization_server, token_jti, granted_details, audience, issued_at, served_until, ...live }): LiveGivenToken => ({
      ...live,
      issuance: id,
      clientId: client_id,
      authorizationServer: authorization_server,
      jti: token_jti,
      grantedDetails: granted_details,
      audience: audience ?? 'unverified',
      issuedAt: issued_at,
      servedUntil: served_until,
    }),
  );

const WITHDRAW = 'select * from withdraw_given($1, $2, $3)';

const knownRow = z.object({ given: z.boolean() });

const withdrawnRow = z.object({
  id: z.string(),
  cache_key: z.string(),
  expires_at: time,
  revocation: z.enum(['pending', 'given_up', 'revoked', 'unsupported']),
  sealed: bytes.nullable(),
});

/** Tokens by the hash of their text, in SQL. */
export class SqlGivenTokens extends GivenTokens {
  constructor(
    private readonly database: Database,
    private readonly notice: EarlyNotice | null = null,
  ) {
    super();
  }

  async live(sha256: string, asker: Asker): Promise<LiveGivenToken | null> {
    const parameters = 'run' in asker ? [sha256, asker.run, null] : [sha256, null, asker.resource];
    const [row] = await this.database.query(LIVE, parameters);
    return row === undefined ? null : liveRow.parse(row);
  }

  async withdraw(sha256: string, run: string, againIn: number): Promise<Withdrawal> {
    const rows = await repeatOnce(() => this.database.query(WITHDRAW, [sha256, run, againIn]));
    const [first] = rows;
    if (first === undefined) return { kind: 'unknown' };
    if (!knownRow.parse(first).given) return { kind: 'foreign' };
    this.notice?.workLeft('revocations', againIn);
    return { kind: 'withdrawn', tokens: rows.map(withdrawnToken) };
  }
}

function withdrawnToken(row: unknown): WithdrawnToken {
  const { id, cache_key: cacheKey, expires_at: expiresAt, revocation, sealed } = withdrawnRow.parse(row);
  const due = revocation === 'pending' && sealed !== null ? dueRow.parse(row) : null;
  return { issuance: id, cacheKey, expiresAt, revocation, due };
}
