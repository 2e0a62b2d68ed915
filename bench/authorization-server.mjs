// The benchmark's authorization server: the demo's, with a client that has a secret and one that has a key, and JWT access tokens
// signed with ES256.
// Prints one line of JSON with its issuer when it is ready.
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { createProvider } from '../examples/demo/provider.mjs';

const { clients, resources } = JSON.parse(await text(process.stdin));

const server = http.createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = await createProvider(issuer, {
  clients,
  resources,
});
server.on('request', provider.callback());
console.log(JSON.stringify({ issuer }));

process.on('disconnect', () => process.exit(0));
