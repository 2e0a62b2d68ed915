import type { AuthorizationServer } from '../../src/catalogue/catalogue.js';
import { metadataLocations, readMetadata } from '../../src/upstreams/discovery.js';
import type { ServerMetadata } from '../../src/upstreams/metadata.js';
import { UpstreamFailed } from '../../src/upstreams/upstream-failed.js';
import { UpstreamExchangeFailed } from '../../src/upstreams/upstream-http.js';
import { response } from './answers.js';
import { ScriptedHttp } from './scripted-http.js';
import { ISSUER, server, SteppedClock } from './wish.js';

const WELL_KNOWN = `${ISSUER}/.well-known/oauth-authorization-server`;
const OPENID = `${ISSUER}/.well-known/openid-configuration`;

function document(members: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ issuer: ISSUER, token_endpoint: `${ISSUER}/token`, ...members });
}

function read(http: ScriptedHttp, about: AuthorizationServer = server()): Promise<ServerMetadata> {
  return readMetadata(about, http, new SteppedClock(), 1_000);
}

/** What comes of a document with these members, for this server: its metadata, or the fault. */
async function judged(
  members: Readonly<Record<string, unknown>>,
  more: Partial<AuthorizationServer> = {},
): Promise<ServerMetadata | string> {
  const about = server(more);
  const [location = ''] = metadataLocations(about.issuer);
  return faultOf(read(new ScriptedHttp({ [location]: response(200, document(members)) }), about));
}

async function faultOf<T>(reading: Promise<T>): Promise<T | string> {
  return reading.catch((error: unknown) => {
    if (error instanceof UpstreamFailed) return error.fault;
    throw error;
  });
}

describe('where metadata is looked for', () => {
  it.each([
    ['https://h', ['https://h/.well-known/oauth-authorization-server', 'https://h/.well-known/openid-configuration']],
    ['https://h/', ['https://h/.well-known/oauth-authorization-server', 'https://h/.well-known/openid-configuration']],
    [
      'https://h/t1',
      [
        'https://h/.well-known/oauth-authorization-server/t1',
        'https://h/.well-known/openid-configuration/t1',
        'https://h/t1/.well-known/openid-configuration',
      ],
    ],
    [
      'https://H:8443/a/B/',
      [
        'https://H:8443/.well-known/oauth-authorization-server/a/B',
        'https://H:8443/.well-known/openid-configuration/a/B',
        'https://H:8443/a/B/.well-known/openid-configuration',
      ],
    ],
  ])('for the issuer %s is inserted before the path, and for OpenID after it at last (A69, A70)', (issuer, locations) => {
    expect(metadataLocations(issuer)).toEqual(locations);
  });

  it.each(['https://h?x=1', 'https://h/t#f', 'https://h/t?x', 'ftp://h', 'h', ''])(
    'is nowhere for %j, which is no issuer (A72)',
    (issuer) => {
      expect(() => metadataLocations(issuer)).toThrow(UpstreamFailed);
    },
  );

  it.each([0, 1, 2])('is in one place after the other, and only the first document is read (A70)', async (place) => {
    const issuer = `${ISSUER}/t1`;
    const locations = metadataLocations(issuer);
    const http = new ScriptedHttp();
    locations.forEach((url, index) => {
      http.answers[url] =
        index < place ? response(404, '') : response(200, document({ issuer, token_endpoint: `${ISSUER}/token${index}` }));
    });
    expect((await read(http, server({ issuer }))).tokenEndpoint).toBe(`${ISSUER}/token${place}`);
    expect(http.urls).toEqual(locations.slice(0, place + 1));
  });

  it('is asked for as JSON, and with what the server may do', async () => {
    const http = new ScriptedHttp({ [WELL_KNOWN]: response(200, document()) });
    await read(http, server({ allowHosts: ['as.example'] }));
    expect(http.requests).toEqual([
      {
        server: 'demo',
        kind: 'metadata',
        method: 'GET',
        url: WELL_KNOWN,
        headers: { accept: 'application/json' },
        deadline: 1_000,
        maxBody: 262_144,
        allowHosts: ['as.example'],
      },
    ]);
  });

  it.each([
    ['a server error', response(500, document())],
    ['a redirect', response(302, '', { location: OPENID })],
    ['a page that answers any path', response(200, '<html>', { 'content-type': 'text/html' })],
    ['a JSON array', response(200, '[]')],
    ['a broken connection', new UpstreamExchangeFailed('unreachable', true)],
    ['too large a document', new UpstreamExchangeFailed('response_too_large', true)],
  ])('is the next place after %s (A73)', async (_, first) => {
    const http = new ScriptedHttp({ [WELL_KNOWN]: first, [OPENID]: response(200, document()) });
    expect((await read(http)).tokenEndpoint).toBe(`${ISSUER}/token`);
  });

  it('is unavailable when it is nowhere, and invalid when what is there is none (A73)', async () => {
    expect(await faultOf(read(new ScriptedHttp()))).toBe('metadata_unavailable');
    expect(await faultOf(read(new ScriptedHttp({ [OPENID]: response(200, '<html>') })))).toBe('metadata_invalid');
  });

  it('is looked for until the deadline of the whole search', async () => {
    const clock = new SteppedClock();
    const http = new ScriptedHttp({
      [WELL_KNOWN]: async () => {
        clock.at += 700;
        return response(404, '');
      },
      [OPENID]: async () => {
        clock.at += 300;
        return response(404, '');
      },
      [`${ISSUER}/t1/.well-known/openid-configuration`]: response(200, document()),
    });
    const issuer = `${ISSUER}/t1`;
    http.answers[`${WELL_KNOWN}/t1`] = http.answers[WELL_KNOWN] ?? response(404, '');
    http.answers[`${OPENID}/t1`] = http.answers[OPENID] ?? response(404, '');
    expect(await faultOf(readMetadata(server({ issuer }), http, clock, 1_000))).toBe('metadata_unavailable');
    expect(http.requests.map(({ deadline }) => deadline)).toEqual([1_000, 300]);
  });
});

describe('a metadata document', () => {
  it('says where the endpoints are and what they accept (Q36)', async () => {
    const members = {
      token_endpoint: `${ISSUER}/token?tenant=1`,
      revocation_endpoint: `${ISSUER}/revoke`,
      token_endpoint_auth_signing_alg_values_supported: ['ES256'],
      revocation_endpoint_auth_signing_alg_values_supported: null,
      authorization_details_types_supported: ['payment'],
      grant_types_supported: ['client_credentials'],
      authorization_endpoint: null,
      more: { unknown: [1] },
    };
    expect(await judged(members)).toEqual({
      issuer: ISSUER,
      tokenEndpoint: `${ISSUER}/token?tenant=1`,
      revocationEndpoint: `${ISSUER}/revoke`,
      introspectionEndpoint: null,
      tokenEndpointAlgorithms: ['ES256'],
      revocationEndpointAlgorithms: null,
      introspectionEndpointAlgorithms: null,
      revocationEndpointMethods: null,
      introspectionEndpointMethods: null,
      authorizationDetailsTypes: ['payment'],
      warnings: [],
      source: 'document',
    });
    expect(await judged({ revocation_endpoint: '' })).toMatchObject({ revocationEndpoint: null, authorizationDetailsTypes: null });
    const [own, strange] = [`${ISSUER}/introspect`, 'https://other.example/introspect'];
    expect(await judged({ introspection_endpoint: own })).toMatchObject({ introspectionEndpoint: own });
    expect(await judged({ introspection_endpoint: strange })).toMatchObject({ introspectionEndpoint: null });
  });

  it.each([
    'https://as.example/',
    'https://AS.example',
    'https://as.example:443',
    'http://as.example',
    'https://other.example',
    'https://as.example/t1',
    '',
    null,
    undefined,
    1,
  ])('with the issuer %j is another server’s, and no further place is looked at (A71, Q41)', async (issuer) => {
    const http = new ScriptedHttp({ [WELL_KNOWN]: response(200, document({ issuer })), [OPENID]: response(200, document()) });
    expect(await faultOf(read(http))).toBe('metadata_invalid');
    expect(http.urls).toEqual([WELL_KNOWN]);
  });

  it('with a repeated name is no choice of ours to understand (A59)', async () => {
    const body = `{"issuer":"${ISSUER}","token_endpoint":"${ISSUER}/token","token_endpoint":"${ISSUER}/other"}`;
    const http = new ScriptedHttp({ [WELL_KNOWN]: response(200, body), [OPENID]: response(200, document()) });
    expect(await faultOf(read(http))).toBe('metadata_invalid');
  });

  it.each([
    ['plain http', 'http://as.example/token'],
    ['another origin', 'https://evil.example/token'],
    ['another port', 'https://as.example:8443/token'],
    ['a fragment', `${ISSUER}/token#x`],
    ['an empty fragment', `${ISSUER}/token#`],
    ['credentials', 'https://user:pass@as.example/token'],
    ['a relative URL', '/token'],
    ['no URL', 'token'],
    ['another scheme', 'javascript:alert(1)'],
    ['nothing', null],
    ['a number', 1],
  ])('may not name a token endpoint with %s (A2, A73)', async (_, token_endpoint) => {
    expect(await judged({ token_endpoint })).toBe('metadata_invalid');
  });

  it.each(['https://evil.example/revoke', 'http://as.example/revoke', `${ISSUER}/revoke#x`])(
    'may not name the revocation endpoint %s (A73)',
    async (revocation_endpoint) => {
      expect(await judged({ revocation_endpoint })).toBe('metadata_invalid');
    },
  );

  it('may name plain http for a host that the catalogue allows', async () => {
    const issuer = 'http://[::1]:9400';
    const members = { issuer, token_endpoint: `${issuer}/token` };
    expect(await judged(members, { issuer, allowHosts: ['::1'] })).toMatchObject({ tokenEndpoint: `${issuer}/token` });
    expect(await judged(members, { issuer, allowHosts: ['localhost'] })).toBe('metadata_invalid');
  });

  it('may name endpoints at an origin that the catalogue names (A73)', async () => {
    const tokenEndpoint = 'https://login.example/token';
    const members = { token_endpoint: tokenEndpoint, revocation_endpoint: 'https://login.example/revoke' };
    expect(await judged(members, { tokenEndpoint })).toMatchObject({ tokenEndpoint, revocationEndpoint: 'https://login.example/revoke' });
    expect(await judged({ revocation_endpoint: 'https://third.example/revoke' }, { tokenEndpoint })).toBe('metadata_invalid');
  });

  it('does not stand above the catalogue, which names an endpoint (A16)', async () => {
    const declared = { tokenEndpoint: 'https://login.example/token', revocationEndpoint: 'https://login.example/revoke' };
    const changed = { token_endpoint: `${ISSUER}/elsewhere`, revocation_endpoint: `${ISSUER}/elsewhere` };
    expect(await judged(changed, declared)).toMatchObject(declared);
  });

  it.each([
    [undefined, ['grant_types_not_published']],
    [null, ['grant_types_not_published']],
    ['client_credentials', ['grant_types_not_published']],
    [['authorization_code'], ['client_credentials_not_published']],
    [['authorization_code', 'client_credentials'], []],
  ])('with the grants %j is used, with a warning perhaps (A75)', async (grant_types_supported, warnings) => {
    expect(await judged({ grant_types_supported })).toMatchObject({ warnings });
  });
});

describe('a server whose token endpoint the catalogue names', () => {
  const declared = server({ tokenEndpoint: `${ISSUER}/token`, revocationEndpoint: `${ISSUER}/revoke` });

  it('needs no metadata', async () => {
    expect(await read(new ScriptedHttp(), declared)).toEqual({
      issuer: ISSUER,
      tokenEndpoint: `${ISSUER}/token`,
      revocationEndpoint: `${ISSUER}/revoke`,
      introspectionEndpoint: null,
      tokenEndpointAlgorithms: null,
      revocationEndpointAlgorithms: null,
      introspectionEndpointAlgorithms: null,
      revocationEndpointMethods: null,
      introspectionEndpointMethods: null,
      authorizationDetailsTypes: null,
      warnings: [],
      source: 'catalogue',
    });
  });

  it('is refused with metadata of another issuer all the same (A71)', async () => {
    const http = new ScriptedHttp({ [WELL_KNOWN]: response(200, document({ issuer: 'https://other.example' })) });
    expect(await faultOf(read(http, declared))).toBe('metadata_invalid');
  });

  it('is held to https there, too (A2, A6)', async () => {
    expect(await faultOf(read(new ScriptedHttp(), server({ tokenEndpoint: 'http://as.example/token' })))).toBe('metadata_invalid');
    expect(await faultOf(read(new ScriptedHttp(), server({ tokenEndpoint: `${ISSUER}/token#x` })))).toBe('metadata_invalid');
  });
});
