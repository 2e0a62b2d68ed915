import { createHash, randomBytes } from 'node:crypto';
import { EntryMaker, type EntryMembers } from '../../src/attribution/entry.js';
import type { Entry, EntryColumns, EntryType } from '../../src/attribution/entry-log.js';
import type { Epoch } from '../../src/attribution/epoch.js';
import type { Witness } from '../../src/attribution/witness.js';
import { epochAfter, type FactChange, type FactChanged } from '../../src/issuance/fact-changes.js';
import { newIdentifier } from '../../src/oauth/identifier.js';
import type { NewRun, StartedRun } from '../../src/runs/run-store.js';
import type { Database, Row } from '../../src/store/database.js';
import { SqlFactChanges } from '../../src/store/sql-fact-changes.js';
import { SqlFacts } from '../../src/store/sql-facts.js';
import { SqlRuns } from '../../src/store/sql-runs.js';

const randomness = { bytes: (length: number) => randomBytes(length) };
const maker = new EntryMaker('ins-test', { now: () => Date.now() }, randomness);

export function identifier(prefix: Parameters<typeof newIdentifier>[0]): string {
  return newIdentifier(prefix, Date.now(), randomness);
}

export function entryOf(type: EntryType, epoch: Epoch, columns: EntryColumns = {}, members: EntryMembers = {}): Entry {
  return maker.make(type, epoch, members, columns);
}

/** Rows of issuance with all that a test does not care about. Times in seconds from now. */
export interface IssuanceRow {
  readonly id?: string;
  readonly run: string;
  readonly state?: string;
  readonly workflow?: string;
  readonly client?: string;
  readonly resource?: string;
  readonly isolation?: 'run' | 'workflow';
  readonly expiresIn?: number;
  readonly exposedFor?: number;
  readonly revocation?: string | null;
  readonly tokenSha256?: string;
  readonly tokenJti?: string;
  readonly binding?: string;
}

/** One database with stores over it, and short ways to put things into it. */
export class World {
  readonly facts: SqlFacts;
  readonly changes: SqlFactChanges;
  readonly runs: SqlRuns;

  constructor(
    readonly database: Database,
    witness: Witness | null = null,
  ) {
    this.facts = new SqlFacts(database);
    this.changes = new SqlFactChanges(database, null, witness);
    this.runs = new SqlRuns(database, null, witness);
  }

  /** A world in which nothing has happened. */
  static async empty(database: Database): Promise<World> {
    const tables = await database.query(
      `select tablename from pg_tables where schemaname = 'public' and tablename not like '\\_prisma%' order by tablename`,
    );
    await database.query(`truncate ${tables.map((row) => String(row.tablename)).join(', ')}`);
    const world = new World(database);
    await world.facts.initialise('inc01');
    return world;
  }

  async epoch(): Promise<Epoch> {
    return (await this.facts.latest()).epoch;
  }

  async change(change: FactChange, columns: EntryColumns = {}): Promise<FactChanged> {
    const epoch = await this.epoch();
    return this.changes.apply(change, epoch, [entryOf(entryTypeOf(change), epochAfter(epoch), columns)]);
  }

  async start(run: Partial<NewRun> = {}): Promise<StartedRun> {
    const epoch = await this.epoch();
    const whole = newRun(run);
    return this.runs.start(whole, epoch, entryOf('run.started', epoch, { run: whole.id, workflow: whole.workflow }));
  }

  /** Starts a run that is expected to start, and returns its id. */
  async running(run: Partial<NewRun> = {}): Promise<string> {
    const started = await this.start(run);
    if (started.verdict !== 'started') throw new Error(`the run was not started: ${started.verdict}`);
    return started.run;
  }

  async end(run: string): ReturnType<SqlRuns['end']> {
    return this.runs.end(run, entryOf('run.ended', await this.epoch(), { run }));
  }

  async issuance(row: IssuanceRow): Promise<string> {
    const id = row.id ?? identifier('iss');
    await this.database.query(
      `insert into issuance (id, state, run, workflow, client, client_id, authorization_server, resource, scope, credential, cache_key, isolation, counters,
         instance, opened_at, deadline, exposed_until, token_sha256, token_jti, issued_at, expires_at, served_until, granted, revocation, binding)
       select $1, $2, $3, $4, $5, 'corridor-indexer', 'demo', $6, '{crm:read}', 'cre1', 'key', $7, '{}', 'ins-test', now(), now() + interval '10 s',
         now() + make_interval(secs => $8), $9, $10, ended, ended, ended, '{crm:read}', $12, $13
       from (select case when $2 in ('issued', 'refused') then now() + make_interval(secs => $11) end as ended) life`,
      [
        id,
        row.state ?? 'issued',
        row.run,
        row.workflow ?? 'nightly-index',
        row.client ?? 'indexer',
        row.resource ?? 'crm',
        row.isolation ?? 'run',
        row.exposedFor ?? 3600,
        row.state === 'open' || row.state === 'unknown' || row.state === 'failed' ? null : (row.tokenSha256 ?? sha256(id)),
        row.tokenJti ?? null,
        row.expiresIn ?? 600,
        row.revocation ?? null,
        row.binding ?? null,
      ],
    );
    return id;
  }

  /** Puts an entry into the log without append's verdicts. */
  async record(entry: Entry): Promise<string> {
    const { columns } = entry;
    await this.database.query(
      `insert into entry (id, type, recorded_at, run, workflow, client, resource, owner, issuance, decision, token_sha256, token_jti, bytes)
       values ($1, $2, clock_timestamp(), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
      [
        entry.id,
        entry.type,
        columns.run ?? null,
        columns.workflow ?? null,
        columns.client ?? null,
        columns.resource ?? null,
        columns.owner ?? null,
        columns.issuance ?? null,
        columns.decision ?? null,
        columns.tokenSha256 ?? null,
        columns.tokenJti ?? null,
        Buffer.from(entry.text),
      ],
    );
    return entry.id;
  }

  async released(issuance: string, run: string): Promise<string> {
    return this.record(
      entryOf('token.released', await this.epoch(), { issuance, run, workflow: 'nightly-index', tokenSha256: sha256(issuance) }),
    );
  }

  async rows(sql: string, ...parameters: unknown[]): Promise<readonly Row[]> {
    return this.database.query(sql, parameters);
  }

  async revocationOf(issuance: string): Promise<unknown> {
    const [row] = await this.rows('select revocation from issuance where id = $1', issuance);
    return row?.revocation;
  }

  /** The issuances that are to be revoked, by id. */
  async work(): Promise<readonly unknown[]> {
    const rows = await this.rows(`select subject from work where kind = 'revoke' and done_at is null order by subject`);
    return rows.map((row) => row.subject);
  }
}

function entryTypeOf({ kind }: FactChange): EntryType {
  switch (kind) {
    case 'rotation.begun':
      return 'credential.created';
    case 'rotation.registered':
      return 'credential.registered';
    case 'rotation.shifted':
      return 'credential.changed';
    case 'rotation.finished':
      return 'credential.retired';
    case 'rotation.failed':
      return 'credential.rotation_failed';
    default:
      return kind;
  }
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function newRun(run: Partial<NewRun> = {}): NewRun {
  return {
    id: identifier('run'),
    runtime: 'ci',
    workflow: 'nightly-index',
    purpose: 'search-indexing',
    operator: null,
    agent: { name: 'indexer', version: '1.4.0', model: 'none' },
    ancestors: [],
    credential: { id: identifier('cre'), method: 'client_secret', secretSha256: sha256(identifier('cre')) },
    ttl: 900,
    idempotency: null,
    ...run,
  };
}
