import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ClientCredentialsProvider, PrivateKeyJwtProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { exportJWK, exportPKCS8 } from 'jose';
import { startWorld, type World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, 60_000);
afterAll(() => world.stop());

/** Connects as any MCP client does: refused first, it finds Corridor by the server's metadata, and comes back with a token. */
async function tools(authProvider: OAuthClientProvider): Promise<readonly string[]> {
  const client = new Client({ name: 'indexer', version: '1.4.0' });
  await client.connect(new StreamableHTTPClientTransport(new URL(world.mcp.url), { authProvider }));
  const { tools: found } = await client.listTools();
  await client.close();
  return found.map(({ name }) => name);
}

describe('the MCP TypeScript SDK 1.x, unmodified', () => {
  it('reaches a protected MCP server with the secret of a run (D4)', async () => {
    const { id, secret } = await world.startRun();
    const provider = new ClientCredentialsProvider({ clientId: id, clientSecret: secret, expectedIssuer: world.corridor.issuer });
    expect(await tools(provider)).toEqual(['look-up']);
    expect(provider.tokens()).toMatchObject({ token_type: 'Bearer', scope: 'mcp:use' });
    expect(new Set(world.mcp.callers)).toEqual(new Set(['corridor-indexer']));
  });

  it('reaches it with the key of a run, as a JWK and as PEM (D4)', async () => {
    const byJwk = await world.startRunWithKey('ES256');
    const jwk = { ...(await exportJWK(byJwk.privateKey)) };
    const expectedIssuer = world.corridor.issuer;
    expect(await tools(new PrivateKeyJwtProvider({ clientId: byJwk.id, privateKey: jwk, algorithm: 'ES256', expectedIssuer }))).toEqual([
      'look-up',
    ]);
    const byPem = await world.startRunWithKey('RS256');
    const pem = await exportPKCS8(byPem.privateKey);
    expect(await tools(new PrivateKeyJwtProvider({ clientId: byPem.id, privateKey: pem, algorithm: 'RS256', expectedIssuer }))).toEqual([
      'look-up',
    ]);
  });

  it('says what Corridor said when the run has ended', async () => {
    const { id, secret } = await world.startRun();
    await world.endRun(id);
    const provider = new ClientCredentialsProvider({ clientId: id, clientSecret: secret, expectedIssuer: world.corridor.issuer });
    await expect(tools(provider)).rejects.toMatchObject({ errorCode: 'unauthorized_client' });
  });

  it('says what Corridor said when the workflow is suspended', async () => {
    const { id, secret } = await world.startRun();
    const provider = new ClientCredentialsProvider({ clientId: id, clientSecret: secret, expectedIssuer: world.corridor.issuer });
    const lift = await world.suspendWorkflow();
    await expect(tools(provider)).rejects.toMatchObject({ errorCode: 'access_denied' });
    await lift();
    expect(await tools(provider)).toEqual(['look-up']);
  });

  it('asks for the scope that it was made with, whatever the server wants', async () => {
    const { id, secret } = await world.startRun();
    const expectedIssuer = world.corridor.issuer;
    const provider = new ClientCredentialsProvider({ clientId: id, clientSecret: secret, expectedIssuer, scope: 'mcp:admin' });
    await expect(tools(provider)).rejects.toMatchObject({ errorCode: 'invalid_scope' });
  });
});
