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
