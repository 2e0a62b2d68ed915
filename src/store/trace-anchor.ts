import { z } from 'zod';
import type { TraceQuery } from '../attribution/trace.js';
import { timestamp } from '../oauth/clock.js';
import { count } from './column-types.js';
import type { Database } from './database.js';
import { timeOfIdentifier } from './identifier-time.js';

/** Where a story is picked up: at least one of the three is there. `entry` is an arrival number. */
export interface TraceAnchor {
  readonly issuance: string | null;
  readonly run: string | null;
  readonly entry: number | null;
}

const ENTRY = 'select number as entry, issuance, run from entry';
const ISSUANCE = 'select id as issuance, run, null as entry from issuance';
const NEWEST = 'order by opened_at desc, id desc limit 1';
// Of tokens that no issuance has: the others were found by theirs, and are not in this index (prisma/migrations).
// With `materialized`, since the planner would otherwise walk the whole log backwards in the hope of meeting one soon.
const ENTRIES_OF_TOKEN = `
  with found as materialized (
    ${ENTRY} where token_sha256 = $1 and type not in ('token.issued', 'token.released', 'token.revoked'))
  select * from found order by entry desc limit 1`;
// Entries have no index by decision, which every release would pay for: an identifier tells when it was made, and a decision
// is remembered for a minute at the most.
const ENTRIES_OF_DECISION = `
  with found as materialized (${ENTRY} where decision = $1
    and recorded_at between $2::timestamptz - interval '1 minute' and $2::timestamptz + interval '3 minutes')
  select * from found order by entry limit 1`;

const anchorRow = z.object({ issuance: z.string().nullable(), run: z.string().nullable(), entry: count.nullable() });

/** Finds where the story that a query asks for can be picked up, or null. */
export async function findAnchor(database: Database, { by, value }: TraceQuery): Promise<TraceAnchor | null> {
  const first = async (sql: string, ...parameters: unknown[]): Promise<TraceAnchor | null> => {
    const [row] = await database.query(sql, parameters);
    return row === undefined ? null : anchorRow.parse(row);
  };
  switch (by) {
    case 'tokenSha256':
      return (await first(`${ISSUANCE} where token_sha256 = $1 ${NEWEST}`, value)) ?? first(ENTRIES_OF_TOKEN, value);
    case 'jti':
      return first(`${ISSUANCE} where token_jti = $1 ${NEWEST}`, value);
    case 'issuance':
      return first(`${ISSUANCE} where id = $1`, value);
    case 'entry':
      return first(`${ENTRY} where id = $1`, value);
    case 'run':
      return first('select null as issuance, id as run, null as entry from run where id = $1', value);
    case 'decision': {
      const made = timeOfIdentifier(value);
      return made === null ? null : first(ENTRIES_OF_DECISION, value, timestamp(made));
    }
  }
}
