import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runtimeKeyAt } from '../rig/replicas.js';
import { repeatElsewhere } from './anywhere.js';
import { asleep, faults } from './faults.js';
import { leaveIntentsOpen, stopInOrder } from './endings.js';
import { Linearizability, type Round } from './linearizability.js';
import { untilClean } from './patience.js';
import { RecordReader } from './record-reader.js';
import { burn, replay, reuse, spendOnce, STARVED, type Replayed, type Reused } from './replays.js';
import { RestartablePostgres } from './restartable-postgres.js';
import { ScaledWorld } from './scaled-world.js';
import { say } from './say.js';
import { Surface } from './surface.js';
import { Testimony } from './testimony.js';
import { withoutEpochComparison } from './without-epoch.js';
import { withoutNotices } from './without-notices.js';

const rounds = Number(process.env['CORRIDOR_TEST_ROUNDS'] ?? 2);
const OPERATIONS = 2_600;
const PATIENCE = 600_000;

describe('three replicas on PostgreSQL', () => {
  let postgres: RestartablePostgres;
  let world: ScaledWorld;
  let runtimeKey: string;
  let surface: Surface;
  beforeAll(async () => {
    postgres = await RestartablePostgres.start();
    world = await ScaledWorld.start(postgres, 'scaled');
    runtimeKey = await runtimeKeyAt(world.replica(0));
    surface = new Surface(world);
  }, PATIENCE);
  afterAll(async () => {
    await surface.close();
    await world.stop();
    await postgres.stop();
  }, PATIENCE);

  it('that start at the same moment on an empty database make one key, one catalogue and one policy', async () => {
    const made = await postgres.ask(
      `select type, count(*)::int from entry where type in ('key.created', 'catalogue.changed', 'policy.activated') group by 1 order by 1`,
      world.database,
    );
    expect(made).toEqual([
      { type: 'catalogue.changed', count: 1 },
      { type: 'key.created', count: 2 }, // the admin's, and the one that it made
      { type: 'policy.activated', count: 1 },
    ]);
    expect(await postgres.ask(`select count(*)::int from api_key where 'admin' = any (roles)`, world.database)).toEqual([{ count: 1 }]);
    for (const replica of world.replicas) expect((await replica.api('GET', '/v1/keys')).status).toBe(200);
  });

  it('know of a run what another one knows, and when its secret is another one', async () => {
    expect(await repeatElsewhere(world, surface, runtimeKey)).toEqual({
      sameRun: true,
      first: [200, 200, 200],
      renewed: [200, 200, 200],
      old: [401, 401, 401],
    });
  });

  it(
    'let nothing out that began after a stop was acknowledged, whatever befalls them',
    async () => {
      const run = new Linearizability(world, runtimeKey);
      const all: Round[] = [];
      try {
        await run.begin();
        for (let round = 0; round < rounds; round++) {
          const fault = faults[round % faults.length];
          if (fault === undefined) throw new TypeError('there are no faults');
          all.push(await run.round(OPERATIONS, fault));
          sayRound(all, rounds);
          expect(all.at(-1)?.findings.slice(0, 10)).toEqual([]);
        }
      } finally {
        await run.close();
      }
      const sum = (of: (round: Round) => number): number => all.reduce((total, round) => total + of(round), 0);
      say(
        `linearizability: ${sum(({ calls }) => calls)} operations, ${sum(({ closures }) => closures)} closures, ` +
          `${sum(({ entries }) => entries)} entries, ${run.exposuresCompared} issuances looked for in exposures, 0 violations`,
      );
      expect(sum(({ got }) => got)).toBeGreaterThan(rounds * 100);
      expect(sum(({ refused }) => refused)).toBeGreaterThan(rounds * 100);
      const { findings, issued } = await new Testimony(world).of(run.received);
      say(`linearizability: ${run.received.length} tokens received and ${issued} issued, by the authorization server's own list`);
      expect(findings).toEqual([]);
    },
    PATIENCE + rounds * 120_000,
  );

  it(
    'accept an assertion once, however often and wherever it is presented at once, and nobody else can spend its jti',
    async () => {
      // first: whoever fails as often as replays do is told to slow down
      const burnt = await untilClean(
        (brought) => !Object.values(brought).includes(STARVED),
        () => burn(world, surface, runtimeKey),
      );
      const expected = {
        'without a signature': 'invalid_client',
        'signed with another key': 'invalid_client',
        'for another audience': 'invalid_client',
        expired: 'invalid_client',
        'the same jti by another run': 'a token',
        'the run itself': 'a token',
        'the run itself, again elsewhere': 'invalid_client',
      };
      for (const brought of burnt) {
        const starved = Object.entries(brought).filter(([, each]) => each === STARVED);
        expect(brought).toEqual({ ...expected, ...Object.fromEntries(starved) });
      }
      expect(burnt.at(-1)).toEqual(expected);
      const replayed: Replayed[] = [];
      for (let round = 0; round < Math.min(rounds, 25); round++) replayed.push(await once(() => replay(world, surface, runtimeKey)));
      const accepted = replayed.map((each) => each.accepted);
      say(
        `replay: ${replayed.length} assertions, each 200 times in parallel at three replicas: accepted ${[...new Set(accepted)].join(', ')} time`,
      );
      expect(replayed).toEqual(replayed.map(() => ({ presented: 200, accepted: 1, starved: 0, others: [] })));
    },
    PATIENCE,
  );

  it(
    'take the token of a pod again within its rules, that of a job once, and start one run for either',
    async () => {
      const reused: Reused[] = [];
      const spent: Reused[] = [];
      for (let round = 0; round < Math.min(rounds, 25); round++) {
        reused.push(await reuse(world, surface));
        spent.push(await once(() => spendOnce(world, surface)));
      }
      say(`workload identity: ${reused.length} tokens of pods and of jobs, each 200 times in parallel at three replicas: one run for each`);
      expect(reused).toEqual(reused.map(() => ({ presented: 200, accepted: 200, starved: 0, others: [], runs: 1 })));
      expect(spent).toEqual(spent.map(() => ({ presented: 200, accepted: 1, starved: 0, others: [], runs: 1 })));
    },
    PATIENCE,
  );

  it(
    'stop as surely when nobody gives them notice',
    async () => {
      const mend = await withoutNotices(postgres, world.database);
      const run = new Linearizability(world, runtimeKey);
      try {
        await run.begin();
        const { calls, closures, refused, findings } = await run.round(OPERATIONS / 2, asleep);
        say(`without notices: ${calls} operations, ${refused} refused, ${closures} closures, ${findings.length} findings`);
        expect(findings.slice(0, 10)).toEqual([]);
        expect(refused).toBeGreaterThan(50);
      } finally {
        await mend();
        await run.close();
      }
    },
    PATIENCE,
  );

  it(
    'finish what is under way when one is stopped in order, and record it',
    async () => {
      const stopped = await stopInOrder(world, surface, new RecordReader(world), runtimeKey);
      say(
        `graceful stop: ${stopped.statuses.length} requests under way, ${stopped.statuses.filter((status) => status === 200).length} answered and recorded`,
      );
      expect(stopped).toEqual({ statuses: Array(12).fill(200), unrecorded: [], inOrder: true });
    },
    PATIENCE,
  );

  it(
    'close the intents of one that died and of one that froze, whose late outcome loses',
    async () => {
      const { closedAfter, ...left } = await leaveIntentsOpen(world, surface, new RecordReader(world), runtimeKey);
      say(
        `intents left open: closed as unknown after ${(closedAfter / 1000).toFixed(1)} s, the late token ${left.late.revoked ? '' : 'not '}revoked`,
      );
      expect(left).toEqual({
        outcomes: ['token.unknown', 'token.unknown'],
        late: { status: 503, error: 'temporarily_unavailable', revoked: true },
      });
    },
    PATIENCE,
  );

  it(
    'would be caught if append did not compare epochs: the checker bites',
    async () => {
      // with notices it would be a matter of luck which comes first: the request, or the notice that makes it look
      const mends = [await withoutNotices(postgres, world.database), await withoutEpochComparison(postgres, world.database)];
      const run = new Linearizability(world, runtimeKey);
      try {
        await run.begin();
        // it takes a replica that is asked just before it wakes; a checker without teeth finds nothing however often
        const bitten = await untilClean(
          ({ got, recorded }) => got > 0 && recorded > 0,
          async () => {
            const { calls, violations, findings } = await run.round(OPERATIONS / 2, asleep, { disturbed: false });
            const got = violations.filter(({ what }) => what === 'got what was closed').length;
            const recorded = findings.filter((finding) => finding.includes('was in force')).length;
            say(`without the comparison of epochs: ${got} violations in the history of ${calls} operations, ${recorded} in the record`);
            return { got, recorded };
          },
        );
        expect(bitten.at(-1)?.got).toBeGreaterThan(0);
        expect(bitten.at(-1)?.recorded).toBeGreaterThan(0);
      } finally {
        for (const mend of mends) await mend();
        await run.close();
      }
    },
    PATIENCE,
  );
});

/** Presents what may be used once, a fresh one each time, until no policy was starved: whoever spent it may have been told that. */
async function once<T extends Replayed & Partial<Reused>>(round: () => Promise<T>): Promise<T> {
  const all = await untilClean(({ starved }) => starved === 0, round);
  for (const { accepted, others, runs = 0 } of all) {
    expect(Math.max(accepted, runs)).toBeLessThanOrEqual(1);
    expect(others).toEqual([]);
  }
  return all[all.length - 1] as T;
}

function sayRound(all: readonly Round[], planned: number): void {
  const last = all.at(-1);
  if (last === undefined) return;
  const { calls, got, refused, lost, closures, seconds, befell, reasons, findings } = last;
  say(
    `round ${all.length}/${planned}: ${calls} operations in ${seconds.toFixed(1)} s (${got} got, ${refused} refused, ${lost} lost), ` +
      `${closures} closures, ${befell}: ${findings.length === 0 ? 'ok' : `${findings.length} findings, ${findings[0]}`}`,
  );
  for (const [reason, count] of reasons) say(`  ${count} times ${reason}`);
}
