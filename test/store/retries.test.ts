import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { EntryMaker } from '../../src/attribution/entry.js';
import { AesSealer } from '../../src/credentials/aes-sealer.js';
import { Circuits } from '../../src/issuance/circuits.js';
import { CloseIntents } from '../../src/issuance/close-intents.js';
import { RevokeDue } from '../../src/issuance/revoke-due.js';
import { RevokeToken } from '../../src/issuance/revoke-token.js';
import { Secret } from '../../src/oauth/secret.js';
import { LocalKeyEncryptionKey } from '../../src/platform/keys/local-key-encryption-key.js';
import { findings } from '../../src/posture/findings.js';
import { CloseRuns } from '../../src/runs/close-runs.js';
import { EndRun } from '../../src/runs/end-run.js';
import { RunDirectory } from '../../src/runs/run-directory.js';
import type { Database } from '../../src/store/database.js';
import { IssuanceRows } from '../../src/store/issuance-rows.js';
import { SqlEntryLog } from '../../src/store/sql-entry-log.js';
import { SqlOwedWork } from '../../src/store/sql-owed-work.js';
import { MetadataCache } from '../../src/upstreams/metadata-cache.js';
import { ProofsOfPossession } from '../../src/upstreams/proofs-of-possession.js';
import { SigningKeys } from '../../src/upstreams/signing-keys.js';
import { Retries, workPace } from '../../src/work/retries.js';
import { response } from '../upstreams/answers.js';
import { KeptPins } from '../upstreams/kept-pins.js';
import { ScriptedHttp } from '../upstreams/scripted-http.js';
import { databases } from './both-databases.js';
import { catalogue, catalogueChange } from './fact-change-samples.js';
import { World, type IssuanceRow } from './world.js';

const randomness = { bytes: (length: number) => randomBytes(length) };
const clock = { now: () => Date.now() };
const sealer = new AesSealer(new LocalKeyEncryptionKey(randomBytes(32)), randomness);
const issuer = 'http://127.0.0.1:9400';
const entry = z.looseObject({ id: z.string(), type: z.string() });

describe.each(databases)('work that fails, on %s', (_name, open) => {
  let database: Database;
  let world: World;
  let run: string;
  let server: ScriptedHttp;
  let work: SqlOwedWork;
  let retries: Retries;
  let revokeDue: RevokeDue;
  let closeRuns: CloseRuns;
  let closeIntents: CloseIntents;
  /** What the operator would read. */
  let alarms: string[];

  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
    await world.rows('drop trigger if exists refuse_entry on entry');
    const indexer = { ...catalogue.clients['indexer']!, method: 'client_secret_basic' } as const;
    await world.change(catalogueChange({ ...catalogue, clients: { indexer } }));
    run = await world.running();
    alarms = [];
    work = new SqlOwedWork(database);
    const { facts, runs } = world;
    const [log, entries] = [new SqlEntryLog(database), new EntryMaker('ins-test', clock, randomness)];
    retries = new Retries(work, facts, log, entries, { write: (error) => void alarms.push(String(error)) });
    const metadata = { issuer, token_endpoint: `${issuer}/token`, revocation_endpoint: `${issuer}/revoke` };
    server = new ScriptedHttp({
      [`${issuer}/.well-known/oauth-authorization-server`]: response(200, JSON.stringify(metadata)),
      [`${issuer}/revoke`]: response(503, 'not now'),
    });
    const signing = { clock, randomness, keys: new SigningKeys(), proofs: new ProofsOfPossession(clock, randomness) };
    const secret = new Secret(randomBytes(32).toString('hex'));
    const bound = { issuer, tokenEndpointOrigin: issuer, createdAt: Date.now() };
    const credential = { id: 'cre1', client: 'indexer', method: 'client_secret_basic', secret, ...bound } as const;
    const credentials = {
      current: () => Promise.resolve(credential),
      other: () => Promise.resolve(null),
      issuerOf: () => Promise.resolve(issuer),
      bind: () => Promise.resolve(issuer),
    };
    const issuances = new IssuanceRows(database);
    const servers = new MetadataCache(server, clock, new KeptPins());
    const revokeToken = new RevokeToken(server, signing, new Circuits(clock, randomness));
    const faultLog = { write: (error: unknown) => void alarms.push(String(error)) };
    revokeDue = new RevokeDue(facts, issuances, credentials, servers, revokeToken, sealer, log, entries, retries, faultLog, clock);
    closeIntents = new CloseIntents(facts, issuances, log, entries, retries);
    closeRuns = new CloseRuns(runs, new EndRun(facts, runs, new RunDirectory(runs), entries), retries);
  });

  /** A token that its server is to revoke. */
  async function withdrawn(row: Partial<IssuanceRow> = {}): Promise<string> {
    const id = await world.issuance({ run, ...row });
    await world.rows('update issuance set sealed = $2 where id = $1', id, sealer.seal(`issuance ${id}`, new Secret(`token of ${id}`)));
    await world.rows(`select withdraw_issuances(array[$1], now() - interval '1 second')`, id);
    return id;
  }

  /** Time passes until everything is due again, and as much was tried as is given. */
  const dueAfter = (attempts: number) =>
    world.rows(`update work set due_at = now() - interval '1 second', attempts = $1 where done_at is null`, attempts);

  async function entriesOf(type: string): Promise<readonly z.infer<typeof entry>[]> {
    const rows = await world.rows('select bytes from entry where type = $1 order by number', type);
    return rows.map(({ bytes }) => entry.parse(JSON.parse(Buffer.from(bytes as Uint8Array).toString())));
  }

  async function only(): Promise<NonNullable<Awaited<ReturnType<SqlOwedWork['find']>>> & { id: string }> {
    const { work: owed } = await work.list({});
    const [first] = owed;
    if (owed.length !== 1 || first?.id == null) throw new Error(`${owed.length} pieces of work`);
    return { ...first, id: first.id };
  }

  async function revoke(): Promise<void> {
    await revokeDue.turn();
    await revokeDue.settled();
  }

  const asked = () => server.urls.filter((url) => url.endsWith('/revoke')).length;

  /** Makes the database refuse the entries of this type that are about this. */
  async function refuse(type: string, column: 'run' | 'issuance', about: string, code: string): Promise<() => Promise<unknown>> {
    await world.rows(`create or replace function refuse_entry() returns trigger language plpgsql as $$
      begin
        if new.type = '${type}' and new.${column} = '${about}' then raise exception 'of a secret row: %', new.id using errcode = '${code}'; end if;
        return new;
      end $$`);
    await world.rows('create trigger refuse_entry before insert on entry for each row execute function refuse_entry()');
    return () => world.rows('drop trigger refuse_entry on entry');
  }

  it('is a revocation that its server refuses: tried again, given up when it was tried for a day, and said so everywhere', async () => {
    const token = await withdrawn();
    await revoke();
    expect(await only()).toMatchObject({ kind: 'revoke', subject: token, state: 'waiting', attempts: 1, lastError: 'server_unavailable' });
    await revoke();
    expect(asked()).toBe(1);
    await dueAfter(workPace.mostAttempts - 2);
    await revoke();
    expect([asked(), (await only()).state, alarms]).toEqual([2, 'waiting', []]);

    await dueAfter(workPace.mostAttempts - 1);
    await revoke();
    const owed = await only();
    expect(owed).toMatchObject({ state: 'given_up', attempts: workPace.mostAttempts, lastError: 'server_unavailable' });
    const until = new Date(owed.livesUntil ?? 0).toISOString();
    expect(await world.revocationOf(token)).toBe('given_up');
    expect(await entriesOf('work.given_up')).toMatchObject([
      {
        work: owed.id,
        kind: 'revoke',
        subject: token,
        attempts: workPace.mostAttempts,
        fault: 'server_unavailable',
        cause: 'attempts_used_up',
        run,
        workflow: 'nightly-index',
        client: 'indexer',
        resource: { id: 'crm' },
        lives_until: until,
      },
    ]);
    expect(await world.rows(`select run, issuance, client from entry where type = 'work.given_up'`)).toEqual([
      { run, issuance: token, client: 'indexer' },
    ]);
    expect(alarms).toEqual([expect.stringMatching(new RegExp(`WorkGivenUp: revoke of ${token} .*server_unavailable.*${until}`))]);
    const posture = findings(catalogue, [], Date.now(), { givenUp: await work.givenUp() });
    expect(posture.find(({ code }) => code === 'work_given_up')).toMatchObject({
      severity: 'warning',
      subject: 'client indexer',
      message: expect.stringContaining(`(server_unavailable), and a token lives until ${until}`) as string,
    });
    await dueAfter(0);
    await revoke();
    expect(asked()).toBe(3);
  });

  it('is taken up again by hand, with who and why, and may then succeed', async () => {
    const token = await withdrawn();
    await revoke();
    const { id } = await only();
    const both = await Promise.allSettled(['ada', 'bob'].map((by) => retries.giveUp(id, by, 'the server is gone')));
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const [given] = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(await entriesOf('work.given_up')).toMatchObject([
      { id: given?.entry, work: id, given_up_by: expect.stringMatching(/^(ada|bob)$/) as string, reason: 'the server is gone' },
    ]);
    await expect(retries.giveUp(id, 'bob', 'too')).rejects.toMatchObject({ code: 'work_moved' });
    expect(alarms).toEqual([]);
    server.answers[`${issuer}/revoke`] = response(200, '');
    await dueAfter(1);
    await revoke();
    expect(await world.revocationOf(token)).toBe('given_up');
    const taken = await retries.retry(id, 'bob', null);
    expect(await entriesOf('work.retried')).toMatchObject([
      { id: taken.entry, work: id, kind: 'revoke', subject: token, retried_by: 'bob' },
    ]);
    await revoke();
    expect(await world.revocationOf(token)).toBe('revoked');
    expect((await work.list({})).work).toEqual([]);
    await expect(retries.retry(id, 'bob', null)).rejects.toMatchObject({ code: 'work_unknown' });
    await expect(retries.giveUp('wrk01nobody', 'bob', 'x')).rejects.toMatchObject({ code: 'work_unknown' });
    expect(await entriesOf('work.retried')).toHaveLength(1);
  });

  it('is a revocation whose worker always dies: given up without being tried again', async () => {
    const token = await withdrawn();
    await dueAfter(workPace.mostAttempts);
    await revoke();
    expect(asked()).toBe(0);
    expect(await only()).toMatchObject({ subject: token, state: 'given_up', lastError: 'not_reported' });
  });

  it('is a text that cannot be opened: shown with a word of why, and no hindrance to the others', async () => {
    server.answers[`${issuer}/revoke`] = response(200, '');
    const [broken, good] = [await withdrawn(), await withdrawn()];
    await world.rows('update issuance set sealed = $2 where id = $1', broken, randomBytes(60));
    await revoke();
    expect(alarms).toEqual([expect.stringContaining('SealBroken')]);
    expect([await world.revocationOf(broken), await world.revocationOf(good)]).toEqual(['pending', 'revoked']);
    expect(await only()).toMatchObject({ subject: broken, state: 'waiting', lastError: 'SealBroken' });
  });

  it('is over when the token has died unrevoked, which is recorded once', async () => {
    const token = await withdrawn();
    await revoke();
    await world.rows(`update issuance set expires_at = now() - interval '1 second' where id = $1`, token);
    await revoke();
    await revoke();
    expect(await entriesOf('token.exposed')).toMatchObject([
      { issuance: token, run, client: 'indexer', fault: 'expired_unrevoked', attempts: 1, last_error: 'server_unavailable' },
    ]);
    expect(await world.revocationOf(token)).toBe('unsupported');
    expect(await world.rows('select id from issuance where sealed is not null')).toEqual([]);
    expect((await work.list({})).work).toEqual([]);
    expect(alarms).toEqual([]);
  });

  it('is a run that cannot be ended: seen with its last error, tried ever more rarely, and in nobody’s way', async () => {
    const [bad, good] = [await world.running(), await world.running()];
    for (const id of [bad, good]) await world.rows(`update run set expires_at = now() - interval '1 s' where id = $1`, id);
    const mend = await refuse('run.ended', 'run', bad, 'P0001');
    await expect(closeRuns.turn()).rejects.toThrow('secret row');
    expect((await world.runs.find(good))?.endedAt).not.toBeNull();
    expect(await only()).toMatchObject({
      kind: 'end_run',
      subject: bad,
      state: 'waiting',
      attempts: 1,
      lastError: 'StatementRefused P0001',
    });
    expect(await closeRuns.turn()).toBe(false);
    await dueAfter(workPace.mostAttempts - 1);
    await expect(closeRuns.turn()).rejects.toThrow('secret row');
    const { id } = await only();
    expect(await only()).toMatchObject({ state: 'given_up', attempts: workPace.mostAttempts, workflow: 'nightly-index' });
    expect(await entriesOf('work.given_up')).toMatchObject([{ work: id, kind: 'end_run', run: bad, cause: 'attempts_used_up' }]);
    expect(alarms).toHaveLength(1);
    await mend();
    await dueAfter(0);
    expect(await closeRuns.turn()).toBe(false);
    expect((await world.runs.find(bad))?.endedAt).toBeNull();
    await retries.retry(id, 'ada', 'the trigger is gone');
    await closeRuns.turn();
    expect((await entriesOf('run.ended')).find((one) => one['run'] === bad)).toMatchObject({ cause: 'expired' });
    expect((await work.list({})).work).toEqual([]);
  });

  it('is an intent that cannot be closed: it keeps no other from it', async () => {
    const [bad, good] = [await world.issuance({ run, state: 'open' }), await world.issuance({ run, state: 'open' })];
    await world.rows(`update issuance set deadline = now() - interval '1 s' where state = 'open'`);
    const mend = await refuse('token.unknown', 'issuance', bad, '22000');
    await closeIntents.closeOverdue();
    expect(await world.rows('select id from issuance where state = $1', 'unknown')).toEqual([{ id: good }]);
    expect(await only()).toMatchObject({ kind: 'close_intent', subject: bad, state: 'waiting', attempts: 1, lastError: 'not_recorded' });
    await mend();
    await dueAfter(1);
    await closeIntents.closeOverdue();
    expect(await world.rows('select id from issuance where state = $1', 'open')).toEqual([]);
    expect((await work.list({})).work).toEqual([]);
  });
});
