import { createHash, randomBytes } from 'node:crypto';
import type {
  Append,
  Appended,
  CounterRead,
  Entry,
  EntryColumns,
  EntryType,
  Intent,
  Outcome,
  Verdict,
} from '../../src/attribution/entry-log.js';
import type { Epoch } from '../../src/attribution/epoch.js';
import { newIdentifier, type IdentifierPrefix } from '../../src/oauth/identifier.js';
import type { Database, Row } from '../../src/store/database.js';
import { SqlEntryLog, entryLogLimits, type EntryLogLimits } from '../../src/store/sql-entry-log.js';

const randomness = { bytes: (length: number) => randomBytes(length) };

export const epoch: Epoch = { incarnation: 'inc01', number: 7 };

export function identifier(prefix: IdentifierPrefix): string {
  return newIdentifier(prefix, Date.now(), randomness);
}

export function entryOf(type: EntryType, columns: EntryColumns = {}, id = identifier('ent')): Entry {
  return { id, type, text: `{"id":"${id}","type":"${type}","purpose":"Überblick"}`, columns };
}

/** An append that rests on nothing and does nothing, unless it is said otherwise. */
export function append(given: Partial<Append> = {}): Append {
  return { entry: entryOf('token.denied'), epoch: null, run: null, effect: null, counters: [], decisionInput: null, ...given };
}

export interface ActiveRun {
  readonly id: string;
  readonly credential: string;
}

export function intentOf(
  run: ActiveRun,
  counters: readonly CounterRead[] = [],
  given: Partial<Intent> = {},
): Append & { readonly effect: Intent } {
  const effect: Intent = {
    kind: 'intent',
    issuance: identifier('iss'),
    instance: 'ins01',
    deadlineIn: 10_000,
    run: run.id,
    workflow: 'nightly-index',
    client: 'indexer',
    clientId: 'corridor-indexer',
    authorizationServer: 'demo',
    resource: 'crm',
    scope: ['crm:read', 'crm:write'],
    credential: 'cre01',
    cacheKey: 'key',
    isolation: 'run',
    assertionJti: 'jti-of-the-assertion',
    longestLife: 3_600_000,
    ...given,
  };
  return { ...append({ entry: entryOf('token.requested', { run: run.id, issuance: effect.issuance }), epoch, run, counters }), effect };
}

export type Token = NonNullable<Outcome['token']>;

export function tokenOf(given: Partial<Token> = {}): Token {
  const text = randomBytes(32);
  const now = Date.now();
  return {
    sha256: createHash('sha256').update(text).digest('hex'),
    jti: 'jti-of-the-token',
    sealed: text,
    issuedAt: now,
    expiresAt: now + 3_600_000,
    servedUntil: now + 300_000,
    granted: ['crm:read'],
    grantedDetails: null,
    audience: ['https://crm.example/api'],
    binding: 'none',
    ...given,
  };
}

const entryOfState = { issued: 'token.issued', refused: 'token.refused', failed: 'token.failed', unknown: 'token.unknown' } as const;

export function outcomeOf(issuance: string, state: Outcome['state'], token: Token | null = state === 'issued' ? tokenOf() : null): Append {
  return append({ entry: entryOf(entryOfState[state], { issuance }), effect: { kind: 'outcome', issuance, state, token } });
}

export function releaseOf(run: ActiveRun, issuance: string): Append {
  return append({ entry: entryOf('token.released', { run: run.id, issuance }), epoch, run, effect: { kind: 'release', issuance } });
}

export function revocationOf(issuance: string, state: 'revoked' | 'unsupported' = 'revoked'): Append {
  return append({ entry: entryOf('token.revoked', { issuance }), effect: { kind: 'revocation', issuance, state } });
}

/** A database with facts of `epoch` and nothing else, a log over it, and what tests ask of both. */
export class Recording {
  readonly log: SqlEntryLog;

  constructor(
    readonly database: Database,
    limits: Partial<EntryLogLimits> = {},
  ) {
    this.log = new SqlEntryLog(database, { ...entryLogLimits, ...limits });
  }

  static async empty(database: Database, limits: Partial<EntryLogLimits> = {}): Promise<Recording> {
    for (const table of ['facts', 'run', 'counter', 'issuance', 'entry', 'decision_input', 'work'])
      await database.query(`delete from ${table}`);
    await database.query('insert into facts (incarnation, number) values ($1, $2)', [epoch.incarnation, epoch.number]);
    return new Recording(database, limits);
  }

  /** A run that is active for an hour. `ancestors` are the nearest first. */
  async run(ancestors: readonly ActiveRun[] = []): Promise<ActiveRun> {
    const run = { id: identifier('run'), credential: identifier('cre') };
    await this.database.query(
      `insert into run (id, runtime, workflow, purpose, agent, lineage, credential, credential_id, started_at, expires_at)
       values ($1, 'ci', 'nightly-index', 'search-indexing', '{}', $2, '{}', $3, now(), now() + interval '1 hour')`,
      [run.id, [run.id, ...ancestors.map(({ id }) => id)], run.credential],
    );
    return run;
  }

  async verdict(item: Append): Promise<Verdict> {
    return (await this.one(item)).verdict;
  }

  async one(item: Append): Promise<Appended> {
    const [appended] = await this.log.append([item]);
    if (appended === undefined) throw new Error('there is no verdict');
    return appended;
  }

  async verdicts(...items: readonly Append[]): Promise<readonly Verdict[]> {
    return (await this.log.append(items)).map(({ verdict }) => verdict);
  }

  /** A live issuance of the run. */
  async issued(run: ActiveRun, token = tokenOf()): Promise<string> {
    const intent = intentOf(run);
    const verdicts = await this.verdicts(intent, outcomeOf(intent.effect.issuance, 'issued', token));
    if (verdicts.some((verdict) => verdict !== 'recorded')) throw new Error(verdicts.join());
    return intent.effect.issuance;
  }

  /** An open issuance of the run. */
  async opened(run: ActiveRun, counters: readonly CounterRead[] = []): Promise<string> {
    const intent = intentOf(run, counters);
    const verdict = await this.verdict(intent);
    if (verdict !== 'recorded') throw new Error(verdict);
    return intent.effect.issuance;
  }

  async row(sql: string, ...parameters: readonly unknown[]): Promise<Row> {
    const rows = await this.database.query(sql, parameters);
    if (rows.length !== 1 || rows[0] === undefined) throw new Error(`${rows.length} rows for ${sql}`);
    return rows[0];
  }

  issuance(id: string): Promise<Row> {
    return this.row('select * from issuance where id = $1', id);
  }

  async count(from: string, ...parameters: readonly unknown[]): Promise<number> {
    return Number((await this.row(`select count(*) as n from ${from}`, ...parameters)).n);
  }

  isRecorded({ entry }: Append): Promise<boolean> {
    return this.count('entry where id = $1', entry.id).then((found) => found === 1);
  }

  async counter(key: string): Promise<{ readonly version: number; readonly tokens: number }> {
    const [row] = await this.database.query('select version, tokens from counter where key = $1', [key]);
    return { version: Number(row?.version ?? 0), tokens: Number(row?.tokens ?? 0) };
  }
}
