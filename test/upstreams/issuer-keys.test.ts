import type { PublicJwk, WorkloadIdentity } from '../../src/catalogue/workload-identity.js';
import { IssuerKeyCache } from '../../src/upstreams/issuer-keys.js';
import { UpstreamExchangeFailed } from '../../src/upstreams/upstream-http.js';
import { response } from './answers.js';
import { ScriptedHttp } from './scripted-http.js';

const issuer = 'https://platform.example/tenant';
const jwks = 'https://platform.example/keys';
const identity: WorkloadIdentity = {
  kind: 'jwt',
  issuer,
  keys: { kind: 'url', url: jwks },
  allowHosts: [],
  algorithms: ['ES256'],
  maxAssertionLife: 300,
  assertionReuse: false,
  audienceArray: false,
  claims: [],
};
const key = (kid: string, members: Record<string, unknown> = {}) => ({ kty: 'EC', crv: 'P-256', x: 'eA', y: 'eQ', kid, ...members });
const set = (...keys: readonly unknown[]) => response(200, JSON.stringify({ keys }));
const kids = (keys: readonly PublicJwk[] | null) => keys?.map(({ kid }) => kid) ?? null;

let now = 0;
const http = new ScriptedHttp();
let cache: IssuerKeyCache;
beforeEach(() => {
  now = 1_000_000;
  http.requests.length = 0;
  http.answers[jwks] = set(key('a'), key('b'));
  cache = new IssuerKeyCache(http, { now: () => now });
});

const ask = async (kid: string | null, of = identity, algorithm = 'ES256') => kids(await cache.candidates(of, kid, algorithm));

describe('the keys of an issuer', () => {
  it('are fetched once for all who ask, and found by their kid', async () => {
    expect(await Promise.all(['a', 'b', 'a'].map((kid) => ask(kid)))).toEqual([['a'], ['b'], ['a']]);
    expect(await ask(null)).toEqual(['a', 'b']);
    expect(http.urls).toEqual([jwks]);
  });

  it('are fetched once per cool-down for kids that nobody knows, and the known ones stay (B39)', async () => {
    await ask('a');
    now += 20_000;
    const flood = await Promise.all(Array.from({ length: 1_000 }, (_, index) => ask(`strange${index}`)));
    expect(flood.flat()).toEqual([]);
    expect(http.urls).toHaveLength(2);
    for (let index = 0; index < 50; index++) await ask(`later${index}`);
    expect(http.urls).toHaveLength(2);
    expect(await ask('a')).toEqual(['a']);
    now += 10_000;
    http.answers[jwks] = set(key('c'));
    expect(await ask('c')).toEqual(['c']);
    expect(await ask('a')).toEqual([]);
  });

  it.each([
    ['an empty set', set()],
    ['no set', response(200, '[]')],
    ['repeated names', response(200, `{"keys":[],"keys":[${JSON.stringify(key('evil'))}]}`)],
    ['a redirect', response(302, '', { location: 'https://evil.example' })],
    ['an error', response(500, JSON.stringify({ keys: [key('evil')] }))],
    ['no answer', new UpstreamExchangeFailed('timeout', true)],
  ])('stay as they are when %s comes, which counts for the cool-down (B39)', async (_title, answer) => {
    await ask('a');
    now += 20_000;
    http.answers[jwks] = answer;
    for (let index = 0; index < 20; index++) expect(await ask(`strange${index}`)).toEqual([]);
    expect(http.urls).toHaveLength(2);
    expect(await ask('a')).toEqual(['a']);
  });

  it('are unknown, and not asked for without end, while there never were any (B39)', async () => {
    http.answers[jwks] = set();
    for (let index = 0; index < 20; index++) expect(await ask(`kid${index}`)).toBeNull();
    expect(http.urls).toHaveLength(1);
  });

  it('are fetched anew after a while, so that one that was withdrawn is used no longer', async () => {
    await ask('a');
    http.answers[jwks] = set(key('b'));
    now += 300_001;
    expect(await ask('a')).toEqual(['a']);
    expect(http.urls).toHaveLength(2);
    await ask('b');
    expect(await ask('a')).toEqual([]);
  });

  it('are read before anybody is served when nobody asked for long, and forgotten when they cannot be', async () => {
    await ask('a');
    http.answers[jwks] = set(key('b'));
    now += 600_001;
    expect(await ask('a')).toEqual([]);
    http.answers[jwks] = response(500, '');
    now += 3_600_001;
    expect(await ask('b')).toBeNull();
  });

  it('fit the algorithm by their type, and are for signatures alone (A76, B24)', async () => {
    const rsa = { kty: 'RSA', e: 'AQAB', n: Buffer.alloc(256, 1).toString('base64url') };
    http.answers[jwks] = set(
      key('ec'),
      key('encryption', { use: 'enc' }),
      key('other-curve', { crv: 'P-384' }),
      key('other-alg', { alg: 'ES384' }),
      key('private', { d: 'eA' }),
      { ...rsa, kid: 'rsa' },
      { ...rsa, kid: 'short', n: Buffer.alloc(128, 1).toString('base64url') },
      { ...rsa, kid: 'pss', alg: 'PS256' },
      { kty: 'oct', k: 'c2VjcmV0', kid: 'symmetric' },
      { kty: 'OKP', crv: 'Ed25519', x: 'eA', kid: 'ed' },
      { kty: 'OKP', crv: 'X25519', x: 'eA', kid: 'x' },
      'text',
      null,
      [],
    );
    expect(await ask(null)).toEqual(['ec']);
    expect(await ask(null, identity, 'ES384')).toEqual(['other-curve']);
    expect(await ask(null, identity, 'RS256')).toEqual(['rsa']);
    expect(await ask(null, identity, 'PS256')).toEqual(['rsa', 'pss']);
    expect(await ask(null, identity, 'EdDSA')).toEqual(['ed']);
    for (const none of ['HS256', 'none', 'es256', 'ES256K', 'constructor']) expect(await ask(null, identity, none)).toEqual([]);
  });

  it('of a trust domain are those for SVIDs alone (B107)', async () => {
    http.answers[jwks] = set(key('svid', { use: 'jwt-svid' }), key('x509', { use: 'x509-svid' }), key('sig', { use: 'sig' }), key('none'));
    expect(await ask(null, { ...identity, kind: 'spiffe', issuer: 'spiffe://acme.example' })).toEqual(['svid']);
  });

  it('are never those of another issuer, nor of one that the catalogue defined anew (B23)', async () => {
    const other: WorkloadIdentity = {
      ...identity,
      issuer: 'https://other.example',
      keys: { kind: 'url', url: 'https://other.example/keys' },
    };
    http.answers['https://other.example/keys'] = set(key('z'));
    expect([await ask('a'), await ask('z', other)]).toEqual([['a'], ['z']]);
    expect([await ask('z'), await ask('a', other)]).toEqual([[], []]);
    const moved: WorkloadIdentity = { ...identity, keys: { kind: 'url', url: 'https://platform.example/new' } };
    http.answers['https://platform.example/new'] = set(key('n'));
    expect(await ask(null, moved)).toEqual(['n']);
  });

  it('may stand in the catalogue, and then nothing is fetched', async () => {
    expect(await ask('q', { ...identity, keys: { kind: 'inline', keys: [key('q')] } })).toEqual(['q']);
    expect(http.urls).toEqual([]);
  });
});

describe('the keys of an issuer that publishes metadata', () => {
  const discovering: WorkloadIdentity = { ...identity, keys: { kind: 'discovery' } };
  const location = `${issuer}/.well-known/openid-configuration`;

  it('are where its metadata says', async () => {
    http.answers[location] = response(200, JSON.stringify({ issuer, jwks_uri: jwks }));
    expect(await ask('a', discovering)).toEqual(['a']);
    expect(http.urls.at(-1)).toBe(jwks);
  });

  it.each([`${issuer}/`, 'https://platform.example', 'https://PLATFORM.example/tenant', 'https://evil.example/tenant'])(
    'are not looked for by the metadata of %s (A71)',
    async (named) => {
      http.answers[location] = response(200, JSON.stringify({ issuer: named, jwks_uri: jwks }));
      expect(await ask('a', discovering)).toBeNull();
      expect(http.urls).not.toContain(jwks);
    },
  );
});
