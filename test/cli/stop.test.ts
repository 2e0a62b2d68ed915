import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { crm, startWorld, type RunBySecret, type World } from '../interop/world.js';
import { corridorCommand } from '../rig/command-line.js';

let world: World;
let env: Record<string, string>;
let run: RunBySecret;
beforeAll(async () => {
  world = await startWorld();
  env = { CORRIDOR_URL: world.corridor.url, CORRIDOR_KEY: world.corridor.adminKey };
  run = await world.startRun({ operator: 'ada@example.com' });
  const response = await fetch(`${world.corridor.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${run.id}:${run.secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: crm }),
  });
  expect(response.status).toBe(200);
}, 60_000);
afterAll(() => world.stop());

const corridor = (...args: string[]) => corridorCommand(args, env);

describe('corridor exposure', () => {
  it('prints a table and a line that sums it up, or nothing but JSON', async () => {
    const printed = await corridor('exposure', '--operator', 'ada@example.com');
    expect(printed).toMatchObject({ code: 0, err: '' });
    const [heads, row, sum] = printed.out.trim().split('\n');
    expect(heads).toMatch(/^issuance +run +workflow +client +resource +until/);
    expect(row).toMatch(new RegExp(`^iss\\w+ +${run.id} +nightly-index +indexer +crm +\\S+ +revocable, bearer, released 1 times$`));
    expect(sum).toMatch(/^1 live at \S+\. The last lives until \S+\.$/);
    const { out } = await corridor('exposure', '--authorization-server', 'upstream', '--json');
    expect(JSON.parse(out)).toMatchObject({ tokens: [{ run: run.id, binding: 'none' }], more: false });
    expect((await corridor('exposure', '--runtime', 'local')).out).toMatch(/^No token is live at/);
  });

  it('says what is wrong', async () => {
    expect(await corridor('exposure', '--run', 'x', '--client', 'y')).toMatchObject({
      code: 1,
      err: expect.stringContaining('at most one'),
    });
    expect(await corridor('exposure', '--client', 'y')).toMatchObject({ code: 1, err: expect.stringContaining('there is no client') });
  });
});

describe('corridor suspend and suspensions', () => {
  it('tell when it took hold, what was live, and what became of it', async () => {
    const raised = await corridor('suspend', 'operator', 'ada@example.com', '--reason', 'a drill', '--json');
    const { id, exposure } = z
      .looseObject({ id: z.string(), raised_at: z.string(), epoch: z.string(), exposure: z.array(z.looseObject({ run: z.string() })) })
      .parse(JSON.parse(raised.out));
    expect(exposure).toMatchObject([{ run: run.id }]);
    expect((await corridor('suspensions')).out).toMatch(
      new RegExp(`${id} +operator +sha256:[0-9a-f]{64} +raised at \\S+ by admin +a drill`),
    );
    const followed = async () => (await corridor('suspensions', id)).out;
    for (let look = 0; look < 20 && (await followed()).includes('1 pending'); look++);
    expect(await followed()).toMatch(/1 live when it took hold: 0 revoked, 0 pending, 1 not revocable, 0 expired, 0 never issued\./);
    expect(await followed()).toMatch(/The last that may still work lives until \S+\.\niss\w+ .*not revocable, lives until/);
    await corridor('resume', id);
    expect((await corridor('suspensions')).out.trim()).toBe('Nothing is stopped.');
    expect((await corridor('suspensions', '--all')).out).toMatch(new RegExp(`${id} .* lifted at \\S+ by admin`));
    const told = await corridor('suspend', 'runtime', 'ci', '--reason', 'a drill');
    expect(told.out).toMatch(/runtime ci stopped at \S+, epoch inc\w+:\d+\. It covers 1 active runs\.\n1 live when it took hold/);
    expect((await corridor('suspensions', 'sus01nobody')).code).toBe(1);
    await corridor('resume', /^(sus\w+):/.exec(told.out)?.[1] ?? '');
  });
});
