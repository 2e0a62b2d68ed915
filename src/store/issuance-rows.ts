import { z } from 'zod';
import type { EarlyNotice } from '../issuance/early-notice.js';
import {
  IssuanceStore,
  type DueRevocation,
  type ExpiredRevocation,
  type LiveIssuance,
  type OpenIntent,
  type WhichClients,
} from '../issuance/issuance-store.js';
import type { Database } from './database.js';
import { dueRow, expiredRow, liveRow, openRow } from './issuance-row.js';

const FOR_WHOM = `i.id, i.run, i.workflow, i.client, i.client_id, i.authorization_server, i.resource, i.credential`;

const OPEN = `select ${FOR_WHOM}, i.scope, i.assertion_jti, i.instance, i.opened_at, i.deadline, i.exposed_until from issuance i where i.state = 'open'`;
// looked up one by one: a join would be planned for the few rows that there were once
const PAST_DEADLINE = `${OPEN} and i.deadline <= now() and (select w.id from work w
    where w.kind = 'close_intent' and w.subject = i.id and (w.given_up_at is not null or w.due_at > now())) is null
  order by i.deadline limit $1`;
const OF_EARLIER_INSTANCES = `${OPEN} and i.instance <> $1 order by i.deadline`;

const LIVE = `
  select ${FOR_WHOM}, i.cache_key, i.isolation, i.sealed, i.token_sha256, i.token_jti, i.issued_at, i.expires_at, i.served_until, i.granted, i.granted_details, i.audience, i.binding
  from issuance i
  where i.state = 'issued' and i.revocation is null and i.sealed is not null and i.served_until > now()
`;
const LIVE_OF_ALL = `${LIVE} order by i.served_until desc limit $1`;
const LIVE_OF_TEXT = `${LIVE} and i.token_sha256 = $1 order by i.served_until desc limit 1`;
const LIVE_OF_KEY = `${LIVE} and i.cache_key = $2 order by i.served_until desc limit $1`;

/*
 * What is swept is found by index, however much there is of what was: `now()`, which is the beginning of the statement, can be looked
 * up in one, as clock_timestamp() cannot; and rows are changed by an array of their ids, since for a join all of them would be read.
 */

const identified = z.object({ id: z.string() });

/** Taken by one at a time: to the others it is not due before `$2` milliseconds have passed, and by then it was done or it is tried again. */
const TAKE_DUE = `
  with due as (
    select w.id from work w join issuance i on i.id = w.subject
    where w.kind = 'revoke' and w.done_at is null and w.given_up_at is null and w.due_at <= now()
      and i.revocation = 'pending' and i.sealed is not null and i.expires_at > now()
      and ($3::text is null or i.client = $3) and i.client <> all ($4::text[])
    order by w.due_at limit $1
    for update of w skip locked
  ), taken as (
    update work set attempts = attempts + 1, due_at = now() + $2::float8 * interval '1 millisecond'
    where id = any (array(select id from due))
    returning subject, attempts
  )
  select ${FOR_WHOM}, i.sealed, i.token_sha256, i.token_jti, i.expires_at, t.attempts
  from taken t join issuance i on i.id = t.subject order by i.expires_at`;

const WITHDRAW_SERVED = `
  with served as (
    select id from issuance
    where state = 'issued' and revocation is null and sealed is not null and served_until <= now() and expires_at > now()
    order by served_until limit $1
    for update skip locked
  ), withdrawn as (
    update issuance set revocation = 'pending' where id = any (array(select id from served)) returning id
  ), left_to_do as (
    insert into work (id, kind, subject, due_at)
    select 'wrk' || replace(gen_random_uuid()::text, '-', ''), 'revoke', id, now() from withdrawn
    on conflict (kind, subject) do nothing
  )
  select id from withdrawn order by id`;

const EXPIRED_UNREVOKED = `
  select ${FOR_WHOM}, i.token_sha256, i.expires_at, coalesce(w.attempts, 0) as attempts, w.last_error
  from issuance i
    left join lateral (select attempts, last_error from work where kind = 'revoke' and subject = i.id offset 0) w on true
  where i.sealed is not null and i.expires_at <= now() and i.revocation = 'pending'
  order by i.expires_at limit $1`;

const WIPE_DEAD = `
  with dead as (
    select id from issuance
    where sealed is not null and expires_at <= now() and revocation is distinct from 'pending'
    order by expires_at limit $1
    for update skip locked
  ), wiped as (
    update issuance set sealed = null where id = any (array(select id from dead)) returning id
  ), done as (
    update work set done_at = now() where kind = 'revoke' and subject = any (array(select id from wiped)) and done_at is null
  )
  select id from wiped`;

/** Issuances in SQL; what is swept is swept in portions. */
export class IssuanceRows extends IssuanceStore {
  constructor(
    private readonly database: Database,
    private readonly notice: EarlyNotice | null = null,
  ) {
    super();
  }

  /** Intents that anyone may close as unknown, the oldest first. */
  async openPastDeadline(limit: number): Promise<readonly OpenIntent[]> {
    const rows = await this.database.query(PAST_DEADLINE, [limit]);
    return rows.map((row) => openRow.parse(row));
  }

  /** Intents of all instances but this one, whatever their deadline: for a process that knows that the others are dead. */
  async openOfEarlierInstances(instance: string): Promise<readonly OpenIntent[]> {
    const rows = await this.database.query(OF_EARLIER_INSTANCES, [instance]);
    return rows.map((row) => openRow.parse(row));
  }

  /** Issuances that may be released, of this cache key if one is given, the longest-lived first. */
  async live(limit: number, cacheKey: string | null = null): Promise<readonly LiveIssuance[]> {
    const rows = await (cacheKey === null
      ? this.database.query(LIVE_OF_ALL, [limit])
      : this.database.query(LIVE_OF_KEY, [limit, cacheKey]));
    return rows.map((row) => liveRow.parse(row));
  }

  /** The issuance that may be released and has this text, by its SHA-256 in hex. */
  async liveOfText(sha256: string): Promise<LiveIssuance | null> {
    const [row] = await this.database.query(LIVE_OF_TEXT, [sha256]);
    return row === undefined ? null : liveRow.parse(row);
  }

  /** Takes tokens that are to be revoked; one that is not reported on comes again after `againIn` milliseconds. */
  async takeDueRevocations(limit: number, againIn: number, clients: WhichClients = { but: [] }): Promise<readonly DueRevocation[]> {
    const which = 'only' in clients ? [clients.only, []] : [null, clients.but];
    const rows = await this.database.query(TAKE_DUE, [limit, againIn, ...which]);
    return rows.map((row) => dueRow.parse(row));
  }

  /** Makes tokens that may not be served any longer, and still live, due for revocation. Gives their issuances. */
  async withdrawServed(limit: number): Promise<readonly string[]> {
    const rows = await this.database.query(WITHDRAW_SERVED, [limit]);
    return rows.map((row) => identified.parse(row).id);
  }

  /** Tokens that died before their server had revoked them, the earliest first, until that is recorded. */
  async expiredUnrevoked(limit: number): Promise<readonly ExpiredRevocation[]> {
    const rows = await this.database.query(EXPIRED_UNREVOKED, [limit]);
    return rows.map((row) => expiredRow.parse(row));
  }

  /** Forgets the texts of tokens that are dead, and what was still to be done about them. Gives how many there were. */
  async wipeDead(limit: number): Promise<number> {
    const rows = await this.database.query(WIPE_DEAD, [limit]);
    return rows.length;
  }
}
