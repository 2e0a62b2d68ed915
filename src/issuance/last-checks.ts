import type { EntrySearch } from '../attribution/entry-search.js';

/** The last try of a client, as it was recorded. */
export interface LastCheck {
  readonly client: string;
  readonly time: string;
  readonly entry: string;
  readonly result: 'passed' | 'failed';
  readonly problems: readonly string[];
}

/** Checks that are looked through: of a client that was not tried for so many nothing is known. */
const LOOKED_THROUGH = 1000;

/** The last check of each client that was tried lately. */
export async function lastChecks(search: EntrySearch): Promise<ReadonlyMap<string, LastCheck>> {
  const { entries } = await search.find({ type: 'client.checked', limit: LOOKED_THROUGH });
  const last = new Map<string, LastCheck>();
  for (const entry of entries) {
    const { client, time, id, result, problems } = entry;
    if (typeof client !== 'string' || last.has(client)) continue;
    const codes = Array.isArray(problems) ? problems.map(String) : [];
    last.set(client, { client, time: String(time), entry: String(id), result: result === 'passed' ? 'passed' : 'failed', problems: codes });
  }
  return last;
}
