import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { z } from 'zod';
import { crm, ledger, parties, tokenLife, unknownScope, type Party, type ServerUnderTest } from './server-under-test.js';
import { askWithProof, boundTo } from './proof-of-possession.js';
import { aboutWholeLife, brief, briefly, startWorld, tooLong, wrongSecret, type Agent, type World } from './world.js';

const START = 300_000;
const [first] = parties;

/**
 * What holds of Corridor with any authorization server behind it. Each statement runs against a real one, with agents that know
 * nothing but OAuth. `also` are statements about this server alone, with parties of their own.
 */
export function contract(
  kind: ServerUnderTest,
  also: { readonly parties: readonly Party[]; readonly statements: (world: () => World) => void } = { parties: [], statements: () => {} },
): void {
  describe(kind.name, () => {
    let world: World;
    let stop: (() => Promise<void>) | null = null;
    beforeAll(async () => {
      world = await startWorld(kind, also.parties);
      stop = () => world.stop();
    }, START);
    afterAll(() => stop?.());

    for (const party of parties) {
      const why = kind.notOffered[party.id];
      const title = `gives a token by ${party.id}: what is asked is granted, recorded, and taken by the resource server (A13, A19, A44)`;
      if (why === undefined) it(title, () => givesToken(world, party));
      else it.skip(`${party.id} is not offered by ${kind.name}: ${why}`, () => {});
    }
    it('gives a narrower token when less is asked', () => narrower(world));
    it(`has a scope that it does not know ${kind.unknownScope}, and nothing is said to be granted that is not (A55, A56)`, () =>
      unknown(world, kind));
    it('is not asked for what the policy does not grant (B43)', () => overBroad(world));
    it('gives a token that is used no longer than the policy says; both ends are recorded (A53, B60)', () => capped(world));
    it('gives a token that lives longer than its client’s may: refused, and withdrawn', () => refusedForItsLife(world, kind));
    it(`knows for whom a token is ${kind.tellsAudience}, by each method, where the resource insists on it (A44, A89, A92)`, () =>
      audiences(world, kind));
    it('sees each token revoked when its run ends, whichever way its client authenticates (A88, A89)', async () => {
      await Promise.all(parties.filter(({ id }) => kind.notOffered[id] === undefined).map((party) => revokedAtTheEnd(world, party)));
    });
    it(`${kind.revokesJwts ? 'revokes a JWT too' : 'cannot revoke a JWT, and the record says so'} (A91)`, () => jwtAtTheEnd(world, kind));
    it('refuses a wrong secret: our fault, a clear one, and never the agent’s (A63)', () => refusesWrongSecret(world));
    it(`binds a token to the key of a proof${kind.wantsNonce ? ', once it got its nonce,' : ''} and gives none without (A32, A33)`, () =>
      bindsToProof(world, kind));
    also.statements(() => world);
    it(
      'can be killed and come back: what is cached is served, the rest waits, what was owed is revoked (A63, B66)',
      () => killed(world),
      START,
    );
  });
}

async function givesToken(world: World, party: Party): Promise<void> {
  const agent = await world.startAgent(party);
  const tokens = await agent.ask('crm:read crm:write', crm);
  expect({ type: tokens.token_type, scope: tokens.scope }).toEqual({ type: 'bearer', scope: 'crm:read crm:write' });
  expect(await accepted(world, tokens.access_token, crm)).toEqual(['crm:read', 'crm:write']);
  const [released] = (await agent.entries()).filter(({ id }) => id === tokens['attribution']);
  expect(released).toMatchObject({
    type: 'token.released',
    run: agent.run,
    workflow: party.id,
    issuer: world.server.issuer,
    client_id: party.id,
    method: party.method,
    scope: { requested: ['crm:read', 'crm:write'], decided: ['crm:read', 'crm:write'], granted: ['crm:read', 'crm:write'] },
    audience: [crm],
    token: { sha256: sha256(tokens.access_token) },
  });
}

async function narrower(world: World): Promise<void> {
  const agent = await world.startAgent(one());
  const broad = await agent.ask('crm:read crm:write', crm);
  const narrow = await agent.ask('crm:read', crm);
  expect(narrow.access_token).not.toBe(broad.access_token);
  expect([narrow.scope, await accepted(world, narrow.access_token, crm)]).toEqual(['crm:read', ['crm:read']]);
  const elsewhere = await agent.ask('ledger:read', ledger);
  expect(await world.server.introspect(elsewhere.access_token, ledger)).toMatchObject({ active: true, scope: 'ledger:read' });
}

async function unknown(world: World, kind: ServerUnderTest): Promise<void> {
  const agent = await world.startAgent(one());
  if (kind.unknownScope === 'left out') {
    const tokens = await agent.ask(`crm:read ${unknownScope}`, crm);
    expect([tokens.scope, await accepted(world, tokens.access_token, crm)]).toEqual(['crm:read', ['crm:read']]);
  } else {
    expect(await agent.refused(`crm:read ${unknownScope}`, crm)).toMatchObject({ status: 502 });
    expect(await faults(agent)).toEqual(['scope_rejected']);
  }
  // alone, it is left out without a word: neither the answer nor the token names a scope
  expect(await (await world.startAgent(one())).refused(unknownScope, crm)).toMatchObject({ status: 502 });
}

async function overBroad(world: World): Promise<void> {
  const agent = await world.startAgent(one());
  const refused = await agent.refused('crm:read crm:erase', crm);
  expect(refused).toMatchObject({ status: 400, body: { error: 'access_denied' } });
  expect((await agent.entries()).map(({ type }) => type)).toEqual(['run.started', 'token.denied']);
}

async function capped(world: World): Promise<void> {
  const agent = await world.startAgent(briefly);
  const asked = Date.now();
  const tokens = await agent.ask('crm:read', crm);
  expect(tokens.expires_in).toBeLessThanOrEqual(brief);
  expect(tokens.expires_in).toBeGreaterThan(brief - 10);
  const [released] = (await agent.entries()).filter(({ type }) => type === 'token.released');
  const { token } = z.object({ token: z.object({ expires_at: z.string(), served_until: z.string() }) }).parse(released);
  const [soonest, latest] = aboutWholeLife(asked);
  expect(Date.parse(token.expires_at)).toBeGreaterThan(soonest);
  expect(Date.parse(token.expires_at)).toBeLessThan(latest);
  const aSecond = 1_000; // its clock is the database's
  expect(Date.parse(token.served_until)).toBeLessThanOrEqual(Date.now() + brief * 1000 + aSecond);
}

async function refusedForItsLife(world: World, kind: ServerUnderTest): Promise<void> {
  const agent = await world.startAgent(tooLong);
  expect(await agent.refused('crm:read', crm)).toMatchObject({ status: 502 });
  expect(await faults(agent)).toEqual(['lifetime_unusable']);
  const end = kind.revokesJwts ? 'token.revoked' : 'token.exposed';
  await until(async () => (await agent.entries()).some(({ type }) => type === end), 20);
}

async function audiences(world: World, kind: ServerUnderTest): Promise<void> {
  for (const party of parties.filter(({ id }) => kind.notOffered[id] === undefined)) {
    const agent = await world.startAgent(party);
    const { access_token: token } = await agent.ask('ledger:read', ledger);
    const isReadable = token.split('.').length === 3;
    expect(isReadable).toBe(kind.tellsAudience === 'by the token itself');
    expect((await agent.entries()).filter(({ type }) => type === 'token.released')).toMatchObject([{ audience: [ledger] }]);
  }
}

async function revokedAtTheEnd(world: World, party: Party): Promise<void> {
  const agent = await world.startAgent(party);
  const { access_token: token } = await agent.ask('ledger:read', ledger);
  expect(await world.server.introspect(token, ledger)).toMatchObject({ active: true, aud: ledger });
  await agent.endRun();
  await until(async () => (await world.server.introspect(token, ledger))['active'] === false, 20);
  await until(async () => (await world.traced(token))['revocation'] === 'revoked', 20);
  expect((await agent.entries()).map(({ type }) => type)).toContain('token.revoked');
}

async function jwtAtTheEnd(world: World, kind: ServerUnderTest): Promise<void> {
  const agent = await world.startAgent(one());
  const { access_token: token } = await agent.ask('crm:read', crm);
  await agent.endRun();
  await until(async () => (await world.traced(token))['revocation'] === (kind.revokesJwts ? 'revoked' : 'unsupported'), 20);
  if (kind.revokesJwts) expect(await world.server.introspect(token, crm)).toMatchObject({ active: false });
  // whoever reads it by its signature alone takes it until it expires: so says the record
  expect(await accepted(world, token, crm)).toEqual(['crm:read']);
}

async function refusesWrongSecret(world: World): Promise<void> {
  const agent = await world.startAgent(wrongSecret);
  expect(await agent.refused('crm:read', crm)).toMatchObject({ status: 503, retryAfter: expect.stringMatching(/^\d+$/) });
  expect(await faults(agent)).toEqual(['client_refused']);
  expect(world.corridor.output()).toMatch(new RegExp(`client ${wrongSecret.id}, resource crm: client_refused`));
}

async function bindsToProof(world: World, kind: ServerUnderTest): Promise<void> {
  const { requests, withProof, withoutProof, thumbprint } = await askWithProof(world);
  expect(withProof).toMatchObject({ kind: 'token', token: { type: 'DPoP', binding: 'dpop', audience: [crm] } });
  expect(boundTo(withProof)).toMatchObject({ jkt: thumbprint });
  expect(requests).toBe(kind.wantsNonce ? 2 : 1);
  expect(withoutProof.kind).toBe('failed');
}

async function killed(world: World): Promise<void> {
  const start = () => world.startAgent(one());
  const [agent, other, leaving, gone] = [await start(), await start(), await start(), await start()];
  const { access_token: revoked } = await gone.ask('ledger:read', ledger);
  await gone.endRun();
  await until(async () => (await world.traced(revoked))['revocation'] === 'revoked', 20);
  const { access_token: cached } = await agent.ask('crm:read', crm);
  const { access_token: owed } = await leaving.ask('ledger:read', ledger);
  await world.server.kill();
  expect((await agent.ask('crm:read', crm)).access_token).toBe(cached);
  expect(await other.refused('crm:read', crm)).toMatchObject({ status: 503, retryAfter: expect.stringMatching(/^\d+$/) });
  await leaving.endRun();
  await wait(1_500); // an attempt at least
  expect((await world.traced(owed))['revocation']).not.toBe('revoked');

  await world.server.startAgain();
  await until(async () => {
    const refused = await other.refused('crm:read', crm).catch(() => null);
    if (refused !== null) expect(refused.status).toBe(503);
    return refused === null;
  }, 150);
  const { access_token: fresh } = await other.ask('crm:read', crm);
  expect(await accepted(world, fresh, crm)).toEqual(['crm:read']);
  await until(async () => (await world.traced(owed))['revocation'] === 'revoked', 150);
  const states = await Promise.all([owed, revoked].map(async (token) => (await world.server.introspect(token, ledger))['active']));
  expect(states).toEqual([false, false]);
}

/** The scope that a resource server finds in a JWT which it verifies by the keys that the server publishes at this moment. */
async function accepted({ server: { issuer }, trusting }: World, token: string, audience: string): Promise<readonly string[]> {
  const metadata = z.object({ jwks_uri: z.string() }).parse(await trusting.get(`${issuer}/.well-known/openid-configuration`));
  const keys = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) }).parse(await trusting.get(metadata.jwks_uri));
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys), { issuer, audience, requiredClaims: ['exp', 'scope'] });
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(tokenLife);
  return z.string().parse(payload['scope']).split(' ').toSorted();
}

async function faults(agent: Agent): Promise<readonly string[]> {
  return (await agent.entries()).flatMap(({ fault }) => fault ?? []);
}

function one(): Party {
  if (first === undefined) throw new Error('there are no parties');
  return first;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Waits so many seconds at most. */
async function until(holds: () => Promise<boolean>, seconds: number): Promise<void> {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; await wait(200)) if (await holds()) return;
  throw new Error(`it did not come about within ${seconds} s`);
}
