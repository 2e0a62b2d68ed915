import { beforeEach, describe, expect, it } from '@jest/globals';
import { UpstreamExchangeFailed } from '../../src/upstreams/upstream-http.js';
import { issuer, MemoryWorld } from '../rig/memory-world.js';
import { answer, TruthfulServer } from '../rig/truthful-server.js';

const crm = 'https://crm.example/api';
const files = 'https://files.example/api';

let server: TruthfulServer;
let world: MemoryWorld;
beforeEach(() => {
  world = new MemoryWorld({
    http: (clock) => Object.assign((server = new TruthfulServer(clock)), { latency: 0 }),
    resources: { crm: { verifyAudience: true }, files: {} },
  });
});
const entriesOf = (type: string) => world.log.entries.filter((entry) => entry.type === type);

describe('an opaque token for a resource that insists on a verified audience', () => {
  it('is handed out when its server says for whom it is, and the record has that (A44, A92)', async () => {
    server.introspection = (token) => answer(200, { active: true, aud: token?.resource, scope: token?.scope, iss: issuer });
    const { accessToken } = await world.replica().ask(world.start(), crm);
    expect(server.tokens.has(accessToken.reveal())).toBe(true);
    expect(entriesOf('token.issued')[0]?.members['audience']).toEqual([crm]);
    expect(entriesOf('token.released')[0]?.members['audience']).toEqual([crm]);
  });

  it.each([
    ['has no endpoint for the question', null],
    ['calls it inactive', () => answer(200, { active: false })],
    ['does not answer', () => new UpstreamExchangeFailed('timeout', true)],
  ])('is refused when its server %s', async (_, introspection) => {
    server.introspection = introspection;
    await expect(world.replica().ask(world.start(), crm)).rejects.toMatchObject({ detail: { reasons: [{ code: 'audience_unverified' }] } });
    expect(entriesOf('token.refused').map(({ members }) => members['fault'])).toEqual(['audience_unverified']);
  });

  it('is asked about no more while its server wants to be left alone or is down', async () => {
    const replica = world.replica();
    const ask = () =>
      expect(replica.ask(world.start(), crm)).rejects.toMatchObject({ detail: { reasons: [{ code: 'audience_unverified' }] } });
    server.introspection = () => answer(502, '', { 'retry-after': '60' });
    for (let run = 0; run < 3; run++) await ask();
    expect(server.introspections).toBe(1);
    await world.clock.pass(61_000);
    server.introspection = () => new UpstreamExchangeFailed('timeout', true);
    await ask(); // a probe
    await ask();
    expect(server.introspections).toBe(2);
    await world.clock.pass(10_000);
    server.introspection = (token) => answer(200, { active: true, aud: token?.resource, scope: token?.scope, iss: issuer });
    for (let run = 0; run < 2; run++) await replica.ask(world.start(), crm);
    expect(server.introspections).toBe(4);
    // tokens for others were to be had all the time
    expect(server.calls).toHaveLength(7);
  });

  it('is refused when its server says that it is for another', async () => {
    server.introspection = () => answer(200, { active: true, aud: files });
    await expect(world.replica().ask(world.start(), crm)).rejects.toMatchObject({ detail: { reasons: [{ code: 'audience_mismatch' }] } });
  });

  it('is the only one that is asked about', async () => {
    server.introspection = () => answer(200, { active: false });
    await world.replica().ask(world.start(), files);
    expect(server.introspections).toBe(0);
    expect(entriesOf('token.issued')[0]?.members['audience']).toBe('unverified');
  });
});
