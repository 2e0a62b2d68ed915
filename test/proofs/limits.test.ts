import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { RunBySecret } from '../interop/world.js';
import { earlyInMinute } from '../rig/calendar-minute.js';
import { basic, crm, startGivenTokensWorld, type Answer, type GivenTokensWorld } from '../http/given-tokens-world.js';

let world: GivenTokensWorld;
beforeAll(async () => {
  world = await startGivenTokensWorld({
    workflows: {
      'each-run': 'max_run_requests_per_minute: 5',
      'all-runs': 'max_requests_per_minute: 6',
      flooding: 'max_run_requests_per_minute: 2',
      drilled: 'max_run_requests_per_minute: 3, max_requests_per_minute: 4', // the start of a run is one of the four
    },
    runtimes: { small: 'max_requests_per_minute: 7', starting: 'max_requests_per_minute: 3' },
  });
}, 60_000);
afterAll(() => world.stop());

const ask = (run: RunBySecret): Promise<Answer> => world.ask('token', { grant_type: 'client_credentials', resource: crm }, basic(run));

/** The statuses of so many requests, one after the other. */
async function statuses(run: RunBySecret, times: number): Promise<readonly number[]> {
  const seen: number[] = [];
  for (let time = 0; time < times; time++) seen.push((await ask(run)).status);
  return seen;
}

const ok = (times: number): readonly number[] => Array<number>(times).fill(200);

const refusals = z.object({
  entries: z.array(z.looseObject({ id: z.string(), run: z.string(), suppressed: z.int().optional() })),
});

async function refusalsOf(run: string): Promise<z.infer<typeof refusals>['entries']> {
  return refusals.parse((await world.corridor.api('GET', `/v1/entries?type=token.refused&run=${run}`)).body).entries;
}

describe('the limits of token requests', () => {
  it('hold for each run of a workflow, and say how long to wait (B66)', async () => {
    await earlyInMinute();
    const [run, other] = [await world.startRun({ workflow: 'each-run' }), await world.startRun({ workflow: 'each-run' })];
    expect(await statuses(run, 5)).toEqual(ok(5));
    const { status, headers, body } = await ask(run);
    expect({ status, cache: headers.get('cache-control') }).toEqual({ status: 429, cache: 'no-store' });
    expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(body).toEqual({
      error: 'slow_down',
      error_description: 'more token requests than this run may make in a minute',
      decision: expect.stringMatching(/^dec/),
      reasons: [{ code: 'rate_limited', limit: 'run', per_minute: 5 }],
      attribution: expect.stringMatching(/^ent/),
    });
    expect(await statuses(other, 5)).toEqual(ok(5));
  });

  it('do not hold for a drill, which takes nothing of them from the runs of its workflow', async () => {
    await earlyInMinute();
    const { body } = await world.corridor.api('POST', '/v1/drills', { workflow: 'drilled' });
    const { run: id, client_secret: secret } = z.object({ run: z.string(), client_secret: z.string() }).parse(body);
    expect(await statuses({ id, secret }, 8)).toEqual(Array<number>(8).fill(400));
    expect(await statuses(await world.startRun({ workflow: 'drilled' }), 4)).toEqual([...ok(3), 429]);
  });

  it('hold for all runs of a workflow together, and no other workflow', async () => {
    await earlyInMinute();
    const [one, other, elsewhere] = [
      await world.startRun({ workflow: 'all-runs' }),
      await world.startRun({ workflow: 'all-runs' }),
      await world.startRun(),
    ];
    // their starts count too
    expect([...(await statuses(one, 2)), ...(await statuses(other, 2))]).toEqual(ok(4));
    for (const run of [one, other]) {
      expect(await ask(run)).toMatchObject({
        status: 429,
        body: { error: 'slow_down', reasons: [{ code: 'rate_limited', limit: 'workflow', per_minute: 6 }] },
      });
    }
    expect((await ask(elsewhere)).status).toBe(200);
  });

  it('hold for all runs that a runtime started, and no other runtime', async () => {
    await earlyInMinute();
    const [one, other] = [await world.startRun({ runtime: 'small' }), await world.startRun({ runtime: 'small', workflow: 'each-run' })];
    expect([...(await statuses(one, 3)), ...(await statuses(other, 2))]).toEqual(ok(5));
    expect(await ask(one)).toMatchObject({ status: 429, body: { reasons: [{ code: 'rate_limited', limit: 'runtime', per_minute: 7 }] } });
    expect((await ask(await world.startRun())).status).toBe(200);
  });

  it('hold for starts, before anything is started', async () => {
    await earlyInMinute();
    const { key } = z
      .looseObject({ key: z.string() })
      .parse((await world.corridor.api('POST', '/v1/keys', { name: 'starting', roles: ['runtime'], runtime: 'starting' })).body);
    const start = (): Promise<Response> =>
      fetch(`${world.corridor.url}/v1/runs`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ workflow: 'nightly-index', purpose: 'search-indexing' }),
      });
    const entries = async (): Promise<unknown> => (await world.corridor.api('GET', '/v1/entries?type=run.started&limit=1')).body;
    const started = await Promise.all(Array.from({ length: 3 }, start));
    expect(started.map(({ status }) => status)).toEqual([201, 201, 201]);
    const before = await entries();
    const over = await start();
    expect([over.status, over.headers.get('content-type')]).toEqual([429, expect.stringMatching(/^application\/problem\+json/)]);
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await over.json()).toMatchObject({
      status: 429,
      code: 'slow_down',
      detail: 'more starts and token requests than this runtime may make in a minute',
    });
    expect(await entries()).toEqual(before);
  });

  it('stop a run that ran away where the catalogue says nothing', async () => {
    const run = await world.startRun();
    const seen = new Map<number, number>();
    for (let round = 0; round < 20; round++) {
      for (const { status } of await Promise.all(Array.from({ length: 40 }, () => ask(run)))) seen.set(status, (seen.get(status) ?? 0) + 1);
    }
    expect([...seen.keys()].sort()).toEqual([200, 429]);
    // 600 and what falls out of the minute meanwhile
    expect(seen.get(200)).toBeGreaterThanOrEqual(600);
    expect(seen.get(429)).toBeGreaterThan(50);
  });

  it('record what they refuse, but make no flood of a flood', async () => {
    await earlyInMinute();
    const run = await world.startRun({ workflow: 'flooding' });
    await statuses(run, 2);
    const first = await ask(run);
    for (let time = 0; time < 30; time++) expect((await ask(run)).body).not.toHaveProperty('attribution');
    const recorded = await refusalsOf(run.id);
    expect(recorded).toHaveLength(1);
    expect(recorded).toMatchObject([
      {
        id: z.looseObject({ attribution: z.string() }).parse(first.body).attribution,
        type: 'token.refused',
        run: run.id,
        workflow: 'flooding',
        suppressed: 0,
        decision: { by: 'guardrail', allow: false, reasons: [{ code: 'rate_limited', limit: 'run', per_minute: 2 }] },
      },
    ]);
    await new Promise((resolve) => setTimeout(resolve, 10_200));
    for (let time = 0; time < 5; time++) await ask(run);
    const later = await refusalsOf(run.id);
    expect(later).toHaveLength(2);
    expect(later.map(({ suppressed }) => suppressed)).toContain(30);
  }, 60_000);

  it('are no matter of failed authentication, which is throttled per address whoever it claims to be (B21)', async () => {
    const run = await world.startRun();
    const guess = (attempt: number): Promise<Answer> =>
      world.ask('token', { grant_type: 'client_credentials', resource: crm }, basic({ id: `run01nobody${attempt}`, secret: 'wrong' }));
    let throttled: Answer | undefined;
    let failed = 0;
    while (throttled === undefined && failed < 1_100) {
      const answers = await Promise.all(Array.from({ length: 50 }, (_, each) => guess(failed + each)));
      throttled = answers.find(({ status }) => status !== 401);
      failed += answers.filter(({ status }) => status === 401).length;
    }
    expect(failed).toBeGreaterThanOrEqual(1_000);
    expect(throttled).toMatchObject({ status: 429, body: { error: 'slow_down' } });
    expect(Number(throttled?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await ask(run)).status).toBe(200);
  }, 60_000);

  it('are refused by the catalogue when they are no numbers', async () => {
    const source =
      'version: 1\npurposes:\n  p: { description: x }\nworkflows:\n  w: { owner: o, purposes: [p], max_run_ttl: 1h, max_requests_per_minute: ';
    for (const wrong of ['0', '-1', '1.5', '"60"', 'many', '100000000']) {
      const { status, body } = await world.corridor.api('POST', '/v1/apply', { source: `${source}${wrong} }\n`, dry_run: true });
      expect({ wrong, status }).toEqual({ wrong, status: 400 });
      expect(JSON.stringify(body)).toContain('must be a whole number from 1 to 10000000');
    }
    const right = await world.corridor.api('POST', '/v1/apply', { source: `${source}60 }\n`, dry_run: true });
    expect(JSON.stringify(right.body)).toContain('max_requests_per_minute');
  });
});
