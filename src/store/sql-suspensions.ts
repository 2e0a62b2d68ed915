import { z } from 'zod';
import { PastSuspensions, type KnownSuspension } from '../suspensions/past-suspensions.js';
import { suspensionKinds } from '../suspensions/suspension.js';
import { time } from './column-types.js';
import type { Database } from './database.js';

const SUSPENSION = 'select id, kind, target, reason, raised_by, raised_at, epoch, expires_at, lifted_by, lifted_at from suspension';

const suspensionRow = z
  .object({
    id: z.string(),
    kind: z.enum(suspensionKinds),
    target: z.string().nullable(),
    reason: z.string(),
    raised_by: z.string(),
    raised_at: time,
    epoch: z.string(),
    expires_at: time.nullable(),
    lifted_by: z.string().nullable(),
    lifted_at: time.nullable(),
  })
  .transform(({ raised_by, raised_at, expires_at, lifted_by, lifted_at, ...suspension }): KnownSuspension => ({
    ...suspension,
    raisedBy: raised_by,
    raisedAt: raised_at,
    expiresAt: expires_at,
    liftedBy: lifted_by,
    liftedAt: lifted_at,
  }));

/** Suspensions as they are in the database. */
export class SqlSuspensions extends PastSuspensions {
  constructor(private readonly database: Database) {
    super();
  }

  async find(id: string): Promise<KnownSuspension | null> {
    const [row] = await this.database.query(`${SUSPENSION} where id = $1`, [id]);
    return row === undefined ? null : suspensionRow.parse(row);
  }

  async all(limit: number): Promise<readonly KnownSuspension[]> {
    const rows = await this.database.query(`${SUSPENSION} order by id desc limit $1`, [limit]); // an id begins with its time
    return rows.map((row) => suspensionRow.parse(row));
  }
}
