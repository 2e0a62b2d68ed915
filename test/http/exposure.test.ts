import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { until } from '../rig/command-line.js';
import { crm, startWorld, type RunBySecret, type World } from '../interop/world.js';

const listed = z.object({
  at: z.string(),
  tokens: z.array(z.looseObject({ issuance: z.string(), run: z.string() })),
  next: z.string().nullable(),
});

let world: World;
let run: RunBySecret;
beforeAll(async () => {
  world = await startWorld();
  run = await world.startRun({ operator: 'ada@example.com', agent: { name: 'lister' } });
  for (let release = 0; release < 3; release++) await token(run);
}, 60_000);
afterAll(() => world.stop());

async function token(of: RunBySecret): Promise<void> {
  const response = await fetch(`${world.corridor.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${of.id}:${of.secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: crm }),
  });
  expect(response.status).toBe(200);
}

async function exposed(filter: string) {
  return listed.parse((await world.corridor.api('GET', `/v1/exposure${filter}`)).body);
}

describe('exposure', () => {
  it('tells of a token what it can still do, and how it could be stopped', async () => {
    expect(await exposed(`?run=${run.id}`)).toEqual({
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      tokens: [
        {
          issuance: expect.stringMatching(/^iss/),
          state: 'issued',
          run: run.id,
          workflow: 'nightly-index',
          owner: 'search-team@example.com',
          client: 'indexer',
          resource: 'crm',
          authorization_server: 'upstream',
          isolation: 'run',
          expires_at: expect.any(String),
          revocation: null,
          revocable: true,
          binding: 'none',
          audience: [crm],
          released: 3,
        },
      ],
      next: null,
    });
  });

  it.each([
    ['workflow=nightly-index'],
    ['owner=search-team@example.com'],
    ['operator=ada@example.com'],
    ['agent=lister'],
    ['purpose=search-indexing'],
    ['resource=crm'],
    ['client=indexer'],
    ['runtime=ci'],
    ['authorization_server=upstream'],
    [''],
  ])('is found by %s', async (filter) => {
    expect((await exposed(`?${filter}`)).tokens).toMatchObject([{ run: run.id }]);
  });

  it('goes on after the place that a cursor names', async () => {
    const [token] = (await exposed('')).tokens;
    const ends = Date.parse(String(token?.['expires_at']));
    expect((await exposed(`?run=${run.id}&cursor=${ends + 1}.iss01`)).tokens).toEqual([token]);
    expect((await exposed(`?cursor=${ends}.iss01`)).tokens).toEqual([token]);
    expect(await exposed(`?run=${run.id}&cursor=${ends}.${token?.issuance ?? ''}`)).toMatchObject({ tokens: [], next: null });
  });

  it.each([['runtime=local'], ['resource=billing'], ['agent=another']])('is none by %s', async (filter) => {
    expect(await exposed(`?${filter}`)).toMatchObject({ tokens: [], next: null });
  });

  it.each([
    ['workflow=nigthly', 404, 'target_unknown'],
    ['operator=nobody', 404, 'target_unknown'],
    ['run=run01nobody', 404, 'target_unknown'],
    ['planet=mars', 400, 'malformed'],
    ['cursor=iss01', 400, 'malformed'],
    ['cursor=x.iss01', 400, 'malformed'],
    ['workflow=nightly-index&resource=crm', 400, 'malformed'],
    ['workflow=', 400, 'malformed'],
  ])('takes no %s for nothing exposed', async (filter, status, code) => {
    expect(await world.corridor.api('GET', `/v1/exposure?${filter}`)).toMatchObject({ status, body: { code } });
  });

  it('shows what is being taken back for as long as it lives, and believes the server when it says that it cannot', async () => {
    const other = await world.startRun();
    await token(other);
    await world.endRun(other.id);
    const tokens = async () => (await exposed(`?run=${other.id}`)).tokens;
    await until(async () => (await tokens())[0]?.['revocation'] === 'unsupported');
    expect(await tokens()).toMatchObject([{ run: other.id, revocation: 'unsupported', revocable: false }]);
  }, 60_000);
});
