import type { Catalogue } from '../../src/catalogue/catalogue.js';
import { offerProblem } from '../../src/issuance/refresh-metadata.js';
import { readDocument } from '../../src/upstreams/metadata.js';
import { catalogue as sample } from '../store/fact-change-samples.js';

const issuer = 'https://as.example';

function problem(
  document: Readonly<Record<string, unknown>>,
  edit: Partial<Catalogue['clients'][string]> = {},
  more: Partial<Catalogue['authorizationServers'][string]> = {},
): string | null {
  const server = { ...sample.authorizationServers['demo']!, issuer, ...more };
  const clients = { indexer: { ...sample.clients['indexer']!, ...edit } };
  const read = readDocument({ issuer, token_endpoint: `${issuer}/token`, ...document });
  if (read === null) throw new Error('the document cannot be read');
  return offerProblem({ ...sample, authorizationServers: { demo: server }, clients }, server, { location: issuer, document: read });
}

describe('a document that is offered', () => {
  const byCertificate = { method: 'self_signed_tls_client_auth' } as const;
  const aliased = (url: string) => ({ mtls_endpoint_aliases: { token_endpoint: url } });

  it('can be used where its endpoints may be', () => {
    expect(problem({})).toBeNull();
    expect(problem({ token_endpoint: 'https://evil.example/token' })).toMatch(/^it names no token endpoint that may be used/);
    expect(problem({ issuer: 'https://evil.example' })).toMatch(/^its issuer/);
  });

  it('cannot be used by a client with a certificate whose alias is elsewhere, until the catalogue names that place (A28, A73)', () => {
    const elsewhere = aliased('https://mtls.example/token');
    expect(problem(elsewhere, byCertificate)).toMatch(/^client indexer may not use its mtls_endpoint_aliases.* give mtls_token_endpoint/);
    expect(problem(elsewhere)).toBeNull();
    expect(problem(elsewhere, byCertificate, { mtlsTokenEndpoint: 'https://mtls.example/token' })).toBeNull();
    expect(problem(aliased(`${issuer}/mtls/token`), byCertificate)).toBeNull();
  });
});
