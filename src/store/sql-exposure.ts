import { z } from 'zod';
import { ExposureList, type Exposure } from '../suspensions/exposure.js';
import type { SuspensionKind } from '../suspensions/suspension.js';
import { time } from './column-types.js';
import type { Database } from './database.js';

const COVERED = `
  select id, state, run, resource, revocation, case when state in ('open', 'unknown') then exposed_until else expires_at end as ends
  from issuance
  where id = any (array(select id from issuances_covered($1, $2) where revocation is distinct from 'revoked') || $3::text[])
  order by ends desc, id`;

const exposureRow = z
  .object({
    id: z.string(),
    state: z.enum(['open', 'issued', 'refused', 'unknown']),
    run: z.string(),
    resource: z.string(),
    revocation: z.enum(['pending', 'revoked', 'unsupported']).nullable(),
    ends: time,
  })
  .transform(({ id, ends, ...exposure }): Exposure => ({ issuance: id, ...exposure, expiresAt: ends }));

/** Exposure from the issuances and their releases. */
export class SqlExposure extends ExposureList {
  constructor(private readonly database: Database) {
    super();
  }

  async of(kind: SuspensionKind, target: string | null, withdrawn: readonly string[] = []): Promise<readonly Exposure[]> {
    const rows = await this.database.query(COVERED, [kind, target, withdrawn]);
    return rows.map((row) => exposureRow.parse(row));
  }
}
