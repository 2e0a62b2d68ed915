import { databases } from '../store/both-databases.js';
import { Recording } from '../store/recording.js';
import { ENTRIES, grow, PAST } from './grow.js';
import { questionsOf, type Questions } from './questions.js';
import { VolumeTable, type Measured } from './volume-table.js';

const rounds = Number(process.env['CORRIDOR_TEST_ROUNDS'] ?? 2);
const CALLS = 25;
/** How often a question that seems slower is measured once more. */
const AGAIN = 3;

/** What reads no table that grows tells how quick the machine is: work for a processor, and a row that is made durable. */
const WORK = 'select count(*) from generate_series(1, $1::int)';
const MUCH = 20_000;
const DURABLE = 'update control set turn = turn + 1';

describe.each(databases)('%s', (name, open) => {
  const table = new VolumeTable(name, ENTRIES);
  let database: Awaited<ReturnType<typeof open>>;
  let questions: Questions;
  /** By question: what is done in turns with it. */
  const controls = new Map<string, readonly (() => Promise<unknown>)[]>();
  beforeAll(async () => {
    database = await open();
    const recording = await Recording.empty(database);
    await database.query('create table control as select 0 as turn');
    await grow(database, 0, rounds);
    await settle();
    questions = await questionsOf(database, recording, PAST);
    for (const ask of Object.values(questions)) for (let call = 0; call < CALLS; call++) await ask(); // compiled and cached
    await measure();
    for (let round = 1; round < rounds; round++) {
      await grow(database, round, rounds);
      await settle();
      await measure();
    }
  }, 3_600_000);
  afterAll(async () => {
    table.print();
    await database.close();
  });

  /** What autovacuum, the checkpointer and the housekeeping of the embedded database do in the course of time. */
  async function settle(): Promise<void> {
    for (const relation of ['run', 'issuance', 'entry', 'decision_input', 'work']) await database.query(`vacuum (analyze) ${relation}`);
    await database.query('checkpoint');
  }

  async function measure(): Promise<void> {
    for (const [question, ask] of Object.entries(questions)) {
      const besides = controls.get(question) ?? (await controlsFor(ask));
      controls.set(question, besides);
      const measured = async (): Promise<Measured> => {
        const [took = NaN, ...meanwhile] = await mediansOf([ask, ...besides]);
        return { took, controls: meanwhile };
      };
      table.add(question, await measured());
      for (let time = 0; time < AGAIN && table.isSlower(question); time++) table.again(question, await measured());
    }
  }

  /**
   * Work that takes about as long, since on a busy machine more is lost of what takes long; and for what writes, a row as well: a disk has
   * moods of its own.
   */
  async function controlsFor(ask: () => Promise<unknown>): Promise<readonly (() => Promise<unknown>)[]> {
    const work = (rows: number) => (): Promise<unknown> => database.query(WORK, [rows]);
    const [took = NaN, much = NaN] = await mediansOf([ask, work(MUCH)]);
    const journal = async (): Promise<unknown> => (await database.query('select pg_current_wal_insert_lsn()::text as at'))[0]?.['at'];
    const before = await journal();
    await ask();
    const writes = (await journal()) !== before;
    return [work(Math.max(1, Math.round((MUCH * took) / much))), ...(writes ? [() => database.query(DURABLE)] : [])];
  }

  /** They take turns, so that whatever slows the machine slows them all. */
  async function mediansOf(calls: readonly (() => Promise<unknown>)[]): Promise<readonly number[]> {
    const times = calls.map((): number[] => []);
    for (let call = 0; call < CALLS; call++) {
      for (const [index, each] of calls.entries()) {
        const before = performance.now();
        await each();
        times[index]?.push(performance.now() - before);
      }
    }
    return times.map((each) => each.sort((a, b) => a - b)[CALLS >> 1] ?? NaN);
  }

  it('answers every question as quickly when it holds many times as much', () => {
    expect(table.entries).toBe(rounds * ENTRIES);
    expect(table.questions.length).toBeGreaterThan(20);
    expect(table.slower()).toEqual([]);
  });
});
