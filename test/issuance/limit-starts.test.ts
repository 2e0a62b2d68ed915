import { randomBytes } from 'node:crypto';
import { EntryMaker } from '../../src/attribution/entry.js';
import { emptyCatalogue, type Catalogue } from '../../src/catalogue/catalogue.js';
import { LimitRequests } from '../../src/issuance/limit-requests.js';
import { SlowDown } from '../../src/oauth/errors.js';
import { RunDirectory } from '../../src/runs/run-directory.js';
import { Database, DatabaseUnavailable } from '../../src/store/database.js';
import { SqlRuns } from '../../src/store/sql-runs.js';
import { MemoryLog } from '../rig/memory-log.js';
import { SimulatedClock } from '../rig/simulated-clock.js';

class Unreachable extends Database {
  query(): Promise<never> {
    return Promise.reject(new DatabaseUnavailable('connection refused'));
  }

  async close(): Promise<void> {}
}

const epoch = { incarnation: 'inc01', number: 1 };
const randomness = { bytes: (length: number) => randomBytes(length) };

let clock: SimulatedClock;
let limits: LimitRequests;
beforeEach(() => {
  clock = new SimulatedClock();
  const runs = new RunDirectory(new SqlRuns(new Unreachable()));
  const log = new MemoryLog(clock, () => epoch, new Map());
  limits = new LimitRequests(runs, log, new EntryMaker('ins-test', clock, randomness), clock, randomness);
});

const catalogue: Catalogue = {
  ...emptyCatalogue,
  workflows: {
    free: { id: 'free', owner: 'o@example.com', purposes: ['p'], maxRunTtl: 3600, labels: {} },
    few: { id: 'few', owner: 'o@example.com', purposes: ['p'], maxRunTtl: 3600, labels: {}, maxRequestsPerMinute: 3 },
  },
  runtimes: {
    ci: { id: 'ci', workflows: ['free', 'few'] },
    other: { id: 'other', workflows: ['free', 'few'] },
    small: { id: 'small', workflows: ['free', 'few'], maxRequestsPerMinute: 4 },
  },
};

/** How many of so many starts were within the limits, and what the first that was not was told. */
function start(times: number, runtime: string, workflow = 'free'): { began: number; told: SlowDown | null } {
  let [began, told]: [number, SlowDown | null] = [0, null];
  for (let time = 0; time < times; time++) {
    try {
      limits.countStart(runtime, workflow, catalogue);
      began++;
    } catch (error) {
      if (!(error instanceof SlowDown)) throw error;
      told ??= error;
    }
  }
  return { began, told };
}

describe('starts of runs', () => {
  it('are limited for each runtime where the catalogue says nothing, so that a loop that ran away stops', () => {
    const { began, told } = start(10_000, 'ci');
    expect(began).toBe(6_000);
    expect(told?.detail.reasons).toEqual([{ code: 'rate_limited', limit: 'runtime', per_minute: 6_000 }]);
    expect(told?.detail.retryAfter).toBeGreaterThanOrEqual(1);
    expect(start(1, 'other').began).toBe(1);
  });

  it('are limited as the catalogue says of their runtime and of their workflow', () => {
    expect(start(9, 'small')).toMatchObject({ began: 4, told: { detail: { reasons: [{ limit: 'runtime', per_minute: 4 }] } } });
    expect(start(9, 'ci', 'few')).toMatchObject({ began: 3, told: { detail: { reasons: [{ limit: 'workflow', per_minute: 3 }] } } });
  });

  it('go on when the time is over that was told', async () => {
    const { told } = start(9, 'small');
    await clock.pass((told?.detail.retryAfter ?? 0) * 1000);
    expect(start(1, 'small').began).toBe(1);
  });

  it('do not count when nothing was started', () => {
    for (let time = 0; time < 20; time++) limits.countStart('small', 'few', catalogue)();
    expect(start(9, 'small', 'few').began).toBe(3);
  });
});
