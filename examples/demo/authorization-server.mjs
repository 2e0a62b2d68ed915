// The demo's authorization server, a process of its own:
//   node examples/demo/authorization-server.mjs --port 9400 --jwks-uri http://127.0.0.1:8420/oauth2/clients/indexer/jwks
// Prints one line of JSON with its issuer when it is ready. It knows Corridor by the public keys at --jwks-uri alone.
import { once } from 'node:events';
import http from 'node:http';
import { parseArgs } from 'node:util';
import { createProvider } from './provider.mjs';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '9400' },
    'jwks-uri': { type: 'string', default: 'http://127.0.0.1:8420/oauth2/clients/indexer/jwks' },
  },
});

const server = http.createServer();
server.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
server.listen(Number(values.port), '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = await createProvider(issuer, {
  clients: [{ client_id: 'corridor-indexer', token_endpoint_auth_method: 'private_key_jwt', jwks_uri: values['jwks-uri'] }],
  resources: {
    'https://crm.example/api': { scopes: ['crm:read', 'crm:write'] },
    'https://billing.example/api': { scopes: ['billing:read'] },
  },
});
server.on('request', provider.callback());
console.log(JSON.stringify({ issuer }));

// whoever started it through child_process is gone: so is its world
process.on('disconnect', () => process.exit(0));
