import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { emptyCatalogue } from '../../src/catalogue/catalogue.js';
import type { Facts } from '../../src/issuance/facts.js';
import { Readiness } from '../../src/issuance/readiness.js';

const epoch = { incarnation: 'inc01', number: 1 };
const facts: Facts = { epoch, catalogue: emptyCatalogue, suspensions: [], keys: [], pins: [], policyRevision: 'sha256:one' };
const lost = new Error('it lost something');

/** A database and a clock that do as they are told. */
class Surroundings {
  asked = 0;
  drift = 0;
  unusable: string | null = null;
  answer: () => Promise<Facts> = () => Promise.resolve(facts);

  readonly readiness = new Readiness({
    facts: { latest: () => (this.asked++, this.answer()), current: () => Promise.reject(new Error('what is old proves nothing')) },
    policy: { isUnusable: (revision) => revision === this.unusable },
    drift: () => this.drift,
    isBehind: (error) => error === lost,
  });

  async codes(): Promise<readonly string[]> {
    return (await this.readiness.look()).map(({ code }) => code);
  }
}

let around: Surroundings;
beforeEach(() => {
  jest.useFakeTimers();
  around = new Surroundings();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('readiness', () => {
  it('is there with a database, a policy and the right time', async () => {
    expect(await around.readiness.look()).toEqual([]);
  });

  it.each([
    ['no policy', 'no_policy', () => (around.answer = () => Promise.resolve({ ...facts, policyRevision: null }))],
    ['a policy that cannot be evaluated here', 'policy_unusable', () => (around.unusable = 'sha256:one')],
    ['a database that fails', 'database_unreachable', () => (around.answer = () => Promise.reject(new Error('away')))],
    ['a database that lost something', 'database_behind', () => (around.answer = () => Promise.reject(lost))],
    ['a clock that is ahead', 'clock_drift', () => (around.drift = 30_001)],
    ['a clock that is behind', 'clock_drift', () => (around.drift = -30_001)],
  ])('is not there with %s, and says what to do', async (_, code, upset) => {
    upset();
    const reasons = await around.readiness.look();
    expect(reasons).toEqual([{ code, message: expect.stringMatching(/: /) }]);
  });

  it('needs no policy where nothing is decided', async () => {
    const latest = () => Promise.resolve({ ...facts, policyRevision: null });
    const ports = { facts: { latest, current: latest }, policy: null, drift: () => 0, isBehind: () => false };
    expect(await new Readiness(ports).look()).toEqual([]);
  });

  it('bears a drift of thirty seconds, and says all that is wrong at once', async () => {
    around.drift = 30_000;
    expect(await around.codes()).toEqual([]);
    jest.advanceTimersByTime(1_000);
    around.drift = 90_000;
    around.answer = () => Promise.resolve({ ...facts, policyRevision: null });
    const reasons = await around.readiness.look();
    expect(reasons.map(({ code }) => code)).toEqual(['no_policy', 'clock_drift']);
    expect(reasons[1]?.message).toContain('differ by 90 s');
  });

  it('waits a second for the database and no longer, whatever becomes of the question', async () => {
    let fail: (error: Error) => void = () => undefined;
    around.answer = () => new Promise((_, reject) => (fail = reject));
    const looked = around.codes();
    await jest.advanceTimersByTimeAsync(999);
    fail(lost);
    expect(await looked).toEqual(['database_behind']);
    await jest.advanceTimersByTimeAsync(1);
    const again = around.codes();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(await again).toEqual(['database_unreachable']);
    fail(new Error('nobody waits for this any more'));
  });

  it('asks the database once in a second, however many look', async () => {
    await Promise.all(Array.from({ length: 100 }, () => around.readiness.look()));
    await jest.advanceTimersByTimeAsync(999);
    await around.readiness.look();
    expect(around.asked).toBe(1);
    await jest.advanceTimersByTimeAsync(1);
    around.answer = () => Promise.reject(lost);
    expect(await around.codes()).toEqual(['database_behind']);
    expect(around.asked).toBe(2);
  });

  it('ends at once when it is told to stop', async () => {
    await around.readiness.look();
    around.readiness.close();
    expect(await around.codes()).toEqual(['closing']);
  });

  it('is told once for each change, however many look, and not again once it closes', async () => {
    const told: string[] = [];
    around.readiness.onChange((reasons) => told.push(reasons.map(({ code }) => code).join(' ')));
    const later = async (): Promise<void> => {
      await jest.advanceTimersByTimeAsync(1_000);
      await Promise.all([around.codes(), around.codes()]);
    };
    await later();
    expect(told).toEqual([]);
    around.answer = () => Promise.reject(new Error('away'));
    await later();
    await later();
    around.answer = () => Promise.resolve({ ...facts, policyRevision: null });
    around.drift = 40_000;
    await later();
    around.drift = 50_000;
    await later();
    [around.drift, around.answer] = [0, () => Promise.resolve(facts)];
    await later();
    await later();
    expect(told).toEqual(['database_unreachable', 'no_policy clock_drift', '']);
    await jest.advanceTimersByTimeAsync(1_000);
    const looking = around.codes();
    around.readiness.close();
    around.readiness.close();
    await looking;
    expect(told.slice(3)).toEqual(['closing']);
  });
});
