import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWTPayload } from 'jose';
import * as client from 'openid-client';
import { crm } from '../interop/world.js';
import { until } from '../rig/command-line.js';
import { newSigningKey, sign, startWorkloadIssuer, type SigningKey, type WorkloadIssuer } from '../rig/workload-issuer.js';
import { jwtSpiffe, WorkloadWorld, type Answer } from './workloads.js';

let corridor: WorkloadWorld;
let github: WorkloadIssuer;
let gitlab: WorkloadIssuer;
let spire: WorkloadIssuer;
let cluster: SigningKey;
let x509: SigningKey;
beforeAll(async () => {
  [github, gitlab, spire, cluster, x509] = await Promise.all([
    startWorkloadIssuer('RS256'),
    startWorkloadIssuer('RS256'),
    startWorkloadIssuer('ES256', { use: 'jwt-svid' }),
    newSigningKey('RS256'),
    newSigningKey('ES256', { use: 'x509-svid' }),
  ]);
  spire.publish([x509.publicJwk, spire.key.publicJwk]);
  corridor = await WorkloadWorld.start();
  await corridor.trust(runtimes());
}, 60_000);
afterAll(async () => {
  await corridor.world.stop();
  await Promise.all([github.stop(), gitlab.stop(), spire.stop()]);
});

const target = 'workflow: nightly-index, purpose: search-indexing';
const clusterIssuer = 'https://kubernetes.default.svc.cluster.local';
/** Each as its documentation has it, at a loopback address: what is ready about a platform is left out. */
const runtimes = (): string => `
  github:
    workflows: [nightly-index]
    identity:
      kind: github_actions
      issuer: "${github.url}"
      allow_hosts: [127.0.0.1]
      claims: [{ match: { repository: acme/indexer, ref: "refs/heads/*" }, ${target} }]
  gitlab:
    workflows: [nightly-index]
    identity:
      kind: gitlab_ci
      issuer: https://gitlab.example
      jwks_uri: "${gitlab.url}/keys"
      allow_hosts: [127.0.0.1]
      claims: [{ match: { project_path: "acme/*", ref_protected: "true" }, ${target} }]
  cluster:
    workflows: [nightly-index]
    identity:
      kind: kubernetes
      issuer: ${clusterIssuer}
      jwks: ${JSON.stringify({ keys: [cluster.publicJwk] })}
      claims: [{ match: { sub: "system:serviceaccount:search:*" }, ${target} }]
  mesh:
    workflows: [nightly-index]
    identity:
      kind: spiffe
      trust_domain: acme.example
      bundle_url: "${spire.url}/keys"
      allow_hosts: [127.0.0.1]
      claims: [{ match: { sub: spiffe://acme.example/ns/search/indexer }, ${target} }]
`;

const now = (): number => Math.floor(Date.now() / 1000);
const withoutType = { typ: 'JWT' };

/** https://docs.github.com/actions/concepts/security/openid-connect */
const githubToken = (changed: JWTPayload = {}): Promise<string> =>
  sign(
    github.key,
    {
      jti: randomUUID(),
      sub: 'repo:acme/indexer:ref:refs/heads/main',
      aud: corridor.issuer,
      ref: 'refs/heads/main',
      sha: 'f6f9b2b1c2',
      repository: 'acme/indexer',
      repository_owner: 'acme',
      repository_owner_id: '65',
      run_id: String(Math.floor(Math.random() * 1e12)),
      run_number: '10',
      run_attempt: '2',
      repository_visibility: 'private',
      repository_id: '74',
      actor_id: '12',
      actor: 'octocat',
      workflow: 'nightly',
      head_ref: '',
      base_ref: '',
      event_name: 'schedule',
      ref_type: 'branch',
      job_workflow_ref: 'acme/indexer/.github/workflows/nightly.yml@refs/heads/main',
      iss: github.url,
      nbf: now() - 600,
      exp: now() + 900,
      iat: now(),
      ...changed,
    },
    withoutType,
  );

/** https://docs.gitlab.com/ci/secrets/id_token_authentication/ */
const gitlabToken = (changed: JWTPayload = {}): Promise<string> =>
  sign(
    gitlab.key,
    {
      namespace_id: '72',
      namespace_path: 'acme',
      project_id: '20',
      project_path: 'acme/indexer',
      user_id: '1',
      user_login: 'sample-user',
      user_email: 'sample-user@example.com',
      pipeline_id: '574',
      pipeline_source: 'push',
      job_id: String(Math.floor(Math.random() * 1e9)),
      ref: 'main',
      ref_type: 'branch',
      ref_protected: 'true',
      sha: '714a629c',
      jti: randomUUID(),
      iss: 'https://gitlab.example',
      iat: now(),
      nbf: now() - 5,
      exp: now() + 3600,
      sub: 'project_path:acme/indexer:ref_type:branch:ref:main',
      aud: corridor.issuer,
      ...changed,
    },
    withoutType,
  );

/** https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens */
const clusterToken = (changed: JWTPayload = {}, pod = randomUUID()): Promise<string> =>
  sign(cluster, {
    aud: [corridor.issuer],
    exp: now() + 3607,
    iat: now(),
    nbf: now(),
    iss: clusterIssuer,
    jti: randomUUID(),
    'kubernetes.io': {
      namespace: 'search',
      node: { name: 'node-1', uid: randomUUID() },
      pod: { name: 'indexer-0', uid: pod },
      serviceaccount: { name: 'indexer', uid: randomUUID() },
    },
    sub: 'system:serviceaccount:search:indexer',
    ...changed,
  });

/** SPIFFE JWT-SVID §3: no iss, no jti; the list of audiences is how SPIRE writes it. */
const svid = (changed: JWTPayload = {}, key = spire.key, header: Record<string, unknown> = withoutType): Promise<string> =>
  sign(key, { sub: 'spiffe://acme.example/ns/search/indexer', aud: [corridor.issuer], exp: now() + 300, iat: now(), ...changed }, header);
const asSvid = { client_assertion_type: jwtSpiffe };

async function runOf({ body }: Answer): Promise<string> {
  return String((await corridor.world.entry(body['attribution']))?.run);
}

const refused = { status: 400, body: { error: 'invalid_client' } };

describe('a job of GitHub Actions', () => {
  it('is a run under its own id and attempt, started by its actor', async () => {
    expect(await corridor.token(await githubToken({ run_id: '4711', jti: 'a' }))).toMatchObject({ status: 200 });
    expect(await corridor.newest('run.started')).toMatchObject({
      runtime: 'github',
      agent: { name: 'acme/indexer', version: 'f6f9b2b1c2', model: 'none' },
      identity: { issuer: github.url, run_id: '4711-2' },
    });
  });

  it('gets its token with openid-client, unmodified', async () => {
    const jwt = await githubToken();
    const workload: client.ClientAuth = (_server, _client, body) => {
      body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
      body.set('client_assertion', jwt);
    };
    const configuration = await client.discovery(new URL(corridor.issuer), 'workload', undefined, workload, {
      algorithm: 'oauth2',
      execute: [client.allowInsecureRequests],
    });
    const { access_token: token } = await client.clientCredentialsGrant(configuration, { resource: crm, scope: 'crm:read' });
    expect(await corridor.world.callApi(token)).toBe(200);
  });

  it('is refused from another repository, another kind of ref, and a second time', async () => {
    const once = await githubToken();
    expect(await corridor.token(once)).toMatchObject({ status: 200 });
    for (const assertion of [
      once,
      await githubToken({ repository: 'acme/indexer-fork' }),
      await githubToken({ repository: 'evil/acme/indexer' }),
      await githubToken({ ref: 'refs/tags/v1' }),
      await githubToken({ iss: 'https://token.actions.githubusercontent.com' }),
    ]) {
      expect(await corridor.token(assertion)).toMatchObject(refused);
    }
  });
});

describe('a job of GitLab CI', () => {
  it('is a run under its own id, and only from a protected ref', async () => {
    expect(await corridor.token(await gitlabToken({ job_id: '302' }))).toMatchObject({ status: 200 });
    expect(await corridor.newest('run.started')).toMatchObject({ runtime: 'gitlab', identity: { run_id: '302' } });
    expect(await corridor.token(await gitlabToken({ ref_protected: 'false' }))).toMatchObject(refused);
    expect(await corridor.token(await gitlabToken({ project_path: 'other/acme/indexer' }))).toMatchObject(refused);
  });
});

describe('a pod of Kubernetes', () => {
  it('is a run, and uses its projected token again until it is replaced, and then the next one', async () => {
    const pod = randomUUID();
    const token = await clusterToken({}, pod);
    const answers = [await corridor.token(token), await corridor.token(token), await corridor.token(await clusterToken({}, pod))];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(new Set(await Promise.all(answers.map(runOf))).size).toBe(1);
    expect(await corridor.newest('run.started')).toMatchObject({
      runtime: 'cluster',
      agent: { name: 'search/indexer' },
      identity: { run_id: pod },
    });
  });

  it('is refused with a token for another audience too, of another namespace, or without a pod (B30)', async () => {
    for (const changed of [
      { aud: [corridor.issuer, clusterIssuer] },
      { aud: [] },
      { sub: 'system:serviceaccount:search-admin:indexer' },
      { 'kubernetes.io': { namespace: 'search', serviceaccount: { name: 'indexer', uid: '1' } } },
    ]) {
      expect(await corridor.token(await clusterToken(changed))).toMatchObject(refused);
    }
  });
});

describe('a workload with a SPIFFE ID', () => {
  it('is a run for each SVID, which it uses once (B108)', async () => {
    const once = await svid();
    expect(await corridor.token(once, { ...asSvid, client_id: 'spiffe://acme.example/ns/search/indexer' })).toMatchObject({ status: 200 });
    expect(await corridor.newest('run.started')).toMatchObject({
      runtime: 'mesh',
      agent: { name: 'spiffe://acme.example/ns/search/indexer' },
      identity: { issuer: 'spiffe://acme.example' },
    });
    expect(await corridor.token(once, asSvid)).toMatchObject(refused);
    // what stands in iss says nothing of an SVID
    expect(await corridor.token(await svid({ iss: 'https://spire.example', exp: now() + 290 }), asSvid)).toMatchObject({ status: 200 });
  });

  it('is one run with whoever has its SPIFFE ID in an SVID that expires in the same second (B108)', async () => {
    const exp = now() + 270;
    const answers = [await corridor.token(await svid({ exp }), asSvid), await corridor.token(await svid({ exp, iat: now() - 1 }), asSvid)];
    expect(answers).toMatchObject([{ status: 200 }, { status: 200 }]);
    expect(new Set(await Promise.all(answers.map(runOf))).size).toBe(1);
  });

  it.each([
    [
      'the key of another trust domain',
      'signature does not verify',
      async () => svid({}, { ...(await newSigningKey()), kid: spire.key.kid }),
    ],
    ['a key for certificates', 'no such key of this issuer', () => svid({}, x509)],
    ['two audiences', 'aud must be the issuer', () => svid({ aud: [corridor.issuer, 'https://other.example'] })],
    ['another trust domain', 'no runtime has this issuer', () => svid({ sub: 'spiffe://evil.example/ns/search/indexer' })],
    [
      'a trust domain that only begins alike',
      'no runtime has this issuer',
      () => svid({ sub: 'spiffe://acme.example.evil/ns/search/indexer' }),
    ],
    ['no path', 'no runtime has this issuer', () => svid({ sub: 'spiffe://acme.example' })],
    ['a dot segment', 'no runtime has this issuer', () => svid({ sub: 'spiffe://acme.example/ns/../ns/search/indexer' })],
    ['another path', 'no rule of the runtime matches the claims', () => svid({ sub: 'spiffe://acme.example/ns/search/indexer/x' })],
    ['EdDSA', 'algorithm not allowed', async () => svid({}, await newSigningKey('EdDSA', { kid: spire.key.kid }))],
    ['the type of a client assertion', 'another type of JWT', () => svid({}, spire.key, { typ: 'client-authentication+jwt' })],
    ['a header parameter that no SVID has', 'header parameters of no SVID', () => svid({}, spire.key, { cty: 'x' })],
    ['no exp', 'header or claims are missing or malformed', () => svid({ exp: undefined })],
    ['a long life', 'lives too long', () => svid({ exp: now() + 3600 })],
  ] as const)('is refused with %s (B107)', async (_title, reason, make) => {
    expect(await corridor.token(await make(), asSvid)).toMatchObject({ body: { error: 'invalid_client' } });
    expect(await corridor.lastSecurityEvent()).toMatchObject({ detail: reason });
  });

  it('comes as jwt-spiffe alone, and nothing else does (D2)', async () => {
    expect(await corridor.token(await svid())).toMatchObject(refused);
    expect(await corridor.token(await svid({ iss: 'spiffe://acme.example' }))).toMatchObject(refused);
    expect(await corridor.token(await githubToken(), asSvid)).toMatchObject(refused);
  });
});

describe('an assertion that is exchanged for a run', () => {
  it('gives a run with a secret, in whose name everything is attested', async () => {
    const { status, body } = await corridor.exchange(await githubToken({ run_id: '815' }), { ttl: 60, workflow: 'nightly-index' });
    expect({ status, body }).toEqual({
      status: 201,
      body: {
        id: expect.stringMatching(/^run/),
        client_id: body['id'],
        client_secret: expect.stringMatching(/^[A-Za-z0-9]{43}$/),
        token_endpoint_auth_method: 'client_secret_basic',
        issuer: corridor.issuer,
        token_endpoint: `${corridor.issuer}/token`,
        expires_at: expect.any(String),
      },
    });
    expect(Date.parse(String(body['expires_at'])) - Date.now()).toBeLessThanOrEqual(60_000);
    expect(await corridor.newest('run.started')).toMatchObject({ asserted: [], attested: ['agent', 'operator', 'purpose', 'workflow'] });
    const configuration = await client.discovery(
      new URL(corridor.issuer),
      String(body['id']),
      undefined,
      client.ClientSecretBasic(String(body['client_secret'])),
      { algorithm: 'oauth2', execute: [client.allowInsecureRequests] },
    );
    expect(await client.clientCredentialsGrant(configuration, { resource: crm, scope: 'crm:read' })).toMatchObject({
      token_type: 'bearer',
    });
  });

  it('may leave the run a key of its own, and a child run under it', async () => {
    const { publicKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(publicKey);
    const parent = await corridor.exchange(await githubToken(), { public_key: jwk });
    expect(parent.body).toMatchObject({ token_endpoint_auth_method: 'private_key_jwt' });
    expect(await calculateJwkThumbprint(jwk)).toHaveLength(43);
    const child = await corridor.exchange(await githubToken(), { parent: parent.body['id'] });
    expect(child.status).toBe(201);
    expect(await corridor.exchange(await gitlabToken(), { parent: parent.body['id'] })).toMatchObject({
      status: 404,
      body: { code: 'parent_unknown' },
    });
  });

  it.each([
    ['workflow', { workflow: 'release' }],
    ['purpose', { purpose: 'inbox-triage' }],
    ['operator', { operator: 'ada@example.com' }],
    ['agent.version', { agent: { version: '2' } }],
    ['agent.model', { agent: { model: 'large' } }],
  ])('may not say another %s than is signed, and is not spent by it (B40)', async (member, body) => {
    const assertion = await githubToken();
    expect(await corridor.exchange(assertion, body)).toMatchObject({
      status: 400,
      body: { code: 'contradicts_claims', detail: `${member} is decided by the signed claims, and they say something else: leave it out` },
    });
    expect(await corridor.exchange(assertion)).toMatchObject({ status: 201 });
  });

  it.each([
    ['a ttl beyond that of the workflow', 400, 'ttl_too_long', { ttl: 31_536_000 }],
    ['a parent that there is not', 404, 'parent_unknown', { parent: 'run01nobody' }],
    ['a key that is none', 400, 'public_key_unusable', { public_key: { kty: 'EC' } }],
    ['what is no wish', 400, 'malformed', { ttl: 'long' }],
  ])('is not spent when it is refused for %s', async (_title, status, code, body) => {
    const assertion = await gitlabToken();
    expect(await corridor.exchange(assertion, body)).toMatchObject({ status, body: { code } });
    expect(await corridor.exchange(assertion)).toMatchObject({ status: 201 });
  });

  it('gives its run again with a new secret for the same Idempotency-Key and body, and nothing for others', async () => {
    const assertion = await gitlabToken();
    const key = { 'idempotency-key': 'job-1' };
    const first = await corridor.exchange(assertion, { ttl: 60 }, key);
    expect(first.status).toBe(201);
    const again = await corridor.exchange(assertion, { ttl: 60 }, key);
    expect(again).toMatchObject({ status: 201, body: { id: first.body['id'], expires_at: first.body['expires_at'] } });
    expect(digest(again.body['client_secret'])).not.toBe(digest(first.body['client_secret']));
    const ask = (secret: unknown): Promise<Response> => {
      const authorization = `Basic ${Buffer.from(`${String(first.body['id'])}:${String(secret)}`).toString('base64')}`;
      const body = new URLSearchParams({ grant_type: 'client_credentials', scope: 'crm:read', resource: crm });
      return fetch(`${corridor.issuer}/token`, { method: 'POST', headers: { authorization }, body });
    };
    expect((await ask(again.body['client_secret'])).status).toBe(200);
    expect((await ask(first.body['client_secret'])).status).toBe(401);
    const refusedOnes = [
      await corridor.exchange(assertion, { ttl: 61 }, key),
      await corridor.exchange(assertion, { ttl: 60 }, { 'idempotency-key': 'job-2' }),
      await corridor.exchange(assertion, { ttl: 60 }),
    ];
    expect(refusedOnes.map(({ status }) => status)).toEqual([401, 401, 401]);
    expect(await corridor.token(assertion)).toMatchObject(refused);
    // a key says nothing of another assertion
    const other = await corridor.exchange(await gitlabToken(), { ttl: 60 }, key);
    expect(other.status).toBe(201);
    expect(other.body['id']).not.toBe(first.body['id']);
    expect(await corridor.exchange(await gitlabToken(), undefined, { 'idempotency-key': 'ä' })).toMatchObject({ status: 400 });
  });

  it('is spent by it, for the token endpoint too (B33, B42)', async () => {
    const assertion = await githubToken();
    expect(await corridor.exchange(assertion)).toMatchObject({ status: 201 });
    expect(await corridor.exchange(assertion)).toMatchObject({ status: 401, body: { code: 'assertion_refused' } });
    expect(await corridor.lastSecurityEvent()).toMatchObject({ surface: 'api', detail: 'assertion used before' });
    const spentThere = await githubToken();
    expect(await corridor.token(spentThere)).toMatchObject({ status: 200 });
    expect(await corridor.exchange(spentThere)).toMatchObject({ status: 401 });
  });

  it('gives the run of that id again with a new secret, until it is over, and then none (B41)', async () => {
    const job = { job_id: '990' };
    const first = await corridor.exchange(await gitlabToken(job));
    const second = await corridor.exchange(await gitlabToken(job));
    expect(second).toMatchObject({ status: 201, body: { id: first.body['id'], expires_at: first.body['expires_at'] } });
    expect(digest(second.body['client_secret'])).not.toBe(digest(first.body['client_secret']));
    expect(await corridor.exchange(await gitlabToken({ ...job, sha: 'other' }))).toMatchObject({
      status: 409,
      body: { code: 'run_differs' },
    });
    // a run has one way to authenticate (B14)
    expect(await corridor.token(await gitlabToken(job))).toMatchObject(refused);
    await corridor.world.corridor.api('POST', `/v1/runs/${String(first.body['id'])}/end`);
    expect(await corridor.exchange(await gitlabToken(job))).toMatchObject({ status: 409, body: { code: 'run_over' } });
  });

  it('does not take over a run that authenticates by its assertions', async () => {
    const job = { job_id: '991' };
    expect(await corridor.token(await gitlabToken(job))).toMatchObject({ status: 200 });
    expect(await corridor.exchange(await gitlabToken(job))).toMatchObject({ status: 409, body: { code: 'run_differs' } });
    expect(await corridor.token(await gitlabToken(job))).toMatchObject({ status: 200 });
  });

  it('is told when no rule is for it, and nothing when it is not signed for us', async () => {
    expect(await corridor.exchange(await githubToken({ repository: 'acme/other' }))).toMatchObject({
      status: 403,
      body: { code: 'claims_not_mapped', detail: expect.stringContaining('no rule of the runtime matches the claims') },
    });
    const detail = 'the assertion was refused; the security log of Corridor says why';
    expect(await corridor.exchange(await githubToken({ aud: 'https://other.example' }))).toMatchObject({ status: 401, body: { detail } });
    expect(await corridor.exchange(await svid({ exp: now() + 240 }))).toMatchObject({ status: 201 });
  });

  it('ends the run that it attests, and no other', async () => {
    const job = { run_id: '4242' };
    const { body } = await corridor.exchange(await githubToken(job));
    const end = async (assertion: string): Promise<unknown> =>
      (await corridor.world.corridor.api('POST', `/v1/runs/${String(body['id'])}/end`, undefined, assertion)).body;
    expect(await end(await githubToken())).toMatchObject({ status: 404, code: 'run_unknown' });
    expect(await end(await githubToken({ ...job, sha: 'other' }))).toMatchObject({ status: 404, code: 'run_unknown' });
    expect(await end(await gitlabToken({ job_id: '4242-2' }))).toMatchObject({ status: 404, code: 'run_unknown' });
    const once = await githubToken(job);
    expect(await end(once)).toMatchObject({ id: body['id'], ended_at: expect.any(String) });
    expect(await end(once)).toMatchObject({ status: 401, code: 'assertion_refused' });
    expect(await corridor.newest('run.ended')).toMatchObject({ run: body['id'], by: 'runtime github' });
  });

  it('opens no other route of the administration', async () => {
    const { status } = await corridor.world.corridor.api('GET', '/v1/runs/run01nobody', undefined, await githubToken());
    expect(status).toBe(401);
  });
});

describe('whoever replays an assertion', () => {
  it('is told to wait after so many times, and whoever has a good one is not (B21)', async () => {
    const assertion = await gitlabToken();
    expect(await corridor.exchange(assertion)).toMatchObject({ status: 201 });
    const replays = [];
    for (let time = 0; time < 21; time++) replays.push(await corridor.exchange(assertion));
    expect(replays.at(0)).toMatchObject({ status: 401, body: { code: 'assertion_refused' } });
    expect(replays.at(-1)).toMatchObject({ status: 429, body: { code: 'too_many_attempts' } });
    await until(() => corridor.world.corridor.output().includes('"event":"throttled"'));
    expect(await corridor.lastSecurityEvent()).toMatchObject({
      event: 'throttled',
      surface: 'api',
      subject: 'gitlab',
      detail: 'assertion used before',
    });
    expect(await corridor.token(assertion)).toMatchObject({ status: 429, body: { error: 'slow_down' } });
    expect(await corridor.exchange(await gitlabToken())).toMatchObject({ status: 201 });
  });
});

function digest(secret: unknown): string {
  return createHash('sha256').update(String(secret)).digest('hex');
}
