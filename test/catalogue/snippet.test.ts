import { resourceSnippet, serverSnippet, type ServerSnippet } from '../../src/catalogue/snippet.js';
import { catalogueOf } from './example.js';

const snippet = (more: Partial<ServerSnippet> = {}): string =>
  serverSnippet({
    issuer: 'https://as.example/t1',
    profile: 'standard',
    allowHosts: [],
    ca: null,
    method: 'private_key_jwt',
    algorithm: 'PS256',
    pinned: {},
    undecided: {},
    ...more,
  });

describe('a snippet of corridor.yaml', () => {
  it('declares a server as it stands', () => {
    expect(catalogueOf(`version: 1\n${snippet()}\n`).authorizationServers).toMatchObject({
      'as-example-t1': { issuer: 'https://as.example/t1', profile: { name: 'standard' } },
    });
    const local = snippet({ issuer: 'http://[::1]:9400', allowHosts: ['::1'] });
    expect(Object.values(catalogueOf(`version: 1\n${local}\n`).authorizationServers)).toMatchObject([{ allowHosts: ['::1'] }]);
  });

  it('leaves to a person what a document says of other origins, and what a client of it needs', () => {
    const text = snippet({ undecided: { token_endpoint: 'https://login.example/token' } });
    expect(text).toContain('    # token_endpoint: "https://login.example/token"');
    expect(text).toContain('#     method: private_key_jwt\n#     algorithm: PS256\n#     credential: generate');
    expect(snippet({ algorithm: 'ES256' })).not.toContain('algorithm');
    expect(catalogueOf(`version: 1\n${text}\n`).authorizationServers['as-example-t1']).not.toHaveProperty('tokenEndpoint');
  });

  it('declares a resource of a server that is declared', () => {
    const text = resourceSnippet({ uri: 'https://crm.example/api', authorizationServer: 'as-example-t1', scopes: ['crm:read'] });
    expect(catalogueOf(`version: 1\n${snippet()}\n${text}\n`).resources).toMatchObject({
      'crm-example-api': { uri: 'https://crm.example/api', authorizationServer: 'as-example-t1', scopes: ['crm:read'] },
    });
    expect(resourceSnippet({ uri: 'https://crm.example/api', authorizationServer: null, scopes: [] })).toMatch(
      /# authorization_server: …[\s\S]*# scopes: /,
    );
  });
});
