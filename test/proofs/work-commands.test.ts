import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ledger, startWorld, type World } from '../interop/world.js';
import { corridorCommand, until } from '../rig/command-line.js';

let world: World;
let env: Record<string, string>;
let run: string;
beforeAll(async () => {
  world = await startWorld();
  env = { CORRIDOR_URL: world.corridor.url, CORRIDOR_KEY: world.corridor.adminKey };
  await world.authorizationServer.outages({ 'POST /token/revocation': 503 });
  const { id, secret } = await world.startRun();
  const response = await fetch(`${world.corridor.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: ledger }),
  });
  expect(response.status).toBe(200);
  run = id;
}, 60_000);
afterAll(() => world.stop());

const corridor = (...args: string[]) => corridorCommand(args, env);
const owed = z.object({
  work: z.array(z.looseObject({ id: z.string(), kind: z.string(), last_error: z.string().nullable() })),
  more: z.boolean(),
});

describe('corridor work', () => {
  it('shows what is owed, lets it be given up and taken up again, and says what came of it', async () => {
    expect(await corridor('work')).toEqual({ code: 0, out: 'Nothing of this is owed.\n', err: '' });
    await world.endRun(run);
    const found = async () =>
      z.object({ work: owed.shape.work }).parse((await world.corridor.api('GET', '/v1/work?kind=revoke')).body).work;
    await until(async () => (await found())[0]?.last_error === 'server_unavailable');
    const { work, more } = owed.parse(JSON.parse((await corridor('work', '--kind', 'revoke', '--json')).out));
    expect([work.length, more]).toEqual([1, false]);
    const id = work[0]?.id ?? '';
    const printed = await corridor('work');
    expect(printed).toMatchObject({ code: 0, err: '' });
    const [heads, row] = printed.out.trim().split('\n');
    expect(heads).toMatch(/^id +kind +of +for +since +attempts +how it stands$/);
    expect(row).toMatch(
      new RegExp(
        `^${id} +revoke +iss\\w+ +indexer +\\S+Z +\\d+ +(due|waiting, next at \\S+), last: server_unavailable, token lives until \\S+Z$`,
      ),
    );

    const given = await corridor('work', 'give-up', id, '--reason', 'the server is gone');
    expect(given).toMatchObject({
      code: 0,
      out: expect.stringMatching(/is given up\. Recorded as ent\w+\.\nTake it up again with: corridor work retry wrk/),
    });
    expect((await corridor('work', '--state', 'given_up')).out).toMatch(/given up at \S+Z, last: server_unavailable, token lives until/);
    expect((await corridor('exposure', '--run', run)).out).toContain('revocation given up');
    expect((await corridor('posture')).out).toMatch(/^warning +work_given_up +client indexer +the revocation of a token was given up/m);
    const suspended = await corridor('suspend', 'workflow', 'nightly-index', '--reason', 'a drill');
    expect(suspended.out).toMatch(
      /0 revoked, 0 pending, 1 given up, 0 not revocable.*\n.*\niss\w+ .* given up, lives until \S+Z \(attempts: \d+, the server: server_unavailable\)/,
    );

    await world.authorizationServer.outages({});
    expect(await corridor('work', 'retry', id, '--json')).toMatchObject({ code: 0, out: expect.stringContaining('"state":"due"') });
    await until(async () => (await found()).length === 0);
    expect((await corridor('entries', '--run', run, '--type', 'work.retried')).out).toMatch(
      new RegExp(`work\\.retried .* ${id} +by admin .*\\(server_unavailable\\)`),
    );
  });

  it('says what is wrong', async () => {
    expect(await corridor('work', 'give-up', 'wrk01nobody')).toMatchObject({ code: 2, err: expect.stringContaining('--reason') });
    expect(await corridor('work', 'retry', 'wrk01nobody')).toMatchObject({
      code: 1,
      err: expect.stringContaining('nothing of this id is owed'),
    });
    expect((await corridor('work', '--kind', 'other')).code).toBe(2);
    expect((await corridor('work', '--limit', '0')).code).toBe(2);
  });
});
