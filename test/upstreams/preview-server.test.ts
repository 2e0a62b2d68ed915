import { IssuerUnusable, previewServer, type ServerPreview } from '../../src/upstreams/preview-server.js';
import { UpstreamExchangeFailed } from '../../src/upstreams/upstream-http.js';
import { response } from './answers.js';
import { ScriptedHttp } from './scripted-http.js';
import { ISSUER, SteppedClock } from './wish.js';

const OAUTH = `${ISSUER}/.well-known/oauth-authorization-server`;
const OPENID = `${ISSUER}/.well-known/openid-configuration`;
const good = {
  issuer: ISSUER,
  token_endpoint: `${ISSUER}/token`,
  revocation_endpoint: `${ISSUER}/revoke`,
  grant_types_supported: ['client_credentials'],
  token_endpoint_auth_methods_supported: ['client_secret_basic', 'private_key_jwt'],
  token_endpoint_auth_signing_alg_values_supported: ['RS256', 'ES256'],
};

function preview(http: ScriptedHttp, issuer = ISSUER, allowHosts: readonly string[] = []): Promise<ServerPreview> {
  return previewServer(issuer, { allowHosts }, http, new SteppedClock());
}

const saying = (members: Readonly<Record<string, unknown>>): Promise<ServerPreview> =>
  preview(new ScriptedHttp({ [OAUTH]: response(200, JSON.stringify({ ...good, ...members })) }));
const codes = ({ remarks }: ServerPreview): string[] => remarks.map(({ severity, code }) => `${severity} ${code}`);

describe('the preview of a server', () => {
  it('tells which place answered, and what would be used, and finds nothing wrong with a good one (A70)', async () => {
    const http = new ScriptedHttp({ [OPENID]: response(200, JSON.stringify(good)) });
    expect(await preview(http)).toMatchObject({
      looks: [
        { url: OAUTH, status: 404, came: 'other_status' },
        { url: OPENID, status: 200, came: 'document' },
      ],
      found: { location: OPENID },
      metadata: { tokenEndpoint: `${ISSUER}/token` },
      method: { name: 'private_key_jwt', algorithm: 'ES256' },
      profile: { name: 'standard' },
      remarks: [],
    });
  });

  it('tells which places were not asked, since a document was found before', async () => {
    const issuer = `${ISSUER}/t1`;
    const http = new ScriptedHttp({ [`${OAUTH}/t1`]: response(200, JSON.stringify({ ...good, issuer })) });
    expect((await preview(http, issuer)).looks.map(({ came }) => came)).toEqual(['document', 'not_asked', 'not_asked']);
    expect(http.urls).toEqual([`${OAUTH}/t1`]);
  });

  it.each([
    [{ issuer: `${ISSUER}/` }, ['refused issuer_mismatch']],
    [{ token_endpoint: null }, ['refused token_endpoint_missing']],
    [{ token_endpoint: 'https://login.example/token' }, ['refused endpoint_unusable']],
    [{ token_endpoint: 'http://as.example/token' }, ['refused endpoint_unusable']],
    [{ revocation_endpoint: 'https://evil.example/r' }, ['refused endpoint_unusable']],
    [{ revocation_endpoint: null }, ['info not_revocable']],
    [{ mtls_endpoint_aliases: { token_endpoint: `${ISSUER}/mtls/token`, userinfo_endpoint: 'https://mtls.example/me' } }, []],
    [{ mtls_endpoint_aliases: { token_endpoint: 'https://mtls.example/token' } }, ['warning alias_unusable']],
    [{ revocation_endpoint_auth_methods_supported: ['client_secret_basic'] }, ['warning revocation_method_unlisted']],
    [
      { introspection_endpoint: `${ISSUER}/i`, introspection_endpoint_auth_methods_supported: [] },
      ['warning introspection_method_unlisted'],
    ],
    [{ introspection_endpoint_auth_methods_supported: ['client_secret_basic'] }, []],
    [{ introspection_endpoint: 'https://elsewhere.example/i' }, ['warning introspection_unusable']],
    [
      {
        token_endpoint_auth_methods_supported: ['client_secret_post'],
        revocation_endpoint_auth_methods_supported: ['client_secret_basic'],
      },
      [],
    ],
    [{ token_endpoint_auth_methods_supported: ['none', 'magic'] }, ['refused method_unsupported']],
    [{ token_endpoint_auth_methods_supported: null }, ['info methods_not_published']],
    [
      { token_endpoint_auth_methods_supported: ['private_key_jwt'], token_endpoint_auth_signing_alg_values_supported: ['HS256'] },
      ['refused method_unsupported'],
    ],
    [{ grant_types_supported: null }, ['warning grant_types_not_published']],
    [{ grant_types_supported: ['authorization_code'] }, ['warning client_credentials_not_published']],
  ])('says of %j what is to be known (A71, A73, A75)', async (members, expected) => {
    expect(codes(await saying(members))).toEqual(expected);
  });

  it('chooses the strongest method for which both have an algorithm', async () => {
    const methods = ['client_secret_basic', 'private_key_jwt'];
    const chosen = async (algorithms: readonly string[]) =>
      (
        await saying({
          token_endpoint_auth_methods_supported: methods,
          token_endpoint_auth_signing_alg_values_supported: algorithms,
        })
      ).method;
    expect(await chosen(['PS256'])).toEqual({ name: 'private_key_jwt', algorithm: 'PS256' });
    expect(await chosen(['HS256'])).toEqual({ name: 'client_secret_basic', algorithm: null });
  });

  it.each([
    [new UpstreamExchangeFailed('unreachable', false), /could not be reached/],
    [new UpstreamExchangeFailed('timeout', false), /could not be reached/],
    [response(404, ''), /name its token_endpoint/],
  ])('tells what cannot be reached from what publishes nothing: %#', async (answer, message) => {
    const found = await preview(new ScriptedHttp({ [OAUTH]: answer }));
    expect(found.remarks.map(({ code }) => code)).toEqual(['metadata_unavailable']);
    expect(found.remarks[0]?.message).toMatch(message);
  });

  it.each([
    [new UpstreamExchangeFailed('address_refused', false), 'address_refused'],
    [new UpstreamExchangeFailed('tls_failed', false), 'tls_failed'],
    [new UpstreamExchangeFailed('unreachable', false), 'metadata_unavailable'],
    [response(200, '<html>'), 'metadata_unavailable'],
    [response(200, `{"issuer":"${ISSUER}","issuer":"x"}`), 'metadata_invalid'],
    [response(200, '{"token_endpoint":1}'), 'metadata_invalid'],
  ])('says why there is nothing to use: %#', async (answer, code) => {
    const found = await preview(new ScriptedHttp({ [OAUTH]: answer }));
    expect(found).toMatchObject({ metadata: null, method: null, remarks: [{ severity: 'refused', code }] });
  });

  it.each([
    ['http://as.example', []],
    ['https://127.0.0.1', []],
    ['https://169.254.169.254', ['127.0.0.1']],
    ['https://as.example?x', []],
    ['https://as.example#x', []],
    ['https://u:p@as.example', []],
    ['as.example', []],
  ])('does not look at %s, which no catalogue could name (A72)', async (issuer, allowHosts) => {
    const http = new ScriptedHttp();
    await expect(preview(http, issuer, allowHosts)).rejects.toThrow(IssuerUnusable);
    expect(http.requests).toEqual([]);
  });
});
