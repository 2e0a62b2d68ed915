import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Secret } from '../../src/oauth/secret.js';
import { createAuthority, selfSigned } from '../rig/certificates.js';
import { json } from '../rig/hostile-authorization-server.js';
import { client, closeOpened, dns, failure, hostile, post } from './exchanges.js';

afterEach(closeOpened);

describe('the address of a connection (A8)', () => {
  it.each([
    '127.0.0.1',
    '169.254.169.254',
    '[::ffff:10.0.0.1]',
    '[::1]',
    '10.1.2.3',
    '2130706433',
    '0x7f.1',
    '[fd00::1]',
    '0.0.0.0',
    '168.63.129.16',
  ])('is refused when the URL names %s', async (host) => {
    const server = await hostile();
    const { port } = new URL(server.issuer);
    const request = post(`https://${host}:${port}/token`, { allowHosts: [] });
    expect(await failure(client().exchange(request))).toEqual({ fault: 'address_refused', sent: false });
    expect(server.connections).toBe(0);
  });

  it.each([['127.0.0.1'], ['169.254.169.254'], ['::ffff:10.0.0.1'], ['64:ff9b::a00:1'], ['192.168.0.1', '10.0.0.1']])(
    'is refused when the name resolves to %s',
    async (...addresses) => {
      const server = await hostile();
      const { port } = new URL(server.issuer);
      const request = post(`https://as.example:${port}/token`, { allowHosts: [] });
      expect(await failure(client(dns(addresses)).exchange(request))).toEqual({ fault: 'address_refused', sent: false });
      expect(server.connections).toBe(0);
    },
  );

  it('is looked up once, so that a second answer of the DNS changes nothing (rebinding)', async () => {
    const server = await hostile();
    const { port } = new URL(server.issuer);
    // 2000::/16 was given to nobody: public by number, and unreachable
    const names = dns(['2000::1'], ['127.0.0.1']);
    const http = client({ resolve: names.resolve, connectTimeout: 300 });
    const request = post(`https://as.example:${port}/token`, { allowHosts: [], deadline: 1_000 });
    expect((await failure(http.exchange(request))).fault).toMatch(/^(unreachable|timeout)$/);
    expect(names.asked()).toBe(1);
    expect(await failure(http.exchange(request))).toEqual({ fault: 'address_refused', sent: false });
    expect(names.asked()).toBe(2);
    expect(server.connections).toBe(0);
  });

  it('is the one that was looked up, for each new connection anew', async () => {
    const server = await hostile();
    server.at('/token', json({}, 200, { connection: 'close' }));
    const { port } = new URL(server.issuer);
    const names = dns(['127.0.0.1']);
    const http = client(names);
    const request = post(`http://as.test:${port}/token`, { allowHosts: ['as.test'] });
    await http.exchange(request);
    await http.exchange(request);
    expect(names.asked()).toBe(2);
    expect(server.requests.map(({ headers }) => headers.host)).toEqual([`as.test:${port}`, `as.test:${port}`]);
  });

  it('is not taken from the connections of a host that another server allows', async () => {
    const server = await hostile();
    server.at('/token', json({}));
    const http = client();
    await http.exchange(post(server.tokenEndpoint));
    const elsewhere = post(server.tokenEndpoint.replace('http:', 'https:'), { allowHosts: ['localhost'] });
    expect(await failure(http.exchange(elsewhere))).toEqual({ fault: 'address_refused', sent: false });
    expect(server.connections).toBe(1);
  });

  it('goes to the public addresses alone when a name has others too', async () => {
    const server = await hostile();
    const { port } = new URL(server.issuer);
    const http = client({ resolve: dns(['127.0.0.1', '2000::1']).resolve, connectTimeout: 300 });
    const request = post(`https://as.example:${port}/token`, { allowHosts: [], deadline: 1_000 });
    expect(await failure(http.exchange(request))).toMatchObject({ sent: false });
    expect(server.connections).toBe(0);
  });
});

describe('the transport (A6)', () => {
  const authority = createAuthority('Corridor test authority');
  const allowHosts = ['as.test'];
  const { resolve } = dns(['127.0.0.1']);

  it('speaks plain http only to hosts that the catalogue names', async () => {
    const server = await hostile();
    const request = post(server.tokenEndpoint, { allowHosts: ['localhost'] });
    expect(await failure(client().exchange(request))).toEqual({ fault: 'address_refused', sent: false });
    expect(server.connections).toBe(0);
  });

  it.each(['ftp://127.0.0.1/token', 'file:///etc/passwd', 'not a URL'])('does not speak %s', async (url) => {
    expect(await failure(client().exchange(post(url)))).toEqual({ fault: 'address_refused', sent: false });
  });

  it('speaks TLS to a server whose certificate is right', async () => {
    const server = await hostile({ tls: authority.certify('as.test'), host: 'as.test' });
    server.at('/token', json({ ok: 1 }));
    expect((await client({ resolve, authorities: authority.cert }).exchange(post(server.tokenEndpoint, { allowHosts }))).status).toBe(200);
  });

  it.each([
    ['of another name', authority.certify('other.test')],
    ['that has expired', authority.certify('as.test', new Date(Date.now() - 3_600_000))],
    ['of an unknown authority', createAuthority('somebody else').certify('as.test')],
    ['that only it vouches for', selfSigned('as.test')],
  ])('sends nothing to a server with a certificate %s', async (_, tls) => {
    const server = await hostile({ tls, host: 'as.test' });
    server.at('/token', json({}));
    const http = client({ resolve, authorities: authority.cert });
    expect(await failure(http.exchange(post(server.tokenEndpoint, { allowHosts })))).toEqual({ fault: 'tls_failed', sent: false });
    expect(server.requests).toEqual([]);
  });

  it('trusts the authorities of a server for this server alone, and in place of all others', async () => {
    const own = createAuthority('Private authority');
    const server = await hostile({ tls: own.certify('as.test'), host: 'as.test' });
    server.at('/token', json({}));
    const http = client({ resolve, authorities: authority.cert });
    const request = post(server.tokenEndpoint, { allowHosts });
    expect((await http.exchange({ ...request, authorities: own.cert })).status).toBe(200);
    // the connection stands, and is nobody else's
    expect(await failure(http.exchange(request))).toEqual({ fault: 'tls_failed', sent: false });
    expect(await failure(http.exchange({ ...request, authorities: authority.cert }))).toEqual({ fault: 'tls_failed', sent: false });
    expect(server.requests).toHaveLength(1);
  });
});

describe('the certificate of a client (A30)', () => {
  it('has connections of its own, which end when its next version is shown', async () => {
    const authority = createAuthority('Corridor test authority');
    const seen: { readonly fingerprint: string | undefined; open: boolean }[] = [];
    const server = createServer({ ...authority.certify('as.test'), requestCert: true, rejectUnauthorized: false });
    server.on('secureConnection', (socket) => {
      const connection = { fingerprint: socket.getPeerX509Certificate()?.fingerprint256, open: true };
      seen.push(connection);
      socket.on('close', () => (connection.open = false));
    });
    server.on('request', (_, response) => response.end('{}'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const http = client({ resolve: dns(['127.0.0.1']).resolve, authorities: authority.cert });
    const request = post(`https://as.test:${(server.address() as AddressInfo).port}/token`, { allowHosts: ['as.test'] });
    const versions = [selfSigned('one'), selfSigned('two')].map(({ key, cert }, index) => ({
      client: 'indexer',
      version: `cre${index}`,
      key: new Secret(key),
      chain: cert,
    }));
    const fingerprints = versions.map(({ chain }) => new X509Certificate(chain).fingerprint256);

    for (const certificate of [undefined, versions[0], versions[0], versions[1]]) {
      await http.exchange({ ...request, ...(certificate !== undefined && { certificate }) });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen.map(({ fingerprint }) => fingerprint)).toEqual([undefined, ...fingerprints]);
    while (seen[1]?.open === true) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(seen.map(({ open }) => open)).toEqual([true, false, true]);
    await http.close();
    server.close();
  });
});
