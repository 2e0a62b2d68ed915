import { SlidingMinute } from '../../src/issuance/sliding-minute.js';
import { ToldNowAndThen } from '../../src/issuance/told-now-and-then.js';

const START = Date.UTC(2026, 0, 1);

describe('a sliding minute', () => {
  it('lets as many through as its limit says, and then says how long to wait', () => {
    const minute = new SlidingMinute();
    for (let time = 0; time < 3; time++) {
      expect(minute.wait('a', 3, START)).toBe(0);
      minute.count('a', START);
    }
    const wait = minute.wait('a', 3, START);
    expect(wait).toBeGreaterThan(0);
    expect(minute.wait('a', 3, START + wait - 1)).toBeGreaterThan(0);
    expect(minute.wait('a', 3, START + wait)).toBe(0);
    expect(minute.wait('b', 3, START)).toBe(0);
  });

  it('never lets more through in any 60 seconds than half as many again, nor more than its limit in the long run', () => {
    const minute = new SlidingMinute();
    const passed: number[] = [];
    for (let now = START + 59_000; now < START + 600_000; now += 50) {
      if (minute.wait('a', 60, now) > 0) continue;
      minute.count('a', now);
      passed.push(now);
    }
    expect(passed.length).toBeLessThanOrEqual(60 * 10.1);
    expect(passed.length).toBeGreaterThan(60 * 8);
    const most = Math.max(...passed.map((from) => passed.filter((at) => at >= from && at < from + 60_000).length));
    expect(most).toBeLessThanOrEqual(90);
  });

  it('says the truth about the wait wherever in the minute it is asked', () => {
    for (const offset of [0, 1, 29_999, 30_000, 59_999]) {
      for (const limit of [1, 2, 7, 600]) {
        const minute = new SlidingMinute();
        let now = START + offset;
        for (let time = 0; time < 3 * limit; time++) {
          now += minute.wait('a', limit, now);
          expect(minute.wait('a', limit, now)).toBe(0);
          minute.count('a', now);
        }
        // the first minute's worth at once, all others in their time
        expect(now - START - offset).toBeGreaterThan(60_000);
        expect(now - START - offset).toBeLessThan(240_000);
      }
    }
  });

  it('forgets what was two minutes ago', () => {
    const minute = new SlidingMinute();
    for (let time = 0; time < 5; time++) minute.count('a', START);
    expect(minute.wait('a', 5, START + 120_000)).toBe(0);
  });

  it('keeps no more than a bounded number of keys, the latest', () => {
    const minute = new SlidingMinute();
    for (let key = 0; key <= 50_000; key++) minute.count(`key${key}`, START);
    expect(minute.wait('key0', 1, START)).toBe(0);
    expect(minute.wait('key1', 1, START)).toBeGreaterThan(0);
    expect(minute.wait('key50000', 1, START)).toBeGreaterThan(0);
  });
});

describe('what is told now and then', () => {
  it('is told every 10 seconds, with how many were not', () => {
    const told = new ToldNowAndThen();
    expect([0, 1, 9_999].map((after) => told.tell('a', START + after))).toEqual([0, null, null]);
    expect(told.tell('b', START + 1)).toBe(0);
    expect([10_000, 10_001, 20_000].map((after) => told.tell('a', START + after))).toEqual([2, null, 1]);
  });

  it('is of a bounded number of kinds', () => {
    const told = new ToldNowAndThen();
    for (let kind = 0; kind <= 10_000; kind++) told.tell(`kind${kind}`, START);
    expect(told.tell('kind0', START)).toBe(0);
    expect(told.tell('kind10000', START)).toBeNull();
  });
});
