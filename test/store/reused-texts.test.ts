import type { Append } from '../../src/attribution/entry-log.js';
import type { Database } from '../../src/store/database.js';
import { IssuanceRows } from '../../src/store/issuance-rows.js';
import { SqlRuns } from '../../src/store/sql-runs.js';
import { databases } from './both-databases.js';
import {
  append,
  entryOf,
  epoch,
  intentOf,
  outcomeOf,
  Recording,
  releaseOf,
  revocationOf,
  tokenOf,
  type ActiveRun,
  type Token,
} from './recording.js';
import { entryOf as factEntry } from './world.js';

describe.each(databases)('a text that its server gives twice, on %s', (_name, open) => {
  let database: Database;
  let recording: Recording;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    recording = await Recording.empty(database);
  });

  const opened = async (run: ActiveRun, isolation: 'run' | 'workflow' = 'run', workflow = 'nightly-index'): Promise<string> => {
    const intent = intentOf(run, [], { isolation, workflow });
    expect(await recording.verdict(intent)).toBe('recorded');
    return intent.effect.issuance;
  };
  const issued = (issuance: string, token: Token): Append => outcomeOf(issuance, 'issued', token);
  const sharedWith = (issuance: string, other: string): Append =>
    append({
      entry: entryOf('token.issued', { issuance }),
      effect: { kind: 'outcome', issuance, state: 'issued', token: null, sharedWith: other },
    });
  const stateOf = async (issuance: string) =>
    (await database.query('select state, isolation, revocation, token_sha256, sealed from issuance where id = $1', [issuance]))[0];

  it('is told when another run holds it, and nothing is done until it is said what is made of that', async () => {
    const [first, second] = [await recording.run(), await recording.run()];
    const token = tokenOf();
    await recording.issued(first, token);
    const issuance = await opened(second);
    expect(await recording.verdicts(issued(issuance, token), releaseOf(second, issuance))).toEqual(['reused', 'not_live']);
    expect(await stateOf(issuance)).toMatchObject({ state: 'open', token_sha256: null });
    expect(await recording.verdict(outcomeOf(issuance, 'refused', null))).toBe('recorded');
    expect(await stateOf(issuance)).toMatchObject({ state: 'refused', sealed: null, revocation: null });
  });

  it.each([
    ['the same run', 'run', 'run', 'recorded'],
    ['another run of the workflow, which shares', 'workflow', 'workflow', 'recorded'],
    ['a run that shares, where the first did not', 'run', 'workflow', 'reused'],
    ['a run that does not share, where the first did', 'workflow', 'run', 'reused'],
  ] as const)('comes to %s (isolation %s, then %s): %s', async (who, one, other, verdict) => {
    const run = await recording.run();
    const token = tokenOf();
    expect(await recording.verdict(issued(await opened(run, one), token))).toBe('recorded');
    const next = who === 'the same run' ? run : await recording.run();
    expect(await recording.verdict(issued(await opened(next, other), token))).toBe(verdict);
  });

  it('comes to another workflow, though both share among themselves: reused', async () => {
    const token = tokenOf();
    expect(await recording.verdict(issued(await opened(await recording.run(), 'workflow'), token))).toBe('recorded');
    expect(await recording.verdict(issued(await opened(await recording.run(), 'workflow', 'other'), token))).toBe('reused');
  });

  it('is told of the same run too where its server is known to reuse tokens: one issuance must have it', async () => {
    const run = await recording.run();
    const token = tokenOf({ reuses: true });
    await recording.issued(run, token);
    expect(await recording.verdict(issued(await opened(run), token))).toBe('reused');
  });

  it.each(['pending', 'revoked', 'unsupported'])('is not given to the same run anew when it was taken back: %s', async (revocation) => {
    const run = await recording.run();
    const token = tokenOf();
    const withdrawn = await recording.issued(run, token);
    await database.query('update issuance set revocation = $2 where id = $1', [withdrawn, revocation]);
    const issuance = await opened(run);
    expect(await recording.verdicts(issued(issuance, token), releaseOf(run, issuance))).toEqual(['reused', 'not_live']);
  });

  it('may be given anew when it is dead', async () => {
    const [first, second] = [await recording.run(), await recording.run()];
    const token = tokenOf();
    await recording.issued(first, { ...token, expiresAt: Date.now() - 1000 });
    expect(await recording.verdict(issued(await opened(second), token))).toBe('recorded');
  });

  it('comes twice at the same time, and one of the two has it', async () => {
    const [first, second] = [await recording.run(), await recording.run()];
    const token = tokenOf();
    const issuances = [await opened(first), await opened(second)];
    const other = new Recording(database);
    const verdicts = await Promise.all(
      issuances.map((issuance, index) => (index === 0 ? recording : other).verdict(issued(issuance, token))),
    );
    expect(verdicts.toSorted()).toEqual(['recorded', 'reused']);
  });

  it('is shared from then on: it ends with the last of the runs that hold it', async () => {
    const [first, second] = [await recording.run(), await recording.run()];
    const token = tokenOf({ reuses: true });
    const held = await recording.issued(first, token);
    const issuance = await opened(second);
    const rows = new IssuanceRows(database);
    expect(await rows.liveOfText(token.sha256)).toMatchObject({ issuance: held });
    expect(await recording.verdicts(sharedWith(issuance, held), releaseOf(second, held))).toEqual(['recorded', 'recorded']);
    expect(await stateOf(issuance)).toMatchObject({ state: 'issued', token_sha256: null, sealed: null });
    expect(await stateOf(held)).toMatchObject({ isolation: 'workflow', revocation: null });
    const runs = new SqlRuns(database);
    await runs.end(first.id, factEntry('run.ended', epoch, { run: first.id }));
    expect(await stateOf(held)).toMatchObject({ revocation: null });
    await runs.end(second.id, factEntry('run.ended', epoch, { run: second.id }));
    expect(await stateOf(held)).toMatchObject({ revocation: 'pending' });
  });

  describe('that comes where no run is to have it', () => {
    /** An attempt that is to prove a credential. */
    const proof = async (): Promise<string> => {
      const intent = { ...intentOf(await recording.run(), [], { run: null, workflow: null }), run: null };
      expect(await recording.verdict(intent)).toBe('recorded');
      return intent.effect.issuance;
    };
    const forNobody = (token: Token): Token => ({ ...token, servedUntil: token.issuedAt });
    const isLive = async (issuance: string, token: Token): Promise<void> => {
      await new IssuanceRows(database).withdrawServed(10);
      expect(await recording.count(`work where kind = 'revoke'`)).toBe(0);
      expect(await stateOf(issuance)).toMatchObject({ state: 'issued', revocation: null, token_sha256: token.sha256 });
    };

    it.each([{}, { reuses: true } as const])('is left to the run that holds it, by the proof of a credential: %j', async (more) => {
      const token = tokenOf(more);
      const held = await recording.issued(await recording.run(), token);
      const issuance = await proof();
      expect(await recording.verdict(issued(issuance, forNobody(token)))).toBe('recorded');
      expect(await stateOf(issuance)).toMatchObject({ state: 'issued', token_sha256: null, sealed: null, revocation: null });
      await isLive(held, token);
    });

    it.each(['refused', 'late'] as const)('is left to the run that holds it, by one that is %s', async (how) => {
      const token = tokenOf();
      const held = await recording.issued(await recording.run(), token);
      const issuance = await opened(await recording.run());
      if (how === 'late') await recording.verdict(outcomeOf(issuance, 'unknown'));
      const verdict = await recording.verdict(outcomeOf(issuance, how === 'late' ? 'issued' : 'refused', forNobody(token)));
      expect(verdict).toBe(how === 'late' ? 'late' : 'recorded');
      expect(await stateOf(issuance)).toMatchObject({ token_sha256: null, sealed: null, revocation: null });
      await isLive(held, token);
    });

    it('is kept to be revoked when nobody may be handed it any more', async () => {
      const token = tokenOf();
      const held = await recording.issued(await recording.run(), token);
      await database.query(`update issuance set revocation = 'pending' where id = $1`, [held]);
      const [proving, refused] = [await proof(), await opened(await recording.run())];
      expect(await recording.verdicts(issued(proving, forNobody(token)), outcomeOf(refused, 'refused', token))).toEqual([
        'recorded',
        'recorded',
      ]);
      for (const issuance of [proving, refused]) expect(await stateOf(issuance)).toMatchObject({ token_sha256: token.sha256 });
      expect(await new IssuanceRows(database).withdrawServed(10)).toEqual([proving]);
    });

    it.each([{}, { reuses: true } as const])(
      'is not given to a run while it is to be revoked, and is when it cannot be: %j',
      async (more) => {
        const token = tokenOf(more);
        const [issuance, run] = [await proof(), await recording.run()];
        expect(await recording.verdict(issued(issuance, forNobody(token)))).toBe('recorded');
        const wanting = await opened(run);
        expect(await recording.verdict(issued(wanting, token))).toBe('reused');
        await new IssuanceRows(database).withdrawServed(10);
        expect(await recording.verdict(issued(wanting, token))).toBe('reused');
        expect(await recording.verdict(revocationOf(issuance, 'unsupported'))).toBe('recorded');
        expect(await recording.verdicts(issued(wanting, token), releaseOf(run, wanting))).toEqual(['recorded', 'recorded']);
      },
    );

    it('comes to a run and to the proof of a credential at once: either the run has it, or it is revoked', async () => {
      const token = tokenOf();
      const [proving, wanting] = [await proof(), await opened(await recording.run())];
      const other = new Recording(database);
      const [proven, given] = await Promise.all([
        recording.verdict(issued(proving, forNobody(token))),
        other.verdict(issued(wanting, token)),
      ]);
      expect(proven).toBe('recorded');
      expect(await stateOf(given === 'reused' ? proving : wanting)).toMatchObject({ token_sha256: token.sha256 });
      expect(await stateOf(given === 'reused' ? wanting : proving)).toMatchObject({ token_sha256: null });
    });
  });

  it('is not shared with what is live no more', async () => {
    const [first, second] = [await recording.run(), await recording.run()];
    const held = await recording.issued(first, tokenOf({ reuses: true }));
    await database.query(`update issuance set revocation = 'pending' where id = $1`, [held]);
    const issuance = await opened(second);
    expect(await recording.verdicts(sharedWith(issuance, held), releaseOf(second, held))).toEqual(['not_live', 'not_live']);
    expect(await stateOf(issuance)).toMatchObject({ state: 'open' });
  });
});
