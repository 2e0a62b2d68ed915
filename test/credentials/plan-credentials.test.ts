import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { catalogueOf, example } from '../catalogue/example.js';
import type { Catalogue } from '../../src/catalogue/catalogue.js';
import { AesSealer } from '../../src/credentials/aes-sealer.js';
import { keyedDigest } from '../../src/credentials/keyed-digest.js';
import { planRotation } from '../../src/credentials/plan-rotation.js';
import { planCredentials, type CredentialPlan, type NewCredential } from '../../src/credentials/plan-credentials.js';
import { sealCredential } from '../../src/credentials/seal-credential.js';
import { sealingContext, type CredentialBinding, type CredentialVersion } from '../../src/credentials/sealed-credential.js';
import { Secret } from '../../src/oauth/secret.js';
import { LocalKeyEncryptionKey } from '../../src/platform/keys/local-key-encryption-key.js';
import { createAuthority } from '../rig/certificates.js';
import { LocalSecretReferences } from '../../src/platform/keys/secret-references.js';

const randomness = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const digestKey = randomBytes(32);
const now = Date.UTC(2026, 2, 3);

interface State {
  readonly inUse?: readonly CredentialVersion[];
  readonly former?: readonly CredentialBinding[];
  readonly environment?: Record<string, string>;
}

function plan(catalogue: Catalogue, { inUse = [], former = [], environment = {} }: State = {}): Promise<CredentialPlan> {
  return planCredentials({
    catalogue,
    inUse,
    formerBindings: former,
    references: new LocalSecretReferences(environment, null),
    digestKey,
    randomness,
    now,
  });
}

/** A version as it is listed after it was kept, and perhaps used. */
function kept(
  { id, client, method, issuer, key, keyedDigest }: NewCredential,
  tokenEndpointOrigin: string | null = null,
): CredentialVersion {
  return { id, client, method, issuer, key, keyedDigest, tokenEndpointOrigin, state: 'current', createdAt: now };
}

async function firstOf(
  catalogue: Catalogue,
  environment: Record<string, string> = {},
  origin: string | null = null,
): Promise<CredentialVersion> {
  const { create } = await plan(catalogue, { environment });
  return kept(create[0]!, origin);
}

function edited(...replacements: [string, string][]): Catalogue {
  return catalogueOf(replacements.reduce((text, [from, to]) => text.replace(from, to), example));
}

const issuer: [string, string] = ['"http://127.0.0.1:9400"', '"https://idp.example"'];
const otherIssuer: [string, string] = ['"http://127.0.0.1:9400"', '"https://evil.example"'];
const secret: [string, string] = [
  'private_key_jwt\n    credential: generate',
  'client_secret_basic\n    credential: env:CORRIDOR_CLIENT_A',
];
const referencedKey: [string, string] = ['credential: generate', 'credential: env:CORRIDOR_CLIENT_A'];
const pinned = (url: string): [string, string] => ['profile: standard', `profile: standard, token_endpoint: "${url}"`];

describe('the credential of a client', () => {
  it('is made when there is none: a key pair', async () => {
    const { create, retire, problems } = await plan(edited());
    expect({ retire, problems }).toEqual({ retire: [], problems: [] });
    expect(create).toHaveLength(1);
    expect(create[0]).toMatchObject({
      client: 'indexer',
      method: 'private_key_jwt',
      issuer: 'http://127.0.0.1:9400',
      keyedDigest: null,
      cause: 'first',
      replaces: null,
    });
    expect(create[0]?.id).toMatch(/^cre[0-9a-z]{26}$/);
    expect(create[0]?.key).toMatchObject({ algorithm: 'ES256' });
    expect(JSON.parse(create[0]!.secret.reveal())).toHaveProperty('d');
  });

  it('is made when there is none: a secret that a reference gives', async () => {
    const { create } = await plan(edited(secret), { environment: { CORRIDOR_CLIENT_A: 's3cret' } });
    expect(create).toHaveLength(1);
    expect(create[0]).toMatchObject({
      method: 'client_secret_basic',
      key: null,
      keyedDigest: keyedDigest(new Secret('s3cret'), digestKey),
    });
    expect(create[0]?.secret.reveal()).toBe('s3cret');
    expect(JSON.stringify(create)).not.toContain('s3cret');
  });

  it('is made when there is none: a key that a reference gives', async () => {
    const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const { create } = await plan(edited(referencedKey), { environment: { CORRIDOR_CLIENT_A: pem } });
    expect(create[0]).toMatchObject({
      method: 'private_key_jwt',
      key: { algorithm: 'EdDSA' },
      keyedDigest: keyedDigest(new Secret(pem), digestKey),
    });
  });

  it.each(['client_secret_post', 'client_secret_jwt'])('is made when there is none: a secret for %s', async (method) => {
    const environment = { CORRIDOR_CLIENT_A: 'a secret of thirty-two characters' };
    const { create, problems } = await plan(edited([secret[0], secret[1].replace('client_secret_basic', method)]), { environment });
    expect(problems).toEqual([]);
    expect(create).toMatchObject([{ method, key: null }]);
  });

  it.each([
    ['HS256', 32],
    ['HS384', 48],
    ['HS512', 64],
  ])('is refused as a secret that is too short for %s (A17)', async (algorithm, octets) => {
    const jwt: [string, string] = [secret[0], `client_secret_jwt\n    credential: env:CORRIDOR_CLIENT_A\n    algorithm: ${algorithm}`];
    const planned = async (text: string) => plan(edited(jwt), { environment: { CORRIDOR_CLIENT_A: text } });
    // what counts is bytes: this character has two
    expect((await planned('é'.repeat(octets / 2))).problems).toEqual([]);
    const { create, problems } = await planned('x'.repeat(octets - 1));
    expect(create).toEqual([]);
    expect(problems.map(({ code }) => code)).toEqual(['secret_unusable']);
    expect(problems[0]?.message).toContain(`than the ${octets} bytes that ${algorithm} needs`);
  });

  it('is made when there is none: a key with a certificate of its own for self_signed_tls_client_auth', async () => {
    const { create } = await plan(edited(['private_key_jwt', 'self_signed_tls_client_auth']));
    expect(create).toMatchObject([{ method: 'self_signed_tls_client_auth', key: { publicKey: { kty: 'EC', x5c: [expect.any(String)] } } }]);
  });

  it('is made when there is none: a key and the certificate of an authority for tls_client_auth', async () => {
    const { key, cert } = createAuthority('authority').certify('corridor.example', new Date(now + 1e10));
    const byAuthority: [string, string] = [secret[0], secret[1].replace('client_secret_basic', 'tls_client_auth')];
    const { create } = await plan(edited(byAuthority), { environment: { CORRIDOR_CLIENT_A: key + cert } });
    expect(create).toMatchObject([{ method: 'tls_client_auth', key: { publicKey: { x5c: [expect.any(String)] } } }]);
    const { problems } = await plan(edited(byAuthority), { environment: { CORRIDOR_CLIENT_A: key } });
    expect(problems.map(({ code }) => code)).toEqual(['key_unusable']);
    expect(problems[0]?.message).toContain('has no certificate');
  });

  it('is new, with a certificate, when its server comes to want one in assertions', async () => {
    const wanting = edited(['profile: standard', 'profile: { name: standard, assertion_certificate: "x5t#S256" }']);
    const old = await firstOf(edited());
    const { create, retire } = await plan(wanting, { inUse: [old] });
    expect(create).toMatchObject([{ cause: 'certificate_needed', replaces: old.id, key: { publicKey: { x5c: [expect.any(String)] } } }]);
    expect(retire).toEqual([old.id]);
    expect(await plan(wanting, { inUse: [kept(create[0]!)] })).toEqual({ create: [], retire: [], changed: [], problems: [] });
  });

  it('stays while nothing has changed', async () => {
    const generated = await firstOf(edited());
    expect(await plan(edited(), { inUse: [generated] })).toEqual({ create: [], retire: [], problems: [], changed: [] });
    const environment = { CORRIDOR_CLIENT_A: 's3cret' };
    const given = await firstOf(edited(secret), environment);
    expect(await plan(edited(secret, ['crm:write', 'crm:admin']), { inUse: [given], environment })).toEqual({
      create: [],
      retire: [],
      problems: [],
      changed: [],
    });
  });

  it('stays when the secret behind its reference changes: that is told, unless the client had it before or it is under way (A86)', async () => {
    const old = await firstOf(edited(secret), { CORRIDOR_CLIENT_A: 's3cret' });
    const environment = { CORRIDOR_CLIENT_A: 'changed' };
    const changed = { create: [], retire: [], problems: [], changed: ['indexer'] };
    const unchanged = { ...changed, changed: [] };
    expect(await plan(edited(secret), { inUse: [old], environment })).toEqual(changed);
    const next = { ...(await firstOf(edited(secret), environment)), state: 'next' as const };
    expect(await plan(edited(secret), { inUse: [old, next], environment })).toEqual(unchanged);
    expect(await plan(edited(secret), { inUse: [old], former: [next], environment })).toEqual(unchanged);
    expect(await plan(edited(secret), { inUse: [old], former: [{ ...next, client: 'another' }], environment })).toEqual(changed);
  });

  it('leaves the versions of a rotation alone, and takes them away when the client goes elsewhere', async () => {
    const current = await firstOf(edited());
    const next = { ...(await firstOf(edited())), state: 'next' as const };
    expect(await plan(edited(), { inUse: [next, current] })).toMatchObject({ create: [], retire: [] });
    const { create, retire } = await plan(edited(issuer), { inUse: [next, current] });
    expect(create).toMatchObject([{ cause: 'issuer_changed', replaces: current.id }]);
    expect(retire).toEqual([next.id, current.id]);
  });

  it('is planned anew for a rotation: another key, or what its reference holds now', async () => {
    const catalogue = edited();
    const planRotationOf = (of: Catalogue, current: CredentialVersion, environment: Record<string, string> = {}) =>
      planRotation({
        client: of.clients['indexer']!,
        server: of.authorizationServers['demo']!,
        current,
        bindings: [current],
        references: new LocalSecretReferences(environment, null),
        digestKey,
        randomness,
        now,
      });
    const key = await firstOf(catalogue);
    const anew = await planRotationOf(catalogue, key);
    expect(anew).toMatchObject({ cause: 'rotation', replaces: key.id, keyedDigest: null });
    expect(anew !== 'unchanged' && 'key' in anew && anew.key?.kid).not.toBe(key.key?.kid);

    const given = await firstOf(edited(secret), { CORRIDOR_CLIENT_A: 's3cret' });
    expect(await planRotationOf(edited(secret), given, { CORRIDOR_CLIENT_A: 's3cret' })).toBe('unchanged');
    expect(await planRotationOf(edited(secret), given)).toMatchObject({ code: 'secret_unreadable' });
    const changed = await planRotationOf(edited(secret), given, { CORRIDOR_CLIENT_A: 'changed' });
    expect(changed).toMatchObject({ cause: 'secret_changed', replaces: given.id });
    expect(changed !== 'unchanged' && 'secret' in changed && changed.secret.reveal()).toBe('changed');
    expect(JSON.stringify(changed)).not.toContain('"changed"');
  });

  it.each([
    ['entra', 'PS256'],
    ['auth0', 'PS256'],
    ['keycloak', 'ES256'],
  ])('is of what the server takes where the catalogue names no algorithm: with %s %s (Q7)', async (profile, algorithm) => {
    const with_: [string, string] = ['profile: standard', `profile: ${profile}, token_endpoint: "https://idp.example/token"`];
    const first = await firstOf(edited(with_));
    expect(first.key?.algorithm).toBe(algorithm);
    expect((await plan(edited(with_), { inUse: [first] })).create).toEqual([]);
  });

  it.each([
    ['another algorithm', [['credential: generate', 'credential: generate\n    algorithm: PS256']], 'algorithm_changed'],
    ['another issuer', [issuer], 'issuer_changed'],
    ['another source', [referencedKey], 'source_changed'],
    ['another method', [secret], 'method_changed'],
  ] as [string, [string, string][], string][])('is new for %s', async (_, edits, cause) => {
    const old = await firstOf(edited());
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const { create, retire, problems } = await plan(edited(...edits), { inUse: [old], environment: { CORRIDOR_CLIENT_A: key } });
    expect(problems).toEqual([]);
    expect(create).toMatchObject([{ cause, replaces: old.id }]);
    expect(create[0]?.key?.kid).not.toBe(old.key?.kid);
    expect(retire).toEqual([old.id]);
  });

  it('is a new key pair when the token endpoint is pinned to another origin than it was used at (A16)', async () => {
    const old = await firstOf(edited(issuer), {}, 'https://idp.example');
    expect((await plan(edited(issuer, pinned('https://idp.example/oauth/token')), { inUse: [old] })).create).toEqual([]);
    expect((await plan(edited(issuer, pinned('https://tokens.example/token')), { inUse: [old] })).create).toMatchObject([
      { cause: 'endpoint_moved' },
    ]);
  });

  it('is another with a certificate alone when the token endpoint for certificates is pinned to another origin (A16, A28)', async () => {
    const forCertificates: [string, string] = ['profile: standard', 'profile: standard, mtls_token_endpoint: "https://mtls.example/token"'];
    const certificate: [string, string] = ['private_key_jwt', 'self_signed_tls_client_auth'];
    const old = await firstOf(edited(issuer, certificate), {}, 'https://idp.example');
    expect((await plan(edited(issuer, certificate, forCertificates), { inUse: [old] })).create).toMatchObject([
      { cause: 'endpoint_moved' },
    ]);
    const there = { ...old, tokenEndpointOrigin: 'https://mtls.example' };
    expect((await plan(edited(issuer, certificate, forCertificates), { inUse: [there] })).create).toEqual([]);
    const key = await firstOf(edited(issuer), {}, 'https://idp.example');
    expect((await plan(edited(issuer, forCertificates), { inUse: [key] })).create).toEqual([]);
  });

  it('is retired with its client, and when a newer one is in use', async () => {
    const old = await firstOf(edited());
    const newer = { ...(await firstOf(edited())), createdAt: now + 1 };
    const orphan = { ...(await firstOf(edited())), client: 'constructor' };
    expect((await plan(edited(), { inUse: [old, newer, orphan] })).retire).toEqual([old.id, orphan.id]);
  });

  it('is sealed for its own row', async () => {
    const { create } = await plan(edited(secret), { environment: { CORRIDOR_CLIENT_A: 's3cret' } });
    const sealer = new AesSealer(new LocalKeyEncryptionKey(randomBytes(32)), randomness);
    const sealed = sealCredential(create[0]!, sealer);
    expect(Object.keys(sealed).sort()).toEqual(['client', 'id', 'issuer', 'key', 'keyedDigest', 'method', 'sealed']);
    expect(sealer.open(sealingContext(sealed.id), sealed.sealed).reveal()).toBe('s3cret');
  });
});

describe('a secret that was given for one place', () => {
  const environment = { CORRIDOR_CLIENT_A: 's3cret', CORRIDOR_CLIENT_B: 's3cret' };
  const elsewhere = {
    create: [],
    retire: [],
    problems: [
      {
        client: 'indexer',
        code: 'secret_bound_elsewhere',
        message: expect.stringContaining('have the server issue a new secret') as string,
      },
    ],
    changed: [],
  };

  it('is not sent to another issuer (A16)', async () => {
    const old = await firstOf(edited(issuer, secret), environment);
    expect(await plan(edited(otherIssuer, secret), { inUse: [old], environment })).toEqual(elsewhere);
  });

  it('is not sent to another issuer by another reference either', async () => {
    const old = await firstOf(edited(issuer, secret), environment);
    const other = edited(otherIssuer, secret, ['CORRIDOR_CLIENT_A', 'CORRIDOR_CLIENT_B']);
    expect(await plan(other, { inUse: [old], environment })).toEqual(elsewhere);
  });

  it('is not sent to another issuer after its client was taken away', async () => {
    const old = await firstOf(edited(issuer, secret), environment);
    expect(await plan(edited(otherIssuer, secret), { former: [old], environment })).toEqual(elsewhere);
  });

  it('is not sent to a token endpoint at another origin (A16)', async () => {
    const old = await firstOf(edited(issuer, secret), environment, 'https://idp.example');
    expect(await plan(edited(issuer, secret, pinned('https://evil.example/token')), { inUse: [old], environment })).toEqual(elsewhere);
    expect((await plan(edited(issuer, secret, pinned('https://idp.example/token')), { inUse: [old], environment })).problems).toEqual([]);
  });

  it('is not sent to two issuers by two clients that are declared together', async () => {
    const evil = `  evil: { issuer: "https://evil.example" }\n  demo: {`;
    const thief = `  thief: { client_id: corridor-indexer, authorization_server: evil, owner: me, workflows: [nightly-index], resources: [bait], method: client_secret_basic, credential: env:CORRIDOR_CLIENT_A, rotate_every: 90d, max_token_life: 1h }\nruntimes:`;
    const bait = `  bait: { uri: "https://bait.example", authorization_server: evil, scopes: [a], max_token_ttl: 1h }\npurposes:`;
    const { create, problems } = await plan(edited(secret, ['  demo: {', evil], ['runtimes:', thief], ['purposes:\n', `${bait}\n`]), {
      environment,
    });
    expect(create.map(({ client }) => client)).toEqual(['indexer']);
    expect(problems).toMatchObject([{ client: 'thief', code: 'secret_bound_elsewhere' }]);
  });

  it('may go elsewhere once it was given anew', async () => {
    const old = await firstOf(edited(issuer, secret), environment);
    const { create, problems } = await plan(edited(otherIssuer, secret), { inUse: [old], environment: { CORRIDOR_CLIENT_A: 'another' } });
    expect(problems).toEqual([]);
    expect(create).toMatchObject([{ cause: 'issuer_changed', issuer: 'https://evil.example' }]);
  });
});

describe('a reference that cannot be used', () => {
  it('is told by client, and what is in use stays', async () => {
    const old = await firstOf(edited(secret), { CORRIDOR_CLIENT_A: 's3cret' });
    expect(await plan(edited(secret), { inUse: [old] })).toEqual({
      create: [],
      retire: [],
      problems: [
        {
          client: 'indexer',
          code: 'secret_unreadable',
          message: 'the variable CORRIDOR_CLIENT_A is not set: set it where Corridor is started',
        },
      ],
      changed: [],
    });
  });

  it('is told without what it holds when it is no key', async () => {
    const { problems } = await plan(edited(referencedKey), { environment: { CORRIDOR_CLIENT_A: 'c4n4ry' } });
    expect(problems).toMatchObject([{ client: 'indexer', code: 'key_unusable' }]);
    expect(JSON.stringify(problems)).not.toContain('c4n4ry');
  });
});

it('a keyed digest tells a change of secret, and nothing without its key', () => {
  const digest = keyedDigest(new Secret('s3cret'), digestKey);
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(keyedDigest(new Secret('s3cret'), digestKey)).toBe(digest);
  expect(keyedDigest(new Secret('s3cre'), digestKey)).not.toBe(digest);
  expect(keyedDigest(new Secret('s3cret'), randomBytes(32))).not.toBe(digest);
});
