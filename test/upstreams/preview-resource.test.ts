import { previewResource, resourceMetadataLocation } from '../../src/upstreams/preview-resource.js';
import { UpstreamExchangeFailed } from '../../src/upstreams/upstream-http.js';
import { response } from './answers.js';
import { ScriptedHttp } from './scripted-http.js';
import { RESOURCE } from './wish.js';

const LOCATION = 'https://crm.example/.well-known/oauth-protected-resource/api';

describe('where the metadata of a resource is looked for', () => {
  it.each([
    ['https://h', 'https://h/.well-known/oauth-protected-resource'],
    ['https://h/', 'https://h/.well-known/oauth-protected-resource'],
    ['https://h/api', 'https://h/.well-known/oauth-protected-resource/api'],
    ['https://h/api/', 'https://h/.well-known/oauth-protected-resource/api/'],
    ['https://h/api?k=v', 'https://h/.well-known/oauth-protected-resource/api?k=v'],
    ['https://h/?k=v', 'https://h/.well-known/oauth-protected-resource?k=v'],
  ])('of %s is inserted before the path (A77)', (resource, location) => {
    expect(resourceMetadataLocation(resource)).toBe(location);
  });

  it.each(['urn:crm', 'https://h#x', 'h', 'https://127.0.0.1/api', 'http://h/api'])('is nowhere for %s', async (resource) => {
    const http = new ScriptedHttp();
    await expect(previewResource(resource, { allowHosts: [] }, http)).rejects.toThrow(/must|address/);
    expect(http.requests).toEqual([]);
  });
});

describe('the preview of a resource', () => {
  const saying = (body: unknown, status = 200) =>
    new ScriptedHttp({ [LOCATION]: response(status, typeof body === 'string' ? body : JSON.stringify(body)) });

  it('is what it says, and contacts no server that it names (A78)', async () => {
    const http = saying({
      resource: RESOURCE,
      authorization_servers: ['https://as.example', 'https://unknown.example', 7, '\u001b[31m'],
      scopes_supported: ['crm:read', 'not a scope', 'x"y'],
    });
    expect(await previewResource(RESOURCE, { allowHosts: [] }, http)).toEqual({
      resource: RESOURCE,
      looks: [{ at: 'well_known', url: LOCATION, status: 200, came: 'document' }],
      authorizationServers: ['https://as.example', 'https://unknown.example'],
      scopes: ['crm:read'],
    });
    expect(http.urls).toEqual([LOCATION]);
  });

  it.each(['https://crm.example/api/', 'https://CRM.example/api', 'https://evil.example/api', null, undefined, [RESOURCE]])(
    'uses nothing of a document whose resource is %j (A77)',
    async (resource) => {
      const http = saying({ resource, authorization_servers: ['https://as.example'], scopes_supported: ['crm:read'] });
      expect(await previewResource(RESOURCE, { allowHosts: [] }, http)).toMatchObject({
        looks: [{ came: 'mismatch' }, { at: 'resource', came: 'other_status' }],
        authorizationServers: [],
        scopes: [],
      });
    },
  );

  it('says what else came', async () => {
    expect((await previewResource(RESOURCE, { allowHosts: [] }, saying('', 404))).looks[0]).toMatchObject({
      came: 'other_status',
      status: 404,
    });
    expect((await previewResource(RESOURCE, { allowHosts: [] }, saying('<html>'))).looks[0]).toMatchObject({
      came: 'unusable',
      status: 200,
    });
    const broken = new ScriptedHttp({ [LOCATION]: new UpstreamExchangeFailed('timeout', true) });
    expect((await previewResource(RESOURCE, { allowHosts: [] }, broken)).looks).toMatchObject([{ came: 'timeout', status: null }]);
  });
});

describe('a resource whose metadata is not where it should be', () => {
  const ELSEWHERE = 'https://meta.example/crm';
  const document = { resource: RESOURCE, authorization_servers: ['https://as.example'], scopes_supported: ['crm:read'] };
  const naming = (challenge: string | undefined, said: unknown = document) =>
    new ScriptedHttp({
      [RESOURCE]: response(401, '', challenge === undefined ? {} : { 'www-authenticate': challenge }),
      [ELSEWHERE]: response(200, JSON.stringify(said)),
    });
  const urlsOf = async (http: ScriptedHttp) => {
    const preview = await previewResource(RESOURCE, { allowHosts: [] }, http);
    return { urls: http.urls, preview };
  };

  it('is asked without a token, and its challenge names the place (A77)', async () => {
    const http = naming(`Basic realm="x", Bearer error="invalid_token", resource_metadata="${ELSEWHERE}"`);
    expect(await previewResource(RESOURCE, { allowHosts: [] }, http)).toEqual({
      resource: RESOURCE,
      looks: [
        { at: 'well_known', url: LOCATION, status: 404, came: 'other_status' },
        { at: 'resource', url: RESOURCE, status: 401, came: 'hint' },
        { at: 'challenge', url: ELSEWHERE, status: 200, came: 'document' },
      ],
      authorizationServers: ['https://as.example'],
      scopes: ['crm:read'],
    });
    for (const { method, headers, body, deadline, maxBody } of http.requests) {
      expect({ method, headers, body }).toEqual({ method: 'GET', headers: { accept: 'application/json' }, body: undefined });
      expect([deadline, maxBody]).toEqual([5_000, 262_144]);
    }
  });

  it('is not believed about another resource (A77)', async () => {
    for (const resource of ['https://crm.example/api/', 'https://evil.example/api', ELSEWHERE, undefined]) {
      const { preview } = await urlsOf(naming(`Bearer resource_metadata="${ELSEWHERE}"`, { ...document, resource }));
      expect(preview).toMatchObject({ looks: [{}, {}, { came: 'mismatch' }], authorizationServers: [], scopes: [] });
    }
  });

  it.each([
    'http://meta.example/crm',
    'https://127.0.0.1/crm',
    'https://[::1]/crm',
    'https://169.254.169.254/latest',
    'https://localhost/crm',
    'https://user:secret@meta.example/crm',
    'https://meta.example/crm#x',
    'file:///etc/passwd',
    '/crm',
    '',
    `https://meta.example/${'x'.repeat(1000)}`,
  ])('is not followed to %s', async (hint) => {
    const { urls, preview } = await urlsOf(naming(`Bearer resource_metadata="${hint}"`));
    expect(preview.looks.at(-1)).toMatchObject({ at: 'resource', came: 'no_hint' });
    expect(urls).toEqual([LOCATION, RESOURCE]);
  });

  it.each([
    ['no challenge', undefined],
    ['a challenge without a place', 'Bearer realm="crm"'],
    ['two places', `Bearer resource_metadata="${ELSEWHERE}", DPoP resource_metadata="https://other.example/crm"`],
    ['a place inside a quoted text', `Bearer realm="resource_metadata=\\"${ELSEWHERE}\\""`],
    ['a place that is quoted by half', `Bearer resource_metadata="${ELSEWHERE}`],
    ['a name that only ends so', `Bearer x_resource_metadata="${ELSEWHERE}"`],
  ])('says nothing by %s', async (_, challenge) => {
    expect((await urlsOf(naming(challenge))).urls).toEqual([LOCATION, RESOURCE]);
  });

  it.each([
    `DPoP algs="ES256", RESOURCE_METADATA = "${ELSEWHERE}"`,
    `Bearer resource_metadata="${ELSEWHERE}", DPoP resource_metadata="${ELSEWHERE}"`,
    `Bearer resource_metadata="https:\\/\\/meta.example/crm"`,
  ])('is understood as %s', async (challenge) => {
    expect((await urlsOf(naming(challenge))).preview.looks.at(-1)).toMatchObject({ url: ELSEWHERE, came: 'document' });
  });

  it('is asked for no place when it lets anybody in, and not again where it should have been', async () => {
    const open = new ScriptedHttp({ [RESOURCE]: response(200, '', { 'www-authenticate': `Bearer resource_metadata="${ELSEWHERE}"` }) });
    expect((await urlsOf(open)).urls).toEqual([LOCATION, RESOURCE]);
    expect((await urlsOf(naming(`Bearer resource_metadata="${LOCATION}"`))).urls).toEqual([LOCATION, RESOURCE]);
  });
});
