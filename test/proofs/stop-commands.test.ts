import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
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
    expect(JSON.parse(out)).toMatchObject({ tokens: [{ run: run.id, binding: 'none' }], next: null });
    expect((await corridor('exposure', '--runtime', 'local')).out).toMatch(/^No token is live at/);
  });

  it('tells of each token what it is bound to', async () => {
    const token = {
      ...{ issuance: 'iss01', state: 'issued', run: 'run01', workflow: 'w', client: 'c', resource: 'r', revocation: null },
      revocable: true,
    };
    const tokens = ['none', 'dpop', 'mtls', 'unverified', null].map((binding) => ({
      ...token,
      ...{ binding, expires_at: '2026-03-03T14:05:00.000Z', audience: ['r'], released: 0 },
    }));
    const api = await answering(200, { at: '2026-03-03T13:05:00.000Z', tokens, next: null });
    const { out } = await corridorCommand(['exposure'], { ...env, CORRIDOR_URL: api.url });
    api.close();
    const told = out.split('\n').flatMap((line) => /revocable, (.*never released)/.exec(line)?.[1] ?? []);
    expect(told).toEqual([
      'bearer, never released',
      'bound to a key (DPoP), never released',
      'bound to a certificate (mTLS), never released',
      'binding unverified, never released',
      'never released',
    ]);
  });

  it('says what is wrong', async () => {
    expect(await corridor('exposure', '--run', 'x', '--client', 'y')).toMatchObject({
      code: 2,
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
  }, 90_000);
});

/** What gives the same answer to everything. */
async function answering(status: number, body: unknown): Promise<{ url: string; close(): void }> {
  const server = createServer((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${z.object({ port: z.number() }).parse(server.address()).port}`, close: () => void server.close() };
}

describe('corridor suspend --drill', () => {
  const figures = z.looseObject({
    run: z.string(),
    workflow: z.literal('nightly-index'),
    acknowledged_ms: z.number().positive(),
    replicas: z.array(z.strictObject({ url: z.string(), refused_ms: z.number().positive().nullable(), let_through: z.number() })),
    entry: z.string(),
  });

  it('measures, records and leaves nothing behind', async () => {
    const drilled = await corridor('suspend', '--drill', '--json');
    expect(drilled).toMatchObject({ code: 0, err: '' });
    const measured = figures.parse(JSON.parse(drilled.out));
    expect(measured.replicas).toMatchObject([{ url: world.corridor.url, refused_ms: expect.any(Number), let_through: 0 }]);
    expect(await world.entry(measured.entry)).toMatchObject({ type: 'suspension.drilled', replicas: measured.replicas });
    expect((await corridor('suspensions')).out.trim()).toBe('Nothing is stopped.');
    expect((await corridor('exposure', '--run', measured.run)).out).toContain('No token is live');
    expect((await corridor('suspend', '--drill', '--workflow', 'nightly-index')).out).toMatch(
      /acknowledged after [\d.]+ ms\.\nhttp\S+ +first refusal after [\d.]+ ms +nothing let through\nMeasured at 1 replica\.\nRecorded as ent/,
    );
  });

  it('fails, and records it, when one replica lets requests through', async () => {
    // a replica that knows nothing of any suspension
    const deaf = await answering(400, { error: 'invalid_target' });
    const drilled = await corridor('suspend', '--drill', '--replica', world.corridor.url, '--replica', `${deaf.url}/`, '--json');
    deaf.close();
    expect(drilled).toMatchObject({ code: 1, err: expect.stringContaining(`did not hold at ${deaf.url}.`) });
    const measured = figures.parse(JSON.parse(drilled.out));
    expect(measured.replicas).toEqual([
      { url: world.corridor.url, refused_ms: expect.any(Number), let_through: 0 },
      { url: deaf.url, refused_ms: null, let_through: 3 },
    ]);
    expect(await world.entry(measured.entry)).toMatchObject({ type: 'suspension.drilled', replicas: measured.replicas });
  });

  it('does not begin where there is nothing to measure', async () => {
    expect(await corridor('suspend', '--drill', '--replica', 'http://127.0.0.1:9')).toMatchObject({
      code: 1,
      err: expect.stringContaining('does not answer the run of the drill'),
    });
    expect((await corridor('suspend', '--drill', '--replica', 'nowhere')).code).toBe(2);
    expect((await corridor('suspend', '--drill', 'everything')).err).toContain('a run of its own and nothing else');
    expect((await corridor('suspend')).err).toContain('say what to stop');
    expect((await corridor('suspend', 'everything')).err).toContain('say why with --reason');
    const stopped = await corridor('suspend', 'everything', '--reason', 'a test', '--json');
    expect((await corridor('suspend', '--drill')).err).toContain('stopped already');
    await corridor('resume', z.looseObject({ id: z.string() }).parse(JSON.parse(stopped.out)).id);
  });
});
