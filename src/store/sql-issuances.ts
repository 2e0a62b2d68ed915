import { z } from 'zod';
import { IssuanceStore, type DueRevocation, type OpenIntent } from '../issuance/issuance-store.js';
import { bytes, count, time } from './column-types.js';
import type { Database } from './database.js';

const OPEN = `
  select id, run, workflow, client, resource, assertion_jti, opened_at, exposed_until from issuance
    where state = 'open' and (not $2::boolean or deadline <= clock_timestamp())
    order by deadline limit $1`;

/** A token that is served no more but lives: it may be revoked now, as if somebody had withdrawn it. */
const WITHDRAW_SERVED = `
  select withdraw_token(id, clock_timestamp()) from issuance
    where served_until <= clock_timestamp() and state = 'issued' and revocation is null and expires_at > clock_timestamp()
    order by served_until limit $1`;

const DUE = `
  select i.id, i.run, i.workflow, i.client, i.resource, i.authorization_server, i.token_sha256, i.sealed, i.expires_at, w.attempts
    from work w join issuance i on i.id = w.subject
    where w.kind = 'revoke' and w.done_at is null and w.due_at <= clock_timestamp() and i.sealed is not null and i.expires_at > clock_timestamp()
    order by w.due_at limit $1`;

const RETRY = `
  update work set attempts = attempts + 1, last_error = $3, due_at = clock_timestamp() + $2 * interval '1 second'
    where kind = 'revoke' and subject = $1 and done_at is null`;

const FORGET = `
  with dead as (
    update issuance set sealed = null
      where id in (select id from issuance where sealed is not null and expires_at <= clock_timestamp() order by expires_at limit $1)
      returning id
  ), ended as (
    update work set done_at = clock_timestamp() where kind = 'revoke' and subject in (select id from dead) and done_at is null
  )
  select count(*) as forgotten from dead`;

const openRow = z
  .object({
    id: z.string(),
    run: z.string(),
    workflow: z.string(),
    client: z.string(),
    resource: z.string(),
    assertion_jti: z.string().nullable(),
    opened_at: time,
    exposed_until: time,
  })
  .transform(
    ({ id, assertion_jti, opened_at, exposed_until, ...row }): OpenIntent => ({
      ...row,
      issuance: id,
      assertionJti: assertion_jti,
      openedAt: opened_at,
      exposedUntil: exposed_until,
    }),
  );

const dueRow = z
  .object({
    id: z.string(),
    run: z.string(),
    workflow: z.string(),
    client: z.string(),
    resource: z.string(),
    authorization_server: z.string(),
    token_sha256: z.string(),
    sealed: bytes,
    expires_at: time,
    attempts: count,
  })
  .transform(
    ({ id, authorization_server, token_sha256, expires_at, ...row }): DueRevocation => ({
      ...row,
      issuance: id,
      authorizationServer: authorization_server,
      tokenSha256: token_sha256,
      expiresAt: expires_at,
    }),
  );

export class SqlIssuances extends IssuanceStore {
  constructor(private readonly database: Database) {
    super();
  }

  async overdueIntents(limit: number): Promise<readonly OpenIntent[]> {
    return z.array(openRow).parse(await this.database.query(OPEN, [limit, true]));
  }

  async openIntents(limit: number): Promise<readonly OpenIntent[]> {
    return z.array(openRow).parse(await this.database.query(OPEN, [limit, false]));
  }

  async withdrawServed(limit: number): Promise<number> {
    return (await this.database.query(WITHDRAW_SERVED, [limit])).length;
  }

  async dueRevocations(limit: number): Promise<readonly DueRevocation[]> {
    return z.array(dueRow).parse(await this.database.query(DUE, [limit]));
  }

  async retryRevocation(issuance: string, pause: number, fault: string): Promise<void> {
    await this.database.query(RETRY, [issuance, pause, fault]);
  }

  async forgetDead(limit: number): Promise<number> {
    const [row] = await this.database.query(FORGET, [limit]);
    return z.object({ forgotten: count }).parse(row).forgotten;
  }
}
