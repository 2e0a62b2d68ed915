import { Secret } from '../../src/oauth/secret.js';
import type { WorkloadIdentity } from '../../src/catalogue/workload-identity.js';
import type { AuthorizationServer } from '../../src/catalogue/catalogue.js';
import type { UndiciUpstreamHttp } from '../../src/platform/upstream-http.js';
import { readMetadata } from '../../src/upstreams/discovery.js';
import { previewResource } from '../../src/upstreams/preview-resource.js';
import { previewServer, type PreviewReach } from '../../src/upstreams/preview-server.js';
import { fetchIssuerKeys } from '../../src/upstreams/issuer-jwks.js';
import { prepareRevocation, sendRevocation } from '../../src/upstreams/revocation.js';
import { prepareTokenRequest, sendTokenRequest } from '../../src/upstreams/token-request.js';
import { awake } from '../rig/awake.js';
import { createAuthority } from '../rig/certificates.js';
import { endless, json, redirect, trickle, type Behaviour, type HostileAuthorizationServer } from '../rig/hostile-authorization-server.js';
import { client, closeOpened, dns, hostile } from './exchanges.js';
import { metadata, secretCredential, server, signing, wish } from './wish.js';

afterEach(closeOpened);

const authority = createAuthority('Private authority');
const clock = { now: () => Date.now() };
const DEADLINE = 1_000;

/** Every kind of request that goes to a server of somebody else, by the path that it asks for. */
const kinds: Record<string, (http: UndiciUpstreamHttp, at: AuthorizationServer) => Promise<unknown>> = {
  '/.well-known/oauth-authorization-server': (http, at) => readMetadata(at, http, clock, DEADLINE),
  '/token': async (http, at) => sendTokenRequest(await prepareTokenRequest(wishAt(at), endpointsAt(at), signing(clock)), http, DEADLINE),
  '/revoke': async (http, at) => {
    const prepared = await prepareRevocation(wishAt(at), new Secret('canary'), endpointsAt(at), signing(clock));
    return prepared === 'unsupported' ? prepared : sendRevocation(prepared, http, DEADLINE);
  },
};
const withIssuerKeys: typeof kinds = {
  ...kinds,
  '/jwks': (http, { issuer, allowHosts }) => {
    const identity: WorkloadIdentity = {
      ...{ kind: 'jwt', issuer, allowHosts, keys: { kind: 'url', url: `${issuer}/jwks` } },
      ...{ algorithms: [], maxAssertionLife: 0, assertionReuse: false, audienceArray: false, claims: [] },
    };
    return fetchIssuerKeys(identity, http, DEADLINE);
  },
};

function wishAt(at: AuthorizationServer) {
  return wish({ server: at, credential: secretCredential('canary secret', { issuer: at.issuer, tokenEndpointOrigin: at.issuer }) });
}

function endpointsAt({ issuer }: AuthorizationServer) {
  return metadata({ issuer, tokenEndpoint: `${issuer}/token`, revocationEndpoint: `${issuer}/revoke` });
}

/** All the paths that a kind of request may ask for, answered alike. */
function everywhere(at: HostileAuthorizationServer, behaviour: Behaviour): HostileAuthorizationServer {
  for (const path of [...Object.keys(withIssuerKeys), '/.well-known/openid-configuration']) at.at(path, behaviour);
  return at;
}

describe.each(Object.entries(withIssuerKeys))('a request for %s', (path, send) => {
  const settled = (http: UndiciUpstreamHttp, at: AuthorizationServer): Promise<unknown> => send(http, at).catch(() => undefined);

  it('goes to no private address that the catalogue does not allow, whatever the name resolves to (A8)', async () => {
    const at = everywhere(await hostile(), json({}));
    const { port } = new URL(at.issuer);
    await settled(client(dns(['127.0.0.1'])), server({ issuer: `https://as.example:${port}` }));
    await settled(client(), server({ issuer: `https://127.0.0.1:${port}` }));
    await settled(client(), server({ issuer: at.issuer }));
    expect(at.connections).toBe(0);
  });

  it('follows no redirect (A7)', async () => {
    const elsewhere = everywhere(await hostile(), json({}));
    const at = everywhere(await hostile(), redirect(`${elsewhere.issuer}${path}`, 307));
    await settled(client(), server({ issuer: at.issuer, allowHosts: ['127.0.0.1'] }));
    expect(at.requestsAt(path)).toHaveLength(1);
    expect(elsewhere.connections).toBe(0);
  });

  it('ends at its deadline, and reads no more than its limit (A10)', async () => {
    const sent = { bytes: 0 };
    const begun = awake();
    const servers = await Promise.all(
      [trickle('x'.repeat(1_000), 20), endless(sent)].map(async (does) => everywhere(await hostile(), does)),
    );
    await Promise.all(servers.map(({ issuer }) => settled(client(), server({ issuer, allowHosts: ['127.0.0.1'] }))));
    expect(awake() - begun).toBeLessThan(4_000);
    expect(sent.bytes).toBeLessThan(20_000_000);
  });

  it('says nothing to a server that the system’s authorities do not vouch for (A6)', async () => {
    const at = everywhere(await hostile({ tls: authority.certify('as.test'), host: 'as.test' }), json({}));
    await settled(client(dns(['127.0.0.1'])), server({ issuer: at.issuer, allowHosts: ['as.test'] }));
    expect(at.requests).toEqual([]);
  });
});

describe.each(Object.entries(kinds))('a request for %s', (path, send) => {
  it('trusts the authorities of its server alone (A6)', async () => {
    const at = everywhere(await hostile({ tls: authority.certify('as.test'), host: 'as.test' }), json({}));
    const private_ = server({ issuer: at.issuer, allowHosts: ['as.test'], ca: { path: 'ca.pem', pem: authority.cert } });
    await send(client(dns(['127.0.0.1'])), private_).catch(() => undefined);
    expect(at.requestsAt(path)).toHaveLength(1);
  });
});

describe('a preview', () => {
  const allowHosts = ['as.test'];
  const ca = { path: 'ca.pem', pem: authority.cert };
  const ourDns = () => client(dns(['127.0.0.1']));
  const named = () => hostile({ tls: authority.certify('as.test'), host: 'as.test' });

  it('reaches a server that a private authority vouches for where that is named, and is told of it where not (A6)', async () => {
    const at = (await named()).publish();
    const preview = (reach: PreviewReach) => previewServer(at.issuer, reach, ourDns(), clock);
    expect(await preview({ allowHosts, ca })).toMatchObject({
      metadata: { tokenEndpoint: at.tokenEndpoint },
      looks: [{ came: 'document' }, {}],
    });
    const untold = await preview({ allowHosts });
    expect(untold.remarks).toMatchObject([{ code: 'tls_failed', message: expect.stringContaining('--ca file:') as unknown }]);
    const other = createAuthority('Another authority').cert;
    expect((await preview({ allowHosts, ca: { path: 'ca.pem', pem: other } })).remarks).toMatchObject([
      { code: 'tls_failed', message: expect.stringContaining('of an authority that ca names') as unknown },
    ]);
    expect(at.requests).toHaveLength(1);
  });

  it('asks a resource and the place that it names under the same authority (A6, A77)', async () => {
    const at = await named();
    const resource = `${at.issuer}/api`;
    at.at('/api', (response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${at.issuer}/elsewhere"` }).end();
    }).at('/elsewhere', json({ resource, authorization_servers: ['https://as.example'] }));
    expect((await previewResource(resource, { allowHosts, ca }, ourDns())).authorizationServers).toEqual(['https://as.example']);
    expect((await previewResource(resource, { allowHosts }, ourDns())).looks).toMatchObject([{ came: 'tls_failed' }]);
    expect(at.requests).toHaveLength(3);
  });
});
