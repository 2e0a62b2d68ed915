import { MetadataCache } from '../../src/upstreams/metadata-cache.js';
import { IssuerKeyCache } from '../../src/upstreams/issuer-keys.js';
import { UpstreamFailed } from '../../src/upstreams/upstream-failed.js';
import { json } from '../rig/hostile-authorization-server.js';
import { client, closeOpened, hostile } from '../upstreams/exchanges.js';
import { KeptPins } from '../upstreams/kept-pins.js';
import { server, SteppedClock } from '../upstreams/wish.js';
import { quirk } from './quirk.js';

afterEach(closeOpened);

/** What comes of metadata that names this issuer at a server that is known by `path`. */
async function metadataNaming(issuer: (origin: string) => string, path = ''): Promise<string> {
  const at = await hostile();
  const document = json({ issuer: issuer(at.issuer), token_endpoint: at.tokenEndpoint });
  at.at(`/.well-known/oauth-authorization-server${path}`, document);
  at.at(`/.well-known/openid-configuration${path}`, document);
  at.at(`${path}/.well-known/openid-configuration`, document);
  const cache = new MetadataCache(client(), new SteppedClock(), new KeptPins());
  const reading = cache.get(server({ issuer: `${at.issuer}${path}`, allowHosts: ['127.0.0.1'] }));
  return reading.then(
    ({ tokenEndpoint }) => (tokenEndpoint === at.tokenEndpoint ? 'used' : 'used wrongly'),
    (error: unknown) => (error instanceof UpstreamFailed ? error.fault : String(error)),
  );
}

quirk('Q9', async () => {
  expect(await metadataNaming((origin) => `${origin}/{tenantid}/v2.0`, '/common/v2.0')).toBe('metadata_invalid');
  expect(await metadataNaming((origin) => `${origin}/9188040d/v2.0`, '/9188040d/v2.0')).toBe('used');
});

quirk('Q41', async () => {
  expect(await metadataNaming((origin) => origin)).toBe('used');
  expect(await metadataNaming((origin) => origin.replace('127.0.0.1', 'login.example'))).toBe('metadata_invalid');
  expect(await metadataNaming((origin) => `${origin}/`)).toBe('metadata_invalid');
});

quirk('Q42', async () => {
  const at = await hostile();
  const key = (kid: string | undefined, members: Readonly<Record<string, unknown>> = {}) => ({
    kty: 'EC',
    crv: 'P-256',
    x: 'eA',
    y: 'eQ',
    kid,
    ...members,
  });
  at.at(
    '/keys',
    json({ keys: [key('a'), key('a', { x: 'eB' }), key('odd', { kty: 'unheard-of' }), key('enc', { use: 'enc' }), key('b'), 'no key'] }),
  );
  const clock = new SteppedClock();
  const cache = new IssuerKeyCache(client(), clock);
  const identity = {
    kind: 'jwt',
    issuer: at.issuer,
    keys: { kind: 'url', url: `${at.issuer}/keys` },
    allowHosts: ['127.0.0.1'],
    algorithms: ['ES256'],
    maxAssertionLife: 300,
    assertionReuse: false,
    audienceArray: false,
    claims: [],
  } as const;
  const ask = async (kid: string | null) => (await cache.candidates(identity, kid, 'ES256'))?.map((found) => found.kid) ?? null;
  expect(await ask('b')).toEqual(['b']);
  for (const unusable of ['odd', 'enc']) expect(await ask(unusable)).toEqual([]);
  for (let index = 0; index < 100; index++) expect(await ask(`strange${index}`)).toEqual([]);
  expect(at.requestsAt('/keys')).toHaveLength(1);
  clock.at += 20_000;
  at.at('/keys', json({ keys: [] }));
  await ask('strange');
  expect(at.requestsAt('/keys')).toHaveLength(2);
});
