import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from '@jest/globals';
import { startRedis, type TestRedis } from '../../rig/redis.js';
import { sameKeys, until, viewOf } from './views.js';

const found = await startRedis();
afterAll(async () => found?.stop());

// it is said aloud why there is none
(found === null ? describe.skip : describe)('nudges that nobody hears', () => {
  const redis = found as TestRedis;

  it('are few, however long no worker is there, and wake the one that comes', async () => {
    const keys = sameKeys();
    const [api, worker] = [await viewOf(redis.url, keys), await viewOf(redis.url, keys)];
    const client = redis.connect();
    const jobs = async (): Promise<number> =>
      (await client.keys('corridor:*:revocations:*')).filter((key) => /:revocations:(\d+|soon-[^:]+|due-[^:]+)$/.test(key)).length;
    for (const end = performance.now() + 3_000; performance.now() < end; await delay(10)) api.notice.workLeft('revocations');
    expect(await jobs()).toBeGreaterThan(5);
    expect(await jobs()).toBeLessThanOrEqual(20);
    api.notice.workLeft('revocations', 5 * 3_600_000);
    await delay(100);
    expect(await client.keys('corridor:*:revocations:delayed')).toEqual([]);
    let woken = 0;
    worker.notice.onWork('revocations', () => woken++);
    await until(async () => (await jobs()) === 0);
    expect(woken).toBeGreaterThan(5);
    await Promise.all([api.close(), worker.close()]);
  }, 30_000);
});
