import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { json } from '../rig/hostile-authorization-server.js';
import { issue, TokenDoor } from './token-door.js';

const checked = z.looseObject({
  run: z.string(),
  result: z.enum(['passed', 'failed']),
  returned: z.looseObject({ scope: z.array(z.string()) }).nullable(),
  revocation: z.string().nullable(),
  problems: z.array(z.looseObject({ code: z.string(), message: z.string() })),
});

let door: TokenDoor;
beforeAll(async () => {
  door = await TokenDoor.open();
}, 60_000);
afterAll(() => door.close());
beforeEach(() => {
  door.server.at('/token', issue()).at('/revoke', json({}));
});

async function check(body: unknown = { resource: 'crm' }) {
  const { status, body: said } = await door.corridor.api('POST', '/v1/clients/indexer/check', body);
  expect(status).toBe(200);
  return checked.parse(said);
}

const codesOf = ({ problems }: z.infer<typeof checked>): string[] => problems.map(({ code }) => code);
const live = async (run: string) =>
  z.looseObject({ tokens: z.array(z.unknown()) }).parse((await door.corridor.api('GET', `/v1/exposure?run=${run}`)).body).tokens;

const tableOf = (found: z.infer<typeof checked>) => ({ asked: found['asked'], returned: found.returned });

describe('a check of a client', () => {
  it('asks the server anew each time, and leaves no live token', async () => {
    const before = door.upstreamRequests;
    const [first, second] = [await check(), await check()];
    expect(door.upstreamRequests).toBe(before + 2);
    for (const one of [first, second]) {
      expect(one).toMatchObject({ result: 'passed', returned: { scope: ['crm:read'], audience: 'unverified' }, revocation: 'revoked' });
      expect(await live(one.run)).toEqual([]);
    }
  });

  it.each([
    ['a broader scope', issue({ scope: 'crm:read crm:write' }), 'scope_broader', ['crm:read', 'crm:write']],
    ['a longer life', issue({ expires_in: 86_400 }), 'lifetime_unusable', ['crm:read']],
    ['another type', issue({ token_type: 'DPoP' }), 'token_type_unusable', ['crm:read']],
    ['a refusal of the client', json({ error: 'invalid_client' }, 401), 'client_refused', null],
    ['a refusal of the scope', json({ error: 'invalid_scope' }, 400), 'scope_rejected', null],
    ['nothing', json({}, 503), 'server_unavailable', null],
  ])('fails with %s, and shows what came', async (_, behaviour, code, scope) => {
    door.server.at('/token', behaviour);
    const found = await check();
    expect(found).toMatchObject({ result: 'failed', returned: scope === null ? null : { scope } });
    expect(codesOf(found)).toEqual([code]);
    // in words, and not by the code again
    expect(found.problems[0]?.message).not.toContain(code);
    expect(found.revocation).toBe(scope === null ? null : 'revoked');
  });

  it.each([
    [{ token_type: 'mac' }, { token_type: 'mac', lifetime: 300 }],
    [
      { token_type: 'bearer', expires_in: '600' },
      { token_type: 'bearer', lifetime: 600 },
    ],
    [
      { token_type: undefined, expires_in: '1h' },
      { token_type: null, lifetime: '1h' },
    ],
    [
      { token_type: 7, expires_in: {} },
      { token_type: 'unprintable', lifetime: 'unprintable' },
    ],
    [{ token_type: 'a-text-that-could-be-a-secret' }, { token_type: 'unprintable', lifetime: 300 }],
    [
      { token_type: '\u001b[31m', expires_in: -1 },
      { token_type: 'unprintable', lifetime: -1 },
    ],
  ])('shows %j as the server said it, beside what was asked', async (said, shown) => {
    door.server.at('/token', issue(said));
    expect(tableOf(await check())).toMatchObject({ asked: { token_type: 'Bearer', longest_life: 3600, binding: 'none' }, returned: shown });
  });

  it('says when no life was said, and until when the token is counted as alive then', async () => {
    door.server.at('/token', issue({ expires_in: undefined }));
    const found = await check();
    expect(found).toMatchObject({ result: 'passed', returned: { lifetime: null, expires_at: expect.any(String) } });
    expect(found['notes']).toContain(`it says no expires_in: it is counted as alive until ${String(found.returned?.['expires_at'])}`);
  });

  it('tries a resource whose tokens are bound to a key of ours, which no run is handed (D6, A35)', async () => {
    door.server.at('/token', issue({ token_type: 'DPoP' }));
    const found = await check({ resource: 'bound' });
    expect(found).toMatchObject({
      result: 'passed',
      asked: { resource: { id: 'bound' }, token_type: 'DPoP', binding: 'dpop' },
      returned: { token_type: 'DPoP', binding: 'dpop' },
      revocation: 'revoked',
    });
    expect(door.server.requestsAt('/token').at(-1)?.headers['dpop']).toMatch(/^eyJ/);
    expect(await live(found.run)).toEqual([]);
    expect((await door.entriesOf(found.run)).map(({ type }) => type)).not.toContain('token.released');

    door.server.at('/token', issue());
    const asBearer = await check({ resource: 'bound' });
    expect(codesOf(asBearer)).toEqual(['token_type_unusable']);
    expect(tableOf(asBearer)).toMatchObject({ asked: { token_type: 'DPoP' }, returned: { token_type: 'Bearer' } });
  });

  it.each([
    [json({}, 503), 'a fault of its own'],
    [json({ error: 'invalid_request' }, 400), 'the request as it was sent'],
    [json({ error: 'invalid_client' }, 401), 'the client or its credential'],
  ])('fails when the token is not revoked, and says what the server had against it: %#', async (behaviour, why) => {
    door.server.at('/revoke', behaviour);
    const found = await check();
    expect(found).toMatchObject({ result: 'failed', revocation: 'pending' });
    expect(found.problems).toEqual([{ code: 'revocation_pending', message: expect.stringContaining(why) as unknown }]);
  });

  it('is stopped by a suspension as any run is, with nothing sent', async () => {
    const raised = await door.corridor.api('POST', '/v1/suspensions', { kind: 'client', id: 'indexer', reason: 'a test' });
    const { id } = z.looseObject({ id: z.string() }).parse(raised.body);
    const before = door.upstreamRequests;
    expect(codesOf(await check())).toEqual(['refused']);
    expect(door.upstreamRequests).toBe(before);
    await door.corridor.api('DELETE', `/v1/suspensions/${id}`);
  });

  it('takes what it is told to, and no more than the policy allows', async () => {
    expect(await check({ resource: 'billing' })).toMatchObject({ asked: { scope: ['billing:read'] }, result: 'passed' });
    expect(codesOf(await check({ resource: 'crm', scope: 'crm:write' }))).toEqual(['denied']);
  });

  it('can be looked up afterwards, and is not for everybody to make', async () => {
    const { body } = await door.corridor.api('POST', '/v1/keys', { name: 'eve', roles: ['auditor'] });
    const { key } = z.object({ key: z.string() }).parse(body);
    expect((await door.corridor.api('POST', '/v1/clients/indexer/check', {}, key)).status).toBe(403);
    await check();
    expect((await door.corridor.api('GET', '/v1/clients/indexer/check', undefined, key)).body).toMatchObject({
      client: 'indexer',
      result: 'passed',
      problems: [],
    });
    expect((await door.corridor.api('GET', '/v1/clients/single/check')).status).toBe(404);
    expect((await door.corridor.api('POST', '/v1/clients/indexer/check', { secret: 'x' })).status).toBe(400);
  });

  it.each([
    [json({ error: 'invalid_client' }, 401), 'client_refused'],
    [json({ error: 'invalid_request' }, 400), 'request_rejected'],
  ])('says, of a client that signs assertions, what servers want otherwise: %#', async (behaviour, code) => {
    door.server.at('/token', behaviour);
    const { body } = await door.corridor.api('POST', '/v1/clients/single/check', {});
    expect(checked.parse(body).problems).toEqual([{ code, message: expect.stringContaining('assertion_audience') as unknown }]);
  });
});

describe('a preview', () => {
  const preview = (body: unknown, key?: string) => door.corridor.api('POST', '/v1/authorization-servers/preview', body, key);

  it('is for administrators, and reaches what they allow alone', async () => {
    const { body } = await door.corridor.api('POST', '/v1/keys', { name: 'op', roles: ['operator'] });
    const { key } = z.object({ key: z.string() }).parse(body);
    expect((await preview({ issuer: 'https://as.example' }, key)).status).toBe(403);
    // what is owed since an earlier check may be tried at any time
    const requests = () => door.server.requests.filter(({ target }) => target !== '/revoke').length;
    const before = requests();
    expect(await preview({ issuer: door.server.issuer })).toMatchObject({ status: 400, body: { code: 'issuer_unusable' } });
    expect(requests()).toBe(before);
    expect(await preview({ issuer: door.server.issuer, allow_hosts: ['127.0.0.1'] })).toMatchObject({
      status: 200,
      body: { usable: true, issuer_matches: true, method: { name: 'client_secret_basic' } },
    });
    expect(requests()).toBe(before + 1);
    for (const wrong of [
      {},
      { issuer: 'https://a', resource: 'https://b' },
      { issuer: 'https://a', allow_hosts: ['http://x'] },
      { issuer: 'x y' },
    ])
      expect((await preview(wrong)).status).toBe(400);
  });
});
