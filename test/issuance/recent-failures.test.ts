import { beforeEach, describe, expect, it } from '@jest/globals';
import { RecentFailures, type Failure } from '../../src/issuance/recent-failures.js';

const down: Failure = { by: 'failed', fault: 'server_unavailable' };
const broader: Failure = { by: 'refused', fault: 'scope_broader' };

let now: number;
let random: number;
let failures: RecentFailures;
beforeEach(() => {
  now = 1_000_000;
  random = 0;
  failures = new RecentFailures({ now: () => now }, { bytes: (length) => new Uint8Array(length).fill(random) });
});

describe('the negative cache', () => {
  it('says of a failure what it was, for a second and no longer', () => {
    expect(failures.note('key', broader, null)).toBe(1);
    expect(failures.holding('key')).toEqual({ ...broader, retryAfter: 1 });
    expect(failures.holding('another key')).toBeNull();
    now += 1_000;
    expect(failures.holding('key')).toBeNull();
  });

  it('holds twice as long after each further failure, up to eight seconds', () => {
    const pauses = Array.from({ length: 6 }, () => failures.note('key', down, null));
    expect(pauses).toEqual([1, 2, 4, 8, 8, 8]);
  });

  it('holds for as long as the server said when that is longer', () => {
    expect(failures.note('key', down, 30)).toBe(30);
    now += 29_500;
    expect(failures.holding('key')).toEqual({ ...down, retryAfter: 1 });
  });

  it('holds up to a quarter longer, so that those who failed together do not come back together (A64)', () => {
    random = 255;
    failures.note('key', down, null);
    now += 1_249;
    expect(failures.holding('key')).toEqual(expect.objectContaining({ retryAfter: 1 }));
    now += 1;
    expect(failures.holding('key')).toBeNull();
  });

  it('begins anew after a success', () => {
    failures.note('key', down, null);
    failures.note('key', down, null);
    failures.forget('key');
    expect([failures.holding('key'), failures.note('key', down, null)]).toEqual([null, 1]);
  });
});
