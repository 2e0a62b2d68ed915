// A small protected API, a process of its own: it trusts one authorization server, and has never heard of Corridor.
//   node examples/demo/api.mjs --issuer http://127.0.0.1:9400 --audience https://crm.example/api --scope crm:read
// Prints one line of JSON with its URL when it is ready.
import { once } from 'node:events';
import http from 'node:http';
import { parseArgs } from 'node:util';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

const { values: options } = parseArgs({
  options: {
    issuer: { type: 'string' },
    audience: { type: 'string' },
    scope: { type: 'string' },
    port: { type: 'string', default: '0' },
  },
});

const metadata = await (await fetch(`${options.issuer}/.well-known/oauth-authorization-server`)).json();
const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));

const server = http.createServer((request, response) => {
  answer(request).then(
    ({ status, headers, body }) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body)),
    () => response.writeHead(500).end(),
  );
});

async function answer(request) {
  const [, token] = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(request.headers.authorization ?? '') ?? [];
  // RFC 6750 §3: no error code for a request without a token
  if (token === undefined) return refuse(401, {});
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: options.issuer,
      audience: options.audience,
      typ: 'at+jwt', // RFC 9068 §4
      requiredClaims: ['exp', 'client_id', 'scope'],
    });
    if (!payload.scope.split(' ').includes(options.scope)) return refuse(403, { error: 'insufficient_scope' });
    return { status: 200, body: { hello: payload.client_id, customers: ['Ada Lovelace', 'Grace Hopper'] } };
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    return refuse(401, { error: 'invalid_token' });
  }
}

/** RFC 6750 §3 */
function refuse(status, { error }) {
  const parameters = { scope: options.scope, ...(error === undefined ? {} : { error }) };
  const challenge = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`);
  return { status, headers: { 'www-authenticate': `Bearer ${challenge.join(', ')}` }, body: error === undefined ? {} : { error } };
}

server.listen(Number(options.port), '127.0.0.1');
await once(server, 'listening');
console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` }));

// whoever started it through child_process is gone: so is its world
process.on('disconnect', () => process.exit(0));
