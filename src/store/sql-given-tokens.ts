import { z } from 'zod';
import { GivenTokens, type Withdrawal, type WithdrawnToken } from '../issuance/given-tokens.js';
import { bytes, time } from './column-types.js';
import type { Database } from './database.js';
import { dueRow } from './issuance-row.js';
import { repeatOnce } from './repeat-once.js';

const WITHDRAW = 'select * from withdraw_given($1, $2, $3)';

const knownRow = z.object({ given: z.boolean() });

const withdrawnRow = z.object({
  id: z.string(),
  cache_key: z.string(),
  expires_at: time,
  revocation: z.enum(['pending', 'revoked', 'unsupported']),
  sealed: bytes.nullable(),
});

/** Tokens by the hash of their text, in SQL. */
export class SqlGivenTokens extends GivenTokens {
  constructor(private readonly database: Database) {
    super();
  }

  async withdraw(sha256: string, run: string, againIn: number): Promise<Withdrawal> {
    const rows = await repeatOnce(() => this.database.query(WITHDRAW, [sha256, run, againIn]));
    const [first] = rows;
    if (first === undefined) return { kind: 'unknown' };
    return knownRow.parse(first).given ? { kind: 'withdrawn', tokens: rows.map(withdrawnToken) } : { kind: 'foreign' };
  }
}

function withdrawnToken(row: unknown): WithdrawnToken {
  const { id, cache_key: cacheKey, expires_at: expiresAt, revocation, sealed } = withdrawnRow.parse(row);
  const due = revocation === 'pending' && sealed !== null ? dueRow.parse(row) : null;
  return { issuance: id, cacheKey, expiresAt, revocation, due };
}
