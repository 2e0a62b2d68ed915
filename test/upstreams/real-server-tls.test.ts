import { X509Certificate } from 'node:crypto';
import { decodeJwt } from 'jose';
import { withOwnCertificate } from '../../src/credentials/own-certificate.js';
import { generateKeyPair } from '../../src/credentials/key-pair.js';
import { readReferencedCertificate } from '../../src/credentials/referenced-key.js';
import type { AuthorizationServer } from '../../src/catalogue/catalogue.js';
import type { CertificateMethod } from '../../src/catalogue/client-methods.js';
import type { CertificateCredential } from '../../src/credentials/credential.js';
import { Scope } from '../../src/oauth/scope.js';
import { Secret } from '../../src/oauth/secret.js';
import { UndiciUpstreamHttp } from '../../src/platform/upstream-http.js';
import { prepareIntrospection, readIntrospectionResponse, sendIntrospection } from '../../src/upstreams/introspection.js';
import { readMetadata } from '../../src/upstreams/discovery.js';
import { cacheKey, requestInputs } from '../../src/upstreams/request-inputs.js';
import { prepareRevocation, readRevocationResponse, sendRevocation } from '../../src/upstreams/revocation.js';
import { prepareTokenRequest, sendTokenRequest } from '../../src/upstreams/token-request.js';
import { readTokenResponse } from '../../src/upstreams/token-response.js';
import type { TokenWish, UpstreamOutcome } from '../../src/upstreams/token.js';
import { startAuthorizationServer, type RunningAuthorizationServer } from '../rig/authorization-server.js';
import { createAuthority } from '../rig/certificates.js';
import { client, metadata, RESOURCE, resource, secretCredential, server, signing, wish } from './wish.js';

const authority = createAuthority('Private authority');
const HOST = 'localhost';
const clock = { now: () => Date.now() };
const means = signing(clock);
const http = new UndiciUpstreamHttp();

let real: RunningAuthorizationServer;
/** Two versions for a client that vouches for itself, and what an authority issued to another. */
let own: readonly [CertificateCredential, CertificateCredential];
let issued: CertificateCredential;

async function credential(id: string, method: CertificateMethod, pem?: string): Promise<CertificateCredential> {
  const pair =
    pem === undefined
      ? await withOwnCertificate(await generateKeyPair('ES256'), 'indexer', Date.now(), 1_000)
      : await readReferencedCertificate(new Secret(pem), Date.now());
  const bound = { client: 'indexer', createdAt: 0, issuer: '', tokenEndpointOrigin: '' };
  return { ...bound, id, method, ...pair.key, privateKey: pair.privateKey };
}

beforeAll(async () => {
  own = [await credential('cre1', 'self_signed_tls_client_auth'), await credential('cre2', 'self_signed_tls_client_auth')];
  const byAuthority = authority.certify('indexer.example');
  issued = await credential('cre3', 'tls_client_auth', byAuthority.key + byAuthority.cert);
  const keys = own.map(({ publicKey, kid, algorithm }) => ({ ...publicKey, kid, alg: algorithm, use: 'sig' }));
  real = await startAuthorizationServer({
    clients: [
      { client_id: 'own', token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys } },
      {
        client_id: 'issued',
        token_endpoint_auth_method: 'tls_client_auth',
        tls_client_auth_san_dns: 'indexer.example',
        tls_client_certificate_bound_access_tokens: true,
      },
      {
        client_id: 'prover',
        token_endpoint_auth_method: 'client_secret_basic',
        client_secret: 'canary secret',
        dpop_bound_access_tokens: true,
      },
    ],
    resources: {
      [RESOURCE]: { scopes: ['crm:read', 'crm:write'] },
      'https://files.example/api': { scopes: ['files:read'], format: 'opaque' },
    },
    tls: { host: HOST, ...authority.certify(HOST), ca: authority.cert, clientAuthority: authority.cert },
  });
}, 60_000);
afterAll(() => Promise.all([real.stop(), http.close()]));

function wished(clientId: string, by: CertificateCredential, more: Partial<TokenWish> = {}): TokenWish {
  return wish({
    server: server({ issuer: real.issuer, allowHosts: [HOST], ca: { path: 'ca.pem', pem: authority.cert } }),
    client: client({ clientId, method: by.method }),
    credential: { ...by, issuer: real.issuer, tokenEndpointOrigin: real.issuer },
    ...more,
  });
}

async function obtain(one: TokenWish): Promise<UpstreamOutcome> {
  const prepared = await prepareTokenRequest(one, await readMetadata(one.server, http, clock, 5_000), means);
  return readTokenResponse(one, await sendTokenRequest(prepared, http, 5_000), Date.now());
}

async function obtained(one: TokenWish) {
  const outcome = await obtain(one);
  if (outcome.kind !== 'token') throw new Error(JSON.stringify(outcome));
  return outcome.token;
}

describe('a client that authenticates by the certificate of its connection', () => {
  it('is known by its own certificate, whose key set the server has, at the alias of the token endpoint (A28, A29)', async () => {
    const token = await obtained(wished('own', own[0]));
    expect(decodeJwt(token.text.reveal())).toMatchObject({ aud: RESOURCE, client_id: 'own' });
    expect(await real.requests()).toMatchObject({ 'POST /mtls/token': 1 });
    expect(await real.requests()).not.toHaveProperty('POST /token');
  });

  it('is known by what an authority issued, to which its tokens are bound (A31)', async () => {
    const asking = wished('issued', issued, { resource: resource({ senderConstraint: 'mtls' }) });
    const token = await obtained(asking);
    expect(token).toMatchObject({ type: 'Bearer', binding: 'mtls' });
    const certificate = new X509Certificate(Buffer.from(issued.publicKey.x5c?.[0] ?? '', 'base64'));
    const thumbprint = Buffer.from(certificate.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
    expect(decodeJwt(token.text.reveal())['cnf']).toEqual({ 'x5t#S256': thumbprint });
    // of no use to whoever were handed it
    expect(await obtain(wished('issued', issued))).toMatchObject({ kind: 'refused', fault: 'binding_unasked' });
  });

  it('is nobody with another certificate, and the connection of the right one does not help (A30)', async () => {
    expect((await obtain(wished('own', own[0]))).kind).toBe('token');
    const stranger = await credential('cre9', 'self_signed_tls_client_auth');
    expect(await obtain(wished('own', stranger))).toMatchObject({ kind: 'failed', fault: 'client_refused' });
    expect((await obtain(wished('own', own[0]))).kind).toBe('token');
  });

  it('shows a new version in a new connection, and no token of the old one is served any more (A30, A37)', async () => {
    const [first, second] = [wished('own', own[0]), wished('own', own[1])];
    await obtained(first);
    expect((await obtained(second)).audience).toEqual([RESOURCE]);
    expect(cacheKey(requestInputs(first, metadata()), 'run')).not.toBe(cacheKey(requestInputs(second, metadata()), 'run'));
  });

  it('revokes at the endpoint that has no alias, with its certificate too (A28, A89)', async () => {
    const one = wished('own', own[0], { resource: resource({ uri: 'https://files.example/api' }), scope: Scope.of(['files:read']) });
    const token = await obtained(one);
    const prepared = await prepareRevocation(one, token.text, await readMetadata(one.server, http, clock, 5_000), means);
    if (prepared === 'unsupported') throw new Error('it can be revoked');
    expect(new URL(prepared.endpoint).pathname).toBe('/token/revocation');
    expect(readRevocationResponse(await sendRevocation(prepared, http, 5_000), Date.now())).toEqual({ kind: 'revoked' });
  });
});

describe('a server that asks for certificates at another origin than its issuer’s, as RFC 8705 §5 has it', () => {
  const ledger = resource({ uri: 'https://ledger.example/api', verifyAudience: true });
  let apart: RunningAuthorizationServer;
  let alias: string;

  beforeAll(async () => {
    const [{ publicKey, kid, algorithm }] = own;
    apart = await startAuthorizationServer({
      clients: [
        {
          client_id: 'own',
          token_endpoint_auth_method: 'self_signed_tls_client_auth',
          jwks: { keys: [{ ...publicKey, kid, alg: algorithm, use: 'sig' }] },
        },
        { client_id: 'by-secret', token_endpoint_auth_method: 'client_secret_basic', client_secret: 'canary secret' },
      ],
      resources: { [ledger.uri]: { scopes: ['ledger:read'], format: 'opaque' } },
      tls: { host: HOST, ...authority.certify(HOST), ca: authority.cert, clientAuthority: authority.cert, certificatesApart: true },
    });
    alias = (await readMetadata(at(), http, clock, 5_000)).mtlsAliases?.tokenEndpoint ?? '';
    expect(new URL(alias).origin).not.toBe(apart.issuer);
  }, 60_000);
  afterAll(() => apart.stop());

  const at = (more: Partial<AuthorizationServer> = {}): AuthorizationServer =>
    server({ issuer: apart.issuer, allowHosts: [HOST], ca: { path: 'ca.pem', pem: authority.cert }, ...more });
  const asking = (more: Partial<AuthorizationServer>): TokenWish =>
    wished('own', own[0], {
      server: at(more),
      credential: { ...own[0], issuer: apart.issuer, tokenEndpointOrigin: new URL(alias).origin },
      resource: ledger,
      scope: Scope.of(['ledger:read']),
    });

  it('gives, explains and revokes tokens there, where the catalogue names that place for certificates (A16, A28, A89, A92)', async () => {
    const one = asking({ tokenEndpoint: `${apart.issuer}/token`, mtlsTokenEndpoint: alias });
    const about = await readMetadata(one.server, http, clock, 5_000);
    const issued = await obtain(one);
    if (issued.kind !== 'refused' || issued.token === null) throw new Error('an opaque token says nothing of its audience');
    const question = await prepareIntrospection(one, issued.token.text, about, means);
    if (question === 'unsupported') throw new Error('the server can be asked');
    const told = readIntrospectionResponse(one, issued.token, await sendIntrospection(question, http, 5_000));
    expect(told).toMatchObject({ kind: 'token', token: { audience: [ledger.uri] } });
    const revocation = await prepareRevocation(one, issued.token.text, about, means);
    if (revocation === 'unsupported') throw new Error('it can be revoked');
    expect(readRevocationResponse(await sendRevocation(revocation, http, 5_000), Date.now())).toEqual({ kind: 'revoked' });
    expect(await apart.requests()).toMatchObject({
      'POST /mtls/token': 1,
      'POST /mtls/token/introspection': 1,
      'POST /mtls/token/revocation': 1,
    });
  });

  it('is sent nothing there unless the catalogue names it, and a secret never (A16, A73)', async () => {
    await expect(obtain(asking({}))).rejects.toMatchObject({ fault: 'metadata_invalid' });
    const bySecret = wish({
      server: at({ mtlsTokenEndpoint: alias }),
      client: client({ clientId: 'by-secret' }),
      credential: secretCredential('canary secret', { issuer: apart.issuer, tokenEndpointOrigin: apart.issuer }),
      resource: { ...ledger, verifyAudience: false },
      scope: Scope.of(['ledger:read']),
    });
    const { text } = await obtained(bySecret);
    const about = await readMetadata(bySecret.server, http, clock, 5_000);
    const moved = { ...about, revocationEndpoint: new URL('/revoke', alias).href };
    await expect(prepareRevocation(bySecret, text, moved, means)).rejects.toMatchObject({ fault: 'credential_bound_elsewhere' });
    await expect(
      prepareTokenRequest(
        { ...bySecret, credential: { ...bySecret.credential, tokenEndpointOrigin: new URL(alias).origin } },
        about,
        means,
      ),
    ).rejects.toMatchObject({ fault: 'credential_bound_elsewhere' });
  });
});

describe('a client that proves possession of a key', () => {
  async function proving(): Promise<TokenWish> {
    return wish({
      server: server({ issuer: real.issuer, allowHosts: [HOST], ca: { path: 'ca.pem', pem: authority.cert }, senderConstraint: 'dpop' }),
      client: client({ clientId: 'prover' }),
      credential: secretCredential('canary secret', { issuer: real.issuer, tokenEndpointOrigin: real.issuer }),
      proofKey: await means.proofs.keyFor('cresecret', null),
    });
  }

  it('is asked for a nonce once, and then gets tokens that are bound to the key, also of text that nobody can read (A32, A33, A34)', async () => {
    const one = await proving();
    expect(await obtain(one)).toEqual({ kind: 'failed', fault: 'nonce_required', retryAfter: null });
    const token = await obtained(one);
    expect(token).toMatchObject({ type: 'DPoP', binding: 'dpop', audience: [RESOURCE] });
    expect(decodeJwt(token.text.reveal())['cnf']).toEqual({ jkt: one.proofKey?.thumbprint });
    const opaque = { ...one, resource: resource({ uri: 'https://files.example/api' }), scope: Scope.of(['files:read']) };
    expect(await obtained(opaque)).toMatchObject({ type: 'DPoP', binding: 'dpop', audience: 'unverified' });
  });
});

describe('the request of a client with a certificate', () => {
  const aliases = { tokenEndpoint: 'https://as.example/mtls/token', revocationEndpoint: null, introspectionEndpoint: null };
  const by = async (): Promise<TokenWish> => {
    const key = await credential('cre5', 'self_signed_tls_client_auth');
    return wish({
      client: client({ method: 'self_signed_tls_client_auth' }),
      credential: { ...key, issuer: 'https://as.example', tokenEndpointOrigin: 'https://as.example' },
    });
  };

  it('names the client, and nothing else that authenticates (A11, A29)', async () => {
    const prepared = await prepareTokenRequest(await by(), metadata(), means);
    expect(prepared.authorization).toBeNull();
    expect([...new URLSearchParams(prepared.body.reveal()).keys()]).toEqual(['grant_type', 'scope', 'resource', 'client_id']);
    expect(prepared).toMatchObject({ endpoint: 'https://as.example/token', certificate: { client: 'indexer', version: 'cre5' } });
    expect(JSON.stringify(prepared)).not.toContain('PRIVATE');
  });

  it('goes to the alias, endpoint by endpoint, unless the catalogue names the endpoint, and its proof names it (A28, A32)', async () => {
    const one = await by();
    const about = metadata({ mtlsAliases: aliases });
    expect((await prepareTokenRequest(one, about, means)).endpoint).toBe('https://as.example/mtls/token');
    const proved = await prepareTokenRequest({ ...one, proofKey: await means.proofs.keyFor('cre5', null) }, about, means);
    expect(decodeJwt(proved.proof?.text.reveal() ?? '')['htu']).toBe('https://as.example/mtls/token');
    expect(await prepareRevocation(one, new Secret('x'), about, means)).toMatchObject({ endpoint: 'https://as.example/revoke' });
    const named = { ...one, server: server({ tokenEndpoint: 'https://as.example/named' }) };
    expect(
      (await prepareTokenRequest(named, metadata({ mtlsAliases: aliases, tokenEndpoint: 'https://as.example/named' }), means)).endpoint,
    ).toBe('https://as.example/named');
    expect((await prepareTokenRequest(wish(), about, means)).endpoint).toBe('https://as.example/token');
  });

  it('goes to the token endpoint that the catalogue names for certificates before any other, and no other client does (A28)', async () => {
    const pinned = { mtlsTokenEndpoint: 'https://mtls.example/token', tokenEndpoint: 'https://as.example/named' };
    const one = { ...(await by()), server: server(pinned) };
    const there = { ...one, credential: { ...one.credential, tokenEndpointOrigin: 'https://mtls.example' } };
    for (const mtlsAliases of [aliases, undefined]) {
      const about = metadata({ ...(mtlsAliases && { mtlsAliases }) });
      expect((await prepareTokenRequest(there, about, means)).endpoint).toBe('https://mtls.example/token');
      await expect(prepareTokenRequest(one, about, means)).rejects.toMatchObject({ fault: 'credential_bound_elsewhere' });
    }
    const named = metadata({ tokenEndpoint: 'https://as.example/named' });
    expect((await prepareTokenRequest(wish({ server: server(pinned) }), named, means)).endpoint).toBe('https://as.example/named');
  });

  it('is made without introspection where the alias for that may not be used', async () => {
    const about = metadata({ mtlsAliases: { ...aliases, introspectionEndpoint: 'https://evil.example/introspect' } });
    expect((await prepareTokenRequest(await by(), about, means)).endpoint).toBe('https://as.example/mtls/token');
    expect(await prepareIntrospection(await by(), new Secret('x'), about, means)).toBe('unsupported');
  });

  it.each(['https://evil.example/token', 'http://as.example/token'])('does not go to the alias %s (A16, A73)', async (tokenEndpoint) => {
    const about = metadata({ mtlsAliases: { ...aliases, tokenEndpoint } });
    await expect(prepareTokenRequest(await by(), about, means)).rejects.toMatchObject({ fault: 'metadata_invalid' });
    expect((await prepareTokenRequest(wish(), about, means)).endpoint).toBe('https://as.example/token');
  });
});
