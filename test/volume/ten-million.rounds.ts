import { setTimeout as wait } from 'node:timers/promises';
import { openPostgres } from '../../src/platform/postgres/open-postgres.js';
import type { Database } from '../../src/store/database.js';
import { pooledDatabase } from '../rig/databases.js';
import { startPostgres } from '../rig/postgres.js';
import { Recording } from '../store/recording.js';
import { alternating, type Ratio } from './alternating.js';
import { fill, type Filled } from './fill.js';
import { hotPathOf, type HotPath } from './hot-path.js';
import { questionsOf, type Questions } from './questions.js';
import { rowsRead } from './rows-read.js';
import { GROWING, storyOfRun } from './story.js';

/** 10^6 runs and 10^7 entries in ten rounds. What that is held against is a database with a hundredth, the newest. */
const rounds = Number(process.env['CORRIDOR_TEST_ROUNDS'] ?? 2);
const RUNS = 10_000 * rounds ** 2;
const TIMES = 100;
/** So that there is a whole page of every kind of entry. */
const FEWEST_RUNS = 6_000;
const isFull = rounds >= 10;
/**
 * How many times as long what a request makes the database do may take. The claim is the full run's. What is nearly a tenth slower is
 * told from that by long blocks on a quiet machine alone: few rounds only look for what grows with the data.
 */
const LIMIT = isFull ? 1.1 : 1.25;
const HOT = { ...(isFull ? { block: 40, most: 800 } : { block: 20, most: 400 }), fewest: 40, limit: LIMIT };
const OTHERS = { block: 15, fewest: 9, most: 9, limit: Infinity };
const SETTINGS = ['shared_buffers=1GB', 'max_wal_size=4GB', 'checkpoint_timeout=15min'];
const PATIENCE = 3_600_000;
/** How often a question that reads too much is asked once more, and how long after the time before. */
const AGAIN = 5;
const CLEANED_AFTER = 2_000;

const postgres = await startPostgres(SETTINGS);
afterAll(async () => postgres?.stop());

interface Side {
  readonly url: string;
  readonly filled: Filled;
}
let small: Side;
let full: Side;
const hot = new Map<string, Ratio>();
const others = new Map<string, Ratio>();
interface RowsOfBoth {
  readonly small: number;
  readonly full: number;
  readonly scanned: readonly string[];
}
const read = new Map<string, RowsOfBoth>();

const both = <T>(of: (side: Side) => Promise<T>): Promise<readonly [T, T]> => Promise.all([of(small), of(full)]);

// startPostgres says aloud why there is none
(postgres === null ? describe.skip : describe)(`PostgreSQL ${postgres?.version ?? ''} with ${RUNS} runs`, () => {
  beforeAll(async () => {
    const fresh = async (): Promise<string> => (await postgres?.freshDatabase()) ?? '';
    const story = await storyOfRun(await fresh());
    const end = Date.now() - 3_600_000;
    const open = async (runs: number): Promise<Side> => {
      const url = await fresh();
      const database = await openPostgres(url);
      await Recording.empty(database);
      await database.close();
      return { url, filled: await fill(url, story, runs, end) };
    };
    small = await open(Math.max(RUNS / TIMES, FEWEST_RUNS));
    full = await open(RUNS);
    say(`${full.filled.entries} entries and ${full.filled.runs} runs in ${full.filled.seconds.toFixed(0)} s; ${sizes(full.filled)}`);

    const databases = await both(({ url }) => openPostgres(url));
    const walk = (database: Database): Promise<HotPath> => hotPathOf(new Recording(database), story);
    const [one, other] = await Promise.all([walk(databases[0]), walk(databases[1])]);
    await compare(one, other, HOT, hot);
    await Promise.all(databases.map((database) => database.close()));
    print(hot, 'what a request asks');

    // one connection each, so that what it has counted can be told
    const counted = await both(async ({ url }) => pooledDatabase(url, 1));
    await ask(counted);
    await Promise.all(counted.map((database) => database.close()));
  }, PATIENCE);

  it('has the indexes that the migrations made', () => {
    for (const { filled } of [small, full]) expect(filled.indexes[1]).toEqual(filled.indexes[0]);
    expect(full.filled.entries).toBe(10 * RUNS);
  });

  it(`serves requests in no more than ${LIMIT} times as long as with a hundredth of that${isFull ? '' : ', of few rounds'}`, () => {
    expect(hot.size).toBe(4);
    expect([...hot].filter(([, { median }]) => !(median <= LIMIT))).toEqual([]);
  });

  it('reads no table that grows from end to end, and for no question more rows than with a hundredth of that', () => {
    expect(read.size).toBeGreaterThan(30);
    expect([...read].filter(([, rows]) => isTooMuch(rows))).toEqual([]);
  });
});

async function ask(databases: readonly [Database, Database]): Promise<void> {
  const questions = ({ filled }: Side, database: Database): Promise<Questions> =>
    questionsOf(database, new Recording(database), filled.past);
  const [one, other] = await Promise.all([questions(small, databases[0]), questions(full, databases[1])]);
  await compare(one, other, OTHERS, others);
  // what is dead in an index counts as read until it is cleaned up, which what autovacuum is doing at the time may hinder
  const cleanUp = async (): Promise<void> => {
    for (const database of databases) await database.query('vacuum');
  };
  await cleanUp();
  for (const name of Object.keys(one)) {
    const count = async (): Promise<RowsOfBoth> => {
      const [few, many] = [await rowsRead(databases[0], asked(one, name)), await rowsRead(databases[1], asked(other, name))];
      return { small: few.rows, full: many.rows, scanned: many.scanned.filter((table) => GROWING.some((grows) => grows === table)) };
    };
    let counted = await count();
    for (let time = 0; time < AGAIN && isTooMuch(counted); time++) {
      await wait(CLEANED_AFTER);
      await cleanUp();
      counted = await count();
    }
    read.set(name, counted);
  }
  print(others, 'all questions');
}

/** Of what grows. */
function isTooMuch({ small: few, full: many, scanned }: RowsOfBoth): boolean {
  return scanned.length > 0 || many > 2 * few + 100;
}

async function compare(one: HotPath, other: HotPath, how: typeof HOT, into: Map<string, Ratio>): Promise<void> {
  for (const name of Object.keys(one)) into.set(name, await alternating(asked(one, name), asked(other, name), how));
}

function asked(calls: HotPath, name: string): () => Promise<unknown> {
  const call = calls[name];
  if (call === undefined) throw new Error(`nothing is called ${name}`);
  return call;
}

function sizes({ entries, bytes }: Filled): string {
  const each = (total: number): string => (total / entries).toFixed(0);
  return `of each entry ${each(bytes.heap)} bytes in its table, ${each(bytes.indexes)} in its indexes, ${each(bytes.whole)} in the database`;
}

function print(ratios: ReadonlyMap<string, Ratio>, of: string): void {
  const shorter = (n: number): string => n.toFixed(2).padStart(8);
  const lines = [...ratios].map(([name, { each, median, least, most, blocks }]) => {
    const range = `${median.toFixed(3)} (${least.toFixed(3)}–${most.toFixed(3)})`.padStart(20);
    const counted = read.get(name);
    const rows = counted === undefined ? '' : `${counted.small} → ${counted.full}`;
    return `| ${name.padEnd(46)} | ${shorter(each[0])} | ${shorter(each[1])} | ${range} | ${String(blocks).padStart(6)} | ${rows.padStart(14)} |`;
  });
  const counts = [small, full].map(({ filled }) => `${filled.entries / 1000} k`.padStart(8));
  const head = `| ${`${of}, ms by entries in the record`.padEnd(46)} | ${counts.join(' | ')} | ${'ratio (99 %)'.padStart(20)} | blocks |      rows read |`;
  say([head, '| --- | ---: | ---: | ---: | ---: | ---: |', ...lines].join('\n'));
}

function say(text: string): void {
  process.stdout.write(`\n${text}\n`);
}
