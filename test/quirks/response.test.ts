import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { profiles } from '../../src/catalogue/profile.js';
import { awake } from '../rig/awake.js';
import {
  endless,
  gzipBomb,
  hang,
  HostileAuthorizationServer,
  json,
  redirect,
  text,
  trickle,
  type Behaviour,
} from '../rig/hostile-authorization-server.js';
import { closeOpened } from '../upstreams/exchanges.js';
import { converse } from '../upstreams/profiles/conversation.js';
import { jwt } from '../upstreams/answers.js';
import { inShort, tokenOf } from '../upstreams/reading.js';
import { NOW } from '../upstreams/wish.js';
import { quirk } from './quirk.js';
import { issued, outcomesOf, serverThat, standardBut, vendorOf } from './server.js';

afterEach(closeOpened);

const saying = (members: Readonly<Record<string, unknown>>): Behaviour => json({ ...issued, ...members });
const inWords = async (...args: Parameters<typeof outcomesOf>): Promise<readonly string[]> => (await outcomesOf(...args)).map(inShort);
const bytes =
  (body: Uint8Array): Behaviour =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(body);
  };

quirk('Q15', async () => {
  const talk = await converse(vendorOf('salesforce'));
  const token = tokenOf(await talk.obtain());
  expect(token).toMatchObject({ usableUntil: NOW + 895_000, audience: [talk.origin] });
  expect(inspect(token, { depth: null })).not.toContain('/id/00Ddemo');
  talk.answer(json({ access_token: '00D!x', token_type: 'Bearer', instance_url: 'https://elsewhere.example', issued_at: String(NOW) }));
  expect(inShort(await talk.obtain())).toBe('refused audience_mismatch 00D!x');
});

quirk('Q22', async () => {
  const said = ['3600', 3600, 59.5, null, undefined, ''];
  const outcomes = await outcomesOf(said.map((expires_in) => saying({ expires_in })));
  expect(outcomes.map((outcome) => (tokenOf(outcome).expiresAt - NOW) / 1000)).toEqual([3600, 3600, 59.5, 3600, 3600, 3600]);
  expect(outcomes.slice(3).map((outcome) => (tokenOf(outcome).usableUntil - NOW) / 1000)).toEqual([297, 297, 297]);
  const unusable = ['1h', -1, 0, 1e18, true, '-5'].map((expires_in) => saying({ expires_in }));
  expect(new Set(await inWords(unusable))).toEqual(new Set(['refused lifetime_unusable canary-token']));
});

quirk('Q23', async () => {
  const said = ['bearer', 'BEARER', 'BearerToken', 'mac', undefined].map((token_type) => saying({ token_type }));
  const refused = 'refused token_type_unusable canary-token';
  expect(await inWords(said)).toEqual(['token', 'token', refused, refused, refused]);
  const profile = standardBut({ otherBearerNames: ['bearertoken'] });
  expect(await inWords(said, { profile })).toEqual(['token', 'token', 'token', refused, refused]);
});

quirk('Q24', async () => {
  const outcomes = await outcomesOf([null, ['crm:read'], '', 'crm:read,crm:write'].map((scope) => saying({ scope })));
  expect(outcomes.map(inShort)).toEqual([
    'token',
    'refused scope_unusable canary-token',
    'refused scope_unusable canary-token',
    'refused scope_broader canary-token',
  ]);
  expect(outcomes.slice(0, 1).map((outcome) => tokenOf(outcome).granted.tokens)).toEqual([['crm:read']]);
  const unclear = 'refused scope_unusable canary-token';
  const both = [['crm:read'], 'crm:read', 'crm:read,crm:read', '', ['crm:read', 'crm:admin'], [1]].map((scope) => saying({ scope }));
  const broader = 'refused scope_broader canary-token';
  expect(await inWords(both, { profile: standardBut({ scopeAnswer: 'list' }) })).toEqual([
    'token',
    'token',
    broader,
    unclear,
    broader,
    unclear,
  ]);
  const byCommas = ['crm:read,crm:read', 'crm:read', 'crm:read, crm:admin', '', ',', ['crm:read']].map((scope) => saying({ scope }));
  expect(await inWords(byCommas, { profile: standardBut({ scopeAnswer: 'commas' }) })).toEqual([
    'token',
    'token',
    broader,
    unclear,
    unclear,
    unclear,
  ]);
  const claimed = ['crm:read,crm:read', 'crm:read,crm:admin'].map((scope) => saying({ access_token: jwt({ scope }) }));
  expect((await outcomesOf(claimed, { profile: standardBut({ scopeAnswer: 'commas' }) })).map(({ kind }) => kind)).toEqual([
    'token',
    'refused',
  ]);
  expect((await outcomesOf(claimed)).map(({ kind }) => kind)).toEqual(['refused', 'refused']);
});

quirk('Q25', async () => {
  const said = ['crm:read profile email', 'crm:read profile admin'].map((scope) => saying({ scope }));
  expect(await inWords(said, { profile: profiles['keycloak'] ?? standardBut({}) })).toEqual([
    'token',
    'refused scope_broader canary-token',
  ]);
  expect(await inWords(said)).toEqual(['refused scope_broader canary-token', 'refused scope_broader canary-token']);
});

quirk('Q26', async () => {
  const more = { refresh_token: 'leak', refresh_expires_in: 0, id_token: 'leak', session_state: 'leak' };
  const outcomes = await outcomesOf([saying(more)]);
  expect(outcomes.map(inShort)).toEqual(['token']);
  expect(inspect(outcomes, { depth: null })).not.toContain('leak');
});

quirk('Q27', async () => {
  const nested = { access_token: undefined, authed_user: { access_token: 'leak', token_type: 'Bearer' } };
  const outcomes = await outcomesOf([
    json({ error: 'bad_verification_code', error_description: 'x' }),
    json({ ok: false, error: 'invalid_auth' }),
    saying({ ok: false }),
    saying(nested),
  ]);
  expect(outcomes.map(inShort)).toEqual([
    'failed request_rejected',
    'failed request_rejected',
    'refused response_unreadable canary-token',
    'unknown response_unreadable',
  ]);
  expect(inspect(outcomes, { depth: null })).not.toContain('leak');
});

quirk('Q28', async () => {
  const form = text('access_token=canary-token&token_type=bearer', 200, { 'content-type': 'application/x-www-form-urlencoded' });
  const talk = await serverThat(
    () => (response, request) => (request.headers.accept === 'application/json' ? json(issued) : form)(response, request),
  );
  expect(inShort(await talk.obtain())).toBe('token');
  talk.answer(form);
  expect(inShort(await talk.obtain())).toBe('unknown response_unreadable');
});

quirk('Q29', async () => {
  const outcomes = await outcomesOf([
    text('<html>leak</html>'),
    text('<html>leak</html>', 200, { 'content-type': 'application/json' }),
    text('<html>leak</html>', 502),
  ]);
  expect(outcomes.map(inShort)).toEqual(['unknown response_unreadable', 'unknown response_unreadable', 'unknown server_unavailable']);
  expect(inspect(outcomes, { depth: null })).not.toContain('leak');
});

quirk('Q30', async () => {
  const reset = { 'x-ratelimit-reset': String(NOW / 1000 + 17) };
  const busy = (headers: Readonly<Record<string, string>>): Behaviour => json({ error: 'too_many_requests' }, 429, headers);
  const answers = [
    busy({ 'retry-after': '5', ...reset }),
    busy(reset),
    busy({}),
    json({ error: 'access_denied', error_description: 'Global limit has been reached' }, 500),
  ];
  const byProfile = await outcomesOf(answers, { profile: standardBut({ throttling: { resetHeader: 'x-ratelimit-reset', pause: 60 } }) });
  expect(byProfile).toEqual([
    { kind: 'failed', fault: 'throttled', retryAfter: 5 },
    { kind: 'failed', fault: 'throttled', retryAfter: 17 },
    { kind: 'failed', fault: 'throttled', retryAfter: 60 },
    { kind: 'failed', fault: 'server_unavailable', retryAfter: null },
  ]);
  expect((await outcomesOf(answers)).map((outcome) => (outcome.kind === 'failed' ? outcome.retryAfter : outcome.kind))).toEqual([
    5,
    null,
    null,
    null,
  ]);
});

quirk('Q31', async () => {
  const elsewhere = (await HostileAuthorizationServer.start()).at('/token', json(issued));
  const statuses = [301, 302, 303, 307, 308];
  expect(new Set(await inWords(statuses.map((status) => redirect(elsewhere.tokenEndpoint, status))))).toEqual(new Set(['failed redirect']));
  expect(elsewhere.connections).toBe(0);
  await elsewhere.stop();
});

quirk('Q32', async () => {
  const sent = { bytes: 0 };
  expect(await inWords([endless(sent), gzipBomb(true)])).toEqual(['unknown response_too_large', 'unknown response_unreadable']);
  expect(sent.bytes).toBeLessThan(16 * 1024 * 1024);
});

quirk('Q33', async () => {
  for (const slow of [hang, trickle(JSON.stringify(issued), 50)]) {
    const talk = await serverThat(() => json(issued));
    await talk.obtain(); // the connection stands, so that the deadline cannot pass before the request has left
    talk.answer(slow);
    const began = awake();
    expect(inShort(await talk.obtain(undefined, 1_000))).toBe('unknown timeout');
    expect(awake() - began).toBeLessThan(2_000);
  }
});

quirk('Q34', async () => {
  expect(await inWords([bytes(gzipSync(JSON.stringify(issued)))])).toEqual(['unknown response_unreadable']);
});

quirk('Q35', async () => {
  const body = JSON.stringify(issued);
  const deep = body.replace('{', `{"x":${'['.repeat(40)}${']'.repeat(40)},`);
  const answers = [
    json(`\ufeff${body}`),
    json(body.replace('{', '{"__proto__":{"scope":"admin"},')),
    json(body.replace('{', '{"scope":"crm:read","scope":"admin",')),
    json(deep),
    bytes(Buffer.from(body, 'utf16le')),
  ];
  const outcomes = await outcomesOf(answers);
  expect(outcomes.map(inShort)).toEqual([
    'token',
    'token',
    'refused response_unreadable canary-token',
    'refused response_unreadable canary-token',
    'unknown response_unreadable',
  ]);
  expect(outcomes.slice(0, 2).map((outcome) => tokenOf(outcome).granted.tokens)).toEqual([['crm:read'], ['crm:read']]);
});

quirk('Q36', async () => {
  const absent = [null, ''].map((nothing) => saying({ expires_in: nothing, error: nothing, refresh_token: nothing }));
  expect(await inWords([...absent, saying({ scope: null })])).toEqual(['token', 'token', 'token']);
});

quirk('Q37', async () => {
  const answers = [
    [400, 'incorrect_client_credentials', 'client_refused'],
    [200, 'bad_client_secret', 'client_refused'],
    [403, 'too_many_requests', 'throttled'],
    [401, 'invalid_scope', 'scope_rejected'],
    [500, 'whatever', 'server_unavailable'],
    [401, 'whatever', 'client_refused'],
    [422, 'whatever', 'request_rejected'],
  ] as const;
  const outcomes = await outcomesOf(answers.map(([status, error]) => json({ error, error_description: 'AADSTS7000215' }, status)));
  expect(outcomes).toEqual(answers.map(([, , fault]) => ({ kind: 'failed', fault, retryAfter: null })));
});

quirk('Q40', async () => {
  const visible = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join('');
  const [outcome] = await outcomesOf([saying({ access_token: visible.repeat(175) })]);
  expect(outcome?.kind === 'token' && outcome.token.text.reveal().length).toBe(16_450);
});
