import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  Client,
  ClientCredentialsProvider,
  PrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
  type OAuthClientProvider,
} from '@modelcontextprotocol/client';
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

describe('the MCP TypeScript SDK 2.x, unmodified', () => {
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
    // it says on the console that it asks a second time, in case the registration was renewed
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    await expect(tools(provider)).rejects.toMatchObject({ code: 'unauthorized_client' });
    expect(warn.mock.calls.join()).toContain('unauthorized_client');
    warn.mockRestore();
  });

  it('says what Corridor said when the workflow is suspended', async () => {
    const { id, secret } = await world.startRun();
    const provider = new ClientCredentialsProvider({ clientId: id, clientSecret: secret, expectedIssuer: world.corridor.issuer });
    const lift = await world.suspendWorkflow();
    await expect(tools(provider)).rejects.toMatchObject({ code: 'access_denied' });
    await lift();
    expect(await tools(provider)).toEqual(['look-up']);
  });

  it('asks for the scope that the server wants, whatever it was made with', async () => {
    const { id, secret } = await world.startRun();
    const expectedIssuer = world.corridor.issuer;
    const provider = new ClientCredentialsProvider({ clientId: id, clientSecret: secret, expectedIssuer, scope: 'mcp:admin' });
    expect(await tools(provider)).toEqual(['look-up']);
    expect(provider.tokens()).toMatchObject({ scope: 'mcp:use' });
  });
});
