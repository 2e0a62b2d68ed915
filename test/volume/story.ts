import { expect } from '@jest/globals';
import { until } from '../rig/command-line.js';
import { pooledDatabase } from '../rig/databases.js';
import { crm, TokenDoor } from '../http/token-door.js';

/** What grows with every run. */
export const GROWING = ['run', 'issuance', 'entry', 'decision_input', 'work'] as const;
export type Growing = (typeof GROWING)[number];

/** The rows of one run, as JSON of PostgreSQL's own making, and what its entries say, in their order. */
export interface Story {
  readonly rows: Readonly<Record<Growing, string>>;
  readonly entries: readonly { readonly type: string; readonly text: string }[];
}

/** Ten: it starts, asks, gets, is released to four times, is denied what it was not granted, ends, and its token is revoked. */
export const ENTRIES_OF_RUN = 10;
const RELEASES = 4;

/** Lets a whole Corridor serve one run on an empty database, and reads what is left of it. */
export async function storyOfRun(url: string): Promise<Story> {
  const door = await TokenDoor.open({ env: { CORRIDOR_DATABASE_URL: url } });
  try {
    const run = await door.startRun();
    const statuses: number[] = [];
    for (let release = 0; release < RELEASES; release++) statuses.push((await door.ask(run)).status);
    statuses.push((await door.ask(run, { resource: crm, scope: 'crm:write' })).status);
    await door.endRun(run.id);
    await until(async () => (await door.entriesOf(run.id)).length >= ENTRIES_OF_RUN);
    expect([statuses, (await door.entriesOf(run.id)).length]).toEqual([[...Array<number>(RELEASES).fill(200), 400], ENTRIES_OF_RUN]);
    return await read(url, run.id);
  } finally {
    await door.close();
  }
}

async function read(url: string, run: string): Promise<Story> {
  const database = pooledDatabase(url, 1);
  try {
    const rows = async (table: Growing, where = ''): Promise<string> => {
      const [found] = await database.query(`select jsonb_agg(to_jsonb(t))::text as rows from ${table} t ${where}`);
      return String(found?.['rows']);
    };
    const told = await database.query(`select type, convert_from(bytes, 'UTF8') as text from entry where run = $1 order by number`, [run]);
    return {
      rows: {
        run: await rows('run'),
        issuance: await rows('issuance'),
        entry: await rows('entry', `where run = '${run}'`),
        decision_input: await rows('decision_input'),
        work: await rows('work'),
      },
      entries: told.map(({ type, text }) => ({ type: String(type), text: String(text) })),
    };
  } finally {
    await database.close();
  }
}
