import { z } from 'zod';
import { Tracing, type Releases, type Trace, type TracedEntry, type TracedToken, type TraceQuery } from '../attribution/trace.js';
import { count, texts } from './column-types.js';
import type { Database } from './database.js';
import { findAnchor, type TraceAnchor } from './trace-anchor.js';
import { entryRow, runRow, TOKEN_COLUMNS, tokenRow, type StoredEntry } from './traced-rows.js';

const RUN = `
  select r.id, r.runtime, r.workflow, r.purpose, r.operator, p.name, r.agent, r.lineage, r.started_at, r.expires_at, r.ended_at
  from run r left join person p on p.commitment = r.operator where r.id = $1`;
// Entries are read by run or issuance first and then sifted (hence `materialized`): with outdated statistics the planner would
// take the index by type, and walk through every release there ever was.
const TOKENS_OF_RUN = `
  with of_run as materialized (select issuance, type from entry where run = $1)
  select ${TOKEN_COLUMNS} from issuance where id in (
    select id from issuance where run = $1
    union select issuance from of_run where type = 'token.released')
  order by opened_at desc, id desc limit 101`;
// one text may lie in several issuances, where a server gave it twice
const RELEASES = `
  with of_token as materialized (
    select number, id, run, type from entry where issuance = any (array(
      select $1 union select id from issuance where token_sha256 = (select token_sha256 from issuance where id = $1))))
  select coalesce(run = $2, false) as here, count(*) as count, (array_agg(id order by number desc))[1:100] as entries, min(number) as first
  from of_token where type = 'token.released' group by here`;
const ENTRIES = `
  select number, id, type, recorded_at, run, owner, issuance, bytes from entry where number in (
    (select number from entry where issuance = $1 and type <> 'token.released' limit 100)
    union (select number from entry where run = $2 order by number limit 20)
    union (select number from entry where run = $2 order by number desc limit 80)
    union select unnest($3::bigint[]))
  order by number`;
const SIZE_OF_RUN = 'select count(*) as count from (select from entry where run = $1 limit 1000) counted';

const releasesRow = z
  .object({ here: z.boolean(), count, entries: texts, first: count })
  .transform(({ here, first, ...releases }) => ({ here, first, releases }));
const NO_RELEASES: Releases = { count: 0, entries: [] };

/** The story of a token, put together from the rows beside the log and from what its entries say. */
export class SqlTracing extends Tracing {
  constructor(private readonly database: Database) {
    super();
  }

  async trace(query: TraceQuery): Promise<Trace | null> {
    const anchor = await findAnchor(this.database, query);
    if (anchor === null) return null;
    return anchor.issuance === null && anchor.entry === null && anchor.run !== null ? this.#ofRun(anchor.run) : this.#ofToken(anchor);
  }

  async #ofRun(id: string): Promise<Trace> {
    const [entries, tokens] = await Promise.all([this.#entries(null, id, []), this.database.query(TOKENS_OF_RUN, [id])]);
    const traced = tokens.map((row) => tokenRow.parse(row).token);
    return {
      entry: null,
      token: null,
      run: await this.#run(id, entries),
      decision: null,
      client: null,
      releases: null,
      issuances: traced.slice(0, 100).map((token) => withUri(token, entries)),
      entries: entries.map(shown),
      more: traced.length > 100 || (await this.#hasMore(id, entries)),
    };
  }

  async #ofToken(anchor: TraceAnchor): Promise<Trace> {
    const releases = anchor.issuance === null ? [] : await this.#releases(anchor.issuance, anchor.run);
    const here = releases.find((group) => group.here);
    const first = (here ?? releases[0])?.first;
    const wanted = [anchor.entry, first].flatMap((number) => number ?? []);
    const entries = await this.#entries(anchor.issuance, anchor.run, wanted);
    const story = entries.filter(
      (entry) => entry.number === anchor.entry || (anchor.issuance !== null && entry.issuance === anchor.issuance),
    );
    const best = story.find(({ number }) => number === (anchor.entry ?? first)) ?? story.at(-1) ?? null;
    // what the best entry does not say, another of the same token may
    const told = best === null ? story : [best, ...story.toReversed()];
    const found = await this.#token(anchor.issuance);
    const client = told.flatMap(({ said }) => said.client ?? [])[0];
    return {
      entry: best === null ? null : shown(best),
      token: found === null ? null : withUri(found.token, told),
      run: anchor.run === null ? null : await this.#run(anchor.run, entries),
      decision: told.flatMap(({ said }) => said.decision ?? [])[0] ?? null,
      client: client === undefined ? null : { id: found?.client ?? null, ...client },
      releases:
        found === null
          ? null
          : {
              inThisRun: here?.releases ?? NO_RELEASES,
              inOtherRuns: releases.find((group) => !group.here)?.releases ?? NO_RELEASES,
            },
      issuances: [],
      entries: entries.filter((entry) => entry !== best).map(shown),
      more: anchor.run !== null && (await this.#hasMore(anchor.run, entries)),
    };
  }

  async #releases(issuance: string, run: string | null): Promise<z.infer<typeof releasesRow>[]> {
    const rows = await this.database.query(RELEASES, [issuance, run]);
    return rows.map((row) => releasesRow.parse(row));
  }

  async #entries(issuance: string | null, run: string | null, numbers: readonly number[]): Promise<readonly StoredEntry[]> {
    const rows = await this.database.query(ENTRIES, [issuance, run, numbers]);
    return rows.map((row) => entryRow.parse(row));
  }

  async #hasMore(run: string, listed: readonly StoredEntry[]): Promise<boolean> {
    const [row] = await this.database.query(SIZE_OF_RUN, [run]);
    return z.object({ count }).parse(row).count > listed.filter((entry) => entry.run === run).length;
  }

  async #token(issuance: string | null): Promise<z.infer<typeof tokenRow> | null> {
    if (issuance === null) return null;
    const [row] = await this.database.query(`select ${TOKEN_COLUMNS} from issuance where id = $1`, [issuance]);
    return row === undefined ? null : tokenRow.parse(row);
  }

  async #run(id: string, entries: readonly StoredEntry[]): Promise<Trace['run']> {
    const [row] = await this.database.query(RUN, [id]);
    const owner = entries.find((entry) => entry.run === id && entry.owner !== null)?.owner ?? null;
    return row === undefined ? null : { ...runRow.parse(row), owner };
  }
}

/** The URI of a token's resource, as it was when it was recorded. */
function withUri(token: TracedToken, entries: readonly StoredEntry[]): TracedToken {
  const { id } = token.resource;
  const uri = entries.find(({ said }) => said.resource?.id === id)?.said.resource?.uri ?? null;
  return { ...token, resource: { id, uri } };
}

function shown({ id, type, recordedAt }: StoredEntry): TracedEntry {
  return { id, type, recordedAt };
}
