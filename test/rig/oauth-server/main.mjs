// A real authorization server in a process of its own, for tests: the demo's, and a list of its own of what it issued, which
// knows nothing of Corridor's record. Reads its options as JSON from stdin, prints one line of JSON with its issuer when ready.
// With `tls` it knows the certificates of connections (RFC 8705) and proofs of possession, with nonces (RFC 9449), too.
//   GET  /rig/issued     what it issued: see issued-list.mjs
//   GET  /rig/requests   how often each route was asked, as {"POST /token": 3}
//   PUT  /rig/outages    {"POST /token/revocation": 503}: answers a route with this status, and does nothing
//   PUT  /rig/delays     {"before": ms, "after": ms}: waits before it looks at a token request, or before it answers
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { createProvider } from '../../../examples/demo/provider.mjs';
import { IssuedList } from './issued-list.mjs';
import { MemoryAdapter } from './memory-adapter.mjs';

const options = JSON.parse(await text(process.stdin));
const delays = { before: 0, after: 0, ...options.delays };
const requests = {};
let outages = {};
/** Where clients with certificates are to go. */
const ALIAS = '/mtls';

const server = options.tls === undefined ? http.createServer() : https.createServer(listenerOf(options.tls));
const port = await listening(server, options.port ?? 0);
const issuer = options.tls === undefined ? `http://127.0.0.1:${port}` : `https://${options.tls.host}:${port}`;
/** As RFC 8705 §5 has it, certificates are asked for where nothing else is listening. */
const apart = options.tls?.certificatesApart === true ? https.createServer(askingForCertificates(options.tls)) : null;

const provider = await createProvider(issuer, options, {
  adapter: MemoryAdapter,
  ...(options.tls !== undefined && boundTokens(await aliases())),
});
const issued = new IssuedList(provider);

provider.use(async (ctx, next) => {
  if (ctx.path.startsWith('/rig/')) return answer(ctx);
  const route = `${ctx.method} ${ctx.path}`;
  requests[route] = (requests[route] ?? 0) + 1;
  if (ctx.path.startsWith(ALIAS)) ctx.path = ctx.path.slice(ALIAS.length);
  if (outages[route] !== undefined) {
    ctx.status = outages[route];
    return;
  }
  const asked = route === 'POST /token';
  if (asked) await wait(delays.before);
  await next();
  if (asked) await wait(delays.after);
});

async function answer(ctx) {
  if (ctx.path === '/rig/issued') ctx.body = { issued: issued.all() };
  else if (ctx.path === '/rig/requests') ctx.body = requests;
  else if (ctx.path === '/rig/outages' && ctx.method === 'PUT') ctx.body = outages = JSON.parse(await text(ctx.req));
  else if (ctx.path === '/rig/delays' && ctx.method === 'PUT') ctx.body = Object.assign(delays, JSON.parse(await text(ctx.req)));
}

async function listening(one, at) {
  one.on('error', (error) => {
    console.error(error.message);
    process.exit(1);
  });
  one.listen(at, '127.0.0.1');
  await once(one, 'listening');
  return one.address().port;
}

/** Beside the others only the token endpoint has one, so that it shows who looks at each. */
async function aliases() {
  if (apart === null) return { token_endpoint: `${issuer}${ALIAS}/token` };
  const base = `https://${options.tls.host}:${await listening(apart, 0)}${ALIAS}/token`;
  return { token_endpoint: base, revocation_endpoint: `${base}/revocation`, introspection_endpoint: `${base}/introspection` };
}

function listenerOf(tls) {
  return tls.certificatesApart === true ? { key: tls.key, cert: tls.cert } : askingForCertificates(tls);
}

/** Every certificate is let in, since a client may vouch for itself; which of them is whose is for the provider to see. */
function askingForCertificates({ key, cert, clientAuthority }) {
  return { key, cert, requestCert: true, rejectUnauthorized: false, ...(clientAuthority !== undefined && { ca: clientAuthority }) };
}

/** Certificates of connections (RFC 8705) and proofs of possession, with nonces (RFC 9449). */
function boundTokens(aliases) {
  const certificateOf = (ctx) => ctx.req.socket.getPeerX509Certificate();
  return {
    clientAuthMethods: [
      'client_secret_basic',
      'client_secret_post',
      'client_secret_jwt',
      'private_key_jwt',
      'tls_client_auth',
      'self_signed_tls_client_auth',
    ],
    discovery: { mtls_endpoint_aliases: aliases },
    features: {
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        tlsClientAuth: true,
        selfSignedTlsClientAuth: true,
        getCertificate: certificateOf,
        certificateAuthorized: (ctx) => ctx.req.socket.authorized,
        certificateSubjectMatches: (ctx, property, expected) =>
          property === 'tls_client_auth_san_dns' && certificateOf(ctx).checkHost(expected) === expected,
      },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
    },
  };
}

server.on('request', provider.callback());
apart?.on('request', provider.callback());
console.log(JSON.stringify({ issuer }));

process.on('disconnect', () => process.exit(0));
