import { documentDigest, documentShape, movedBetween, type ServerDocument } from '../../src/upstreams/server-document.js';
import { ISSUER } from './wish.js';

const read = (members: Readonly<Record<string, unknown>> = {}): ServerDocument =>
  documentShape.parse({ issuer: ISSUER, token_endpoint: `${ISSUER}/token`, ...members });

describe('what is kept of a metadata document', () => {
  it.each([
    [{ token_endpoint: `${ISSUER}/token2` }, 'token_endpoint', `${ISSUER}/token`, `${ISSUER}/token2`],
    [{ issuer: 'https://other.example' }, 'issuer', ISSUER, 'https://other.example'],
    [{ jwks_uri: `${ISSUER}/jwks` }, 'jwks_uri', null, `${ISSUER}/jwks`],
    [{ revocation_endpoint: `${ISSUER}/r` }, 'revocation_endpoint', null, `${ISSUER}/r`],
    [{ introspection_endpoint: `${ISSUER}/i` }, 'introspection_endpoint', null, `${ISSUER}/i`],
    [
      { mtls_endpoint_aliases: { token_endpoint: 'https://mtls.example/t' } },
      'mtls_endpoint_aliases.token_endpoint',
      null,
      'https://mtls.example/t',
    ],
  ])('%j moves something, both when it comes and when it goes (A74)', (members, field, used, offered) => {
    expect(movedBetween(read(), read(members))).toEqual([{ field, used, offered }]);
    expect(movedBetween(read(members), read())).toEqual([{ field, used: offered, offered: used }]);
  });

  it('moves nothing when only what a server can do is another', () => {
    const more = {
      token_endpoint_auth_methods_supported: ['private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: ['ES256'],
      revocation_endpoint_auth_methods_supported: ['client_secret_basic'],
      introspection_endpoint_auth_methods_supported: ['client_secret_basic'],
      grant_types_supported: ['client_credentials'],
      tls_client_certificate_bound_access_tokens: true,
    };
    expect(movedBetween(read(), read(more))).toEqual([]);
    expect(documentDigest(read(more))).not.toBe(documentDigest(read()));
  });

  it('has one digest whatever the order of its members and whatever else the server says', () => {
    const other = documentShape.parse({ scopes_supported: ['x'], token_endpoint: `${ISSUER}/token`, claims: {}, issuer: ISSUER });
    expect(documentDigest(other)).toBe(documentDigest(read()));
  });

  it('is short and printable, or is no document (A62)', () => {
    for (const token_endpoint of [`${ISSUER}/\u001b[31m`, `${ISSUER}/\u0000`, `${ISSUER}/ü`, `${ISSUER}/${'x'.repeat(1000)}`]) {
      expect(documentShape.safeParse({ issuer: ISSUER, token_endpoint }).success).toBe(false);
    }
    expect(read({ grant_types_supported: ['client_credentials', '\u001b[31m', 'x'.repeat(101)] }).grant_types_supported).toEqual([
      'client_credentials',
    ]);
    const types = ['payment', 'x'.repeat(256), 'x'.repeat(257)];
    expect(read({ authorization_details_types_supported: types }).authorization_details_types_supported).toEqual(types.slice(0, 2));
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`${'a'.repeat(index + 1)}_endpoint`, ISSUER]));
    expect(Object.keys(read({ mtls_endpoint_aliases: { ...many, 'x\n_endpoint': ISSUER } }).mtls_endpoint_aliases ?? {})).toHaveLength(10);
  });
});
