import { parseDocument } from 'yaml';
import { z } from 'zod';
import { problemsOfFile } from '../../src/catalogue/parse-catalogue-file.js';
import { profiles } from '../../src/catalogue/profile.js';
import { printServerPreview } from '../../src/http/upstream-preview-view.js';
import { metadataLocations } from '../../src/upstreams/discovery.js';
import { previewServer, type PreviewReach } from '../../src/upstreams/preview-server.js';
import { response } from '../upstreams/answers.js';
import { ScriptedHttp } from '../upstreams/scripted-http.js';
import { SteppedClock } from '../upstreams/wish.js';

/** An issuer for each profile that is suggested by what it looks like. Nothing about an issuer points to Hydra. */
const issuers = {
  standard: 'https://as.example/t1',
  keycloak: 'https://sso.example/realms/prod',
  auth0: 'https://example.eu.auth0.com/',
  entra: 'https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0',
  okta: 'https://example.okta.com/oauth2/default',
  ping: 'https://auth.pingone.eu/abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6/as',
  cognito: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example',
  salesforce: 'https://example.my.salesforce.com',
};
const methods = ['private_key_jwt', 'self_signed_tls_client_auth', 'client_secret_jwt', 'client_secret_basic'];

async function previewed(issuer: string, method: string, reach: PreviewReach = { allowHosts: [] }, members: Record<string, unknown> = {}) {
  const { origin } = new URL(issuer);
  const document = {
    issuer,
    token_endpoint: `${origin}/token`,
    revocation_endpoint: `${origin}/revoke`,
    token_endpoint_auth_methods_supported: [method],
    ...members,
  };
  const http = new ScriptedHttp({ [metadataLocations(issuer)[0] ?? '']: response(200, JSON.stringify(document)) });
  return printServerPreview(await previewServer(issuer, reach, http, new SteppedClock()), reach);
}

/** A catalogue out of the snippet: the client uncommented and filled in, with all that it names. */
function filledIn(snippet: string): string {
  const text = snippet.replaceAll(/^# /gm, '').replace('  …:', '  reader:').replace('CORRIDOR_CLIENT_…', 'CORRIDOR_CLIENT_READER');
  const document = parseDocument(text);
  expect(document.errors).toEqual([]);
  const { authorization_servers: servers } = z
    .looseObject({ authorization_servers: z.record(z.string(), z.unknown()) })
    .parse(document.toJS());
  const [server] = Object.keys(servers);
  return `version: 1
${text}
    client_id: reader
    owner: search-team@example.com
    workflows: [nightly-index]
    resources: [crm]
    rotate_every: 90d
    max_token_life: 1h
resources:
  crm: { uri: "https://crm.example/api", authorization_server: ${server}, scopes: [read], max_token_ttl: 1h }
purposes:
  search-indexing: { description: Keep the search index current }
workflows:
  nightly-index: { owner: search-team@example.com, purposes: [search-indexing], max_run_ttl: 1h }
`;
}

describe('the part of the catalogue that a preview gives', () => {
  it('is tried for every profile that can be suggested', () => {
    expect(Object.keys(issuers).toSorted()).toEqual(
      Object.keys(profiles)
        .filter((name) => name !== 'hydra')
        .toSorted(),
    );
  });

  it.each(Object.entries(issuers).flatMap(([name, issuer]) => methods.map((method) => [name, method, issuer] as const)))(
    'is one that Corridor takes when it is filled in: %s, %s (A21)',
    async (name, method, issuer) => {
      const { profile, usable, method: chosen, snippet } = await previewed(issuer, method);
      expect([profile, usable, chosen]).toMatchObject([{ name }, true, { name: method }]);
      expect(problemsOfFile(filledIn(String(snippet)), 'corridor.yaml')).toEqual([]);
    },
  );

  it('names endpoints where assertions do, and leaves them to be learned where they do not', async () => {
    const { snippet } = await previewed(issuers.okta, 'private_key_jwt');
    expect(snippet).toContain('    token_endpoint: "https://example.okta.com/token"   # assertions name it');
    expect(snippet).toContain('    revocation_endpoint: "https://example.okta.com/revoke"   # assertions name it');
    expect((await previewed(issuers.okta, 'client_secret_basic')).snippet).not.toContain('_endpoint');
    expect((await previewed(issuers.standard, 'private_key_jwt')).snippet).not.toContain('_endpoint');
    // what Corridor would not use by itself remains a question
    const elsewhere = await previewed(
      issuers.okta,
      'private_key_jwt',
      { allowHosts: [] },
      { token_endpoint: 'https://login.example/token' },
    );
    expect(elsewhere).toMatchObject({
      usable: false,
      snippet: expect.stringContaining('    # token_endpoint: "https://login.example/token"') as unknown,
    });
  });

  it('signs as the product would have it, where its metadata does not say or allows it (Q7)', async () => {
    expect(await previewed(issuers.entra, 'private_key_jwt')).toMatchObject({
      method: { name: 'private_key_jwt', algorithm: 'PS256' },
      snippet: expect.stringContaining('#     algorithm: PS256') as unknown,
    });
    const listing = (algorithms: readonly string[]) =>
      previewed(issuers.entra, 'private_key_jwt', { allowHosts: [] }, { token_endpoint_auth_signing_alg_values_supported: algorithms });
    expect(await listing(['RS256', 'PS256', 'ES256'])).toMatchObject({ method: { algorithm: 'PS256' } });
    expect(await listing(['RS256'])).toMatchObject({ method: { algorithm: 'RS256' } });
    expect(await previewed(issuers.ping, 'private_key_jwt')).toMatchObject({ method: { algorithm: 'ES256' } });
  });

  it('says whom to trust, as it was tried', async () => {
    const reach = { allowHosts: ['sso.example'], ca: { path: 'private/ca.pem', pem: 'what was read of it' } };
    const { snippet } = await previewed(issuers.keycloak, 'private_key_jwt', reach);
    expect(snippet).toContain('    ca: "file:private/ca.pem"\n');
    expect(snippet).not.toContain('what was read');
    expect(problemsOfFile(filledIn(String(snippet)), 'corridor.yaml')).toEqual([]);
  });
});
