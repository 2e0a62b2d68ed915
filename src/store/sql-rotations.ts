import { z } from 'zod';
import { Rotations, rotationStates, type DueRotation, type Rotation } from '../credentials/rotation.js';
import type { EarlyNotice } from '../issuance/early-notice.js';
import { time } from './column-types.js';
import type { Database } from './database.js';

const COLUMNS = `id, client, credential, replaces, state, begun_by, begun_at, due_at, deadline, attempts, last_attempt_at, fault, ended_at`;
const OPEN = `select ${COLUMNS} from rotation where client = $1 and ended_at is null`;
const LATEST = `select distinct on (client) ${COLUMNS} from rotation order by client, begun_at desc, id desc`;

/** There are few: one for each client at most is under way. */
const TAKE_DUE = `
  with due as (
    select id from rotation where ended_at is null and given_up_at is null and state in ('proving', 'overlap') and due_at <= now()
    order by due_at limit $1
    for update skip locked
  )
  update rotation set attempts = attempts + 1, due_at = now() + $2::float8 * interval '1 millisecond',
    last_attempt_at = case when state = 'proving' then now() else last_attempt_at end
  where id = any (array(select id from due))
  returning ${COLUMNS}, coalesce(deadline <= now(), false) as late`;

const POSTPONE = `
  update rotation set fault = $2, due_at = least(now() + $3::float8 * interval '1 millisecond', deadline)
  where id = $1 and state = 'proving'`;

const rotationRow = z
  .object({
    id: z.string(),
    client: z.string(),
    credential: z.string(),
    replaces: z.string(),
    state: z.enum(rotationStates),
    begun_by: z.string(),
    begun_at: time,
    due_at: time,
    deadline: time.nullable(),
    attempts: z.number(),
    last_attempt_at: time.nullable(),
    fault: z.string().nullable(),
    ended_at: time.nullable(),
  })
  .transform(({ begun_by, begun_at, due_at, last_attempt_at, ended_at, ...row }): Rotation => ({
    ...row,
    begunBy: begun_by,
    begunAt: begun_at,
    dueAt: row.state === 'proving' || row.state === 'overlap' ? due_at : null,
    lastAttemptAt: last_attempt_at,
    endedAt: ended_at,
  }));

const dueRow = z.object({ late: z.boolean() });

/** Rotations in SQL. */
export class SqlRotations extends Rotations {
  constructor(
    private readonly database: Database,
    private readonly notice: EarlyNotice | null = null,
  ) {
    super();
  }

  async open(client: string): Promise<Rotation | null> {
    const [row] = await this.database.query(OPEN, [client]);
    return row === undefined ? null : rotationRow.parse(row);
  }

  async latest(): Promise<readonly Rotation[]> {
    return (await this.database.query(LATEST)).map((row) => rotationRow.parse(row));
  }

  async takeDue(limit: number, againIn: number): Promise<readonly DueRotation[]> {
    const rows = await this.database.query(TAKE_DUE, [limit, againIn]);
    return rows.map((row) => ({ ...rotationRow.parse(row), late: dueRow.parse(row).late }));
  }

  async postpone(rotation: string, fault: string, dueIn: number): Promise<void> {
    await this.database.query(POSTPONE, [rotation, fault, dueIn]);
    this.notice?.workLeft('rotations', dueIn);
  }
}
