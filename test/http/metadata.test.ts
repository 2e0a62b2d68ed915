import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { z } from 'zod';
import { freePort } from '../rig/corridor.js';
import { parseAnswer, sendRaw } from '../rig/raw-http.js';
import { basic, crm, form, TokenDoor, type TokenAnswer } from './token-door.js';

const wellKnown = '/.well-known/oauth-authorization-server';
const metadataShape = z.record(z.string(), z.unknown());
/** One that is reached at its own address, and one whose public URL has a path and that publishes no authorization endpoint. */
let door: TokenDoor;
let below: TokenDoor;
let belowIssuer: string;
beforeAll(async () => {
  const port = await freePort();
  belowIssuer = `http://127.0.0.1:${port}/corridor/eu/oauth2`;
  const env = { CORRIDOR_PUBLIC_URL: `http://127.0.0.1:${port}/corridor/eu/`, CORRIDOR_AUTHORIZATION_ENDPOINT: 'off' };
  [door, below] = await Promise.all([TokenDoor.open(), TokenDoor.open({ port, env })]);
}, 60_000);
afterAll(() => Promise.all([door.close(), below.close()]));

async function metadata(of: TokenDoor, path: string) {
  const response = await fetch(of.corridor.url + path);
  return { status: response.status, headers: response.headers, body: metadataShape.parse(await response.json()) };
}

describe('the metadata', () => {
  it('stands at the path that RFC 8414 makes of the issuer, byte for byte of that issuer (B85)', async () => {
    const { status, headers, body } = await metadata(door, `${wellKnown}/oauth2`);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect(body['issuer']).toBe(door.corridor.issuer);
    const run = await door.start();
    expect(run.body).toMatchObject({ issuer: body['issuer'], token_endpoint: body['token_endpoint'] });
  });

  it('does so below a path too (B85, B86)', async () => {
    const { status, body } = await metadata(below, `${wellKnown}/corridor/eu/oauth2`);
    expect({ status, issuer: body['issuer'], token: body['token_endpoint'] }).toEqual({
      status: 200,
      issuer: belowIssuer,
      token: `${belowIssuer}/token`,
    });
    expect((await below.start()).body).toMatchObject({ issuer: belowIssuer, token_endpoint: `${belowIssuer}/token` });
  });

  it('stands behind the issuer too, for clients that look there, and is the same (B85)', async () => {
    for (const [of, path] of [
      [door, `${wellKnown}/oauth2`],
      [below, `${wellKnown}/corridor/eu/oauth2`],
    ] as const) {
      const behind = await metadata(of, `/oauth2${wellKnown}`);
      expect([behind.status, behind.headers.get('cache-control')]).toEqual([200, 'public, max-age=300']);
      expect(behind.body).toEqual((await metadata(of, path)).body);
    }
  });

  it('stands nowhere else (B85)', async () => {
    const others = [
      `/oauth2${wellKnown}/oauth2`,
      wellKnown,
      `${wellKnown}/`,
      `${wellKnown}/oauth2/`,
      `${wellKnown}/OAUTH2`,
      `${wellKnown}/other`,
      `${wellKnown}/oauth2/x`,
      '/.well-known/openid-configuration',
      '/oauth2/.well-known/openid-configuration',
    ];
    for (const path of others) {
      const response = await fetch(door.corridor.url + path);
      expect({ path, status: response.status }).toEqual({ path, status: 404 });
    }
    expect((await fetch(`${below.corridor.url}${wellKnown}/corridor/oauth2`)).status).toBe(404);
  });

  it('says what there is and not what the defaults would say (B87, B88)', async () => {
    const { body } = await metadata(door, `${wellKnown}/oauth2`);
    const ofRuns = {
      methods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      algorithms: ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'],
    };
    expect(body).toEqual({
      issuer: door.corridor.issuer,
      token_endpoint: `${door.corridor.issuer}/token`,
      grant_types_supported: ['client_credentials'],
      token_endpoint_auth_methods_supported: ofRuns.methods,
      token_endpoint_auth_signing_alg_values_supported: ofRuns.algorithms,
      revocation_endpoint: `${door.corridor.issuer}/revoke`,
      revocation_endpoint_auth_methods_supported: ofRuns.methods,
      revocation_endpoint_auth_signing_alg_values_supported: ofRuns.algorithms,
      introspection_endpoint: `${door.corridor.issuer}/introspect`,
      introspection_endpoint_auth_methods_supported: [...ofRuns.methods, 'Bearer'],
      introspection_endpoint_auth_signing_alg_values_supported: ofRuns.algorithms,
      authorization_endpoint: `${door.corridor.issuer}/authorize`,
      response_types_supported: ['none'],
    });
  });

  it('has no empty list, no null, and no authorization endpoint where a setting leaves it out (B89, D4)', async () => {
    for (const [of, path] of [
      [door, `${wellKnown}/oauth2`],
      [below, `${wellKnown}/corridor/eu/oauth2`],
    ] as const) {
      for (const value of Object.values((await metadata(of, path)).body)) {
        expect(value).toEqual(Array.isArray(value) ? expect.arrayContaining([expect.any(String)]) : expect.stringMatching(/./));
      }
    }
    const { body } = await metadata(below, `${wellKnown}/corridor/eu/oauth2`);
    expect(Object.keys(body).sort()).toEqual([
      'grant_types_supported',
      'introspection_endpoint',
      'introspection_endpoint_auth_methods_supported',
      'introspection_endpoint_auth_signing_alg_values_supported',
      'issuer',
      'revocation_endpoint',
      'revocation_endpoint_auth_methods_supported',
      'revocation_endpoint_auth_signing_alg_values_supported',
      'token_endpoint',
      'token_endpoint_auth_methods_supported',
      'token_endpoint_auth_signing_alg_values_supported',
    ]);
    expect((await fetch(`${below.corridor.url}/oauth2/authorize`)).status).toBe(404);
  });

  it('follows no Host and no header of a proxy, and neither does a run (B9)', async () => {
    const forged = [
      'Host: evil.example',
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Port: 1',
      'X-Original-URL: /evil',
      'Forwarded: host=evil.example;proto=https',
    ];
    const path = `${wellKnown}/oauth2`;
    for (const target of [path, `http://evil.example${path}`]) {
      const { status, body } = parseAnswer(
        await sendRaw(new URL(door.corridor.url), [`GET ${target} HTTP/1.1`, ...forged, 'Connection: close', '', '']),
      );
      expect({ status, body: metadataShape.parse(JSON.parse(body)) }).toEqual({ status: 200, body: (await metadata(door, path)).body });
    }
    const wish = JSON.stringify({ workflow: 'nightly-index', purpose: 'search-indexing' });
    const started = await sendRaw(new URL(door.corridor.url), [
      'POST /v1/runs HTTP/1.1',
      ...forged,
      `Authorization: Bearer ${door.runtimeKey}`,
      'Content-Type: application/json',
      `Content-Length: ${wish.length}`,
      'Connection: close',
      '',
      wish,
    ]);
    expect(started).toContain('201 Created');
    expect(started).toContain(`"token_endpoint":"${door.corridor.issuer}/token"`);
    expect(started).not.toContain('evil.example');
  });
});

describe('what the metadata advertises', () => {
  it.each(['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'])('works: private_key_jwt with %s (B88, B90)', async (alg) => {
    const run = await door.startRunWithKey(alg);
    const claims = { iss: run.id, sub: run.id, aud: door.corridor.issuer, exp: Math.floor(Date.now() / 1000) + 60, jti: alg };
    const assertion = await new SignJWT(claims).setProtectedHeader({ alg }).sign(run.privateKey);
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    const { status } = await door.send(
      form({ grant_type: 'client_credentials', resource: crm, client_assertion: assertion, client_assertion_type: type }),
    );
    expect(status).toBe(200);
  });

  it('works: the secret in the header and in the body (B18, B90, D9)', async () => {
    const { id, secret } = await door.startRun();
    const grant = { grant_type: 'client_credentials', resource: crm };
    const both: TokenAnswer[] = [
      await door.send(form(grant), { authorization: basic(id, secret) }),
      await door.send(form({ ...grant, client_id: id, client_secret: secret })),
    ];
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
  });

  it('is all: what it is silent about is not there (B90)', async () => {
    for (const path of ['/oauth2/jwks', '/oauth2/register', '/oauth2/par', '/oauth2/device_authorization', '/oauth2/userinfo']) {
      const response = await fetch(door.corridor.url + path, { method: 'POST', body: new URLSearchParams({ token: 'x' }) });
      expect({ path, status: response.status }).toEqual({ path, status: 404 });
    }
    for (const method of ['GET', 'POST']) {
      const response = await fetch(`${door.corridor.issuer}/authorize?response_type=none&client_id=x&redirect_uri=https://evil.example`, {
        method,
        redirect: 'manual',
      });
      expect({ method, status: response.status, location: response.headers.get('location') }).toEqual({
        method,
        status: 400,
        location: null,
      });
    }
  });
});

describe('the keys of an upstream client', () => {
  const jwks = z.object({ keys: z.array(z.record(z.string(), z.string())) });

  it('are its public ones, each named once by its thumbprint, and may be kept for a while (B81, B82)', async () => {
    const response = await fetch(`${door.corridor.issuer}/clients/single/jwks`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/(jwk-set\+)?json/);
    expect(response.headers.get('cache-control')).toMatch(/^public, max-age=[1-9]\d*$/);
    const { keys } = jwks.parse(await response.json());
    expect(keys).toHaveLength(1);
    for (const key of keys) {
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
      expect(key).toMatchObject({ kty: 'EC', crv: 'P-256', use: 'sig', alg: 'ES256' });
      // RFC 7638 §3: the required members in lexical order, without white space
      const { crv, kty, x, y } = key;
      expect(key['kid']).toBe(createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url'));
    }
  });

  it('are the ones that it signs with (B81)', async () => {
    const { keys } = jwks.parse(await (await fetch(`${door.corridor.issuer}/clients/single/jwks`)).json());
    expect((await door.ask(await door.startRun({ workflow: 'one-resource' }))).status).toBe(200);
    const sent = new URLSearchParams(door.server.requestsAt('/token').at(-1)?.body).get('client_assertion') ?? '';
    const header = metadataShape.parse(JSON.parse(Buffer.from(sent.split('.')[0] ?? '', 'base64url').toString()));
    expect(header['kid']).toBe(keys[0]?.['kid']);
  });

  it('are none of a client with a secret, nor of one that nobody knows (B81)', async () => {
    const ofSecret = await fetch(`${door.corridor.issuer}/clients/indexer/jwks`);
    expect({ status: ofSecret.status, body: metadataShape.parse(await ofSecret.json()) }).toEqual({ status: 200, body: { keys: [] } });
    for (const id of ['nobody', '__proto__', 'constructor', '..%2Fsingle', '*']) {
      const response = await fetch(`${door.corridor.issuer}/clients/${id}/jwks`);
      expect({ id, status: response.status, body: metadataShape.parse(await response.json()) }).toEqual({
        id,
        status: 404,
        body: { error: 'invalid_request', error_description: expect.any(String) },
      });
    }
  });
});
