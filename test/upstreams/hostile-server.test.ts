import { inspect } from 'node:util';
import { UndiciUpstreamHttp } from '../../src/platform/upstream-http.js';
import { Scope } from '../../src/oauth/scope.js';
import { readMetadata } from '../../src/upstreams/discovery.js';
import { prepareTokenRequest, sendTokenRequest } from '../../src/upstreams/token-request.js';
import { readTokenResponse } from '../../src/upstreams/token-response.js';
import type { TokenWish, UpstreamOutcome } from '../../src/upstreams/token.js';
import { awake } from '../rig/awake.js';
import {
  delayed,
  endless,
  gzipBomb,
  hang,
  HostileAuthorizationServer,
  hugeHeaders,
  json,
  raw,
  redirect,
  reset,
  text,
  trickle,
  type Behaviour,
} from '../rig/hostile-authorization-server.js';
import { jwt } from './answers.js';
import { client, keyCredential, secretCredential, server, signing, wish } from './wish.js';

const DEADLINE = 1_000;
const issued = { access_token: 'canary-token', token_type: 'Bearer', expires_in: 300 };
let hostile: HostileAuthorizationServer;
let evil: HostileAuthorizationServer;
let http: UndiciUpstreamHttp;

beforeEach(async () => {
  hostile = (await HostileAuthorizationServer.start()).publish();
  evil = (await HostileAuthorizationServer.start()).at('/token', json(issued));
  http = new UndiciUpstreamHttp();
});
afterEach(() => Promise.all([http.close(), hostile.stop(), evil.stop()]));

/** A wish at the hostile server, by secret. */
function wished(more: Partial<TokenWish> = {}): TokenWish {
  const at = { issuer: hostile.issuer, tokenEndpointOrigin: hostile.issuer };
  return wish({
    server: server({ issuer: hostile.issuer, allowHosts: ['127.0.0.1'] }),
    credential: secretCredential('canary secret', at),
    ...more,
  });
}

/** One attempt from the front door: metadata, request, answer. */
async function attempt(one = wished()): Promise<UpstreamOutcome> {
  const means = signing({ now: () => Date.now() });
  const metadata = await readMetadata(one.server, http, means.clock, 2_000);
  const prepared = await prepareTokenRequest(one, metadata, means);
  const sentAt = Date.now();
  return readTokenResponse(one, await sendTokenRequest(prepared, http, DEADLINE), sentAt);
}

function inShort(outcome: UpstreamOutcome): string {
  return outcome.kind === 'token' ? 'token' : `${outcome.kind} ${outcome.fault}`;
}

describe('a token request on the wire', () => {
  it('is a form posted once to the endpoint, which says nothing in its query and asks for JSON (A1, A3, A9)', async () => {
    hostile.publish({ token_endpoint: `${hostile.issuer}/token?tenant=1` }).at('/token', json(issued));
    expect(inShort(await attempt(wished({ scope: Scope.of(['crm:read', 'a+b&c=%']) })))).toBe('token');
    const [request, ...more] = hostile.requestsAt('/token');
    expect(more).toEqual([]);
    expect(request).toMatchObject({
      method: 'POST',
      target: '/token?tenant=1',
      body: 'grant_type=client_credentials&scope=a%2Bb%26c%3D%25+crm%3Aread&resource=https%3A%2F%2Fcrm.example%2Fapi',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    });
    expect(request?.rawHeaders.filter((name) => name.toLowerCase() === 'authorization')).toHaveLength(1);
  });

  it('by key has an assertion and no header (A11)', async () => {
    hostile.at('/token', json(issued));
    const credential = await keyCredential('ES256', { issuer: hostile.issuer, tokenEndpointOrigin: hostile.issuer });
    expect(inShort(await attempt(wished({ client: client({ method: 'private_key_jwt' }), credential })))).toBe('token');
    const [request] = hostile.requestsAt('/token');
    expect(request?.headers.authorization).toBeUndefined();
    expect([...new URLSearchParams(request?.body).keys()]).toEqual([
      'grant_type',
      'scope',
      'resource',
      'client_assertion_type',
      'client_assertion',
    ]);
  });

  it.each(['unsupported_grant_type', 'invalid_client', 'invalid_target', 'invalid_scope', 'use_dpop_nonce'])(
    'is not repeated in any other form after %s (A4, A13, A43)',
    async (error) => {
      hostile.at('/token', json({ error }, error === 'invalid_client' ? 401 : 400, { 'www-authenticate': 'Basic' }));
      expect((await attempt()).kind).toBe('failed');
      expect(hostile.requestsAt('/token')).toHaveLength(1);
    },
  );
});

describe('a hostile authorization server', () => {
  const broader = { ...issued, scope: 'crm:read admin' };
  const foreign = { ...issued, access_token: jwt({ aud: 'https://billing.example/api' }) };
  const twice = '{"access_token":"canary-token","token_type":"Bearer","scope":"crm:read","scope":"admin"}';
  it.each<readonly [string, Behaviour, string]>([
    ['hangs', hang, 'unknown timeout'],
    ['trickles its answer', trickle(JSON.stringify(issued), 30), 'unknown timeout'],
    ['answers without end', endless({ bytes: 0 }), 'unknown response_too_large'],
    ['sends a compressed bomb', gzipBomb(true), 'unknown response_unreadable'],
    ['sends compressed bytes without saying so', gzipBomb(false), 'unknown response_unreadable'],
    ['sends headers without end', hugeHeaders, 'unknown response_too_large'],
    ['breaks the connection', reset, 'unknown unreachable'],
    ['speaks no HTTP', raw('canary-token\r\n\r\n'), 'unknown response_unreadable'],
    ['sends a page', text('<html>canary-token</html>'), 'unknown response_unreadable'],
    ['calls a page JSON', text('<html>canary-token</html>', 200, { 'content-type': 'application/json' }), 'unknown response_unreadable'],
    ['sends an error page', text('<html>', 502), 'unknown server_unavailable'],
    ['repeats names', json(twice), 'refused response_unreadable'],
    ['grants more than was asked', json(broader), 'refused scope_broader'],
    ['issues for another resource', json(foreign), 'refused audience_mismatch'],
    ['issues for a year', json({ ...issued, expires_in: 31_536_000 }), 'refused lifetime_unusable'],
    ['issues another type', json({ ...issued, token_type: 'mac' }), 'refused token_type_unusable'],
    ['puts a header into the token', json({ ...issued, access_token: 'canary-token\r\nX: y' }), 'refused token_unusable'],
    ['answers 200 with an error', json({ error: 'invalid_client', error_description: 'canary' }), 'failed client_refused'],
    ['answers 200 with ok: false', json({ ok: false }), 'failed request_rejected'],
    ['is not there for now', text('', 503, { 'retry-after': '5' }), 'failed server_unavailable'],
  ])('that %s gets a typed answer inside the deadline, without its words (A10, A61, A62)', async (_, behaviour, expected) => {
    hostile.at('/token', behaviour);
    const begun = awake();
    const outcome = await attempt();
    expect(inShort(outcome)).toBe(expected);
    expect(awake() - begun).toBeLessThan(DEADLINE + 1_000);
    expect(inspect(outcome, { depth: null }) + JSON.stringify(outcome)).not.toContain('canary');
    expect(hostile.requestsAt('/token')).toHaveLength(1);
  });

  it('that takes its time gives a token that is as much shorter (A53)', async () => {
    hostile.at('/token', delayed(150, json(issued)));
    const begun = Date.now();
    const outcome = await attempt();
    if (outcome.kind !== 'token') throw new Error(inShort(outcome));
    expect(outcome.token.issuedAt).toBeGreaterThanOrEqual(begun);
    expect(outcome.token.issuedAt).toBeLessThanOrEqual(Date.now() - 145);
    expect(outcome.token.expiresAt).toBe(outcome.token.issuedAt + 300_000);
  });

  it.each([301, 302, 303, 307, 308])('that redirects with %i gets nothing sent on (A7, Q31)', async (status) => {
    hostile.at('/token', redirect(evil.tokenEndpoint, status));
    expect(await attempt()).toEqual({ kind: 'failed', fault: 'redirect', retryAfter: null });
    expect(evil.connections).toBe(0);
  });

  it('that is gone was sent nothing', async () => {
    const one = wished();
    hostile.at('/token', json(issued));
    await attempt(one);
    await hostile.stop();
    const prepared = await prepareTokenRequest(one, await readMetadataOf(one), signing());
    const answer = await sendTokenRequest(prepared, http, DEADLINE);
    expect(readTokenResponse(one, answer, Date.now())).toEqual({ kind: 'failed', fault: 'unreachable', retryAfter: null });
    hostile = await HostileAuthorizationServer.start();
  });

  it('whose metadata points to another origin gets no credential there (A16, A73)', async () => {
    hostile.publish({ token_endpoint: evil.tokenEndpoint });
    await expect(attempt()).rejects.toMatchObject({ fault: 'metadata_invalid' });
    expect([evil.connections, hostile.requestsAt('/token').length]).toEqual([0, 0]);
  });

  it('whose metadata are of another issuer gets no credential (A71)', async () => {
    hostile.publish({ issuer: evil.issuer });
    await expect(attempt()).rejects.toMatchObject({ fault: 'metadata_invalid' });
    expect(hostile.requestsAt('/token')).toEqual([]);
  });

  it.each<readonly [string, Behaviour]>([
    ['are without end', endless({ bytes: 0 })],
    ['never come', hang],
    ['are a bomb', gzipBomb(true)],
  ])('whose metadata %s has none, inside the deadline (Q32)', async (_, behaviour) => {
    hostile.at('/.well-known/oauth-authorization-server', behaviour);
    const begun = awake();
    const reading = readMetadata(wished().server, http, { now: () => Date.now() }, 300);
    await expect(reading).rejects.toMatchObject({ fault: 'metadata_unavailable' });
    expect(awake() - begun).toBeLessThan(1_300);
  });
});

/** What its metadata were, now that it cannot be asked any more. */
async function readMetadataOf(one: TokenWish): ReturnType<typeof readMetadata> {
  return readMetadata({ ...one.server, tokenEndpoint: `${one.server.issuer}/token` }, http, { now: () => Date.now() }, 500);
}
