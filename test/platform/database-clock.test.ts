import { performance } from 'node:perf_hooks';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { DatabaseClock } from '../../src/platform/database-clock.js';
import { Database } from '../../src/store/database.js';

/** A database that is off by so many milliseconds. */
class OffDatabase extends Database {
  off = 0;

  query(): Promise<readonly { now: number }[]> {
    return Promise.resolve([{ now: performance.timeOrigin + performance.now() + this.off }]);
  }

  async close(): Promise<void> {}
}

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

describe('the drift of the clock', () => {
  it('is how far this machine is off the database, whichever is ahead', async () => {
    for (const off of [0, 45_000, -45_000]) {
      const database = new OffDatabase();
      database.off = off;
      const clock = await DatabaseClock.start(database, () => undefined);
      // the monotonic clock of a process and its wall clock may differ a little
      expect(Math.abs(clock.drift() - Math.abs(off))).toBeLessThan(2_000);
      clock.stop();
    }
  });

  it('is seen at once when this machine is set to another time', async () => {
    const clock = await DatabaseClock.start(new OffDatabase(), () => undefined);
    const real = Date.now.bind(Date);
    const wrong = jest.spyOn(Date, 'now').mockImplementation(() => real() + 60_000);
    expect(clock.drift()).toBeGreaterThan(58_000);
    wrong.mockRestore();
    expect(clock.drift()).toBeLessThan(2_000);
    clock.stop();
  });

  it('is also how long it stands still, after the database was set back', async () => {
    jest.useFakeTimers({ doNotFake: ['performance', 'Date'] });
    const database = new OffDatabase();
    database.off = 50_000;
    const clock = await DatabaseClock.start(database, () => undefined);
    const before = clock.now();
    database.off = 0;
    await jest.advanceTimersByTimeAsync(10_000);
    expect(clock.now()).toBe(before);
    expect(clock.drift()).toBeGreaterThan(48_000);
    clock.stop();
  });
});

/** A database whose statements wait their turn before they look at its clock; time passes by waiting alone. */
class WaitingDatabase extends Database {
  /** Milliseconds that each of the next statements waits, the last of them each that follows. */
  waits: number[] = [];
  asked = 0;
  off = 0;
  #passed = 0;

  constructor() {
    super();
    jest.spyOn(performance, 'now').mockImplementation(() => this.#passed);
    jest.spyOn(Date, 'now').mockImplementation(() => performance.timeOrigin + this.#passed);
    jest.useFakeTimers({ doNotFake: ['performance', 'Date'] });
  }

  get now(): number {
    return performance.timeOrigin + this.#passed + this.off;
  }

  query(): Promise<readonly { now: number }[]> {
    this.asked++;
    this.#passed += (this.waits.length > 1 ? this.waits.shift() : this.waits[0]) ?? 0;
    return Promise.resolve([{ now: this.now }]);
  }

  async close(): Promise<void> {}
}

describe('a measurement of the clock that had to wait', () => {
  const started = (database: Database) => DatabaseClock.start(database, () => undefined);

  it('is not believed, and soon done again', async () => {
    const database = new WaitingDatabase();
    const clock = await started(database);
    database.waits = [4_000, 100];
    await jest.advanceTimersByTimeAsync(10_000);
    expect([database.asked, clock.now() - Math.round(database.now)]).toEqual([2, 0]);
    database.off = 200;
    await jest.advanceTimersByTimeAsync(1_000);
    expect([database.asked, clock.now() - Math.round(database.now)]).toEqual([3, 50]);
    await jest.advanceTimersByTimeAsync(9_000);
    expect(database.asked).toBe(3);
    clock.stop();
  });

  it('still shows that the database was set to another time', async () => {
    for (const off of [60_000, -60_000]) {
      const database = new WaitingDatabase();
      const clock = await started(database);
      database.waits = [4_000];
      database.off = off;
      await jest.advanceTimersByTimeAsync(10_000);
      // up to the four seconds in which it may have looked
      expect(clock.drift()).toBeGreaterThan(55_000);
      clock.stop();
    }
  });

  it('is done again at the start, a few times, and the quickest counts', async () => {
    const database = new WaitingDatabase();
    database.waits = [3_000, 20, 5_000];
    const soon = await started(database);
    expect([database.asked, soon.now() - Math.round(database.now)]).toEqual([2, 10]);
    soon.stop();

    database.waits = [3_000, 600, 900, 5_000];
    const late = await started(database);
    expect([database.asked, late.now() - Math.round(database.now)]).toEqual([5, 300]);
    late.stop();
  });

  it('is not followed by another when the clock was stopped meanwhile', async () => {
    const database = new WaitingDatabase();
    const clock = await started(database);
    database.waits = [4_000];
    jest.advanceTimersByTime(10_000);
    clock.stop();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(database.asked).toBe(2);
  });
});
