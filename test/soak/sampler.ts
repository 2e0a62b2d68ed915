import { z } from 'zod';
import { valueOf } from '../rig/metrics-text.js';
import { coreTimes } from './core-times.js';
import type { Interval } from './load.js';
import type { ProcessSample, Remains, Sample } from './samples.js';
import { database, processes, type SoakWorld } from './soak-world.js';

/** Runs past their deadline that nobody has ended, and intents past theirs that nobody has closed, are due work as well. */
const STATE = `
  select
    (select count(*)::int from work where done_at is null and given_up_at is null) as work,
    (select count(*)::int from work where given_up_at is not null) as given_up,
    (select count(*)::int from run where ended_at is null and expires_at < now()) as runs,
    (select count(*)::int from issuance where state = 'open' and deadline < now()) as intents,
    coalesce(extract(epoch from now() - least(
      (select min(due_at) from work where done_at is null and given_up_at is null),
      (select min(expires_at) from run where ended_at is null),
      (select min(deadline) from issuance where state = 'open')))::float8, 0) as age,
    (select count(*)::int from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()) as backends,
    pg_database_size(current_database())::float8 as bytes`;
const state = z.object({
  work: z.number(),
  given_up: z.number(),
  runs: z.number(),
  intents: z.number(),
  age: z.number(),
  backends: z.number(),
  bytes: z.number(),
});

async function stateOf({ postgres }: SoakWorld): Promise<z.infer<typeof state>> {
  const [row] = await postgres.ask(STATE, database);
  return state.parse(row);
}

export async function remainsIn(world: SoakWorld): Promise<Remains> {
  const { work, given_up: givenUp, runs, intents } = await stateOf(world);
  return { work, givenUp, runs, intents };
}

/** Takes a sample of everything at the end of each interval of the load. */
export class Sampler {
  #times = coreTimes();

  constructor(private readonly world: SoakWorld) {}

  /** `at`: seconds since the run began. */
  async take(interval: Interval, at: number): Promise<Sample> {
    const [found, ...each] = await Promise.all([
      stateOf(this.world).catch(() => null), // PostgreSQL is away
      ...processes.map((name) => this.#process(name)),
    ]);
    const { ok, unavailable, starved, brokenOff, unexpected, examples, heldBack, latency } = interval;
    return {
      at,
      processes: Object.fromEntries(processes.map((name, index) => [name, each[index] ?? null])),
      queue: found === null ? null : { waiting: found.work + found.runs + found.intents, age: Math.max(0, found.age) },
      backends: found?.backends ?? null,
      databaseBytes: found?.bytes ?? null,
      busy: this.#busy(),
      answers: { ok, unavailable, starved, brokenOff, unexpected, examples, heldBack },
      latency,
    };
  }

  async #process(name: string): Promise<ProcessSample | null> {
    const text = await this.world.metrics(name).catch(() => null);
    if (text === null) return null; // it is away
    const value = (series: string): number => valueOf(text, series);
    return {
      rss: value('process_resident_memory_bytes'),
      heap: value('nodejs_heap_space_size_used_bytes{space="old"}'),
      handles: value('process_open_fds'),
      cpu: value('process_cpu_seconds_total'),
    };
  }

  #busy(): number {
    const [before, now] = [this.#times, coreTimes()];
    this.#times = now;
    return 1 - (now.idle - before.idle) / Math.max(1, now.all - before.all);
  }
}
