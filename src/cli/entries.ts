import { setTimeout as pause } from 'node:timers/promises';
import { Option } from 'commander';
import { z } from 'zod';
import { entryTypes } from '../attribution/entry-log.js';
import { UsageWrong } from './command-failed.js';
import type { CorridorApi } from './corridor-api.js';
import { corridor, type Register, type Surroundings } from './command.js';
import { entryShape, printEntry } from './entry-text.js';
import { sinceTime } from './since-time.js';

/** Each entry stays as it came: the members in the order of the canonical form that was recorded. */
const page = z.object({ entries: z.array(z.record(z.string(), z.unknown())), next: z.string().nullable() });
type Found = z.infer<typeof page>['entries'];

interface Options {
  type?: string;
  workflow?: string;
  run?: string;
  since?: string;
  limit: string;
  follow?: boolean;
  json?: boolean;
}

const PAUSE = 1000;
const PAGE = 1000;
/** So many ids are remembered, for entries that were given their number before others and came after them. */
const REMEMBERED = 20_000;

/** corridor entries: the newest entries, the oldest of them first; with --follow also those to come. */
export const registerEntries: Register = (program, surroundings) => {
  program
    .command('entries')
    .description('read the record: the newest entries, the oldest of them first')
    .addOption(new Option('--type <type>', 'only of this type').choices(entryTypes))
    .option('--workflow <workflow>', 'only of this workflow')
    .option('--run <run>', 'only of this run')
    .option('--since <time>', 'RFC 3339, or an age as 15m, 2h, 7d')
    .option('--limit <n>', 'at most so many, before those that --follow adds', '50')
    .option('--follow', 'go on with new entries until interrupted')
    .option('--json', 'one entry a line, as recorded')
    .action(async (options: Options) => {
      if (!/^[1-9]\d{0,8}$/.test(options.limit)) throw new UsageWrong('--limit must be a whole number above 0');
      const filter = filterOf(options, Date.now());
      const api = await corridor(surroundings);
      const newest = await readNewest(api, filter, Number(options.limit));
      print(newest.entries, options, surroundings);
      if (newest.more) surroundings.warn(`There are older ones: these are the newest ${options.limit}. --limit takes more.`);
      if (options.follow) await follow(api, filter, newest.entries, (entries) => print(entries, options, surroundings));
    });
};

function filterOf(options: Options, now: number): URLSearchParams {
  const filter = new URLSearchParams();
  for (const name of ['type', 'workflow', 'run'] as const) if (options[name] !== undefined) filter.set(name, options[name]);
  if (options.since !== undefined) filter.set('since', sinceTime(options.since, now));
  return filter;
}

async function readPage(api: CorridorApi, filter: URLSearchParams, limit: number, cursor: string | null): Promise<z.infer<typeof page>> {
  const query = new URLSearchParams([...filter, ['limit', String(limit)], ...(cursor === null ? [] : [['cursor', cursor]])]);
  return api.call('GET', `/v1/entries?${query.toString()}`, page);
}

async function readNewest(api: CorridorApi, filter: URLSearchParams, limit: number): Promise<{ entries: Found; more: boolean }> {
  const entries: Found = [];
  let cursor: string | null = null;
  do {
    const found = await readPage(api, filter, Math.min(limit - entries.length, PAGE), cursor);
    entries.push(...found.entries);
    cursor = found.next;
  } while (cursor !== null && entries.length < limit);
  return { entries, more: cursor !== null };
}

/** Every entry that is newer than one that was seen, however many came in between. */
async function follow(api: CorridorApi, filter: URLSearchParams, newest: Found, show: (entries: Found) => void): Promise<never> {
  const seen = new Set(newest.map(({ id }) => id));
  for (;;) {
    await pause(PAUSE);
    const fresh: Found = [];
    let cursor: string | null = null;
    do {
      const found = await readPage(api, filter, PAGE, cursor);
      const last = found.entries.findLastIndex(({ id }) => seen.has(id));
      fresh.push(...found.entries.slice(0, last === -1 ? undefined : last).filter(({ id }) => !seen.has(id)));
      cursor = last === -1 ? found.next : null;
    } while (cursor !== null);
    for (const { id } of fresh.toReversed()) seen.add(id);
    for (const id of seen) {
      if (seen.size <= REMEMBERED) break;
      seen.delete(id);
    }
    show(fresh);
  }
}

/** The pages are newest first. */
function print(entries: Found, { json }: Options, surroundings: Surroundings): void {
  for (const entry of entries.toReversed()) surroundings.out(json ? JSON.stringify(entry) : printEntry(entryShape.parse(entry)));
}
