import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { corridorCommand, until } from '../rig/command-line.js';
import { reset } from '../rig/hostile-authorization-server.js';
import { crm, startWorld, type RunBySecret, type World } from '../interop/world.js';
import { issue, TokenDoor } from './token-door.js';

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

describe('exposure of what may be revoked', () => {
  let door: TokenDoor;
  let source: string;
  beforeAll(async () => {
    door = await TokenDoor.open();
    source = await readFile(door.corridor.configFile, 'utf8');
  }, 60_000);
  afterAll(() => door.close());
  afterEach(() => apply(source));

  async function apply(text: string): Promise<void> {
    expect((await door.corridor.api('POST', '/v1/apply', { source: text })).status).toBe(200);
  }

  async function tokens(filter: string) {
    return listed.parse((await door.corridor.api('GET', `/v1/exposure?${filter}`)).body).tokens;
  }

  /** What the follow-up of a suspension says of what the run had. */
  async function stop(run: string): Promise<() => Promise<unknown>> {
    const { body } = await door.corridor.api('POST', '/v1/suspensions', { kind: 'run', id: run, reason: 'a drill' });
    const { id } = z.object({ id: z.string() }).parse(body);
    const followed = z.object({ exposure: z.array(z.looseObject({})) });
    return async () => followed.parse((await door.corridor.api('GET', `/v1/suspensions/${id}`)).body).exposure;
  }

  const without = (text: string, more = ''): string =>
    text.replace('profile: standard', `profile: { name: standard, revokes_tokens: false }${more}`);
  it.each([
    ['where the profile says that the server revokes nothing, though it publishes where', (text: string) => without(text)],
    [
      'where the profile says that the server revokes nothing, though it is declared where',
      (text: string) => without(text, `, revocation_endpoint: "${door.server.revocationEndpoint}"`),
    ],
    ['whose client has left the catalogue', (text: string) => text.replace('  indexer: {', '  successor: {')],
    ['whose server has left the catalogue', (text: string) => text.replaceAll('upstream', 'successor')],
  ])(
    'calls none revocable %s, and a stop finds the same',
    async (_, change) => {
      const run = await door.startRun();
      const ofRun = () => tokens(`run=${run.id}`);
      expect((await door.ask(run)).status).toBe(200);
      expect(await ofRun()).toMatchObject([{ state: 'issued', revocation: null, revocable: true }]);
      await apply(change(source));
      expect(await ofRun()).toMatchObject([{ state: 'issued', revocation: null, revocable: false }]);
      const asked = door.server.requestsAt('/revoke').length;
      const followed = await stop(run.id);
      await until(async () => (await ofRun())[0]?.['revocation'] === 'unsupported');
      expect(await ofRun()).toMatchObject([{ revocable: false }]);
      expect(await followed()).toMatchObject([{ revocation: 'unsupported' }]);
      expect(door.server.requestsAt('/revoke')).toHaveLength(asked);
    },
    60_000,
  );

  it('lists a renewal that nobody was given yet', async () => {
    door.server.at('/token', issue({ expires_in: 8 }));
    const run = await door.startRun();
    for (let release = 0; release < 2; release++) expect((await door.ask(run)).status).toBe(200);
    const [first] = await tokens(`run=${run.id}`);
    door.server.at('/token', issue());
    const renewals = async (filter = `run=${run.id}`) =>
      (await tokens(filter)).filter((token) => token.run === run.id && token['state'] === 'issued' && token.issuance !== first?.issuance);
    await until(async () => (await renewals()).length > 0);
    for (const filter of [`run=${run.id}`, 'owner=search-team@example.com', ''])
      expect(await renewals(filter)).toMatchObject([{ owner: 'search-team@example.com', released: 0, revocation: null, revocable: true }]);
    const [renewal] = await renewals();
    const intent = (await door.entriesOf(run.id)).find(
      ({ type, issuance }) => type === 'token.requested' && issuance === renewal?.issuance,
    );
    expect(intent).toMatchObject({ cause: 'renewal' });
    expect((await door.ask(run)).status).toBe(200);
    expect(await renewals()).toEqual([{ ...renewal, released: 1 }]);
  }, 60_000);

  it('calls an attempt revocable while its token may come, and not once nobody can have seen it, as a stop does', async () => {
    let haveStopped = (): void => undefined;
    const stopped = new Promise<void>((resolve) => (haveStopped = resolve));
    door.server.at('/token', async (response, request) => {
      await stopped;
      await reset(response, request);
    });
    const run = await door.startRun();
    const before = door.upstreamRequests;
    const asked = door.ask(run);
    await until(() => door.upstreamRequests > before);
    expect(await tokens(`run=${run.id}`)).toMatchObject([{ state: 'open', revocation: null, revocable: true }]);
    haveStopped();
    expect((await asked).status).not.toBe(200);
    await until(async () => (await tokens(`run=${run.id}`))[0]?.['state'] === 'unknown');
    expect(await tokens(`run=${run.id}`)).toMatchObject([{ state: 'unknown', revocation: 'unsupported', revocable: false }]);
    const { out } = await corridorCommand(['exposure', '--run', run.id], {
      CORRIDOR_URL: door.corridor.url,
      CORRIDOR_KEY: door.corridor.adminKey,
    });
    expect(out).toMatch(/ outcome unknown, not revocable, .*\n1 live at \S+ \(1 not revocable, 1 of an open or unknown outcome, /);
    expect(await (await stop(run.id))()).toMatchObject([{ state: 'unknown', revocation: 'unsupported' }]);
  }, 60_000);
});
