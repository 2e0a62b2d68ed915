import type { Append } from '../../src/attribution/entry-log.js';
import type { Database } from '../../src/store/database.js';
import { IssuanceRows } from '../../src/store/issuance-rows.js';
import { SqlDecisionInputs } from '../../src/store/sql-decision-inputs.js';
import { SqlEntries } from '../../src/store/sql-entries.js';
import { SqlExposure } from '../../src/store/sql-exposure.js';
import { SqlFacts } from '../../src/store/sql-facts.js';
import { SqlFigures } from '../../src/store/sql-figures.js';
import { SqlGivenTokens } from '../../src/store/sql-given-tokens.js';
import { SqlOwedWork } from '../../src/store/sql-owed-work.js';
import { SqlRuns } from '../../src/store/sql-runs.js';
import { SqlTracing } from '../../src/store/sql-trace.js';
import { catalogue, catalogueChange } from '../store/fact-change-samples.js';
import { intentOf, outcomeOf, releaseOf, tokenOf, type Recording } from '../store/recording.js';
import { identifier, World } from '../store/world.js';

/** What Corridor asks of its database, by name: first what the release path asks, then the sweeps, then people. */
export type Questions = Readonly<Record<string, () => Promise<unknown>>>;

/** What is asked about the past: a run, one of its entries, and its token. */
export interface Past {
  readonly run: string;
  readonly entry: string;
  readonly tokenSha256: string;
  readonly jti: string;
}

export async function questionsOf(database: Database, recording: Recording, past: Past): Promise<Questions> {
  const world = new World(database);
  const [runs, entries, tracing, rows] = [
    new SqlRuns(database),
    new SqlEntries(database),
    new SqlTracing(database),
    new IssuanceRows(database),
  ];
  const run = await recording.run();
  const issuance = await recording.issued(run);
  const tokens = new SqlGivenTokens(database);
  const live = tokenOf({ servedUntil: Date.now() + 3_600_000 });
  await recording.issued(run, live);
  const workflow7 = { id: 'workflow7', owner: 'owner7', purposes: [], maxRunTtl: 900, labels: {} };
  await world.change(catalogueChange({ ...catalogue, workflows: { workflow7 } }));
  const decision = await decisionOfNow(database);
  return {
    'a cached release': () => recorded(recording, releaseOf(run, issuance)),
    'an intent, then outcome and release': async () => {
      const intent = intentOf(run);
      await recorded(recording, intent);
      await recorded(recording, outcomeOf(intent.effect.issuance, 'issued'), releaseOf(run, intent.effect.issuance));
    },
    'the start of a run, and its end': async () => world.end(await world.running()),
    'a run by its id': () => found(runs.find(past.run)),
    'facts and epoch': () => new SqlFacts(database).latest(),
    'a suspension of a workflow, and its exposure': () => suspend(database, world, 'workflow', 'workflow7'),
    'a suspension of an owner, and its exposure': () => suspend(database, world, 'owner', 'owner7'),
    'introspection by a run': () => found(tokens.live(live.sha256, { run: run.id })),
    'introspection by a resource server': () => found(tokens.live(live.sha256, { resource: 'crm' })),
    'introspection of a token of the past': () => tokens.live(past.tokenSha256, { resource: 'resource1' }),
    'the revocation of a token': async () => {
      const [intent, token] = [intentOf(run), tokenOf()];
      await recorded(recording, intent);
      await recorded(recording, outcomeOf(intent.effect.issuance, 'issued', token));
      const { kind } = await tokens.withdraw(token.sha256, run.id, 30_000);
      if (kind !== 'withdrawn') throw new Error(kind);
    },
    'sweep: what suspensions left to be withdrawn': () => world.changes.withdrawMore(null),
    'sweep: tokens not served any more': () => rows.withdrawServed(20),
    'sweep: revocations that are due': () => rows.takeDueRevocations(20, 30_000),
    'sweep: texts of dead tokens': () => rows.wipeDead(20),
    'sweep: intents past their deadline': () => rows.openPastDeadline(100),
    'sweep: runs past their deadline': () => runs.overdue(100),
    'sweep: runs whose ancestor was ended': () => runs.orphaned(100),
    'sweep: tokens that died unrevoked': () => rows.expiredUnrevoked(20),
    'sweep: inputs of old decisions': () => new SqlDecisionInputs(database).forget(90 * 86_400),
    'entries: the newest': () => page(entries.find({})),
    'entries: of a type that is frequent': () => page(entries.find({ type: 'token.released' })),
    'entries: of a type that is rare': () => page(entries.find({ type: 'key.created' })),
    'entries: of a workflow': () => page(entries.find({ workflow: 'workflow7' })),
    'entries: of a workflow and a type': () => page(entries.find({ workflow: 'workflow7', type: 'token.denied' })),
    'entries: of a run': () => page(entries.find({ run: past.run })),
    'entries: of the last hour': () => page(entries.find({ since: Date.now() - 3_600_000 })),
    'work: what is owed': () => new SqlOwedWork(database).list({}),
    'metrics: what is owed': () => new SqlFigures(database, 100_000).work(),
    'trace: a token by its hash': () => found(tracing.trace({ by: 'tokenSha256', value: past.tokenSha256 })),
    'trace: a token that nobody knows': () => tracing.trace({ by: 'tokenSha256', value: '0'.repeat(64) }),
    'trace: a token by its jti': () => found(tracing.trace({ by: 'jti', value: past.jti })),
    'trace: an entry': () => found(tracing.trace({ by: 'entry', value: past.entry })),
    'trace: a run': () => found(tracing.trace({ by: 'run', value: past.run })),
    'trace: a decision': () => found(tracing.trace({ by: 'decision', value: decision })),
  };
}

/** Releases and intents rest on facts that move while this is asked. */
async function recorded(recording: Recording, ...items: readonly Append[]): Promise<void> {
  const epoch = await new World(recording.database).epoch();
  const verdicts = await recording.verdicts(...items.map((item) => (item.epoch === null ? item : { ...item, epoch })));
  if (verdicts.some((verdict) => verdict !== 'recorded')) throw new Error(verdicts.join());
}

async function suspend(database: Database, world: World, kind: 'workflow' | 'owner', target: string): Promise<void> {
  const suspension = { id: identifier('sus'), kind, target, reason: 'a drill', raisedBy: 'key01', expiresAt: null } as const;
  const raised = await world.change({ kind: 'suspension.raised', suspension });
  if (raised.verdict !== 'applied') throw new Error('the suspension was not raised');
  const exposure = new SqlExposure(database);
  await exposure.ofSuspension(suspension.id, '', 1000);
  const page = await exposure.live(kind, target, 1000);
  await exposure.live(kind, target, 1000, page.at(-1));
  await exposure.activeRuns(kind, target);
  await world.change({ kind: 'suspension.lifted', suspension: suspension.id, liftedBy: 'key01' });
}

/** An answer of the record that must not be empty. */
async function found<T>(answer: Promise<T | null>): Promise<T> {
  const given = await answer;
  if (given === null) throw new Error('nothing was found');
  return given;
}

async function page(answer: ReturnType<SqlEntries['find']>): Promise<void> {
  if ((await answer).entries.length === 0) throw new Error('no entry was found');
}

/** A decision whose id tells when it was made, as all do. */
async function decisionOfNow(database: Database): Promise<string> {
  const decision = identifier('dec');
  const columns = `id, type, recorded_at, workflow, decision, bytes`;
  for (const type of ['token.denied', 'key.created']) {
    const values = [identifier('ent'), type, decision];
    await database.query(`insert into entry (${columns}) values ($1, $2, clock_timestamp(), 'workflow7', $3, '{}')`, values);
  }
  return decision;
}
