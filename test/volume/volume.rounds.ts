import { databases } from '../store/both-databases.js';
import { Recording } from '../store/recording.js';
import { ENTRIES, grow, PAST } from './grow.js';
import { questionsOf, type Questions } from './questions.js';
import { VolumeTable } from './volume-table.js';

const rounds = Number(process.env['CORRIDOR_TEST_ROUNDS'] ?? 2);
const CALLS = 25;

describe.each(databases)('%s', (name, open) => {
  const table = new VolumeTable(name, ENTRIES);
  let database: Awaited<ReturnType<typeof open>>;
  let questions: Questions;
  beforeAll(async () => {
    database = await open();
    const recording = await Recording.empty(database);
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
      table.add(question, await medianOf(ask));
      if (table.isSlower(question)) table.again(question, await medianOf(ask));
    }
  }

  async function medianOf(ask: () => Promise<unknown>): Promise<number> {
    const times: number[] = [];
    for (let call = 0; call < CALLS; call++) {
      const before = performance.now();
      await ask();
      times.push(performance.now() - before);
    }
    return times.sort((a, b) => a - b)[CALLS >> 1] ?? NaN;
  }

  it('answers every question as quickly when it holds many times as much', () => {
    expect(table.entries).toBe(rounds * ENTRIES);
    expect(table.questions.length).toBeGreaterThan(20);
    expect(table.slower()).toEqual([]);
  });
});
