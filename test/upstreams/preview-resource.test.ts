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
    await expect(previewResource(resource, [], http)).rejects.toThrow(/must|address/);
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
    expect(await previewResource(RESOURCE, [], http)).toEqual({
      resource: RESOURCE,
      location: LOCATION,
      status: 200,
      came: 'document',
      authorizationServers: ['https://as.example', 'https://unknown.example'],
      scopes: ['crm:read'],
    });
    expect(http.urls).toEqual([LOCATION]);
  });

  it.each(['https://crm.example/api/', 'https://CRM.example/api', 'https://evil.example/api', null, undefined, [RESOURCE]])(
    'uses nothing of a document whose resource is %j (A77)',
    async (resource) => {
      const http = saying({ resource, authorization_servers: ['https://as.example'], scopes_supported: ['crm:read'] });
      expect(await previewResource(RESOURCE, [], http)).toMatchObject({ came: 'mismatch', authorizationServers: [], scopes: [] });
    },
  );

  it('says what else came', async () => {
    expect(await previewResource(RESOURCE, [], saying('', 404))).toMatchObject({ came: 'other_status', status: 404 });
    expect(await previewResource(RESOURCE, [], saying('<html>'))).toMatchObject({ came: 'unusable', status: 200 });
    const broken = new ScriptedHttp({ [LOCATION]: new UpstreamExchangeFailed('timeout', true) });
    expect(await previewResource(RESOURCE, [], broken)).toMatchObject({ came: 'timeout', status: null });
  });
});
