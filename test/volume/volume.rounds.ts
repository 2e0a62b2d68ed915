import { databases } from '../store/both-databases.js';
import { Recording } from '../store/recording.js';
import { ENTRIES, grow, PAST } from './grow.js';
import { questionsOf, type Questions } from './questions.js';
import { VolumeTable, type Measured } from './volume-table.js';

const rounds = Number(process.env['CORRIDOR_TEST_ROUNDS'] ?? 2);
const CALLS = 25;
/** How often a question that seems slower is measured once more. */
const AGAIN = 3;

/** What reads no table that grows: work for a processor, and a row that is made durable. It tells how quick the machine is at the moment. */
const controls = ['select count(*) from generate_series(1, 20000)', 'update control set turn = turn + 1'];

describe.each(databases)('%s', (name, open) => {
  const table = new VolumeTable(name, ENTRIES);
  let database: Awaited<ReturnType<typeof open>>;
  let questions: Questions;
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
      table.add(question, await mediansOf(ask));
      for (let time = 0; time < AGAIN && table.isSlower(question); time++) table.again(question, await mediansOf(ask));
    }
  }

  /** The controls take turns with it, so that whatever slows the machine slows them as well. */
  async function mediansOf(ask: () => Promise<unknown>): Promise<Measured> {
    const calls = [ask, ...controls.map((control) => () => database.query(control))];
    const times = calls.map((): number[] => []);
    for (let call = 0; call < CALLS; call++) {
      for (const [index, each] of calls.entries()) {
        const before = performance.now();
        await each();
        times[index]?.push(performance.now() - before);
      }
    }
    const [took = NaN, ...meanwhile] = times.map((each) => each.sort((a, b) => a - b)[CALLS >> 1] ?? NaN);
    return { took, controls: meanwhile };
  }

  it('answers every question as quickly when it holds many times as much', () => {
    expect(table.entries).toBe(rounds * ENTRIES);
    expect(table.questions.length).toBeGreaterThan(20);
    expect(table.slower()).toEqual([]);
  });
});
