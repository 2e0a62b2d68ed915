// The benchmark's authorization server: the demo's, with one client that has a secret, and JWT access tokens signed with ES256.
// Prints one line of JSON with its issuer when it is ready.
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { createProvider } from '../examples/demo/provider.mjs';

const { clientId, secret, resource, scopes } = JSON.parse(await text(process.stdin));

const server = http.createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = await createProvider(issuer, {
  clients: [{ client_id: clientId, client_secret: secret, token_endpoint_auth_method: 'client_secret_basic' }],
  resources: { [resource]: { scopes } },
});
server.on('request', provider.callback());
console.log(JSON.stringify({ issuer }));

process.on('disconnect', () => process.exit(0));
