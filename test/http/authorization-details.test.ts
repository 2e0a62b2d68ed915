import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { json } from '../rig/hostile-authorization-server.js';
import { basic, crm, exportDetail, form, issue, TokenDoor, type SecretRun, type TokenAnswer } from './token-door.js';

let door: TokenDoor;
beforeAll(async () => {
  door = await TokenDoor.open({ detailTypes: ['crm_export', 'crm_import'] });
}, 60_000);
afterEach(() => void door.server.at('/token', granting()));
afterAll(() => door.close());

const read = { ...exportDetail, actions: ['read'] };

/** Grants the details that were asked, or others, or says nothing of them. */
const granting =
  (details?: unknown): ReturnType<typeof issue> =>
  (response, request) => {
    const asked = new URLSearchParams(request.body);
    const said = details === undefined ? (JSON.parse(asked.get('authorization_details') ?? '[]') as unknown) : details;
    return issue({ scope: asked.get('scope') ?? undefined, authorization_details: said })(response, request);
  };

const ask = (run: SecretRun, details: readonly object[], more: Readonly<Record<string, string>> = {}): Promise<TokenAnswer> =>
  door.ask(run, { resource: crm, authorization_details: JSON.stringify(details), ...more });

const lastAsked = () => Object.fromEntries(new URLSearchParams(door.server.requestsAt('/token').at(-1)?.body));

async function introspect(run: SecretRun, token: unknown): Promise<unknown> {
  const response = await fetch(`${door.corridor.issuer}/introspect`, {
    method: 'POST',
    headers: { authorization: basic(run.id, run.secret), 'content-type': 'application/x-www-form-urlencoded' },
    body: form({ token: String(token) }),
  });
  return response.json();
}

describe('authorization details', () => {
  it('are asked, decided, granted, handed on and recorded, without a scope where none is named (A46, B54, B99)', async () => {
    door.server.at('/token', granting());
    const run = await door.startRun();
    const { status, body } = await ask(run, [exportDetail]);
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        access_token: expect.stringMatching(/^opaque-/),
        token_type: 'Bearer',
        expires_in: expect.any(Number),
        authorization_details: [exportDetail],
        attribution: expect.stringMatching(/^ent/),
      },
    });
    expect(lastAsked()).toEqual({
      grant_type: 'client_credentials',
      authorization_details: '[{"actions":["list","read"],"region":"eu","type":"crm_export"}]',
      resource: crm,
    });
    const told = await introspect(run, body['access_token']);
    expect(told).toMatchObject({ active: true, authorization_details: [exportDetail] });
    expect(told).not.toHaveProperty('scope');
    const traced = await door.corridor.api('POST', '/v1/trace', {
      query: createHash('sha256').update(String(body['access_token'])).digest('hex'),
    });
    expect(traced.body).toMatchObject({ token: { scope: { granted: [] }, authorization_details: { granted: [exportDetail] } } });
    const three = { requested: [exportDetail], decided: [exportDetail], granted: [exportDetail] };
    const entries = await door.entriesOf(run.id);
    const of = (type: string) => entries.find((entry) => entry['type'] === type);
    for (const type of ['token.issued', 'token.released']) {
      expect(of(type)).toMatchObject({ authorization_details: three, scope: { requested: [], decided: [], granted: [] } });
    }
    expect(of('token.requested')?.['authorization_details']).toEqual({ requested: [exportDetail], decided: [exportDetail] });
    expect(of('token.released')).toMatchObject({ decision: { allow: true, obligations: { max_ttl: 300, isolation: 'run' } } });
  });

  it('stand beside scopes, and tokens that differ in them are different (A67)', async () => {
    door.server.at('/token', granting());
    const run = await door.startRun();
    const answers = [
      await ask(run, [exportDetail], { scope: 'crm:read' }),
      await ask(run, [exportDetail]),
      await ask(run, [read]),
      await door.ask(run),
    ];
    expect(answers.map(({ body }) => [body['scope'], body['authorization_details']])).toEqual([
      ['crm:read', [exportDetail]],
      [undefined, [exportDetail]],
      [undefined, [read]],
      ['crm:read', undefined],
    ]);
    expect(new Set(answers.map(({ body }) => body['access_token'])).size).toBe(4);
    const before = door.upstreamRequests;
    const { body: again } = await ask(run, [{ region: 'eu', actions: ['read'], type: 'crm_export' }]);
    expect(again['access_token']).toBe(answers[2]?.body['access_token']);
    expect(door.upstreamRequests).toBe(before);
  });

  it('that are granted more narrowly are handed on as they were granted (B54)', async () => {
    door.server.at('/token', granting([read]));
    const run = await door.startRun();
    const { body } = await ask(run, [exportDetail]);
    expect(body['authorization_details']).toEqual([read]);
    expect((await door.entriesOf(run.id)).find(({ id }) => id === body['attribution'])).toMatchObject({
      authorization_details: { requested: [exportDetail], decided: [exportDetail], granted: [read] },
    });
  });

  it.each<readonly [string, readonly object[], string, object]>([
    ['no resource declares', [{ type: 'payment' }], 'invalid_authorization_details', { code: 'details_type_unknown', type: 'payment' }],
    ['no grant names', [{ type: 'crm_import' }], 'access_denied', { code: 'details_not_granted', type: 'crm_import' }],
    [
      'are broader than any grant',
      [{ ...exportDetail, actions: ['list', 'read', 'write'] }],
      'access_denied',
      { code: 'details_not_granted', type: 'crm_export' },
    ],
  ])('that %s are refused and recorded, and nothing is sent (B54)', async (_, details, error, reason) => {
    const run = await door.startRun();
    const before = door.upstreamRequests;
    const { status, body } = await ask(run, details);
    expect({ status, body }).toMatchObject({ status: 400, body: { error, reasons: [reason] } });
    expect((await door.entriesOf(run.id)).find(({ id }) => id === body['attribution'])).toMatchObject({
      type: error === 'access_denied' ? 'token.denied' : 'token.refused',
      authorization_details: { requested: details },
    });
    expect(door.upstreamRequests).toBe(before);
  });

  it.each<readonly [string, unknown, string]>([
    ['grants wider actions', [{ ...exportDetail, actions: ['list', 'read', 'write'] }], 'details_broader'],
    ['grants another type', [{ type: 'crm_import' }], 'details_broader'],
    ['grants one more', [exportDetail, exportDetail], 'details_broader'],
    ['says nothing of them', null, 'details_unusable'],
    ['says what cannot be understood', { type: 'crm_export' }, 'details_unusable'],
  ])('are worth nothing at a server that %s: the token is not handed out, and revoked (A46)', async (_, granted, code) => {
    door.server.at('/token', granting(granted));
    const run = await door.startRun();
    const { status, body } = await ask(run, [exportDetail]);
    expect({ status, body }).toMatchObject({ status: 502, body: { error: 'server_error', reasons: [{ code }] } });
    const entries = await door.entriesOf(run.id);
    expect(entries.filter(({ type }) => type === 'token.released')).toEqual([]);
    expect(entries.find(({ type }) => type === 'token.refused')).toMatchObject({
      fault: code,
      authorization_details: { requested: [exportDetail], decided: [exportDetail] },
    });
    const revoked = async () => (await door.entriesOf(run.id)).some(({ type }) => type === 'token.revoked');
    for (let look = 0; look < 100 && !(await revoked()); look++) await wait(100);
    expect(await revoked()).toBe(true);
  });

  it('that a server gives unasked are an over-grant, and recorded as one (A46)', async () => {
    door.server.at('/token', granting([{ type: 'crm_import' }]));
    const run = await door.startRun();
    const { status, body } = await door.ask(run);
    expect({ status, body }).toMatchObject({ status: 502, body: { error: 'server_error', reasons: [{ code: 'details_broader' }] } });
    expect((await door.entriesOf(run.id)).find(({ type }) => type === 'token.refused')).toMatchObject({
      authorization_details: { requested: [], decided: [], granted: [{ type: 'crm_import' }] },
    });
  });

  it('that the server refuses are refused as such (A46)', async () => {
    door.server.at('/token', json({ error: 'invalid_authorization_details', error_description: 'canary' }, 400));
    const { status, body } = await ask(await door.startRun(), [exportDetail]);
    expect({ status, body }).toMatchObject({
      status: 400,
      body: { error: 'invalid_authorization_details', reasons: [{ code: 'details_rejected' }] },
    });
  });

  it('have their types in the metadata (B90)', async () => {
    const response = await fetch(`${door.corridor.url}/.well-known/oauth-authorization-server/oauth2`);
    expect(await response.json()).toMatchObject({ authorization_details_types_supported: ['crm_export', 'crm_import'] });
  });
});
