import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, type JWTPayload } from 'jose';
import { earlyInMinute } from '../rig/calendar-minute.js';
import { newSigningKey, sign, startWorkloadIssuer, type SigningKey, type WorkloadIssuer } from '../rig/workload-issuer.js';
import { WorkloadWorld } from './workloads.js';

let corridor: WorkloadWorld;
let builder: WorkloadIssuer;
let again: WorkloadIssuer;
let few: WorkloadIssuer;
let stranger: WorkloadIssuer;
let other: SigningKey;
beforeAll(async () => {
  [builder, again, few, stranger, other] = await Promise.all([
    startWorkloadIssuer(),
    startWorkloadIssuer(),
    startWorkloadIssuer(),
    startWorkloadIssuer(),
    newSigningKey('RS256'),
  ]);
  builder.publish([builder.key.publicJwk, other.publicJwk, { kty: 'strange' }, null]);
  corridor = await WorkloadWorld.start();
  await corridor.trust(runtimes());
}, 60_000);
afterAll(async () => {
  await corridor.world.stop();
  await Promise.all([builder.stop(), again.stop(), few.stop(), stranger.stop()]);
});

const identity = (issuer: string, more = '', project = 'acme/*'): string => `
      issuer: "${issuer}"
      allow_hosts: [127.0.0.1]
      algorithms: [ES256, RS256]
      ${more}
      claims:
        - match: { project: "${project}", environment: production }
          workflow: nightly-index
          purpose: search-indexing
          agent: { name: "{project}", version: "{/deploy/region}" }
          operator: "{user}"
          run_id: "{build}"`;
const runtimes = (project?: string): string => `
  builder:
    workflows: [nightly-index]
    identity: ${identity(builder.url, '', project)}
  again:
    workflows: [nightly-index]
    identity: ${identity(again.url, 'assertion_reuse: true')}
  few:
    workflows: [nightly-index]
    max_requests_per_minute: 3
    identity: ${identity(few.url)}
`;

const now = (): number => Math.floor(Date.now() / 1000);
/** What the platform says of a build of its own; undefined takes a claim out. */
const claims = (changed: JWTPayload = {}): JWTPayload => ({
  iss: builder.url,
  sub: 'job-7',
  aud: corridor.issuer,
  iat: now(),
  exp: now() + 120,
  jti: randomUUID(),
  project: 'acme/indexer',
  environment: 'production',
  deploy: { region: 'eu-1' },
  user: 'ada@example.com',
  build: randomUUID(),
  ...changed,
});
const assertion = (changed: JWTPayload = {}, header: Readonly<Record<string, unknown>> = {}): Promise<string> =>
  sign(builder.key, claims(changed), header);
const base64url = (text: string): string => Buffer.from(text).toString('base64url');

const refused = { status: 400, body: { error: 'invalid_client', error_description: 'client authentication failed' } };

describe('a workload assertion at the token endpoint', () => {
  it('starts a run and gets its token, without a secret anywhere', async () => {
    const build = randomUUID();
    const { status, body } = await corridor.token(await assertion({ build }));
    expect({ status, type: body['token_type'], scope: body['scope'] }).toEqual({ status: 200, type: 'Bearer', scope: 'crm:read' });
    const attested = { asserted: [], attested: ['agent', 'operator', 'purpose', 'workflow'] };
    const started = await corridor.newest('run.started');
    expect(started).toMatchObject({
      ...attested,
      runtime: 'builder',
      workflow: 'nightly-index',
      purpose: 'search-indexing',
      agent: { name: 'acme/indexer', version: 'eu-1', model: 'none' },
      method: 'workload',
      identity: { issuer: builder.url, run_id: build },
    });
    expect(await corridor.world.entry(body['attribution'])).toMatchObject({ ...attested, type: 'token.released', run: started?.['run'] });
    expect(JSON.stringify(started)).not.toContain('ada@');
    const run = await corridor.world.corridor.api('GET', `/v1/runs/${String(started?.['run'])}`);
    expect(run.body).toMatchObject({
      operator: 'ada@example.com',
      attested: {
        issuer: builder.url,
        run_id: build,
        claims: { project: 'acme/indexer', environment: 'production', '/deploy/region': 'eu-1', build },
      },
    });
  });

  it('shows its attested claims to the policy', async () => {
    const { status, body } = await corridor.token(await assertion({ project: 'acme/forbidden' }));
    expect({ status, error: body['error'], reasons: body['reasons'] }).toEqual({
      status: 400,
      error: 'access_denied',
      reasons: [{ code: 'project_forbidden', region: 'eu-1' }],
    });
  });

  it('may send sub as client_id, and nothing else (B15)', async () => {
    expect(await corridor.token(await assertion(), { client_id: 'job-7' })).toMatchObject({ status: 200 });
    expect(await corridor.token(await assertion(), { client_id: 'builder' })).toEqual(refused);
  });

  it('takes no word for who it is but the signed one (B40)', async () => {
    const { body } = await corridor.token(await assertion(), { run_id: 'run01x', workflow: 'release', operator: 'eve@example.com' });
    const entry = await corridor.world.entry(body['attribution']);
    expect(entry).toMatchObject({ workflow: 'nightly-index', runtime: 'builder', agent: { name: 'acme/indexer' } });
  });
});

/** What is wrong, with the reason that stands in the security log, and never in the answer. */
type Case = readonly [title: string, reason: string, make: () => Promise<string>];

const table: readonly Case[] = [
  ['a key of another issuer (B23)', 'signature does not verify', () => sign({ ...stranger.key, kid: builder.key.kid }, claims())],
  [
    'a key that the header brings along (B23)',
    'signature does not verify',
    async () => sign(stranger.key, claims(), { jwk: stranger.key.publicJwk, jku: `${stranger.url}/keys`, kid: undefined }),
  ],
  ['an issuer that no runtime has (B29)', 'no runtime has this issuer', () => sign(stranger.key, claims({ iss: stranger.url }))],
  ['a run as its issuer, with a key of the platform (B23)', 'unknown run', () => assertion({ iss: 'run01k9x', sub: 'run01k9x' })],
  ['a path for a kid (B23)', 'no such key of this issuer', () => assertion({}, { kid: '../../etc/passwd' })],
  ['no algorithm (B24)', 'algorithm not allowed', async () => `${base64url('{"alg":"none"}')}.${base64url(JSON.stringify(claims()))}.e30`],
  [
    'a symmetric algorithm with the public key as its secret (B24)',
    'algorithm not allowed',
    async () => {
      const { createHmac } = await import('node:crypto');
      const signed = `${base64url(JSON.stringify({ alg: 'HS256', kid: builder.key.kid }))}.${base64url(JSON.stringify(claims()))}`;
      return `${signed}.${createHmac('sha256', JSON.stringify(builder.key.publicJwk)).update(signed).digest('base64url')}`;
    },
  ],
  [
    'an algorithm that is not of the list, though the key is right (B24)',
    'algorithm not allowed',
    async () => sign(await keyAs(other, 'PS256'), claims(), { kid: other.kid }),
  ],
  ['the algorithm of another type of key (B24)', 'no such key of this issuer', () => sign(other, claims(), { kid: builder.key.kid })],
  ['a critical header parameter (B25)', 'critical header parameters', () => assertion({}, { crit: ['b64'], b64: true })],
  ['an empty crit (B25)', 'critical header parameters', async () => retold(await assertion(), (header) => ({ ...header, crit: [] }))],
  ['padding (B26)', 'not a compact JWS', async () => `${await assertion()}=`],
  ['five parts (B26)', 'not a compact JWS', async () => `${await assertion()}.e30.e30`],
  ['JSON serialisation (B26)', 'not a compact JWS', async () => JSON.stringify({ payload: 'e30', signatures: [] })],
  [
    'a claim that stands there twice (B27)',
    'header or claims are missing or malformed',
    () => signedText(JSON.stringify(claims()).replace('{', '{"project":"acme/other",')),
  ],
  ['no exp (B28)', 'header or claims are missing or malformed', () => assertion({ exp: undefined })],
  [
    'an exp of text (B28)',
    'header or claims are missing or malformed',
    () => signedText(JSON.stringify({ ...claims(), exp: String(now() + 60) })),
  ],
  [
    'an exp beyond all numbers (B28)',
    'header or claims are missing or malformed',
    () => signedText(JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e309')),
  ],
  [
    'a sub of several (B28)',
    'header or claims are missing or malformed',
    () => signedText(JSON.stringify({ ...claims(), sub: ['job-7'] })),
  ],
  ['no sub (B28)', 'header or claims are missing or malformed', () => assertion({ sub: undefined })],
  ['no aud (B28, B30)', 'header or claims are missing or malformed', () => assertion({ aud: undefined })],
  ['several audiences (B30)', 'aud must be the issuer', () => assertion({ aud: [corridor.issuer, 'https://other.example'] })],
  ['a list of one audience, which is not asked for (B30, D1)', 'aud must be the issuer', () => assertion({ aud: [corridor.issuer] })],
  ['the token endpoint as its audience (B30)', 'aud must be the issuer', () => assertion({ aud: `${corridor.issuer}/token` })],
  ['an audience with a slash more (B30)', 'aud must be the issuer', () => assertion({ aud: `${corridor.issuer}/` })],
  ['an audience in capitals (B30)', 'aud must be the issuer', () => assertion({ aud: corridor.issuer.toUpperCase() })],
  ['a time that is over (B31)', 'expired', () => assertion({ exp: now() - 1 })],
  ['a life beyond the cap (B31)', 'lives too long', () => assertion({ exp: now() + 365 * 86_400 })],
  ['an iat that is to come (B32)', 'not yet valid', () => assertion({ iat: now() + 75 })],
  ['an nbf that is to come (B32)', 'not yet valid', () => assertion({ nbf: now() + 75 })],
  ...['at+jwt', 'application/at+jwt', 'dpop+jwt', 'secevent+jwt', 'token-introspection+jwt', 'logout+jwt', 'JOSE'].map((typ): Case => [
    `the type ${typ} (B38)`,
    'another type of JWT',
    () => assertion({}, { typ }),
  ]),
  [
    'the events of a logout token (B38)',
    'another type of JWT',
    () => assertion({ events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }),
  ],
  [
    'a value that only begins like the pattern',
    'no rule of the runtime matches the claims',
    () => assertion({ environment: 'production-like' }),
  ],
  [
    'a value that only ends like the pattern',
    'no rule of the runtime matches the claims',
    () => assertion({ project: 'evil/acme/indexer' }),
  ],
  [
    'a claim that the mapping names and that is not there',
    'a claim that the mapping names is missing, empty or too long',
    () => assertion({ user: undefined }),
  ],
  [
    'a claim of another type than the mapping can use',
    'a claim that the mapping names is missing, empty or too long',
    () => assertion({ build: { id: 1 } }),
  ],
];

async function keyAs(key: SigningKey, algorithm: string): Promise<SigningKey> {
  const { importJWK } = await import('jose');
  const privateKey = await importJWK(await exportJWK(key.privateKey), algorithm);
  if (privateKey instanceof Uint8Array) throw new TypeError('a key pair was expected');
  return { ...key, algorithm, privateKey };
}

/** Signs a text as it is. */
async function signedText(payload: string): Promise<string> {
  const { CompactSign } = await import('jose');
  return new CompactSign(Buffer.from(payload)).setProtectedHeader({ alg: 'ES256', kid: builder.key.kid }).sign(builder.key.privateKey);
}

/** With another header than the one that was signed: libraries refuse to sign some. */
function retold(jwt: string, change: (header: Record<string, unknown>) => Record<string, unknown>): string {
  const [head = '', ...rest] = jwt.split('.');
  const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Record<string, unknown>;
  return [base64url(JSON.stringify(change(header))), ...rest].join('.');
}

describe('a workload assertion that is not right', () => {
  it.each(table)('is refused for %s, starts nothing, and tells nothing (B20, B21)', async (_title, reason, make) => {
    const before = await corridor.runsStarted();
    const answer = await corridor.token(await make());
    expect(await corridor.lastSecurityEvent()).toMatchObject({ surface: 'token', detail: reason });
    // after many failures the address has to wait
    expect([refused.status, 429]).toContain(answer.status);
    expect(['invalid_client', 'slow_down']).toContain(answer.body['error']);
    expect(await corridor.runsStarted()).toBe(before);
  });

  it.each([
    ['no type', {}],
    ['JWT', { typ: 'JWT' }],
    ['jwt in small letters', { typ: 'jwt' }],
    ['client-authentication+jwt', { typ: 'client-authentication+jwt' }],
    ['the same as a media type', { typ: 'application/client-authentication+jwt' }],
  ])('is taken with %s, and a clock that is a little ahead (B32, B37)', async (_title, header) => {
    expect(await corridor.token(await assertion({ iat: now() + 9, nbf: now() + 9 }, header))).toMatchObject({ status: 200 });
  });
});

describe('the use of workload assertions', () => {
  it('is single: of 100 at once one is accepted, and none later (B33, B34)', async () => {
    const once = await assertion();
    const before = await corridor.runsStarted();
    const answers = await Promise.all(Array.from({ length: 100 }, () => corridor.token(once)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await corridor.token(once)).not.toMatchObject({ status: 200 });
    expect((await corridor.runsStarted()) - before).toBe(1);
  });

  it('cannot be spoilt by others (B35)', async () => {
    const good = await assertion();
    const [head, body] = good.split('.');
    expect(await corridor.token(`${head}.${body}.${base64url('x'.repeat(64))}`)).not.toMatchObject({ status: 200 });
    const { jti } = JSON.parse(Buffer.from(body ?? '', 'base64url').toString()) as JWTPayload;
    // the same jti by another issuer, by another workload, and for another audience
    expect(await corridor.token(await sign(again.key, claims({ iss: again.url, jti })))).toMatchObject({ status: 200 });
    expect(await corridor.token(await assertion({ jti, sub: 'job-8' }))).toMatchObject({ status: 200 });
    expect(await corridor.token(await assertion({ jti, aud: 'https://other.example' }))).not.toMatchObject({ status: 200 });
    expect(await corridor.token(good)).toMatchObject({ status: 200 });
  });

  it('is single without a jti too, whatever is made of its signature (B33, B108)', async () => {
    const once = await assertion({ jti: undefined });
    expect(await corridor.token(once)).toMatchObject({ status: 200 });
    expect(await corridor.token(otherSignature(once))).not.toMatchObject({ status: 200 });
    expect(await corridor.token(once)).not.toMatchObject({ status: 200 });
  });

  it('is shared where the runtime says so, and starts one run', async () => {
    const shared = await sign(again.key, claims({ iss: again.url }));
    const before = await corridor.runsStarted();
    const answers = await Promise.all(Array.from({ length: 50 }, () => corridor.token(shared)));
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect((await corridor.runsStarted()) - before).toBe(1);
  });

  it('gives later assertions of the same build the same run, and none that attests something else', async () => {
    const build = randomUUID();
    const first = await corridor.token(await assertion({ build }));
    const second = await corridor.token(await assertion({ build }));
    const runOf = async ({ body }: { body: Readonly<Record<string, unknown>> }) => (await corridor.world.entry(body['attribution']))?.run;
    expect(await runOf(second)).toBe(await runOf(first));
    expect(await corridor.token(await assertion({ build, deploy: { region: 'us-1' } }))).not.toMatchObject({ status: 200 });
    expect(await corridor.token(await assertion({ build, user: 'eve@example.com' }))).not.toMatchObject({ status: 200 });
  });

  it('never opens a run again, and says on record that it is over (B41)', async () => {
    const build = randomUUID();
    await corridor.token(await assertion({ build }));
    const run = String((await corridor.newest('run.started'))?.['run']);
    await corridor.world.corridor.api('POST', `/v1/runs/${run}/end`);
    const tokenRequests = async () => (await corridor.world.authorizationServer.requests())['POST /token'];
    const before = await tokenRequests();
    const over = await corridor.token(await assertion({ build }));
    expect(over).toMatchObject({ status: 400, body: { error: 'unauthorized_client', reasons: [{ code: 'run_ended' }] } });
    expect(await corridor.world.entry(over.body['attribution'])).toMatchObject({ type: 'token.refused', run });
    expect(await tokenRequests()).toBe(before);
    expect((await corridor.newest('run.started'))?.['run']).toBe(run);
  });

  it('opens no run when its runtime is over its limit', async () => {
    await earlyInMinute();
    const first = async (): Promise<number> => (await corridor.token(await sign(few.key, claims({ iss: few.url })))).status;
    // each start counts, and each request
    expect([await first(), await first()]).toEqual([200, 429]);
    const before = await corridor.runsStarted();
    const over = await corridor.token(await sign(few.key, claims({ iss: few.url })));
    expect(over).toMatchObject({
      status: 429,
      body: { error: 'slow_down', reasons: [{ code: 'rate_limited', limit: 'runtime', per_minute: 3 }] },
    });
    expect(await corridor.exchange(await sign(few.key, claims({ iss: few.url })))).toMatchObject({
      status: 429,
      body: { code: 'slow_down' },
    });
    expect(await corridor.runsStarted()).toBe(before);
  });

  it('gets at the keys of its issuer once, however many strange kids come (B39)', async () => {
    const before = builder.fetches();
    const flood = Array.from({ length: 100 }, async () => corridor.token(await assertion({}, { kid: randomUUID() })));
    expect((await Promise.all(flood)).filter(({ status }) => status === 200)).toEqual([]);
    expect(builder.fetches() - before).toBeLessThanOrEqual(1);
    expect(await corridor.token(await assertion())).toMatchObject({ status: 200 });
  });
});

describe('trust that is withdrawn', () => {
  it('stops new assertions and the runs that it started, at once', async () => {
    const build = randomUUID();
    const run = await corridor.exchange(await assertion({ build }));
    expect(run.status).toBe(201);
    const authorization = `Basic ${Buffer.from(`${String(run.body['id'])}:${String(run.body['client_secret'])}`).toString('base64')}`;
    const ask = async (): Promise<unknown> => {
      const body = new URLSearchParams({ grant_type: 'client_credentials', scope: 'crm:read', resource: 'https://crm.example/api' });
      return (await fetch(`${corridor.issuer}/token`, { method: 'POST', headers: { authorization }, body })).json();
    };
    expect(await ask()).toMatchObject({ token_type: 'Bearer' });
    const shared = await sign(again.key, claims({ iss: again.url }));
    expect(await corridor.token(shared)).toMatchObject({ status: 200 });

    await corridor.trust(runtimes('acme/other'));
    expect(await corridor.token(await assertion())).not.toMatchObject({ status: 200 });
    expect(await ask()).toMatchObject({ error: 'unauthorized_client', reasons: [{ code: 'runtime_not_trusted' }] });
    expect(await corridor.token(shared)).toMatchObject({ status: 200 });

    await corridor.trust('');
    expect(await corridor.token(shared)).not.toMatchObject({ status: 200 });
    expect(await ask()).toMatchObject({ error: 'unauthorized_client', reasons: [{ code: 'runtime_not_trusted' }] });

    await corridor.trust(runtimes());
    expect(await ask()).toMatchObject({ token_type: 'Bearer' });
    expect(await corridor.token(await assertion())).toMatchObject({ status: 200 });
  });
});

/** ECDSA signatures have a twin: (r, n − s) verifies as (r, s) does. */
function otherSignature(jwt: string): string {
  const [head = '', body = '', signature = ''] = jwt.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const twin = (order - BigInt(`0x${bytes.subarray(32).toString('hex')}`)).toString(16).padStart(64, '0');
  return [head, body, Buffer.concat([bytes.subarray(0, 32), Buffer.from(twin, 'hex')]).toString('base64url')].join('.');
}
